/*
 * Whole lines that wait for their turn, in memory taken once. What does not fit is refused, never grown.
 */
#ifndef TRAIN_RUN_QUEUE_H
#define TRAIN_RUN_QUEUE_H

#include <stddef.h>

#include "base/attr.h"

struct queue {
	char *bytes;
	size_t head, tail; /* bytes[head..tail) waits */
	size_t room;
};

/* 0, or -1 when memory was refused. */
MUST_CHECK int queue_init(struct queue *queue, size_t room);

/* Adds a line that ends in a newline. 0, or -1 when it does not fit. */
MUST_CHECK int queue_add(struct queue *queue, const char *line, size_t len);

/* The longest run of whole lines of at most 'max' bytes from the front: its length, 0 when empty. '*lines' borrows until the next change. */
size_t queue_peek(const struct queue *queue, size_t max, const char **lines);

/* Removes 'len' bytes from the front. */
void queue_take(struct queue *queue, size_t len);

void queue_release(struct queue *queue);

#endif
