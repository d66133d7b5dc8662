#include "base/ring.h"

#include "base/check.h"

int
ring_init(struct ring *ring, void *memory, size_t block_bytes, size_t blocks, struct err *err)
{
	CHECK(blocks >= 2 && blocks <= RING_BLOCKS_MAX);
	*ring = (struct ring){.memory = memory, .block_bytes = block_bytes, .blocks = blocks};
	int failed = pthread_mutex_init(&ring->lock, NULL);

	if (failed == 0) {
		failed = pthread_cond_init(&ring->changed, NULL);
	}
	return failed == 0 ? 0 : err_set(err, ERR_SYSTEM, failed, "cannot make a queue between threads");
}

void
ring_release(struct ring *ring)
{
	(void)pthread_cond_destroy(&ring->changed);
	(void)pthread_mutex_destroy(&ring->lock);
}

static void
lock(struct ring *ring)
{
	CHECK(pthread_mutex_lock(&ring->lock) == 0);
}

/* Whoever waits looks again: there is one thread on each side, so there is at most one. */
static void
unlock_and_tell(struct ring *ring)
{
	(void)pthread_cond_signal(&ring->changed);
	CHECK(pthread_mutex_unlock(&ring->lock) == 0);
}

static void
wait_for_change(struct ring *ring)
{
	CHECK(pthread_cond_wait(&ring->changed, &ring->lock) == 0);
}

static unsigned char *
block_at(const struct ring *ring, size_t number)
{
	return ring->memory + number % ring->blocks * ring->block_bytes;
}

void *
ring_block(struct ring *ring)
{
	lock(ring);
	while (ring->tail - ring->head == ring->blocks && !ring->abandoned) {
		wait_for_change(ring);
	}
	void *block = ring->abandoned ? NULL : block_at(ring, ring->tail);
	unlock_and_tell(ring);
	return block;
}

void
ring_put(struct ring *ring, size_t len)
{
	CHECK(len <= ring->block_bytes);
	if (len == 0) {
		return;
	}
	lock(ring);
	ring->filled[ring->tail % ring->blocks] = len;
	ring->tail++;
	unlock_and_tell(ring);
}

void
ring_end(struct ring *ring, const struct err *err)
{
	lock(ring);
	ring->ended = 1;
	if (err != NULL) {
		ring->err = *err;
	}
	unlock_and_tell(ring);
}

const void *
ring_peek(struct ring *ring, size_t *len, struct err *err)
{
	const unsigned char *block = NULL;

	lock(ring);
	while (ring->head == ring->tail && !ring->ended) {
		wait_for_change(ring);
	}
	if (ring->head != ring->tail) {
		block = block_at(ring, ring->head);
		*len = ring->filled[ring->head % ring->blocks];
	} else if (ring->err.kind != ERR_NONE) {
		*err = ring->err;
	}
	unlock_and_tell(ring);
	return block;
}

void
ring_drop(struct ring *ring)
{
	lock(ring);
	CHECK(ring->head != ring->tail);
	ring->head++;
	unlock_and_tell(ring);
}

void
ring_abandon(struct ring *ring)
{
	lock(ring);
	ring->abandoned = 1;
	unlock_and_tell(ring);
}
