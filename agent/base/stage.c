#include "base/stage.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/thread.h"

/*
 * Fills a block: a half is enough, so that a slow source is not kept waiting and a fast one does not wake its neighbour for every read. Bytes
 * that came before an error are handed on before it.
 */
static ssize_t
fill(struct stage *stage, unsigned char *block, size_t *len, struct err *err)
{
	ssize_t n = 1;

	for (*len = 0; n > 0 && *len<stage->plan.block_bytes / 2; *len += n> 0 ? (size_t)n : 0) {
		n = source_read(&stage->from, block + *len, stage->plan.block_bytes - *len, err);
	}
	return n;
}

static unsigned char *
wait_for_room(struct stage *stage)
{
	int64_t began_us = clock_now_us();
	unsigned char *block = ring_block(&stage->ring);

	stage->blocked_us += clock_now_us() - began_us;
	return block;
}

/* Block after block, until the source ends, fails, or nobody takes any more. */
static void *
run(void *self)
{
	struct stage *stage = self;
	struct err err = {0};
	unsigned char *block = NULL;
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && (block = wait_for_room(stage)) != NULL) {
		n = fill(stage, block, &len, &err);
		ring_put(&stage->ring, len);
	}
	ring_end(&stage->ring, n < 0 ? &err : NULL);
	return NULL;
}

int
stage_start(struct stage *stage, const struct stage_plan *plan, const struct source *from, struct err *err)
{
	*stage = (struct stage){.plan = *plan, .from = *from};
	stage->memory = budget_take(plan->budget, plan->block_bytes * plan->blocks);
	if (stage->memory == NULL) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "no memory for a queue of %zu kB",
		    plan->block_bytes * plan->blocks / 1024);
	}
	if (ring_init(&stage->ring, stage->memory, plan->block_bytes, plan->blocks, err) < 0) {
		budget_give(plan->budget, stage->memory, plan->block_bytes * plan->blocks);
		stage->memory = NULL;
		return -1;
	}
	stage->running = thread_start(&stage->thread, run, stage, err) == 0;
	return stage->running ? 0 : -1;
}

/* ---- the taker's side ---- */

/* Makes sure that there is something at hand: 1, 0 at the end, -1 with 'err'. */
static int
refill(struct stage *stage, struct err *err)
{
	struct err ours = {.phase = err->phase};

	if (stage->left == 0 && stage->at != NULL) {
		ring_drop(&stage->ring);
		stage->at = NULL;
	}
	if (stage->left == 0 && !stage->ended) {
		int64_t began_us = clock_now_us();

		stage->at = ring_peek(&stage->ring, &stage->left, &ours);
		stage->waited_us += clock_now_us() - began_us;
		stage->ended = stage->at == NULL;
		if (ours.kind != ERR_NONE) {
			ours.phase = err->phase;
			*err = ours;
			return -1;
		}
	}
	return stage->left > 0;
}

static ssize_t
take(void *self, void *bytes, size_t len, struct err *err)
{
	struct stage *stage = self;
	int there = refill(stage, err);
	size_t n = len < stage->left ? len : stage->left;

	if (there <= 0) {
		return there;
	}
	CHECK(stage->at != NULL);
	memcpy(bytes, stage->at, n);
	stage->at += n;
	stage->left -= n;
	return (ssize_t)n;
}

static ssize_t
lend(void *self, const void **bytes, struct err *err)
{
	struct stage *stage = self;
	int there = refill(stage, err);
	size_t n = stage->left;

	if (there <= 0) {
		return there;
	}
	*bytes = stage->at;
	stage->left = 0; /* dropped at the next call */
	return (ssize_t)n;
}

struct source
stage_source(struct stage *stage)
{
	return (struct source){.read = take, .lend = lend, .self = stage};
}

void
stage_end(struct stage *stage)
{
	if (stage->running) {
		ring_abandon(&stage->ring);
		if (stage->plan.wake != NULL) {
			stage->plan.wake(stage->plan.self);
		}
		(void)pthread_join(stage->thread, NULL);
		stage->running = 0;
	}
	if (stage->memory != NULL) {
		ring_release(&stage->ring);
		budget_give(stage->plan.budget, stage->memory, stage->plan.block_bytes * stage->plan.blocks);
	}
	*stage = (struct stage){.waited_us = stage->waited_us, .blocked_us = stage->blocked_us};
}
