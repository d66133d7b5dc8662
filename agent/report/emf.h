/*
 * CloudWatch's embedded metric format: one line of JSON from which CloudWatch Logs makes metrics (product §11, C§6.3). A
 * document holds values of one record:
 *
 *     {"_aws":{"Timestamp":1700000000500,"CloudWatchMetrics":[{"Namespace":"churn","Dimensions":[["Host"]],
 *      "Metrics":[{"Name":"train:loss","Unit":"None"}]}]},"Host":"algo-1","TrainingJobName":"churn-7","step":100,
 *      "train:loss":0.25}
 *
 * The one dimension is the host. The job's name and the labels are members to search for, no dimensions: every value of a
 * dimension is a metric of its own, and is billed as one.
 *
 * Life: emf_begin, emf_add for each value, emf_end; for the next document again. CLEAN_EMF frees.
 */
#ifndef TRAIN_REPORT_EMF_H
#define TRAIN_REPORT_EMF_H

#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/limits.h"
#include "report/metrics.h"

enum {
	EMF_METRICS_MAX = 100, /* in one document (C§6.3) */
	EMF_BYTES_MAX =
	    LOG_LINE_MAX,   /* CloudWatch takes 256 KiB, but whoever carries the log may split lines earlier */
	EMF_TEXT_MAX = 250, /* bytes of the host's and the job's name that are shown */
};

struct emf {
	const struct metrics_setup *setup;
	struct buf metrics; /* what Metrics holds */
	struct buf members; /* the root's other members */
	double time;
	size_t count;
};

/* 1 when a document may hold it: the name is none of the document's own members, the value one that CloudWatch takes. */
int emf_takes(const char *name, double value);

/* Begins a document for the record that 'metric' came in. 'setup', which names a namespace, is borrowed until emf_end. */
void emf_begin(struct emf *emf, const struct metrics_setup *setup, const struct metric *metric);

/* 1, or 0 when the document is full. An empty one takes every metric that emf_takes. */
int emf_add(struct emf *emf, const struct metric *metric);

/* Appends the document with its newline, at most EMF_BYTES_MAX, to 'out'. 0, or -1 when memory was refused on the way. */
MUST_CHECK int emf_end(struct emf *emf, struct buf *out);

void emf_release(struct emf *emf);
#define CLEAN_EMF CLEANUP(emf_release) struct emf

#endif
