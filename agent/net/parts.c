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
	WARM_SLOTS = 2, /* behind the reader empty queues fill first, and it takes more than it will later */
	WAIT_SHARE = 4, /* lanes are added when the reader waits for more than one part in so many of the time */
	GROWN_MS = 150, /* how long lanes that were added are watched: their connections have to be made first */
	ENOUGH_BYTES = 1 << 20, /* tell how fast they come; fewer, when it takes long */
	LONG = 4,               /* times the least time */
	RUN_MAX = 4,            /* slots that a lane asks for at once, so that a request's round trip hardly counts */
	PROOF_BYTES = 4096,     /* of a range prove that the server knows ranges */
};

/* A lane and its run: the slots from 'at', which is being filled, to 'end' (not included) are its own. */
struct worker {
	struct parts *parts;
	struct lane lane;
	pthread_t thread;
	int on_trial; /* the first one that asks for a range */
	int64_t at, end;
};

/* What the lanes brought since they were last looked at, and how the reader fared. */
struct pace {
	int64_t since_us;
	int64_t waited_us; /* the reader's time waiting */
	int64_t bytes;
	int64_t bytes_before_s; /* bytes a second before lanes were added; 0: none were */
	int lanes_before;
};

struct parts {
	struct parts_setup setup;
	unsigned char *memory;
	struct worker workers[PARTS_LANES_MAX];
	int lanes;
	int active; /* of them, the first ones still take runs */
	int lanes_max;

	pthread_mutex_t lock;
	pthread_cond_t arrived; /* the reader waits for bytes at the head */
	pthread_cond_t freed;   /* lanes wait for a free slot */
	size_t filled[PARTS_SLOTS_MAX];
	int64_t total; /* slots that the object has */
	int64_t next;  /* the first one that is in no lane's run */
	int64_t head;  /* the slot that is being read */
	size_t taken;  /* bytes of it that were handed on */
	int ranges;    /* 1 once the server has proved that it knows ranges */
	int hungry;    /* the reader waits */
	int warm;      /* the queues behind the reader are full, as far as is known */
	int stopping;
	struct err err;
	struct pace pace;
};

/* ---- slots ---- */

