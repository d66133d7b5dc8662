/*
 * How the pipeline ended: what the run room hands to the hall, and the hall to the report. Plain values, no owner.
 */
#ifndef TRAIN_BASE_OUTCOME_H
#define TRAIN_BASE_OUTCOME_H

#include <stdint.h>

#include "base/evidence.h"

/* Who ended it (product §12). */
enum ended_by { ENDED_BY_PIPELINE, ENDED_BY_AGENT, ENDED_BY_STOP, ENDED_BY_TIMEOUT, ENDED_BY_SILENCE };

enum { OUTCOME_WAITS_MAX = 192 /* text that says who waited in what: part of one error text */ };

struct outcome {
	enum ended_by ended_by;
	int status;                    /* as waitpid gives it, of the main process; valid when 'started' */
	int started;                   /* 1 once the main process existed */
	int stop_signal;               /* the first stop request, or 0 */
	int killed_after_grace;        /* 1 when SIGKILL had to be sent after the grace */
	int leftovers;                 /* processes that were ended after the main one */
	int unkillable;                /* processes that could not be killed */
	int64_t started_ms, ended_ms;  /* monotonic */
	int64_t timeout_ms;            /* how long it was allowed to run; 0: without an end */
	int64_t silent_ms;             /* how long it was silent, when that ended it */
	char waits[OUTCOME_WAITS_MAX]; /* and who waited in what then: "python3 (12) waits in futex_wait_queue" */
	int64_t peak_memory_bytes;     /* largest resident set of any process of the pipeline that was waited for */
	struct kernel_counts counts;   /* how much they grew while it ran, and the limits */
};

/* The exit code as shells say it: 0-255, or 128 + n for signal n. */
int outcome_exit_code(int status);

#endif
