#include "files/frames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/thread.h"
#include "files/inflate.h"
#include "files/zstd_context.h"

enum {
	HEADER_MIN = 6, /* magic, descriptor, one byte: RFC 8878, 3.1.1.1 */
	BLOCK_HEADER = 3,
	CHECKSUM_BYTES = 4,
	PACKED_MAX = (int)ZSTD_COMPRESSBOUND(FRAMES_CONTENT_MAX),
	SLOT_BYTES = PACKED_MAX + FRAMES_CONTENT_MAX,
	SLOTS_MAX = FRAMES_THREADS_MAX + 2, /* one is being read, one written */
	SLOTS_MIN = 2,
	BESIDE = 3 << 20, /* of the budget that stays for the threads' contexts and for more connections */
};

struct slot {
	int is_done;           /* decoded, or failed */
	unsigned char *packed; /* PACKED_MAX bytes, and behind them FRAMES_CONTENT_MAX for the content */
	size_t packed_len;
	size_t result; /* of zstd: the content's bytes, or an error */
};

struct frames {
	struct source from;
	struct budget *budget;
	uint64_t window_max;
	const unsigned char *lent; /* by the lower source, not yet taken */
	size_t lent_left;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct slot slots[SLOTS_MAX];
	size_t slot_count;
	size_t put, done, taken; /* frames ever read, begun by a thread, handed on */
	int stopping;
	pthread_t threads[FRAMES_THREADS_MAX];
	int thread_count;

	const unsigned char *over; /* of what was lent, not yet read */
	size_t over_left;
	int is_lent;     /* the oldest frame was handed on, and is given back at the next call */
	int handed_over; /* what comes now is not for us */
	const unsigned char *rest;
	size_t rest_left; /* bytes that were read of it already */
	struct inflate *inflate;
	int64_t waited_us;
};

/* ---- a frame's header ---- */

/* Bytes of the header and, in '*checksum', of what follows the last block; 0 when it is no frame for us. 'len' is HEADER_MIN at least. */
static size_t
header_len(const unsigned char *bytes, size_t *checksum)
{
	static const size_t size_lens[] = {1, 2, 4, 8};
	unsigned descriptor = bytes[4];
	int single = (descriptor & 0x20) != 0;
	unsigned size_code = descriptor >> 6;

	if (memcmp(bytes, "\x28\xb5\x2f\xfd", 4) != 0 || (descriptor & 0x0b) != 0 || (size_code == 0 && !single)) {
		return 0; /* another magic, a dictionary or the reserved bit, no size */
	}
	*checksum = (descriptor & 4) != 0 ? CHECKSUM_BYTES : 0;
	return 5 + (size_t)!single + size_lens[size_code];
}

/* The content's size by a whole header. */
static int
is_small(const unsigned char *header, size_t len)
{
	unsigned long long size = ZSTD_getFrameContentSize(header, len);

	return size != ZSTD_CONTENTSIZE_UNKNOWN && size != ZSTD_CONTENTSIZE_ERROR && size <= FRAMES_CONTENT_MAX;
}

/* How many slots the budget has room for. */
static size_t
room_for(const struct budget *budget)
{
	size_t left = budget_left(budget);

	return left > BESIDE ? (left - BESIDE) / SLOT_BYTES : 0;
}

int
frames_fit(const struct budget *budget, const void *bytes, size_t len)
{
	size_t checksum = 0;
	size_t header = len >= HEADER_MIN ? header_len(bytes, &checksum) : 0;

	return header > 0 && header <= len && is_small(bytes, len) && room_for(budget) >= SLOTS_MIN;
}

/* ---- reading frames ---- */

/* Appends 'want' bytes of the lower source to the slot. 1, 0 when it ended before, -1 with 'err'. */
static int
append(struct frames *frames, struct slot *slot, size_t want, struct err *err)
{
	while (want > 0) {
		if (frames->lent_left == 0) {
			const void *bytes = NULL;
			ssize_t n = source_lend(&frames->from, NULL, 0, &bytes, err);

			if (n <= 0) {
				return (int)n;
			}
			frames->lent = bytes;
			frames->lent_left = (size_t)n;
		}
		size_t part = want < frames->lent_left ? want : frames->lent_left;

		CHECK(frames->lent != NULL);
		memcpy(slot->packed + slot->packed_len, frames->lent, part);
		slot->packed_len += part;
		frames->lent += part;
		frames->lent_left -= part;
		want -= part;
	}
	return 1;
}

