#include "report/failure_text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/mask.h"
#include "base/text.h"
#include "report/clues.h"
#include "report/evidence_text.h"
#include "report/failure.h"
#include "report/traceback.h"

/* Without control characters, valid UTF-8; newlines stay. What a carriage return overwrote is left out. */
static void
clean(const char *text, size_t len, struct buf *out)
{
	size_t line = out->len;

	for (size_t i = 0; i < len;) {
		size_t bytes = utf8_char_len(text + i, len - i);
		unsigned char c = (unsigned char)text[i];

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
}

static void
add_advice(struct buf *text, const char *advice)
{
	if (advice != NULL && text->len + 1 < text->max) {
		buf_addc(text, '\n');
		add_prepared(text, advice);
	}
}

/* What the machine shows, a sentence a line. */
static void
add_evidence(struct buf *text, const struct failure_facts *facts, int shm)
{
	CLEAN_BUF words = {0};

	buf_init(&words, FAILURE_BYTES_MAX);
	evidence_of_counts(&words, &facts->counts, !facts->kills_told);
	evidence_of_volumes(&words, facts->volumes, facts->volume_count, shm);
	for (char *line = words.data; words.len > 0 && *line != '\0' && text->len + 1 < text->max;) {
		char *end = strchr(line, '\n');

		*end = '\0';
		buf_addc(text, '\n');
		add_prepared(text, line);
		line = end + 1;
	}
}

/* Does the line belong to what was found and so stands before the others? */
static int
is_found(const struct traceback *found, struct span line)
{
	const struct span spans[] = {found->exception, found->cause, found->error};

	for (size_t i = 0; i < ARRAY_LEN(spans); i++) {
		if (spans[i].at != NULL && spans[i].at < line.at + line.len && line.at < spans[i].at + spans[i].len) {
			return 1;
		}
	}
	return 0;
}

/* Rules and the marks under a line of code only take room. */
static int
says_something(struct span words)
{
	for (size_t i = 0; i < words.len; i++) {
		if (isalnum((unsigned char)words.at[i]) || (words.at[i] & 0x80) != 0) {
			return 1;
		}
	}
	return 0;
}

/* Where the last lines begin that fit into 'room'; what was found and empty lines cost nothing, for they are left out. */
static size_t
first_fitting(const struct buf *tail, const struct traceback *found, size_t room)
{
	size_t first = tail->len;
	size_t used = 0;

	for (size_t end = tail->len; end > 0;) {
		size_t from = end - 1;

		while (from > 0 && tail->data[from - 1] != '\n') {
			from--;
		}
		struct span line = span_line(tail, from);
		struct span words = span_trimmed(line);
		size_t cost = !says_something(words) || is_found(found, line) ? 0 : words.len + 1;

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
add_lines(struct buf *text, const struct buf *tail, size_t at, const struct traceback *found, const char *label)
{
	while (at < tail->len) {
		struct span line = span_line(tail, at);
		struct span words = span_trimmed(line);

		at += line.len + 1;
		if (says_something(words) && !is_found(found, line)) {
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
		struct span line = span_line(tail, at);
		struct span words = span_trimmed(line);

		at += line.len + 1;
		last = words.len > 0 ? words : last;
	}
	return last;
}

static int
is_equal(struct span a, struct span b)
{
	return a.len == b.len && memcmp(a.at, b.at, a.len) == 0;
}

/* The lines that say what went wrong. */
static void
add_found(struct buf *text, const struct traceback *found)
{
	const struct span cause = span_trimmed(found->cause), exception = span_trimmed(found->exception);

	if (exception.len > 0) {
		add_line(text, "", exception);
	}
	if (cause.len > 0 && !is_equal(cause, exception)) {
		add_line(text, "It began with ", cause);
	}
	if (found->error.len > 0) {
		add_line(text, "", span_trimmed(found->error));
	}
}

static void
add_tail(struct buf *text, const struct buf *tail, const struct traceback *found)
{
	static const char label[] = "stderr: ";
	enum { WORTH_IT = 40 }; /* less of a line than that tells nothing */

	if (text->max - text->len > WORTH_IT) {
		add_found(text, found);
	}
	size_t room = text->max - text->len;
	if (room < WORTH_IT) {
		return;
	}
	size_t at = first_fitting(tail, found, room - sizeof(label));
	size_t before = text->len;

	add_lines(text, tail, at, found, label);
	if (text->len > before || found->exception.at != NULL || found->error.at != NULL) {
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
tail_window(const char *tail, size_t len)
{
	struct span window = {.at = tail, .len = len};

	if (window.len > FAILURE_TAIL_MAX) {
		const char *from = window.at + window.len - FAILURE_TAIL_MAX;
		const char *line = memchr(from, '\n', FAILURE_TAIL_MAX);
		const char *start = line != NULL ? line + 1 : from;

		window.len -= (size_t)(start - window.at);
		window.at = start;
	}
	return window;
}

/* The last lines as they can be shown, and what is found in them. */
static void
read_tail(const char *tail, size_t len, struct buf *lines, struct traceback *found)
{
	struct span window = tail_window(tail, len);

	prepare(window.at, window.len, lines);
	traceback_find(lines, found);
}

void
failure_exception(const char *tail, size_t len, char name[FAILURE_NAME_MAX])
{
	CLEAN_BUF lines = {0};
	struct traceback found;

	read_tail(tail, len, &lines, &found);
	(void)snprintf(name, FAILURE_NAME_MAX, "%.*s", (int)found.name.len, found.name.len > 0 ? found.name.at : "");
}

void
failure_compose(const struct failure_facts *facts, struct buf *out)
{
	CLEAN_BUF text = {0};
	CLEAN_BUF tail = {0};
	struct traceback found = {.exception = {0}};
	const char *advice = facts->advice;
	char made[CLUES_ADVICE_MAX];

	buf_init(&text, FAILURE_BYTES_MAX - 1); /* and the newline */
	read_tail(facts->tail, facts->tail_len, &tail, &found);
	if (facts->clues) {
		const char *better = clues_find(&tail, &found, facts->channels, made);

		better = clues_of_volume(better, evidence_full_volume(facts->volumes, facts->volume_count));
		advice = better != NULL ? better : advice;
	}
	add_head(&text, facts);
	add_advice(&text, advice);
	add_evidence(&text, facts, advice != NULL && strstr(advice, "/dev/shm") != NULL);
	if (tail.len > 0) {
		add_tail(&text, &tail, &found);
	}
	buf_add(out, buf_text(&text), text.len);
	buf_addc(out, '\n');
}
