#include "run/feed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"

int
feed_init(struct feed *feed)
{
	*feed = (struct feed){
	    .fd = -1, .buf = malloc(FEED_BUF_BYTES), .held = malloc(FEED_BUF_BYTES), .due_ms = DEADLINE_NEVER};
	return feed->buf == NULL || feed->held == NULL ? -1 : 0;
}

void
feed_attach(struct feed *feed, int fd, int strip)
{
	char *buf = feed->buf, *held = feed->held;

	fd_close(&feed->fd);
	*feed = (struct feed){.fd = fd, .strip = strip, .buf = buf, .held = held, .due_ms = DEADLINE_NEVER};
}

void
feed_release(struct feed *feed)
{
	/* A zeroed one does not own descriptor 0. */
	if (feed->buf != NULL) {
		fd_close(&feed->fd);
	}
	free(feed->buf);
	free(feed->held);
	*feed = (struct feed){.fd = -1};
}

/* ---- reading ---- */

typedef unsigned char bytes16 __attribute__((vector_size(16)));

/*
 * Is there a byte 'a' or 'b'? One pass for both, sixteen at a time: at a gigabyte a second every further pass over the log counts.
 */
static int
has_either(const char *bytes, size_t len, char a, char b)
{
	bytes16 all_a = (bytes16){0} + (unsigned char)a, all_b = (bytes16){0} + (unsigned char)b, hits = {0};
	int any = 0;
	size_t i = 0;

	for (; i + sizeof(bytes16) <= len; i += sizeof(bytes16)) {
		bytes16 block;

		memcpy(&block, bytes + i, sizeof(block));
		hits |= (bytes16)(block == all_a) | (bytes16)(block == all_b);
	}
	for (; i < len; i++) {
		any |= bytes[i] == a || bytes[i] == b;
	}
	for (size_t k = 0; k < sizeof(bytes16); k++) {
		any |= hits[k];
	}
	return any != 0;
}

/* New bytes at buf[len..len + n): without escape sequences, and with their carriage returns noticed. */
static void
admit(struct feed *feed, size_t n, int64_t now_ms)
{
	char *bytes = feed->buf + feed->len;

	if (feed->escape != ESCAPE_TEXT || has_either(bytes, n, '\r', feed->strip ? '\033' : '\r')) {
		n = feed->strip ? escape_strip(&feed->escape, bytes, n) : n;
		feed->has_cr |= memchr(bytes, '\r', n) != NULL;
	}
	if (feed->len == 0) {
		feed->since_ms = now_ms;
	}
	feed->read_ms = now_ms;
	feed->len += n;
}

void
feed_read(struct feed *feed, int64_t now_ms)
{
	ssize_t n;

	if (feed->head > 0) {
		memmove(feed->buf, feed->buf + feed->head, feed->len - feed->head);
		feed->len -= feed->head;
		feed->head = 0;
	}
	feed->dry = 0;
	if (feed->fd < 0 || feed->len == FEED_BUF_BYTES) {
		return;
	}
	do {
		n = read(feed->fd, feed->buf + feed->len, FEED_BUF_BYTES - feed->len);
	} while (n < 0 && errno == EINTR);
	if (n > 0) {
		admit(feed, (size_t)n, now_ms);
	} else if (n < 0 && errno == EAGAIN) {
		feed->dry = 1;
	} else {
		/* The end. An error can only mean that the stream is no use any more. */
		fd_close(&feed->fd);
	}
}

/* ---- what may go out ---- */

static int
is_blank(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] != ' ' && text[i] != '\t') {
			return 0;
		}
	}
	return 1;
}

/* Leaves out 'len' bytes from the front: they were passed on, or nobody will miss them. */
static void
leave_out(struct feed *feed, size_t len)
{
	feed->head += len;
	feed->since_ms = feed->read_ms;
	if (feed->head == feed->len) {
		feed->head = feed->len = 0;
	}
}

static struct piece
none_until(struct feed *feed, int64_t due_ms)
{
	feed->due_ms = due_ms;
	return (struct piece){.kind = PIECE_NONE};
}

