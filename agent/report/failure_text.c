#include "report/failure_text.h"

#include <string.h>

#include "base/mask.h"
#include "base/text.h"
#include "report/evidence_text.h"
#include "report/failure.h"

/* A window into cleaned text. */
struct span {
	const char *at;
	size_t len;
};

static const char TRACEBACK[] = "Traceback (most recent call last):";

/* Length of the escape sequence at 'text', whose first byte is ESC: CSI, OSC and the two-byte ones (ECMA-48). */
static size_t
escape_len(const char *text, size_t len)
{
	size_t n = 2;

	if (len < 2) {
		return len;
	}
	if (text[1] == '[') {
		while (n < len && (unsigned char)text[n] >= 0x20 && (unsigned char)text[n] < 0x40) {
			n++;
		}
		return n < len ? n + 1 : n;
	}
	if (text[1] == ']') {
		while (n < len && text[n] != '\a' && text[n] != '\n' && text[n] != '\x1b') {
			n++;
		}
		return n < len && text[n] == '\a' ? n + 1 : n;
	}
	return n;
}

/* Without escapes and control characters, valid UTF-8; newlines stay. What a carriage return overwrote is left out. */
static void
clean(const char *text, size_t len, struct buf *out)
{
	size_t line = out->len;

	for (size_t i = 0; i < len;) {
		size_t bytes = utf8_char_len(text + i, len - i);
		unsigned char c = (unsigned char)text[i];

		if (c == 0x1b) {
			i += escape_len(text + i, len - i);
			continue;
		}
		if (c == '\r' && i + 1 < len && text[i + 1] != '\n' && text[i + 1] != '\r') {
			out->len = line;
		} else if (c == '\t') {
			buf_addc(out, ' ');
		} else if (bytes == 0) {
			buf_addc(out, '?');
		} else if (c == '\n' || (c >= 0x20 && c != 0x7f)) {
			buf_add(out, text + i, bytes);
		}
		line = c == '\n' ? out->len : line;
		i += bytes == 0 ? 1 : bytes;
	}
}

/* Masked, then cleaned: a mask value may hold what cleaning changes. */
static void
prepare(const char *text, size_t len, struct buf *out)
{
	CLEAN_BUF masked = {0};

	buf_init(&masked, 8 * len + 64); /* "***" for values of four bytes and more; patterns never grow either */
	mask_text(mask_global(), text, len, &masked);
	buf_init(out, masked.len + 1);
	clean(buf_text(&masked), masked.len, out);
}

/* As much of it as there is room for, cut at a character border and marked. */
static void
add_fitting(struct buf *text, const char *bytes, size_t len)
{
	static const char cut[] = "...";
	size_t room = text->max - text->len;

	if (len <= room) {
		buf_add(text, bytes, len);
	} else if (room > sizeof(cut)) {
		buf_add(text, bytes, utf8_cut(bytes, len, room - (sizeof(cut) - 1)));
		buf_adds(text, cut);
	}
}

/* One line of ours: newlines become blanks. */
static void
add_prepared(struct buf *text, const char *words)
{
	CLEAN_BUF ready = {0};

	prepare(words, strlen(words), &ready);
	for (size_t i = 0; i < ready.len; i++) {
		if (ready.data[i] == '\n') {
			ready.data[i] = ' ';
		}
	}
	while (ready.len > 0 && ready.data[ready.len - 1] == ' ') {
		ready.len--;
	}
	add_fitting(text, buf_text(&ready), ready.len);
}

static void
add_head(struct buf *text, const struct failure_facts *facts)
{
	buf_addc(text, '[');
	add_prepared(text, facts->reason);
	buf_adds(text, "] ");
	if (facts->host != NULL) {
		add_prepared(text, facts->host);
		buf_adds(text, ": ");
	}
	add_prepared(text, facts->sentence);
	if (text->len > 0 && strchr(".!?:", text->data[text->len - 1]) == NULL) {
		add_fitting(text, ".", 1);
	}
	if (facts->advice != NULL && text->len + 1 < text->max) {
		buf_addc(text, '\n');
		add_prepared(text, facts->advice);
	}
}

/* What the machine shows, a sentence a line. */
static void
add_evidence(struct buf *text, const struct failure_facts *facts)
{
	CLEAN_BUF words = {0};

	buf_init(&words, FAILURE_BYTES_MAX);
	if (facts->counts != NULL) {
		evidence_of_counts(&words, facts->counts, !facts->kills_told);
	}
	evidence_of_volumes(&words, facts->volumes, facts->volume_count, facts->shm);
	for (char *line = words.data; words.len > 0 && *line != '\0' && text->len + 1 < text->max;) {
		char *end = strchr(line, '\n');

		*end = '\0';
		buf_addc(text, '\n');
		add_prepared(text, line);
		line = end + 1;
	}
}

/* The line that begins at 'at'. */
static struct span
line_at(const struct buf *tail, size_t at)
{
	const char *from = tail->data + at;
	const char *end = memchr(from, '\n', tail->len - at);

	return (struct span){.at = from, .len = end != NULL ? (size_t)(end - from) : tail->len - at};
}

