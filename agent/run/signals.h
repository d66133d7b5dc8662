/*
 * Signals as descriptors. Everything the agent handles is blocked on line one of main, before any thread exists, and from then on
 * only read: no handler ever runs, so no code of ours has to be safe inside one.
 *
 * Two descriptors look at the same pending signals. 'fd' is readable when any of them waits, and belongs to the run phase.
 * 'stop_fd' is readable when a stop request waits and for nothing else: the hall lends it to the phases before, which stop when it
 * is readable and never read it. What a signal means stands in one table (signals.c), by product §9.
 *
 * Invariants: SIGPIPE is ignored; SIGHUP that was ignored at start (nohup) stays so and is not ours; the agent changes no resource
 * limit, so mask and dispositions are all that a child must get back.
 */
#ifndef TRAIN_RUN_SIGNALS_H
#define TRAIN_RUN_SIGNALS_H

#include <signal.h>

#include "base/attr.h"
#include "base/err.h"

enum signal_class {
	SIGNAL_FOREIGN, /* not ours: keeps its default effect */
	SIGNAL_STOP,    /* ends the pipeline */
	SIGNAL_PASS,    /* goes unchanged to the pipeline's group */
	SIGNAL_CHILD,   /* waitpid until none */
	SIGNAL_SUSPEND, /* Ctrl-Z: the group is stopped, then the agent */
	SIGNAL_CLASSES
};

struct signals {
	int fd;                    /* any handled signal */
	int stop_fd;               /* stop requests only; for lending */
	int terminal;              /* 1 when stdin was a terminal at start */
	int stop;                  /* the first stop request that was seen and not yet served, or 0 */
	sigset_t old_mask;         /* for the child */
	struct sigaction old_pipe; /* for the child */
	struct sigaction old_child;
};

/* The table: what signal 'number' means, with or without a terminal on stdin. */
enum signal_class signals_class(int number, int terminal);

/* Blocks, remembers what was and opens both descriptors. 0, or -1 with ERR_SYSTEM; then signals_close is still allowed. */
MUST_CHECK int signals_open(struct signals *signals, struct err *err);

/* Takes the next waiting signal without blocking: its number, or 0 when none waits. */
MUST_CHECK int signals_read(struct signals *signals);

/*
 * For all phases but the run: reads what waits, remembers the first stop request and drops the rest (a pipeline without its handler
 * yet would die of it). Returns the stop request's number, on every call again, or 0.
 */
int signals_stop_pending(struct signals *signals);

/* In a new child, just before exec: dispositions and mask as the agent found them. Async-signal-safe. */
void signals_give_back(const struct signals *signals);

/* Closes the descriptors. The signals stay blocked: after this nothing may interrupt the way out. Accepts a zeroed or half-opened one. */
void signals_close(struct signals *signals);

#endif
