/*
 * A bounded queue of blocks between two threads, one that puts and one that takes: the only place where threads meet.
 *
 * Invariants: bytes come out in the order in which they went in; nothing is copied here: the putter fills a block where it lies, the taker
 * reads it there; a full ring makes the putter wait, an empty one the taker. The end, and an error that ended it, comes behind the last byte.
 */
#ifndef TRAIN_BASE_RING_H
#define TRAIN_BASE_RING_H

#include <pthread.h>
#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"

enum { RING_BLOCKS_MAX = 64 };

struct ring {
	unsigned char *memory; /* borrowed: blocks * block_bytes */
	size_t block_bytes;
	size_t blocks;
	size_t filled[RING_BLOCKS_MAX]; /* bytes in each block */
	size_t head, tail;              /* blocks ever taken, ever put */
	int ended;                      /* the putter is done */
	int abandoned;                  /* the taker is gone */
	struct err err;                 /* why it ended; ERR_NONE: that was all */
	pthread_mutex_t lock;
	pthread_cond_t changed;
};

/* 'blocks' is at most RING_BLOCKS_MAX and at least 2. 0, or -1 with ERR_SYSTEM. */
MUST_CHECK int ring_init(struct ring *ring, void *memory, size_t block_bytes, size_t blocks, struct err *err);
void ring_release(struct ring *ring);

/* ---- the putter ---- */

/* The next free block, of block_bytes; waits for one. NULL when the taker is gone. */
void *ring_block(struct ring *ring);

/* Hands over the block that ring_block gave, with 'len' bytes in it; 0 gives it back. */
void ring_put(struct ring *ring, size_t len);

/* Nothing more will come; 'err' (may be NULL) says why, and is copied. */
void ring_end(struct ring *ring, const struct err *err);

/* ---- the taker ---- */

/* The oldest block's bytes; waits for one. NULL at the end: then 'err' is filled if an error was the reason, else untouched. */
const void *ring_peek(struct ring *ring, size_t *len, struct err *err);

/* The block of ring_peek may be filled anew. */
void ring_drop(struct ring *ring);

/* Nothing more will be taken: the putter stops at its next block. */
void ring_abandon(struct ring *ring);

#endif
