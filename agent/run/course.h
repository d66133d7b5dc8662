/*
 * The course of one step: states, events and what each event does in each state, as one table without side effects. The supervisor
 * turns what it sees into events and carries out the actions.
 */
#ifndef TRAIN_RUN_COURSE_H
#define TRAIN_RUN_COURSE_H

enum course_state {
	COURSE_RUNNING,  /* the main process lives and nobody asked for its end */
	COURSE_STOPPING, /* it got the stop signal; the grace runs */
	COURSE_KILLING,  /* SIGKILL was sent to everything; the main process is awaited */
	COURSE_CLEARING, /* the main process has ended; what it left behind got TERM */
	COURSE_SWEEPING, /* what is still there got KILL */
	COURSE_DRAINING, /* no process is left (that can be killed); log and watches are emptied */
	COURSE_DONE,
	COURSE_STATES
};

enum course_event {
	EVENT_STOP,       /* a stop request */
	EVENT_PASS,       /* a signal for the pipeline */
	EVENT_TIMEOUT,    /* the pipeline's time is up */
	EVENT_SILENCE,    /* it has shown no sign of life for too long */
	EVENT_DUE,        /* the state's own deadline has passed */
	EVENT_MAIN_ENDED, /* the main process was reaped */
	EVENT_ALL_ENDED,  /* nothing of the pipeline lives any more */
	EVENT_DRAINED,    /* log and watches are empty */
	COURSE_EVENTS
};

enum course_action {
	ACTION_NONE,    /* the event means nothing here */
	ACTION_REQUEST, /* stop signal to the group because of a request; the grace begins */
	ACTION_TIMEOUT, /* the same because time is up */
	ACTION_SILENCE, /* the same because of its silence */
	ACTION_HASTEN,  /* a further request: cut the grace */
	ACTION_PASS,    /* the signal goes to the group */
	ACTION_KILL,    /* SIGKILL to the group and every descendant */
	ACTION_CLEAR,   /* TERM to what is left */
	ACTION_SWEEP,   /* KILL to what is left */
	ACTION_GIVE_UP, /* name what survived, then empty the log */
	ACTION_DRAIN,   /* empty the log */
	ACTION_KEEP,    /* remember the request for the hall */
	ACTION_FINISH,  /* the end; what the log's reader did not take is lost */
	COURSE_ACTIONS
};

struct course_move {
	enum course_action action;
	enum course_state next;
};

/* The cell of the table. */
struct course_move course_next(enum course_state state, enum course_event event);

#endif
