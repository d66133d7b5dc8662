/*
 * The log: lines of the pipeline's stdout and stderr, and the agent's own, to our descriptors 1 and 2 (product §10). It never blocks,
 * never reorders one stream, never tears a line and loses none: when the reader of the log is slow the pipes are left unread, so the
 * pipeline waits and the agent does not.
 *
 *     pipe -> feed (lines, progress, escapes) -> gate (one line at a time) -> outlet (non-blocking) -> 1 or 2
 *                                     queue -+
 *
 * feed.h knows what a line is, gate.h whose turn it is, outlet.h how to write without waiting, queue.h holds the agent's own lines
 * and tail.h the last ones of stderr. Streams whose descriptors are the same file share one gate.
 *
 * Invariants: all memory is taken in relay_open; descriptors 0-2 keep their flags; what is emitted has gone through the mask.
 */
#ifndef TRAIN_RUN_RELAY_H
#define TRAIN_RUN_RELAY_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mask.h"
#include "run/feed.h"
#include "run/gate.h"
#include "run/outlet.h"
#include "run/queue.h"
#include "run/tail.h"

enum relay_stream { RELAY_OUT, RELAY_ERR, RELAY_STREAMS };

enum {
	RELAY_FDS_MAX = 2 * RELAY_STREAMS, /* descriptors that relay_watch may name */
	RELAY_OUT_QUEUE_BYTES = 1 << 20,   /* metric lines that wait for stdout (product §11) */
	RELAY_ERR_QUEUE_BYTES = 64 << 10,  /* the agent's own lines: few and short */
	RELAY_TURNS_MAX = 64,   /* reads in one turn when the writers are gone: more than any pipe of ours holds */
	RELAY_STALL_MS = 10000, /* a reader that takes nothing for so long at the very end has lost the rest */
};

struct relay {
	struct feed feeds[RELAY_STREAMS];
	struct outlet outlets[RELAY_STREAMS];
	struct gate gates[RELAY_STREAMS];
	struct gate *gate_of[RELAY_STREAMS];
	struct queue queues[RELAY_STREAMS];
	int blocked[RELAY_STREAMS]; /* 1: the feed has something that could not be put */
	struct tail tail;
	const struct mask
	    *mask; /* borrowed, may be NULL: values replaced by *** in the pipeline's lines; may be set at any time */
	struct buf masked; /* scratch for a chunk with its values replaced */
};

/* Looks at 'out_fd' and 'err_fd' (borrowed: 1 and 2) and takes all memory. 0, or -1 with ERR_SYSTEM. */
MUST_CHECK int relay_open(struct relay *relay, int out_fd, int err_fd, const struct mask *mask, struct err *err);

/* A new step: takes the reading ends of its pipes (non-blocking; -1 for none), closes what was there before and empties the tail. */
void relay_attach(struct relay *relay, int out_fd, int err_fd);

/*
 * What to poll for: fills at most RELAY_FDS_MAX entries, returns their count and lowers '*deadline_ms' to the moment when relay_pump
 * has something to do even if nothing happens.
 */
nfds_t relay_watch(const struct relay *relay, struct pollfd fds[RELAY_FDS_MAX], int64_t *deadline_ms);

/*
 * One turn: reads at most one buffer of each feed, writes what can be written without waiting. 'ending': the writers are gone, so
 * what is unfinished goes out now. Returns 1 while something is left to do, 0 when (as far as is known) all has been said.
 */
int relay_pump(struct relay *relay, int ending);

/*
 * Queues a whole line with its newline (at most LOG_LINE_MAX bytes) and sends it at once where that is possible; outside the run
 * phase too. 0, or -1 when the queue is full: the line is dropped, and counting it is the caller's.
 */
int relay_say(struct relay *relay, enum relay_stream stream, const char *line, size_t len);

/*
 * Sends what waits until all is out, or until the reader has taken nothing for 'stall_ms', or until 'deadline_ms': the rest is then
 * lost and counted, and later ends do not wait for that reader again. Waits itself; the supervisor drains by relay_pump instead.
 */
void relay_finish(struct relay *relay, int64_t stall_ms, int64_t deadline_ms);

/* Bytes that readers took so far: who looks twice and sees no change knows of a stall. */
uint64_t relay_taken(const struct relay *relay);

/* When the pipeline last wrote something that was read, or 0; and 1 while it may have to wait for the log's reader. */
int64_t relay_heard_ms(const struct relay *relay);
int relay_holds_up(const struct relay *relay);

/* Lines and bytes that no reader took, of both streams. */
void relay_lost(const struct relay *relay, uint64_t *lines, uint64_t *bytes);

/* Closes the pipes and what was reopened, frees. Sends nothing: relay_finish comes first. Accepts a zeroed one. */
void relay_close(struct relay *relay);

#endif
