#include "net/parts.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/thread.h"

enum {
	NO_SLOT = -1,
	WAIT_SHARE = 4,     /* lanes are added when the reader waits for more than one part in so many of the time */
	PROOF_BYTES = 4096, /* of a range prove that the server knows ranges */
};

struct slot {
	int claimed;
	size_t filled;
};

struct worker {
	struct parts *parts;
	struct lane lane;
	pthread_t thread;
	int on_trial; /* the first one that asks for a range */
};

struct parts {
	struct parts_setup setup;
	unsigned char *memory;
	struct worker workers[PARTS_LANES_MAX];
	int lanes;
	int lanes_max;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct slot slots[PARTS_SLOTS_MAX];
	int64_t total; /* slots that the object has */
	int64_t head;  /* the slot that is being read */
	size_t taken;  /* bytes of it that were handed on */
	int ranges;    /* 1 once the server has proved that it knows ranges */
	int stopping;
	struct err err;

	int64_t watched_us,
	    waited_us; /* the reader's time since lanes were last looked at, and how much of it was waiting */
};

/* ---- slots ---- */

static struct slot *
slot_at(struct parts *parts, int64_t number)
{
	return &parts->slots[number % (int64_t)parts->setup.slots];
}

static unsigned char *
memory_at(const struct parts *parts, int64_t number)
{
	return parts->memory + number % (int64_t)parts->setup.slots * PARTS_SLOT_BYTES;
}

static size_t
size_of(const struct parts *parts, int64_t number)
{
	int64_t left = parts->setup.size - number * PARTS_SLOT_BYTES;

	return left < PARTS_SLOT_BYTES ? (size_t)left : PARTS_SLOT_BYTES;
}

/* The end of what may be claimed now. */
static int64_t
limit_of(const struct parts *parts)
{
	int64_t limit = parts->head + (int64_t)parts->setup.slots;

	return limit < parts->total ? limit : parts->total;
}

/* The first free slot from 'from' on, or NO_SLOT. */
static int64_t
find_free(struct parts *parts, int64_t from)
{
	for (int64_t number = from > parts->head ? from : parts->head; number < limit_of(parts); number++) {
		if (!slot_at(parts, number)->claimed) {
			return number;
		}
	}
	return NO_SLOT;
}

static void
wait_for_change(struct parts *parts)
{
	CHECK(pthread_cond_wait(&parts->changed, &parts->lock) == 0);
}

/*
 * Claims a slot, waiting for one; NO_SLOT when there is nothing left to do. The plain stream ('after' is its last slot) goes on from slot to slot and, as long as ranges are
 * not proved, never leaves its stream.
 */
static int64_t
claim(struct parts *parts, int64_t after)
{
	for (;;) {
		int64_t next = after + 1;
		int64_t number = find_free(parts, 0);
		int stays = after >= 0 && !parts->ranges;

		if (parts->stopping || parts->err.kind != ERR_NONE) {
			return NO_SLOT;
		}
		if (after >= 0 && next >= parts->head && next < limit_of(parts) && !slot_at(parts, next)->claimed) {
			number = next;
		}
		if (number != NO_SLOT && (!stays || number == next)) {
			*slot_at(parts, number) = (struct slot){.claimed = 1};
			return number;
		}
		if (limit_of(parts) == parts->total && find_free(parts, 0) == NO_SLOT && !stays) {
			return NO_SLOT;
		}
		if (stays && next >= parts->total) {
			return NO_SLOT;
		}
		wait_for_change(parts);
	}
}

/* ---- a lane's thread ---- */

/* Reads one slot full, of which so many bytes are there. -1 with 'err'. Called without the lock, which is taken only to tell what has come. */
static int
fill_slot(struct worker *worker, int64_t number, size_t got, struct err *err)
{
	struct parts *parts = worker->parts;
	unsigned char *bytes = memory_at(parts, number);
	size_t want = size_of(parts, number);

	while (got < want) {
		ssize_t n = source_read(&worker->lane.source, bytes + got, want - got, err);

		if (n <= 0) {
			return n < 0 ? -1 : err_set(err, ERR_UNAVAILABLE, 0, "the object ended too early");
		}
		got += (size_t)n;
		CHECK(pthread_mutex_lock(&parts->lock) == 0);
		slot_at(parts, number)->filled = got;
		(void)pthread_cond_broadcast(&parts->changed);
		int stopping = parts->stopping;
		CHECK(pthread_mutex_unlock(&parts->lock) == 0);
		if (stopping) {
			return err_set(err, ERR_STOPPED, 0, "nobody wants the rest");
		}
	}
	return 0;
}

