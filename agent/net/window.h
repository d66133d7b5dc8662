/*
 * Where the bytes of a body wait: straight in the reader's own buffer as long as it has room, then in a fixed one.
 * What fits in neither is refused, and the sender has to wait: that is the whole backpressure.
 */
#ifndef TRAIN_NET_WINDOW_H
#define TRAIN_NET_WINDOW_H

#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"

enum { WINDOW_BYTES = 131072 }; /* at most so much waits here: two of libcurl's own reads */

struct window {
	char *into; /* the reader's buffer, NULL while nobody reads */
	size_t into_len, into_got;
	char held[WINDOW_BYTES];
	size_t held_at, held_len;
};

/* Takes all of it, or nothing: 0 or -1. */
MUST_CHECK int window_put(struct window *window, const char *bytes, size_t len);

/* Bytes that were held, up to 'len'; 0 when none were. */
size_t window_take(struct window *window, void *bytes, size_t len);

#endif
