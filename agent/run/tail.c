#include "run/tail.h"

#include <string.h>

#include "run/escape.h"

void
tail_reset(struct tail *tail)
{
	tail->at = tail->count = 0;
	tail->cut = 0;
}

static void
put(struct tail *tail, const char *bytes, size_t len)
{
	memcpy(tail->bytes + tail->at, bytes, len);
	tail->at = (tail->at + len) % TAIL_BYTES;
}

void
tail_add(struct tail *tail, const char *bytes, size_t len)
{
	size_t first;

	tail->cut |= len > TAIL_BYTES - tail->count;
	tail->count = len > TAIL_BYTES - tail->count ? TAIL_BYTES : tail->count + len;
	if (len > TAIL_BYTES) {
		bytes += len - TAIL_BYTES;
		len = TAIL_BYTES;
	}
	first = len < TAIL_BYTES - tail->at ? len : TAIL_BYTES - tail->at;
	put(tail, bytes, first);
	put(tail, bytes + first, len - first);
}

void
tail_text(const struct tail *tail, struct buf *out)
{
	char text[TAIL_BYTES];
	enum escape_state state = ESCAPE_TEXT;
	size_t start = (tail->at + TAIL_BYTES - tail->count) % TAIL_BYTES;
	size_t first = tail->count < TAIL_BYTES - start ? tail->count : TAIL_BYTES - start;
	size_t from = 0;
	const char *end;

	memcpy(text, tail->bytes + start, first);
	memcpy(text + first, tail->bytes, tail->count - first);
	if (tail->cut) {
		end = memchr(text, '\n', tail->count);
		from = end == NULL || end + 1 == text + tail->count ? 0 : (size_t)(end + 1 - text);
	}
	/* What does not fit is cut by 'out' being full, which its owner sees. */
	(void)buf_add(out, text + from, escape_strip(&state, text + from, tail->count - from));
}
