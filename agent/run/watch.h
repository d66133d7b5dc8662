/*
 * A descriptor that the hall wants served by the supervisor's loop, before the log: the metrics FIFO. The run room knows no more of
 * it than this.
 */
#ifndef TRAIN_RUN_WATCH_H
#define TRAIN_RUN_WATCH_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct watch {
	int fd;
	short events;              /* as poll(2) */
	void (*ready)(void *self); /* called when one of 'events' came or the deadline has passed; must not block */
	int64_t (*deadline_ms)(void *self); /* when to call 'ready' even if nothing came; NULL: never */
	int (*ended)(
	    void *self); /* asked once nothing of the job lives: 1 when nothing can come any more; NULL: nobody knows */
	void *self;
};

/* Several of them, borrowed. */
struct watches {
	const struct watch *list;
	size_t count;
};

/* Fills 'fds' with one entry a watch, and lowers '*until_ms' to the earliest deadline; with 'settled' nothing is looked at any more. */
void watches_add(const struct watches *watches, int settled, struct pollfd *fds, int64_t *until_ms);

/* After poll(2): calls whom something came for, or whose moment has come. 1 when something came. */
int watches_serve(const struct watches *watches, const struct pollfd *fds);

/* 1 when every one says that nothing can come any more. */
MUST_CHECK int watches_have_ended(const struct watches *watches);

#endif