/* What a lane's error means: after a failed trial it stays with one lane; everything else ends all. With the lock. */
static void
give_up(struct worker *worker, const struct err *err)
{
	struct parts *parts = worker->parts;

	if (worker->on_trial && !parts->ranges && err->kind != ERR_STOPPED && err->kind != ERR_DEADLINE) {
		parts->lanes_max = 1;
	} else if (parts->err.kind == ERR_NONE) {
		parts->err = *err;
	}
}

static void
aim_at(struct worker *worker, int64_t number)
{
	int64_t from = number * PARTS_SLOT_BYTES;

	worker->lane.aim(worker->lane.self, from, from + (int64_t)size_of(worker->parts, number));
}

/*
 * Asks for a range for the first time. Its slot is claimed only when bytes have come: a server may refuse, or never answer, and the plain stream shall not wait for that. -1 with 'err'.
 * With the lock, which is left meanwhile.
 */
static int
try_range(struct worker *worker, struct err *err)
{
	struct parts *parts = worker->parts;
	unsigned char proof[PROOF_BYTES];
	int64_t number = find_free(parts, parts->head + (int64_t)parts->setup.slots / 2);

	if (number == NO_SLOT) {
		number = parts->total - 1;
	}
	CHECK(pthread_mutex_unlock(&parts->lock) == 0);
	aim_at(worker, number);
	ssize_t got = source_read(&worker->lane.source, proof, sizeof(proof), err);
	CHECK(pthread_mutex_lock(&parts->lock) == 0);
	if (got <= 0) {
		return got < 0 ? -1 : err_set(err, ERR_UNAVAILABLE, 0, "a range came empty");
	}
	parts->ranges = 1;
	if (parts->stopping || number < parts->head || number >= limit_of(parts) || slot_at(parts, number)->claimed) {
		return 0; /* the stream was there first */
	}
	memcpy(memory_at(parts, number), proof, (size_t)got);
	*slot_at(parts, number) = (struct slot){.claimed = 1, .filled = (size_t)got};
	CHECK(pthread_mutex_unlock(&parts->lock) == 0);
	int filled = fill_slot(worker, number, (size_t)got, err);
	CHECK(pthread_mutex_lock(&parts->lock) == 0);
	return filled;
}

/* Slot by slot, until there is none left. -1 with 'err'. With the lock, which is left meanwhile. */
static int
work(struct worker *worker, struct err *err)
{
	struct parts *parts = worker->parts;
	int plain = worker == &parts->workers[0];
	int64_t after = -1, number;

	while ((number = claim(parts, plain ? after : NO_SLOT)) != NO_SLOT) {
		CHECK(pthread_mutex_unlock(&parts->lock) == 0);
		aim_at(worker, number);
		int filled = fill_slot(worker, number, 0, err);
		plain = plain && number == after + 1;
		after = number;
		CHECK(pthread_mutex_lock(&parts->lock) == 0);
		if (filled < 0) {
			return -1;
		}
	}
	return 0;
}

static void *
run(void *self)
{
	struct worker *worker = self;
	struct parts *parts = worker->parts;
	struct err err = {0};

	CHECK(pthread_mutex_lock(&parts->lock) == 0);
	if ((worker->on_trial && try_range(worker, &err) < 0) || work(worker, &err) < 0) {
		give_up(worker, &err);
	}
	(void)pthread_cond_broadcast(&parts->changed);
	CHECK(pthread_mutex_unlock(&parts->lock) == 0);
	return NULL;
}

static int
start_worker(struct parts *parts, const struct lane *lane, struct err *err)
{
	struct worker *worker = &parts->workers[parts->lanes];

	*worker = (struct worker){.parts = parts, .lane = *lane, .on_trial = parts->lanes == 1};
	if (thread_start(&worker->thread, run, worker, err) < 0) {
		lane->close(lane->self);
		return -1;
	}
	parts->lanes++;
	return 0;
}

/* ---- the reader ---- */

/* Adds lanes when the reader waits too much: one on trial, then twice as many each time. With the lock; -1 never ends anything: it stays with what there is. */
static void
add_lanes(struct parts *parts)
{
	int wanted = parts->lanes == 1 ? 2 : parts->lanes * 2;
	int64_t left = parts->total - parts->head;

	if (parts->lanes == 2 && !parts->ranges) {
		return; /* the trial goes on */
	}
	while (parts->lanes < wanted && parts->lanes < parts->lanes_max && parts->lanes < left) {
		struct lane lane;
		struct err unused = {0};

		if (parts->setup.add(parts->setup.self, &lane, &unused) < 0 ||
		    start_worker(parts, &lane, &unused) < 0) {
			parts->lanes_max = parts->lanes;
		}
	}
}

