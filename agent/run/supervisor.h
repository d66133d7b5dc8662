/*
 * Supervision of one step: starts its process, relays its log, passes signals on, stops it when asked, ends what it left behind,
 * reaps everything and says how it went (product §9). One poll loop; what happens next is a table (course.h).
 *
 * The hall calls supervisor_run once a step, with the same signals and relay. Signals that arrive between steps stay pending; the
 * next call drops those that would be passed on and answers a stop request with ERR_STOPPED, starting nothing.
 */
#ifndef TRAIN_RUN_SUPERVISOR_H
#define TRAIN_RUN_SUPERVISOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/outcome.h"
#include "run/child.h"
#include "run/proc.h"
#include "run/relay.h"
#include "run/signals.h"
#include "run/watch.h"

enum {
	SUPERVISOR_WATCHES_MAX = 8,       /* descriptors the hall may add to the loop */
	SUPERVISOR_NAMES_MAX = 256,       /* text that names survivors; part of one error text */
	SUPERVISOR_SECOND_STOP_MS = 5000, /* what a second stop request leaves of the grace (product §9) */
	SUPERVISOR_LEFTOVERS_MS = 2000, /* between TERM and KILL for what the main process left behind (product §9) */
	SUPERVISOR_KILLED_MS = 2000,    /* what is not gone so long after SIGKILL cannot be killed (product §9) */
	SUPERVISOR_AFTER_KILL_MS =
	    15000, /* all that follows a KILL (product §9): SageMaker kills 120 s after TERM, grace is 100 */
	SUPERVISOR_SETTLE_MS =
	    100, /* the watches are served so long after the last process of the job ended, unless they have ended (product §11) */
	SUPERVISOR_REAP_MS =
	    50, /* how often it looks again where the kernel sends no SIGCHLD: a grandchild that leaves */
};

/* What the hall may want to say or do at once. The value is in brackets. */
enum supervisor_notice {
	NOTICE_STARTED,    /* the main process exists and has passed exec [pid] */
	NOTICE_STOP,       /* the group got the stop signal because of a request [its number] */
	NOTICE_STOP_AGAIN, /* a second request: what is left of the grace in milliseconds [ms] */
	NOTICE_TIMEOUT,    /* the group got the stop signal because time is up [0] */
	NOTICE_KILL,       /* the grace is over, SIGKILL was sent [processes] */
	NOTICE_LEFTOVERS,  /* the main process has ended, these get TERM [processes] */
	NOTICE_UNKILLABLE, /* these survived SIGKILL; 'survivors' names them [processes] */
	SUPERVISOR_NOTICES
};

struct supervisor {
	struct signals *signals; /* borrowed */
	struct relay *relay;     /* borrowed */
	struct watches watches;  /* borrowed; at most SUPERVISOR_WATCHES_MAX */
	int stop_signal;         /* what the group gets when it shall stop */
	int64_t grace_ms;        /* from then until SIGKILL */
	int64_t second_stop_ms;  /* SUPERVISOR_SECOND_STOP_MS, or 0 at home on a terminal */
	int64_t timeout_at_ms;   /* wall clock of the pipeline as a moment (base/clock.h), or DEADLINE_NEVER */
	int64_t silence_ms;      /* no sign of life for so long ends it (silence.h); 0: never */
	int raw;                 /* log=raw: the child inherits stdout and stderr, and the terminal if there is one */
	int last;                /* no step follows this one */
	void (*notice)(void *self, enum supervisor_notice what, long value); /* NULL: nobody listens */
	/* It was silent for so long: its processes as they wait; the stop signal follows. NULL: nobody listens. */
	void (*silent)(void *self, const struct proc_list *processes, int64_t for_ms);
	void *notice_self;                    /* of both */
	char survivors[SUPERVISOR_NAMES_MAX]; /* "" or the names of what could not be killed */
	pid_t pid;                            /* of the step under way, or 0 */
	const struct proc_list *strangers;    /* children of ours that are not the step's; valid while 'pid' is */
};

/*
 * Runs one step to its end. 0 and 'outcome', however the step ended; or -1 with 'err' when it could not be started: ERR_STOPPED,
 * ERR_NO_COMMAND, ERR_NOT_EXECUTABLE, ERR_SYSTEM. Afterwards the step's processes are gone (but for 'survivors') and its log is out.
 * A stop request that comes when the main process has already ended is kept: signals_stop_pending tells it.
 */
MUST_CHECK int supervisor_run(
    struct supervisor *supervisor, const struct child_spec *spec, struct outcome *outcome, struct err *err);

#endif
