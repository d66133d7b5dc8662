#include "run/queue.h"

#include <stdlib.h>
#include <string.h>

int
queue_init(struct queue *queue, size_t room)
{
	*queue = (struct queue){.bytes = malloc(room), .room = room};
	return queue->bytes == NULL ? -1 : 0;
}

int
queue_add(struct queue *queue, const char *line, size_t len)
{
	if (queue->bytes == NULL || len > queue->room - (queue->tail - queue->head)) {
		return -1;
	}
	if (len > queue->room - queue->tail) {
		memmove(queue->bytes, queue->bytes + queue->head, queue->tail - queue->head);
		queue->tail -= queue->head;
		queue->head = 0;
	}
	memcpy(queue->bytes + queue->tail, line, len);
	queue->tail += len;
	return 0;
}

size_t
queue_peek(const struct queue *queue, size_t max, const char **lines)
{
	size_t waiting = queue->tail - queue->head;
	const char *end;

	if (waiting == 0) {
		return 0;
	}
	*lines = queue->bytes + queue->head;
	if (waiting <= max) {
		return waiting;
	}
	end = memrchr(*lines, '\n', max);
	return end == NULL ? 0 : (size_t)(end - *lines) + 1;
}

void
queue_take(struct queue *queue, size_t len)
{
	queue->head += len;
	if (queue->head == queue->tail) {
		queue->head = queue->tail = 0;
	}
}

void
queue_release(struct queue *queue)
{
	free(queue->bytes);
	*queue = (struct queue){0};
}
