/*
 * The metrics that a run emitted, read back from what it left: its metric file, which a run that was killed leaves, too, or its
 * record (product §11). The files may come from anywhere: names that no metric can have are an error.
 */
#ifndef TRAIN_REPORT_EMITTED_H
#define TRAIN_REPORT_EMITTED_H

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "report/metrics.h"

/* In the order of their first values; of several hosts each name once. A zeroed one is empty. */
struct emitted {
	char *names[METRICS_NAMES_MAX]; /* a run publishes no more */
	size_t count;
};

/*
 * Adds the names in 'path': a metric file (metrics-<host>.jsonl), a record (any other file), or a folder where metric files lie
 * directly, in _train (an unpacked output.tar.gz) or in output/data/_train (a job's root). 0, or -1 with 'err': ERR_IO, ERR_SETTINGS
 * for a file that is neither, ERR_USAGE for a folder without one.
 */
MUST_CHECK int emitted_read(struct emitted *emitted, const char *path, struct err *err);

void emitted_release(struct emitted *emitted);
#define CLEAN_EMITTED CLEANUP(emitted_release) struct emitted

#endif
