#include "run/tail.h"

#include <string.h>

#include "run/escape.h"

void
tail_reset(struct tail *tail)
{
	tail->begun = 0;
	tail->ended = 0;
}

/* More of the last line, or the beginning of a new one. */
static void
grow(struct tail *tail, const char *bytes, size_t len)
{
	if (tail->begun == 0 || tail->ended) {
		tail->lens[tail->begun++ % TAIL_LINES] = 0;
	}
	size_t line = (tail->begun - 1) % TAIL_LINES;
	size_t held = tail->lens[line];
	size_t room = held < TAIL_LINE_BYTES ? TAIL_LINE_BYTES - held : 0;

	memcpy(tail->bytes[line] + (TAIL_LINE_BYTES - room), bytes, len < room ? len : room);
	tail->lens[line] = (unsigned short)(len <= room ? held + len : TAIL_LINE_BYTES + 1);
}

/* Where the last TAIL_LINES lines of 'bytes' begin. */
static size_t
last_lines(const char *bytes, size_t len)
{
	size_t at = len > 0 && bytes[len - 1] == '\n' ? len - 1 : len;

	for (int lines = 0; lines < TAIL_LINES; lines++) {
		const char *end = memrchr(bytes, '\n', at);

		if (end == NULL) {
			return 0;
		}
		at = (size_t)(end - bytes);
	}
	return at + 1;
}

void
tail_add(struct tail *tail, const char *bytes, size_t len)
{
	size_t at = last_lines(bytes, len);

	tail->ended |= at > 0; /* what is passed over ended the line that was unfinished */
	while (at < len) {
		const char *end = memchr(bytes + at, '\n', len - at);
		size_t n = end != NULL ? (size_t)(end - bytes) - at : len - at;

		grow(tail, bytes + at, n);
		tail->ended = end != NULL;
		at += n + (end != NULL);
	}
}

/* How much of a full line that goes on may be shown. */
static size_t
whole_words(const struct mask *mask, const char *text, size_t len)
{
	size_t word = 0;

	while (word < TAIL_WORD_BYTES && text[len - 1 - word] != ' ') {
		word++;
	}
	/* Last, for a word less may have cut a value in two. */
	return len - word - mask_begun(mask, text, len - word);
}

void
tail_text(const struct tail *tail, const struct mask *mask, struct buf *out)
{
	size_t first = tail->begun > TAIL_LINES ? tail->begun - TAIL_LINES : 0;

	/* What does not fit is cut by 'out' being full, which its owner sees. */
	for (size_t i = first; i < tail->begun; i++) {
		char text[TAIL_LINE_BYTES + TAIL_MARK_BYTES + 1];
		size_t held = tail->lens[i % TAIL_LINES];
		size_t len = held < TAIL_LINE_BYTES ? held : TAIL_LINE_BYTES;
		enum escape_state state = ESCAPE_TEXT;

		memcpy(text, tail->bytes[i % TAIL_LINES], len);
		len = held > TAIL_LINE_BYTES ? whole_words(mask, text, len) : len;
		len = escape_strip(&state, text, len);
		if (held > TAIL_LINE_BYTES) {
			memcpy(text + len, "...", TAIL_MARK_BYTES);
			len += TAIL_MARK_BYTES;
		}
		if (i + 1 < tail->begun || tail->ended) {
			text[len++] = '\n';
		}
		(void)buf_add(out, text, len);
	}
}
