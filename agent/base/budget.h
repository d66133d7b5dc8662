/*
 * Memory with one ceiling: all buffers of fetching and unpacking come from here and go back (product §3, fetch-memory).
 *
 * Invariants: 'used' never passes 'max'; threads may take and give at the same time; whoever owns the budget ends it with budget_is_whole.
 */
#ifndef TRAIN_BASE_BUDGET_H
#define TRAIN_BASE_BUDGET_H

#include <stdatomic.h>
#include <stddef.h>

#include "base/attr.h"

struct budget {
	size_t max;
	atomic_size_t used;
	atomic_size_t peak; /* the most that was ever used */
};

void budget_init(struct budget *budget, size_t max);

/* 'bytes' of memory, or NULL when the ceiling or the system refuses. Touched only when it is written to. */
void *budget_take(struct budget *budget, size_t bytes);

/* Gives back what budget_take gave, with the same size. NULL is allowed. */
void budget_give(struct budget *budget, void *memory, size_t bytes);

/*
 * Counts 'bytes' that a library allocates by itself, as if they were taken here. 0, or -1 when the ceiling refuses; then nothing is
 * counted. budget_return ends it, with the same size.
 */
MUST_CHECK int budget_reserve(struct budget *budget, size_t bytes);
void budget_return(struct budget *budget, size_t bytes);

/* What may still be taken. */
size_t budget_left(const struct budget *budget);

/* 1 when everything is back. */
int budget_is_whole(const struct budget *budget);

#endif