static size_t *
filled_of(struct parts *parts, int64_t number)
{
	return &parts->filled[number % (int64_t)parts->setup.slots];
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

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Everybody looks again: it is over. */
static void
wake_all(struct parts *parts)
{
	(void)pthread_cond_broadcast(&parts->arrived);
	(void)pthread_cond_broadcast(&parts->freed);
}

/* ---- runs ---- */

/* How many slots a run from 'from' on has: less when many share the ring, and towards the end, so that all end at the same time; the rest when one lane is alone. */
static int64_t
run_from(const struct parts *parts, int64_t from)
{
	int64_t left = parts->total - from;

	if (parts->active == 1) {
		return left;
	}
	int64_t run =
	    least(least(RUN_MAX, (int64_t)parts->setup.slots / parts->active), left / (2 * (int64_t)parts->active));
	return run > 1 ? run : 1;
}

static void
aim_at(const struct worker *worker, int64_t from, int64_t end)
{
	worker->lane.aim(
	    worker->lane.self, from * PARTS_SLOT_BYTES, least(end * PARTS_SLOT_BYTES, worker->parts->setup.size));
}

/* The end of what may be filled now. */
static int64_t
limit_of(const struct parts *parts)
{
	return parts->head + (int64_t)parts->setup.slots;
}

/* Slots that another lane will only come to later, and that may be filled now. */
static int64_t
spare_of(const struct parts *parts, const struct worker *other)
{
	return least(other->end, limit_of(parts)) - (other->at + 1);
}

/*
 * The far half of what another lane has most of. 0 when no lane has two slots to spare. That lane's request was for more than it will read, which costs a
 * connection; so this is for a reader that waits while lanes have nothing to do.
 */
static int
take_over(struct worker *worker)
{
	struct parts *parts = worker->parts;
	struct worker *richest = &parts->workers[0];

	for (int i = 1; i < parts->lanes; i++) {
		if (spare_of(parts, &parts->workers[i]) > spare_of(parts, richest)) {
			richest = &parts->workers[i];
		}
	}
	int64_t spare = spare_of(parts, richest);
	if (spare < 2) {
		return 0;
	}
	worker->at = richest->at + 1 + spare / 2;
	worker->end = richest->end;
	if (richest->end == parts->next) {
		worker->end = worker->at + run_from(parts, worker->at);
		parts->next = worker->end;
	}
	richest->end = worker->at;
	return 1;
}

/* The next slots that nobody has, or some that another lane has. 0 when there are none, or not for this lane any more. */
static int
take_run(struct worker *worker)
{
	struct parts *parts = worker->parts;
	int beyond = parts->next == parts->total || parts->next >= limit_of(parts);

	if (worker - parts->workers >= parts->active) {
		return 0;
	}
	if (!beyond || !parts->hungry || !parts->ranges || !take_over(worker)) {
		if (parts->next == parts->total) {
			return 0;
		}
		worker->at = parts->next;
		worker->end = parts->next + run_from(parts, parts->next);
		parts->next = worker->end;
	}
	aim_at(worker, worker->at, worker->end);
	return 1;
}

/* The next slot to fill, once the ring has room for it; NO_SLOT when there is nothing left to do. */
static int64_t
next_slot(struct worker *worker)
{
	struct parts *parts = worker->parts;

	while (!parts->stopping && parts->err.kind == ERR_NONE && (worker->at < worker->end || take_run(worker))) {
		if (worker->at < limit_of(parts)) {
			return worker->at;
		}
		CHECK(pthread_cond_wait(&parts->freed, &parts->lock) == 0);
	}
	return NO_SLOT;
}

/* ---- a lane's thread ---- */

/* 'n' more bytes lie in the slot that is being filled. 0, or -1 with 'err' when nobody wants more. */
static int
tell(struct worker *worker, size_t n, struct err *err)
{
	struct parts *parts = worker->parts;

	CHECK(pthread_mutex_lock(&parts->lock) == 0);
	*filled_of(parts, worker->at) += n;
	parts->pace.bytes += (int64_t)n;
	if (worker->at == parts->head) {
		(void)pthread_cond_signal(&parts->arrived);
	}
	int stopping = parts->stopping;
	CHECK(pthread_mutex_unlock(&parts->lock) == 0);
	return stopping ? err_set(err, ERR_STOPPED, 0, "nobody wants the rest") : 0;
}

/* Reads one slot full, of which so many bytes are there. -1 with 'err'. Called without the lock, which is taken only to tell what has come. */
static int
fill_slot(struct worker *worker, size_t got, struct err *err)
{
	unsigned char *bytes = memory_at(worker->parts, worker->at);
	size_t want = size_of(worker->parts, worker->at);

	while (got < want) {
		ssize_t n = source_read(&worker->lane.source, bytes + got, want - got, err);

		if (n <= 0) {
			return n < 0 ? -1 : err_set(err, ERR_UNAVAILABLE, 0, "the object ended too early");
		}
		got += (size_t)n;
		if (tell(worker, (size_t)n, err) < 0) {
			return -1;
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

/* Fills the slot at hand from byte 'got' on, and goes to the next one. With the lock, which is left meanwhile. */
static int
fill(struct worker *worker, size_t got, struct err *err)
{
	struct parts *parts = worker->parts;

	CHECK(pthread_mutex_unlock(&parts->lock) == 0);
	int filled = fill_slot(worker, got, err);
	CHECK(pthread_mutex_lock(&parts->lock) == 0);
	worker->at++;
	return filled;
}

/* The stream's run now ends before 'number', where others begin. */
static void
cut_stream(struct parts *parts, int64_t number)
{
	if (number < parts->workers[0].end) {
		parts->workers[0].end = number;
		parts->next = number;
	}
}

/*
 * Asks for a range for the first time. All slots are the plain stream's until bytes of the range have come: a server may refuse, or never answer, and the
 * stream shall not wait for that. -1 with 'err'. With the lock, which is left meanwhile.
 */
static int
try_range(struct worker *worker, struct err *err)
{
	struct parts *parts = worker->parts;
	const struct worker *stream = &parts->workers[0];
	unsigned char proof[PROOF_BYTES];
	int64_t number = least(stream->at + (int64_t)parts->setup.slots / 2, parts->total - 1);
	int64_t end = number + run_from(parts, number);

	CHECK(pthread_mutex_unlock(&parts->lock) == 0);
	aim_at(worker, number, end);
	ssize_t got = source_read(&worker->lane.source, proof, sizeof(proof), err);
	CHECK(pthread_mutex_lock(&parts->lock) == 0);
	if (got <= 0) {
		return got < 0 ? -1 : err_set(err, ERR_UNAVAILABLE, 0, "a range came empty");
	}
	parts->ranges = 1;
	if (parts->stopping || stream->at >= number) {
		cut_stream(parts, stream->at + 1); /* the stream was there first: others begin behind it */
		return 0;
	}
	cut_stream(parts, number);
	worker->at = number;
	worker->end = end;
	parts->next = end;
	memcpy(memory_at(parts, number), proof, (size_t)got);
	*filled_of(parts, number) = (size_t)got;
	return fill(worker, (size_t)got, err);
}

/* Slot by slot, until there is none left. -1 with 'err'. With the lock, which is left meanwhile. */
static int
work(struct worker *worker, struct err *err)
{
	while (next_slot(worker) != NO_SLOT) {
		if (fill(worker, 0, err) < 0) {
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
	wake_all(parts);
	CHECK(pthread_mutex_unlock(&parts->lock) == 0);
	return NULL;
}

static int
start_worker(struct parts *parts, const struct lane *lane, struct err *err)
{
	struct worker *worker = &parts->workers[parts->lanes];

	*worker = (struct worker){.parts = parts, .lane = *lane, .on_trial = parts->lanes == 1};
	if (parts->lanes == 0) {
		worker->end = parts->total;
		aim_at(worker, 0, parts->total);
	}
	if (thread_start(&worker->thread, run, worker, err) < 0) {
		lane->close(lane->self);
		return -1;
	}
	parts->lanes++;
	parts->active = parts->lanes;
	return 0;
}

/* ---- how many lanes ---- */

/* One on trial, then twice as many each time. With the lock; -1 of anybody never ends anything: it stays with what there is. */
static void
add_lanes(struct parts *parts)
{
	int wanted = parts->lanes * 2;
	int64_t left = parts->total - parts->head;

	while (parts->lanes < wanted && parts->lanes < parts->lanes_max && parts->lanes < left) {
		struct lane lane;
		struct err unused = {0};

		if (parts->setup.add(parts->setup.self, &lane, &unused) < 0 ||
		    start_worker(parts, &lane, &unused) < 0) {
			parts->lanes_max = parts->lanes;
		}
	}
}

/*
 * More lanes only while the reader waits, and only as long as more of them bring more: where the processors or the server are what is slow, each lane only
 * takes from the others, and those that were added last go again.
 */
static void
judge(struct parts *parts, int64_t now_us)
{
	struct pace *pace = &parts->pace;
	int64_t span_us = now_us - pace->since_us;
	int64_t bytes_s = pace->bytes * 1000000 / span_us;
	int waits = pace->waited_us * WAIT_SHARE > span_us;
	int grown = pace->bytes_before_s > 0;

	if (grown && waits && bytes_s < pace->bytes_before_s + pace->bytes_before_s / PARTS_GAIN_SHARE) {
		parts->active = pace->lanes_before;
		parts->lanes_max = parts->active;
	}
	*pace = (struct pace){.since_us = now_us};
	if (waits && parts->lanes < parts->lanes_max) {
		pace->bytes_before_s = bytes_s > 0 ? bytes_s : 1;
		pace->lanes_before = parts->lanes;
		add_lanes(parts);
	}
}

/* With the lock. */
static void
look_at_pace(struct parts *parts, int64_t now_us)
{
	int64_t span_us = now_us - parts->pace.since_us;
	int64_t least_us = (parts->pace.bytes_before_s > 0 ? GROWN_MS : PARTS_TRIAL_MS) * INT64_C(1000);
	int on_trial = parts->lanes == 2 && !parts->ranges && parts->lanes_max > 1;

	if (!parts->warm) {
		parts->warm = parts->head >= WARM_SLOTS || span_us >= LONG * least_us;
		parts->pace = parts->warm ? (struct pace){.since_us = now_us} : parts->pace;
		return;
	}
	if (!on_trial && span_us >= least_us && (parts->pace.bytes >= ENOUGH_BYTES || span_us >= LONG * least_us)) {
		judge(parts, now_us);
	}
}

/* ---- the reader ---- */

/* Waits until the slot at the head has something new; notes how long. With the lock. */
static void
wait_for_head(struct parts *parts)
{
	int64_t began_us = clock_now_us();

	parts->hungry = 1;
	while (*filled_of(parts, parts->head) <= parts->taken && parts->err.kind == ERR_NONE) {
		CHECK(pthread_cond_wait(&parts->arrived, &parts->lock) == 0);
	}
	parts->hungry = 0;
	int64_t now_us = clock_now_us();
	parts->pace.waited_us += now_us - began_us;
	look_at_pace(parts, now_us);
}

/* The slot at the head was read to its end: whoever waits for a free one gets it. With the lock. */
static void
drop_head(struct parts *parts)
{
	if (parts->head < parts->total && parts->taken == size_of(parts, parts->head)) {
		*filled_of(parts, parts->head) = 0;
		parts->head++;
		parts->taken = 0;
		(void)pthread_cond_broadcast(&parts->freed);
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
		size_t filled = *filled_of(parts, parts->head);

		if (filled > parts->taken) {
			*bytes = memory_at(parts, parts->head) + parts->taken;
			n = (ssize_t)(filled - parts->taken);
			parts->taken = filled;
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
	CHECK(pthread_cond_init(&parts->arrived, NULL) == 0 && pthread_cond_init(&parts->freed, NULL) == 0);
	parts->setup = *setup;
	parts->total = (setup->size + PARTS_SLOT_BYTES - 1) / PARTS_SLOT_BYTES;
	parts->next = parts->total;
	parts->lanes_max = setup->add != NULL ? setup->lanes : 1;
	parts->pace.since_us = clock_now_us();
	CHECK(pthread_mutex_lock(&parts->lock) == 0);
	int started = start_worker(parts, &setup->first, err);
	CHECK(pthread_mutex_unlock(&parts->lock) == 0);
	if (started < 0) {
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
	wake_all(parts);
	CHECK(pthread_mutex_unlock(&parts->lock) == 0);
	if (parts->setup.wake != NULL) {
		parts->setup.wake(parts->setup.self);
	}
	for (int i = 0; i < parts->lanes; i++) {
		(void)pthread_join(parts->workers[i].thread, NULL);
		parts->workers[i].lane.close(parts->workers[i].lane.self);
	}
	(void)pthread_cond_destroy(&parts->arrived);
	(void)pthread_cond_destroy(&parts->freed);
	(void)pthread_mutex_destroy(&parts->lock);
	budget_give(parts->setup.budget, parts->memory, parts->setup.slots * PARTS_SLOT_BYTES);
	free(parts);
}
