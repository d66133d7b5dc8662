/*
 * MetricDefinitions: what CreateTrainingJob needs so that SageMaker finds our lines (product §11, C§6.1), and at the
 * end of a job the question whether it found any.
 */
#ifndef TRAIN_REPORT_DEFINITIONS_H
#define TRAIN_REPORT_DEFINITIONS_H

#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "report/metrics.h"

enum {
	DEFINITIONS_MAX = 40,        /* the service takes no more (C§6.1) */
	DEFINITION_REGEX_MAX = 1000, /* longer ones are not tried; the service takes 500 */
	DEFINITIONS_NOTES_MAX = 2,
	DEFINITIONS_NOTE_BYTES = 384, /* a sentence with one metric's name */
};

struct definitions_wish {
	const char *const *names; /* of the pipeline, in its order */
	size_t name_count;
	const char *objective;    /* must be among the names; NULL for none */
	int agent;                /* the agent's own names follow, too */
	const char *const *steps; /* for agent:step_seconds:<step> */
	size_t step_count;
	const char *const *own; /* full names of the agent's that follow as they are, "agent:fetch_seconds": of a run */
	size_t own_count;
};

/*
 * Appends the JSON array [{"Name": ..., "Regex": ...}] with a final newline. 0, or -1 with 'err' of kind ERR_SETTINGS:
 * a bad or repeated name, an objective that is not among them, more than DEFINITIONS_MAX.
 */
MUST_CHECK int definitions_write(const struct definitions_wish *wish, struct buf *out, struct err *err);

struct definitions_notes {
	int count;
	char text[DEFINITIONS_NOTES_MAX][DEFINITIONS_NOTE_BYTES];
};

/*
 * The last lines about metrics: the tuning objective ('objective', NULL for none) was never published; the job's own
 * definitions
 * ('json', the text of metric-definition-regex.json, NULL for none) match no line that was published. Nothing is said
 * on a host that does not publish, about definitions when the pipeline published nothing (they may match its plain
 * log), nor where one of the regexes, which are Python's, uses what POSIX extended ones cannot say: it might match.
 */
void definitions_check(const struct metrics *metrics, const char *objective, const char *json, size_t json_len,
    struct definitions_notes *notes);

#endif