static struct piece
piece_of(const struct feed *feed, enum piece_kind kind, size_t len, size_t eats)
{
	return (struct piece){.kind = kind, .bytes = feed->buf + feed->head, .len = len, .eats = eats};
}

static struct piece
held_piece(const struct feed *feed, enum piece_kind kind, size_t eats)
{
	return (struct piece){.kind = kind, .bytes = feed->held, .len = feed->held_len, .eats = eats};
}

/* The update of 'len' bytes is the last of its line: it is always shown, if it says anything. */
static struct piece
final_piece(const struct feed *feed, size_t len, size_t eats)
{
	if (is_blank(feed->buf + feed->head, len)) {
		return feed->held_len > 0 ? held_piece(feed, PIECE_FINAL, eats) : piece_of(feed, PIECE_END, 0, eats);
	}
	return feed->shown == len ? piece_of(feed, PIECE_END, 0, eats) : piece_of(feed, PIECE_FINAL, len, eats);
}

/* A carriage return ends 'len' bytes: shown, held for later, or left out; only the first gives a piece. */
static struct piece
update_piece(struct feed *feed, size_t len, int64_t now_ms)
{
	const char *text = feed->buf + feed->head;

	if (!feed->after_cr && feed->passed > 0) {
		/* A part is out already. What is left of it goes the same way, then its line ends. */
		return len > 0 ? piece_of(feed, PIECE_PART, len, len) : piece_of(feed, PIECE_END, 0, 1);
	}
	if (!is_blank(text, len)) {
		if (feed->shown != len && now_ms >= feed->progress_due_ms) {
			return piece_of(feed, PIECE_UPDATE, len, len + 1);
		}
		feed->held_len = feed->shown == len ? 0 : len;
		memcpy(feed->held, text, feed->held_len);
	}
	feed->after_cr = 1;
	feed->shown = 0;
	leave_out(feed, len + 1);
	return (struct piece){.kind = PIECE_NONE};
}

/* No end in sight yet, and the line is an update. What may end inside a value waits for more: updates are shown whole. */
static struct piece
open_update(struct feed *feed, const struct mask *mask, size_t len, int64_t now_ms, int ending)
{
	int blank = is_blank(feed->buf + feed->head, len);
	int64_t due_ms = feed->progress_due_ms;

	if (ending) {
		return len == 0 && feed->held_len == 0 ? none_until(feed, DEADLINE_NEVER) : final_piece(feed, len, len);
	}
	if (blank ? feed->held_len == 0 : feed->shown == len || mask_begun(mask, feed->buf + feed->head, len) > 0) {
		return none_until(feed, DEADLINE_NEVER);
	}
	if (!blank && due_ms < feed->since_ms + FEED_PART_MS) {
		due_ms = feed->since_ms + FEED_PART_MS;
	}
	if (now_ms < due_ms) {
		return none_until(feed, due_ms);
	}
	return blank ? held_piece(feed, PIECE_UPDATE, 0) : piece_of(feed, PIECE_UPDATE, len, 0);
}

/* No end in sight yet: passed on after a while. */
static struct piece
open_line(struct feed *feed, const struct mask *mask, size_t len, int64_t now_ms, int ending)
{
	size_t hold = ending ? 0 : mask_begun(mask, feed->buf + feed->head, len);

	if (len == hold) {
		return none_until(feed, DEADLINE_NEVER);
	}
	if (!ending && now_ms < feed->since_ms + FEED_PART_MS) {
		return none_until(feed, feed->since_ms + FEED_PART_MS);
	}
	return piece_of(feed, PIECE_PART, len - hold, len - hold);
}

/* The line is over the limit: as much as fits, never half a character nor, where it can be helped, half a masked value. */
static struct piece
cut_piece(const struct feed *feed, const struct mask *mask, size_t len, size_t limit)
{
	size_t cut = utf8_cut(feed->buf + feed->head, len, limit);
	size_t hold = mask_begun(mask, feed->buf + feed->head, cut);

	cut -= hold < cut ? hold : 0;
	return piece_of(feed, PIECE_CUT, cut, cut);
}