/* Reads the blocks behind the header, and the checksum. As append; 0 too for what cannot be a frame for us. */
static int
append_blocks(struct frames *frames, struct slot *slot, size_t checksum, struct err *err)
{
	for (int last = 0; !last;) {
		if (slot->packed_len + BLOCK_HEADER > PACKED_MAX) {
			return 0;
		}
		int there = append(frames, slot, BLOCK_HEADER, err);
		if (there <= 0) {
			return there;
		}
		const unsigned char *head = slot->packed + slot->packed_len - BLOCK_HEADER;
		unsigned type = head[0] >> 1 & 3;
		size_t size = (size_t)head[0] >> 3 | (size_t)head[1] << 5 | (size_t)head[2] << 13;

		last = head[0] & 1;
		size = type == 1 ? 1 : size; /* one byte, repeated */
		size += last ? checksum : 0;
		if (type == 3 || slot->packed_len + size > PACKED_MAX) {
			return 0;
		}
		there = append(frames, slot, size, err);
		if (there <= 0) {
			return there;
		}
	}
	return 1;
}

/* Reads one frame. 1; 0 when what came (all of it lies in the slot) is not for us; -1 with 'err'. */
static int
read_frame(struct frames *frames, struct slot *slot, struct err *err)
{
	size_t checksum = 0;

	slot->packed_len = 0;
	int there = append(frames, slot, HEADER_MIN, err);
	if (there <= 0) {
		return there;
	}
	size_t header = header_len(slot->packed, &checksum);
	if (header == 0) {
		return 0;
	}
	there = append(frames, slot, header > HEADER_MIN ? header - HEADER_MIN : 0, err);
	if (there <= 0 || !is_small(slot->packed, slot->packed_len)) {
		return there < 0 ? -1 : 0;
	}
	return append_blocks(frames, slot, checksum, err);
}

/* ---- threads ---- */

static void
lock(struct frames *frames)
{
	CHECK(pthread_mutex_lock(&frames->lock) == 0);
}

static void
unlock(struct frames *frames)
{
	CHECK(pthread_mutex_unlock(&frames->lock) == 0);
}

static void *
decode(void *self)
{
	struct frames *frames = self;
	const size_t no_memory = (size_t)-ZSTD_error_memory_allocation;
	ZSTD_DCtx *context = zstd_context_new(frames->budget);

	lock(frames);
	while (!frames->stopping) {
		if (frames->done == frames->put) {
			CHECK(pthread_cond_wait(&frames->changed, &frames->lock) == 0);
			continue;
		}
		struct slot *slot = &frames->slots[frames->done++ % frames->slot_count];

		unlock(frames);
		size_t result = context == NULL ? no_memory
		                                : ZSTD_decompressDCtx(context, slot->packed + PACKED_MAX,
		                                      FRAMES_CONTENT_MAX, slot->packed, slot->packed_len);
		lock(frames);
		slot->result = result;
		slot->is_done = 1;
		(void)pthread_cond_broadcast(&frames->changed);
	}
	unlock(frames);
	(void)ZSTD_freeDCtx(context);
	return NULL;
}

/* ---- the rest, by one thread ---- */

/* What was read of the frame that is not for us, then the lower source. */
static ssize_t
read_rest(void *self, void *bytes, size_t len, struct err *err)
{
	struct frames *frames = self;
	const unsigned char **from = frames->rest_left > 0 ? &frames->rest : &frames->lent;
	size_t *left = frames->rest_left > 0 ? &frames->rest_left : &frames->lent_left;
	size_t n = len < *left ? len : *left;

	if (n == 0) {
		return source_read(&frames->from, bytes, len, err);
	}
	memcpy(bytes, *from, n);
	*from += n;
	*left -= n;
	return (ssize_t)n;
}

static ssize_t
lend_rest(struct frames *frames, const void **bytes, struct err *err)
{
	unsigned char *room = frames->slots[frames->put % frames->slot_count].packed + PACKED_MAX;
	const struct source rest = {.read = read_rest, .self = frames};

	if (frames->inflate == NULL) {
		frames->inflate = inflate_new(KIND_TAR_ZST, &rest, frames->budget, frames->window_max, err);
		if (frames->inflate == NULL) {
			return -1;
		}
		inflate_follows(frames->inflate);
	}
	const struct source plain = inflate_source(frames->inflate);
	*bytes = room;
	return source_read(&plain, room, FRAMES_CONTENT_MAX, err);
}

/* ---- the taker ---- */

/* Reads frames into all free slots. 0, or -1 with 'err'. */
static int
feed(struct frames *frames, struct err *err)
{
	while (!frames->handed_over && frames->put - frames->taken < frames->slot_count) {
		struct slot *slot = &frames->slots[frames->put % frames->slot_count];
		int read = read_frame(frames, slot, err);

		if (read < 0) {
			return -1;
		}
		if (read == 0) {
			frames->handed_over = 1;
			frames->rest = slot->packed;
			frames->rest_left = slot->packed_len;
			break;
		}
		lock(frames);
		slot->is_done = 0;
		frames->put++;
		(void)pthread_cond_broadcast(&frames->changed);
		unlock(frames);
	}
	return 0;
}

