/*
 * A stage of a pipeline: a thread that reads a source ahead into a ring, and the other end of the ring as a source. Stages put one behind the
 * other work at the same time, each as fast as its neighbours let it.
 *
 * Invariants: the lower source is only ever read by the stage's thread, between stage_start and stage_end; an error of it comes out in its
 * place, behind the bytes before it; stage_end always joins the thread, whatever the taker has left. A lower source that may wait for the
 * outside world must have a way to be woken: stage_end calls 'wake' first.
 */
#ifndef TRAIN_BASE_STAGE_H
#define TRAIN_BASE_STAGE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/budget.h"
#include "base/err.h"
#include "base/ring.h"
#include "base/stream.h"

struct stage_plan {
	struct budget *budget;      /* the ring's memory comes from it */
	size_t block_bytes, blocks; /* blocks: at least 2 */
	void (*wake)(void *self);   /* makes a waiting read of the lower source come back; or NULL */
	void *self;
};

struct stage {
	struct stage_plan plan;
	struct source from;
	struct ring ring;
	void *memory;
	pthread_t thread;
	int running;
	const unsigned char *at; /* what is left of the block at hand */
	size_t left;
	int ended;
	int64_t waited_us;  /* the taker's time waiting for bytes */
	int64_t blocked_us; /* the thread's time waiting for room; to be read when it has ended */
};

/* Starts it. Borrows 'from' until stage_end. -1 with ERR_SYSTEM; then stage_end is allowed. */
MUST_CHECK int stage_start(
    struct stage *stage, const struct stage_plan *plan, const struct source *from, struct err *err);

/* The bytes, read ahead. Lends what lies in the ring without copying. */
struct source stage_source(struct stage *stage);

/* Wakes, joins, gives the memory back; the two times stay. Safe on a zeroed one and twice. */
void stage_end(struct stage *stage);
#define CLEAN_STAGE CLEANUP(stage_end) struct stage

#endif