/* Does the current line, of which 'len' bytes are here, go over what one piece may hold? Most turns need not look. */
static int
is_overlong(const struct feed *feed, size_t len, size_t span)
{
	size_t limit = FEED_LINE_MAX - feed->passed;
	const char *end;

	if (len <= limit) {
		return 0;
	}
	end = memchr(feed->buf + feed->head, '\n', span);
	return (end == NULL ? span : (size_t)(end - (feed->buf + feed->head))) > limit;
}

/* The carriage return at 'span' is the first byte that ends anything. */
static struct piece
at_return(struct feed *feed, size_t span, size_t len, int64_t now_ms, int ending)
{
	const char *text = feed->buf + feed->head;

	if (span + 1 == len && !ending && now_ms < feed->read_ms + FEED_PART_MS) {
		/* The newline of a CR LF may still come. */
		return none_until(feed, feed->read_ms + FEED_PART_MS);
	}
	if (span + 1 == len || text[span + 1] != '\n') {
		return update_piece(feed, span, now_ms);
	}
	if (feed->after_cr) {
		return final_piece(feed, span, span + 2);
	}
	return piece_of(feed, PIECE_LINE, span, span + 2);
}

/* One look. PIECE_NONE with bytes left out means: look again. */
static struct piece
look(struct feed *feed, const struct mask *mask, int64_t now_ms, int ending)
{
	const char *text = feed->buf + feed->head;
	size_t len = feed->len - feed->head;
	const char *cr = feed->has_cr ? memchr(text, '\r', len) : NULL;
	size_t span = cr == NULL ? len : (size_t)(cr - text);
	const char *end;

	feed->has_cr = cr != NULL;
	if (is_overlong(feed, len, span)) {
		return cut_piece(feed, mask, len, FEED_LINE_MAX - feed->passed);
	}
	end = feed->after_cr ? memchr(text, '\n', span) : memrchr(text, '\n', span);
	if (end != NULL) {
		size_t n = (size_t)(end - text) + 1;

		return feed->after_cr ? final_piece(feed, n - 1, n) : piece_of(feed, PIECE_LINES, n, n);
	}
	if (cr != NULL) {
		return at_return(feed, span, len, now_ms, ending);
	}
	return feed->after_cr ? open_update(feed, mask, len, now_ms, ending)
	                      : open_line(feed, mask, len, now_ms, ending);
}

struct piece
feed_next(struct feed *feed, const struct mask *mask, int64_t now_ms, int ending)
{
	struct piece piece;
	size_t len;

	do {
		len = feed->len - feed->head;
		piece = look(feed, mask, now_ms, ending);
	} while (piece.kind == PIECE_NONE && feed->len - feed->head != len);
	piece.continues = feed->continues && piece.kind != PIECE_END;
	if (piece.kind != PIECE_NONE) {
		feed->due_ms = now_ms;
	}
	return piece;
}

/* What the line looks like once the piece is out. */
static void
note_taken(struct feed *feed, const struct piece *piece, int64_t now_ms)
{
	int is_update = piece->kind == PIECE_UPDATE;
	int ends_update = piece->kind == PIECE_END && piece->eats == 1 && !feed->after_cr;

	feed->continues = piece->kind == PIECE_CUT;
	feed->passed = piece->kind == PIECE_PART ? feed->passed + piece->len : 0;
	feed->held_len = 0;
	if (is_update && piece->eats == 0) {
		/* The current text stays, because it may grow; a held one was older than it. */
		feed->shown = piece->bytes == feed->held ? 0 : piece->len;
	} else {
		feed->shown = 0;
		feed->after_cr = is_update || ends_update;
	}
	if (is_update || ends_update) {
		feed->progress_due_ms = now_ms + FEED_PROGRESS_MS;
	}
}

void
feed_take(struct feed *feed, const struct piece *piece, int64_t now_ms)
{
	note_taken(feed, piece, now_ms);
	leave_out(feed, piece->eats);
}

int64_t
feed_deadline_ms(const struct feed *feed)
{
	return feed->due_ms;
}