/* The oldest frame's content, once it is there. */
static ssize_t
lend_frame(struct frames *frames, const void **bytes, struct err *err)
{
	struct slot *slot = &frames->slots[frames->taken % frames->slot_count];

	lock(frames);
	while (!slot->is_done) {
		CHECK(pthread_cond_wait(&frames->changed, &frames->lock) == 0);
	}
	unlock(frames);
	if (ZSTD_isError(slot->result)) {
		return inflate_zstd_failed(slot->result, err);
	}
	*bytes = slot->packed + PACKED_MAX;
	return (ssize_t)slot->result;
}

/*
 * One frame after the other; an empty one is no end. The frame that was lent before is given back only when the next one is asked for.
 */
static ssize_t
next_frame(struct frames *frames, const void **bytes, struct err *err)
{
	int64_t began_us = clock_now_us();
	ssize_t n = 0;

	while (n == 0) {
		frames->taken += (size_t)frames->is_lent;
		frames->is_lent = 0;
		if (feed(frames, err) < 0) {
			return -1;
		}
		if (frames->put == frames->taken) {
			n = lend_rest(frames, bytes, err);
			break;
		}
		n = lend_frame(frames, bytes, err);
		frames->is_lent = 1;
	}
	frames->waited_us += clock_now_us() - began_us;
	return n;
}

static ssize_t
lend(void *self, const void **bytes, struct err *err)
{
	struct frames *frames = self;
	size_t over = frames->over_left;

	if (over == 0) {
		return next_frame(frames, bytes, err);
	}
	*bytes = frames->over;
	frames->over_left = 0;
	return (ssize_t)over;
}

static ssize_t
take(void *self, void *bytes, size_t len, struct err *err)
{
	struct frames *frames = self;
	const void *lent = NULL;
	ssize_t n = lend(frames, &lent, err);

	if (n <= 0) {
		return n;
	}
	size_t part = (size_t)n < len ? (size_t)n : len;
	CHECK(lent != NULL);
	memcpy(bytes, lent, part);
	frames->over = (const unsigned char *)lent + part;
	frames->over_left = (size_t)n - part;
	return (ssize_t)part;
}

struct source
frames_source(struct frames *frames)
{
	return (struct source){.read = take, .lend = lend, .self = frames};
}

int64_t
frames_waited_us(const struct frames *frames)
{
	return frames->waited_us;
}

/* ---- life ---- */

static int
take_slots(struct frames *frames, int threads)
{
	size_t room = room_for(frames->budget);
	size_t wanted = (size_t)threads + 2 < SLOTS_MAX ? (size_t)threads + 2 : SLOTS_MAX;

	for (; frames->slot_count < wanted && frames->slot_count < room; frames->slot_count++) {
		unsigned char *memory = budget_take(frames->budget, SLOT_BYTES);

		if (memory == NULL) {
			break;
		}
		frames->slots[frames->slot_count].packed = memory;
	}
	return frames->slot_count >= SLOTS_MIN ? 0 : -1;
}

struct frames *
frames_new(const struct source *from, struct budget *budget, int threads, uint64_t window_max, struct err *err)
{
	struct frames *frames = calloc(1, sizeof(*frames));

	if (frames == NULL) {
		(void)err_set(err, ERR_SYSTEM, ENOMEM, "cannot decompress");
		return NULL;
	}
	*frames = (struct frames){.from = *from, .budget = budget, .window_max = window_max};
	CHECK(pthread_mutex_init(&frames->lock, NULL) == 0 && pthread_cond_init(&frames->changed, NULL) == 0);
	if (take_slots(frames, threads) < 0) {
		frames_free(frames);
		(void)err_set(err, ERR_SYSTEM, ENOMEM, "no memory to decompress frames");
		return NULL;
	}
	int wanted = threads < (int)frames->slot_count - 1 ? threads : (int)frames->slot_count - 1;
	wanted = wanted < FRAMES_THREADS_MAX ? wanted : FRAMES_THREADS_MAX;
	for (; frames->thread_count < wanted; frames->thread_count++) {
		if (thread_start(&frames->threads[frames->thread_count], decode, frames, err) < 0) {
			frames_free(frames);
			return NULL;
		}
	}
	return frames;
}

void
frames_free(struct frames *frames)
{
	if (frames == NULL) {
		return;
	}
	lock(frames);
	frames->stopping = 1;
	(void)pthread_cond_broadcast(&frames->changed);
	unlock(frames);
	for (int i = 0; i < frames->thread_count; i++) {
		(void)pthread_join(frames->threads[i], NULL);
	}
	inflate_free(frames->inflate);
	for (size_t i = 0; i < frames->slot_count; i++) {
		budget_give(frames->budget, frames->slots[i].packed, SLOT_BYTES);
	}
	(void)pthread_cond_destroy(&frames->changed);
	(void)pthread_mutex_destroy(&frames->lock);
	free(frames);
}

void
frames_clean(struct frames **frames)
{
	frames_free(*frames);
	*frames = NULL;
}