static struct span
trimmed(struct span line)
{
	while (line.len > 0 && *line.at == ' ') {
		line.at++;
		line.len--;
	}
	while (line.len > 0 && line.at[line.len - 1] == ' ') {
		line.len--;
	}
	return line;
}

/* A line that ends like the head of a traceback; launchers put "[rank0]: " before each line, which is what 'prefix'
 * then holds. */
static int
is_traceback(struct span line, size_t *prefix)
{
	size_t words = sizeof(TRACEBACK) - 1;

	if (line.len < words || memcmp(line.at + line.len - words, TRACEBACK, words) != 0) {
		return 0;
	}
	*prefix = line.len - words;
	return 1;
}

/* "ValueError: ..." of the last traceback: the first line after its head that is not indented. An empty span when there
 * is none. */
static struct span
find_exception(const struct buf *tail)
{
	struct span found = {0}, head = {0};
	size_t prefix = 0;

	for (size_t at = 0; at < tail->len;) {
		struct span line = line_at(tail, at);
		size_t words;

		at += line.len + 1;
		if (is_traceback(line, &words)) {
			head = line;
			prefix = words;
			found = (struct span){0};
		} else if (head.at != NULL && found.at == NULL && line.len > prefix &&
		           memcmp(line.at, head.at, prefix) == 0 && line.at[prefix] != ' ') {
			found = line;
		}
	}
	return found;
}

/* Where the last lines begin that fit into 'room'; the exception's own line and empty ones cost nothing, for they are
 * left out. */
static size_t
first_fitting(const struct buf *tail, struct span exception, size_t room)
{
	size_t first = tail->len;
	size_t used = 0;

	for (size_t end = tail->len; end > 0;) {
		size_t from = end - 1;

		while (from > 0 && tail->data[from - 1] != '\n') {
			from--;
		}
		struct span line = line_at(tail, from);
		struct span words = trimmed(line);
		size_t cost = words.len == 0 || line.at == exception.at ? 0 : words.len + 1;

		if (used + cost > room) {
			break;
		}
		used += cost;
		first = from;
		end = from;
	}
	return first;
}

static void
add_line(struct buf *text, const char *before, struct span line)
{
	buf_addc(text, '\n');
	add_fitting(text, before, strlen(before));
	add_fitting(text, line.at, line.len);
}

/* The lines from 'at' on that have words; the label stands before the first. */
static void
add_lines(struct buf *text, const struct buf *tail, size_t at, struct span exception, const char *label)
{
	while (at < tail->len) {
		struct span line = line_at(tail, at);
		struct span words = trimmed(line);

		at += line.len + 1;
		if (words.len > 0 && line.at != exception.at) {
			add_line(text, label, words);
			label = "";
		}
	}
}

/* The last line that has words in it, or an empty span. */
static struct span
last_line(const struct buf *tail)
{
	struct span last = {0};

	for (size_t at = 0; at < tail->len;) {
		struct span line = line_at(tail, at);
		struct span words = trimmed(line);

		at += line.len + 1;
		last = words.len > 0 ? words : last;
	}
	return last;
}

static void
add_tail(struct buf *text, const struct buf *tail)
{
	static const char label[] = "stderr: ";
	enum { WORTH_IT = 40 }; /* less of a line than that tells nothing */
	struct span exception = find_exception(tail);

	if (exception.at != NULL && text->max - text->len > WORTH_IT) {
		add_line(text, "", trimmed(exception));
	}
	size_t room = text->max - text->len;
	if (room < WORTH_IT) {
		return;
	}
	size_t at = first_fitting(tail, exception, room - sizeof(label));
	size_t before = text->len;

	add_lines(text, tail, at, exception, label);
	if (text->len > before || exception.at != NULL) {
		return;
	}

	/* Not even the last line fits: its beginning, then. */
	struct span last = last_line(tail);

	if (last.len > 0) {
		add_line(text, label, last);
	}
}

/* The last bytes that are looked at, from the beginning of a line. */
static struct span
tail_window(const struct failure_facts *facts)
{
	struct span window = {.at = facts->tail, .len = facts->tail_len};

	if (window.len > FAILURE_TAIL_MAX) {
		const char *from = window.at + window.len - FAILURE_TAIL_MAX;
		const char *line = memchr(from, '\n', FAILURE_TAIL_MAX);
		const char *start = line != NULL ? line + 1 : from;

		window.len -= (size_t)(start - window.at);
		window.at = start;
	}
	return window;
}

void
failure_compose(const struct failure_facts *facts, struct buf *out)
{
	CLEAN_BUF text = {0};

	buf_init(&text, FAILURE_BYTES_MAX - 1); /* and the newline */
	add_head(&text, facts);
	add_evidence(&text, facts);
	if (facts->tail != NULL) {
		struct span window = tail_window(facts);
		CLEAN_BUF tail = {0};

		prepare(window.at, window.len, &tail);
		if (tail.len > 0) {
			add_tail(&text, &tail);
		}
	}
	buf_add(out, buf_text(&text), text.len);
	buf_addc(out, '\n');
}