/* Waits until the slot at the head has something new; notes how long. With the lock. */
static void
wait_for_head(struct parts *parts)
{
	int64_t began_us = clock_now_us();

	while (slot_at(parts, parts->head)->filled <= parts->taken && parts->err.kind == ERR_NONE) {
		wait_for_change(parts);
	}
	int64_t now_us = clock_now_us();
	parts->waited_us += now_us - began_us;
	if (now_us - parts->watched_us >= PARTS_TRIAL_MS * 1000) {
		if (parts->waited_us * WAIT_SHARE > now_us - parts->watched_us) {
			add_lanes(parts);
		}
		parts->watched_us = now_us;
		parts->waited_us = 0;
	}
}

/* The slot at the head was read to its end: whoever waits for a free one gets it. With the lock. */
static void
drop_head(struct parts *parts)
{
	if (parts->head < parts->total && parts->taken == size_of(parts, parts->head)) {
		*slot_at(parts, parts->head) = (struct slot){0};
		parts->head++;
		parts->taken = 0;
		(void)pthread_cond_broadcast(&parts->changed);
	}
}

static ssize_t
lend(void *self, const void **bytes, struct err *err)
{
	struct parts *parts = self;
	ssize_t n = 0;

	CHECK(pthread_mutex_lock(&parts->lock) == 0);
	drop_head(parts);
	if (parts->head < parts->total) {
		wait_for_head(parts);
		const struct slot *slot = slot_at(parts, parts->head);

		if (slot->filled > parts->taken) {
			*bytes = memory_at(parts, parts->head) + parts->taken;
			n = (ssize_t)(slot->filled - parts->taken);
			parts->taken = slot->filled;
		} else {
			enum phase phase = err->phase;

			*err = parts->err;
			err->phase = phase;
			n = -1;
		}
	}
	CHECK(pthread_mutex_unlock(&parts->lock) == 0);
	return n;
}

static ssize_t
take(void *self, void *bytes, size_t len, struct err *err)
{
	struct parts *parts = self;
	const void *lent = NULL;
	ssize_t n = lend(parts, &lent, err);

	if (n <= 0) {
		return n;
	}
	size_t part = (size_t)n < len ? (size_t)n : len;
	memcpy(bytes, lent, part);
	parts->taken -= (size_t)n - part; /* only the reader's thread touches it */
	return (ssize_t)part;
}

struct source
parts_source(struct parts *parts)
{
	return (struct source){.read = take, .lend = lend, .self = parts};
}

int
parts_lanes(const struct parts *parts)
{
	return parts->lanes;
}

struct parts *
parts_open(const struct parts_setup *setup, struct err *err)
{
	struct parts *parts = calloc(1, sizeof(*parts));

	CHECK(
	    setup->slots >= 2 && setup->slots <= PARTS_SLOTS_MAX && setup->lanes <= PARTS_LANES_MAX && setup->size > 0);
	if (parts != NULL) {
		parts->memory = budget_take(setup->budget, setup->slots * PARTS_SLOT_BYTES);
	}
	if (parts == NULL || parts->memory == NULL || pthread_mutex_init(&parts->lock, NULL) != 0) {
		setup->first.close(setup->first.self);
		budget_give(setup->budget, parts != NULL ? parts->memory : NULL, setup->slots * PARTS_SLOT_BYTES);
		free(parts);
		(void)err_set(err, ERR_SYSTEM, ENOMEM, "no memory to fetch with");
		return NULL;
	}
	CHECK(pthread_cond_init(&parts->changed, NULL) == 0);
	parts->setup = *setup;
	parts->total = (setup->size + PARTS_SLOT_BYTES - 1) / PARTS_SLOT_BYTES;
	parts->lanes_max = setup->add != NULL ? setup->lanes : 1;
	parts->watched_us = clock_now_us();
	if (start_worker(parts, &setup->first, err) < 0) {
		parts_close(parts);
		return NULL;
	}
	return parts;
}

void
parts_close(struct parts *parts)
{
	if (parts == NULL) {
		return;
	}
	CHECK(pthread_mutex_lock(&parts->lock) == 0);
	parts->stopping = 1;
	(void)pthread_cond_broadcast(&parts->changed);
	CHECK(pthread_mutex_unlock(&parts->lock) == 0);
	if (parts->setup.wake != NULL) {
		parts->setup.wake(parts->setup.self);
	}
	for (int i = 0; i < parts->lanes; i++) {
		(void)pthread_join(parts->workers[i].thread, NULL);
		parts->workers[i].lane.close(parts->workers[i].lane.self);
	}
	(void)pthread_cond_destroy(&parts->changed);
	(void)pthread_mutex_destroy(&parts->lock);
	budget_give(parts->setup.budget, parts->memory, parts->setup.slots * PARTS_SLOT_BYTES);
	free(parts);
}
