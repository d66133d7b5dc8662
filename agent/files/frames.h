/*
 * A .tar.zst in small frames that know their size, as `train pack` writes it, decoded by several threads at once (RFC 8878).
 *
 *     source -> frame by frame into slots -> threads decode -> handed on in order, lent where it lies
 *
 * Invariants: as files/inflate.h: nothing ends quietly, checksums are checked, skippable frames are skipped. A frame that does not fit in between is no
 * mistake: from there on one thread decodes, by files/inflate.h. All slots come from the budget; frames_free joins all threads.
 */
#ifndef TRAIN_FILES_FRAMES_H
#define TRAIN_FILES_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/budget.h"
#include "base/err.h"
#include "base/stream.h"

enum {
	FRAMES_CONTENT_MAX = 2 << 20, /* what a frame may hold: `train pack` writes so much */
	FRAMES_THREADS_MAX = 8,       /* beyond these one writer of files cannot follow */
};

struct frames;

/*
 * 1 when the first bytes of a file are a frame for us (it tells the size of its content, at most FRAMES_CONTENT_MAX, and needs no dictionary) and the
 * budget has room for at least two at once.
 */
int frames_fit(const struct budget *budget, const void *bytes, size_t len);

/*
 * Starts at most 'threads' threads, fewer where the budget has no room. Borrows 'from', which lends, until frames_free; only the taker's thread reads it.
 * 'window_max' is for the frames that do not fit. NULL with ERR_SYSTEM.
 */
struct frames *frames_new(
    const struct source *from, struct budget *budget, int threads, uint64_t window_max, struct err *err);

/* The plain bytes; lends them where they lie. */
struct source frames_source(struct frames *frames);

/* Microseconds that the taker waited for bytes to come or to be decoded. */
int64_t frames_waited_us(const struct frames *frames);

void frames_free(struct frames *frames);
void frames_clean(struct frames **frames);
#define CLEAN_FRAMES CLEANUP(frames_clean) struct frames

#endif
