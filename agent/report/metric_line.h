/*
 * The two languages of metrics: a record as the pipeline writes it, and the line that stdout and MetricDefinitions
 * agree on (product §11). Stateless; no allocation.
 */
#ifndef TRAIN_REPORT_METRIC_LINE_H
#define TRAIN_REPORT_METRIC_LINE_H

#include <stddef.h>

#include "base/attr.h"
#include "report/metrics.h"

/* A value of a record; 'name' points into the text that was read. It is NaN when the pipeline wrote NaN, an infinity or
 * null. */
struct metric_value {
	const char *name;
	size_t name_len;
	double value;
};

struct metric_record {
	struct metric_value values[METRICS_RECORD_VALUES_MAX];
	size_t count;
	struct metric_labels labels;
};

/*
 * Reads one record of 'len' bytes without its newline: {"train:loss": 0.25, "step": 100} or train:loss=0.25 step=100.
 * In the first form NaN, Infinity and -Infinity are taken as Python writes them, and null as JavaScript writes them.
 * NULL, or a static text that says why not. Uses 'text' as scratch space: escapes in names are undone in place.
 */
MUST_CHECK const char *metric_record_read(char *text, size_t len, struct metric_record *record);

/* "#metric train:loss=0.25; step=100\n"; its length. The value is finite and the name a good one. */
size_t metric_line_format(
    char out[METRICS_LINE_OUT], const char *name, double value, const struct metric_labels *labels);

/* 1 when 'name' is 1 to METRICS_NAME_MAX of [A-Za-z0-9_:./@%+-]. */
int metric_name_is_good(const char *name, size_t len);

/* 1 when it begins with "agent:", which pipelines may not use. */
int metric_name_is_own(const char *name, size_t len);

/* "step", "epoch", "time". */
const char *metric_label_name(enum metric_label label);

#endif
