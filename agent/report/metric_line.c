#include "report/metric_line.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json_write.h"

static const char OWN[] = "agent:";

/* Where reading stands. 'at' never passes 'end'. */
struct cursor {
	char *at;
	char *end;
};

static const char *const label_names[] = {[LABEL_STEP] = "step", [LABEL_EPOCH] = "epoch", [LABEL_TIME] = "time"};

_Static_assert(ARRAY_LEN(label_names) == LABELS, "every label has a name");

const char *
metric_label_name(enum metric_label label)
{
	return label_names[label];
}

int
metric_name_is_good(const char *name, size_t len)
{
	if (len == 0 || len > METRICS_NAME_MAX) {
		return 0;
	}
	for (size_t i = 0; i < len; i++) {
		if (name[i] == '\0' || (!isalnum((unsigned char)name[i]) && strchr("_:./@%+-", name[i]) == NULL)) {
			return 0;
		}
	}
	return 1;
}

int
metric_name_is_own(const char *name, size_t len)
{
	return len >= sizeof(OWN) - 1 && memcmp(name, OWN, sizeof(OWN) - 1) == 0;
}

static int
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void
skip_blanks(struct cursor *cursor)
{
	while (cursor->at < cursor->end && is_blank(*cursor->at)) {
		cursor->at++;
	}
}

/* Takes 'c' if it stands there. */
static int
take(struct cursor *cursor, char c)
{
	if (cursor->at == cursor->end || *cursor->at != c) {
		return 0;
	}
	cursor->at++;
	return 1;
}

static size_t
skip_digits(const char *text, size_t len, size_t at)
{
	while (at < len && isdigit((unsigned char)text[at])) {
		at++;
	}
	return at;
}

/* A decimal number, whole, as every language writes one: no hex, no thousands, at least one digit. */
static int
is_number(const char *text, size_t len)
{
	size_t at = len > 0 && (text[0] == '-' || text[0] == '+');
	size_t whole = skip_digits(text, len, at);
	size_t digits = whole - at;

	at = whole;
	if (at < len && text[at] == '.') {
		size_t part = skip_digits(text, len, at + 1);

		digits += part - at - 1;
		at = part;
	}
	if (digits > 0 && at < len && (text[at] == 'e' || text[at] == 'E')) {
		size_t sign = at + 1 < len && (text[at + 1] == '-' || text[at + 1] == '+');
		size_t end = skip_digits(text, len, at + 1 + sign);

		at = end > at + 1 + sign ? end : at;
	}
	return digits > 0 && at == len;
}

/* NaN and the infinities in the spellings of C, Python, Java, JavaScript and R; JSON.stringify makes null of them. */
static int
is_nonfinite(const char *text, size_t len)
{
	static const char *const words[] = {"nan", "inf", "infinity", "null"};
	size_t at = len > 0 && (text[0] == '-' || text[0] == '+');

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strlen(words[i]) == len - at && strncasecmp(text + at, words[i], len - at) == 0) {
			return 1;
		}
	}
	return 0;
}

/* 0 with the value (NaN for all that is not finite, 1e999 too), or -1. */
static int
read_number(const char *text, size_t len, double *value)
{
	char digits[512]; /* a double written out in full has 310 digits and a sign */

	if (is_nonfinite(text, len)) {
		*value = NAN;
		return 0;
	}
	if (len >= sizeof(digits) || !is_number(text, len)) {
		return -1;
	}
	memcpy(digits, text, len);
	digits[len] = '\0';
	*value = strtod(digits, NULL);
	if (!isfinite(*value)) {
		*value = NAN;
	}
	return 0;
}

/* A pair that was read: a label or a value. NULL, or why not. */
static const char *
keep(struct metric_record *record, const char *name, size_t name_len, double value)
{
	for (int i = 0; i < LABELS; i++) {
		if (strlen(label_names[i]) == name_len && memcmp(label_names[i], name, name_len) == 0) {
			record->labels.value[i] = value;
			record->labels.given[i] = 1;
			return isnan(value) ? "a label is no finite number" : NULL;
		}
	}
	if (!metric_name_is_good(name, name_len)) {
		return "a name is not 1 to 200 of A-Z a-z 0-9 _ : . / @ % + -";
	}
	if (metric_name_is_own(name, name_len)) {
		return "names that begin with agent: are the agent's";
	}
	if (record->count == METRICS_RECORD_VALUES_MAX) {
		return "it has more than 512 values";
	}
	record->values[record->count++] = (struct metric_value){name, name_len, value};
	return NULL;
}

/* A string, its escapes undone in place: only those that can stand in a good name's spelling, for serialisers that
 * write '\/'. */
static int
take_string(struct cursor *cursor, const char **text, size_t *len)
{
	char *out = cursor->at + 1;

	if (!take(cursor, '"')) {
		return -1;
	}
	*text = out;
	while (cursor->at < cursor->end && *cursor->at != '"') {
		if (*cursor->at == '\\') {
			cursor->at++;
			if (cursor->at == cursor->end || strchr("/\"\\", *cursor->at) == NULL) {
				return -1;
			}
		}
		*out++ = *cursor->at++;
	}
	*len = (size_t)(out - *text);
	return take(cursor, '"') ? 0 : -1;
}

/* A bare word up to a comma, a closing brace or a blank. */
static size_t
take_word(struct cursor *cursor, const char **text)
{
	char *from = cursor->at;

	while (cursor->at < cursor->end && *cursor->at != ',' && *cursor->at != '}' && !is_blank(*cursor->at)) {
		cursor->at++;
	}
	*text = from;
	return (size_t)(cursor->at - from);
}

/* "name": number. NULL, or why not. */
static const char *
read_member(struct cursor *cursor, struct metric_record *record)
{
	const char *name, *word;
	size_t name_len;
	double value;

	skip_blanks(cursor);
	if (take_string(cursor, &name, &name_len) < 0) {
		return "a name in quotes is missing";
	}
	skip_blanks(cursor);
	if (!take(cursor, ':')) {
		return "a colon is missing";
	}
	skip_blanks(cursor);
	size_t len = take_word(cursor, &word);
	if (read_number(word, len, &value) < 0) {
		return "a value is no number";
	}
	skip_blanks(cursor);
	return keep(record, name, name_len, value);
}

static const char *
read_object(struct cursor *cursor, struct metric_record *record)
{
	do {
		const char *why = read_member(cursor, record);

		if (why != NULL) {
			return why;
		}
	} while (take(cursor, ','));
	if (!take(cursor, '}')) {
		return "the closing brace is missing";
	}
	skip_blanks(cursor);
	return cursor->at == cursor->end ? NULL : "something stands behind the closing brace";
}

/* name=number name=number ... */
static const char *
read_pairs(struct cursor *cursor, struct metric_record *record)
{
	while (cursor->at < cursor->end) {
		const char *from = cursor->at;
		double value;

		while (cursor->at < cursor->end && !is_blank(*cursor->at)) {
			cursor->at++;
		}
		size_t len = (size_t)(cursor->at - from);
		const char *equals = memchr(from, '=', len);
		if (equals == NULL) {
			return "it is neither a JSON object nor name=number";
		}
		size_t name_len = (size_t)(equals - from);
		if (read_number(equals + 1, len - name_len - 1, &value) < 0) {
			return "a value is no number";
		}
		const char *why = keep(record, from, name_len, value);
		if (why != NULL) {
			return why;
		}
		skip_blanks(cursor);
	}
	return NULL;
}

const char *
metric_record_read(char *text, size_t len, struct metric_record *record)
{
	struct cursor cursor = {.at = text, .end = text + len};
	const char *why;

	record->count = 0;
	record->labels = (struct metric_labels){0};
	skip_blanks(&cursor);
	why = take(&cursor, '{') ? read_object(&cursor, record) : read_pairs(&cursor, record);
	return why == NULL && record->count == 0 ? "it has no value" : why;
}

size_t
metric_line_format(char out[METRICS_LINE_OUT], const char *name, double value, const struct metric_labels *labels)
{
	char number[NUMBER_TEXT];
	int n;

	number_format(number, value);
	n = snprintf(out, METRICS_LINE_OUT, "#metric %.*s=%s;", METRICS_NAME_MAX, name, number);
	for (int i = 0; i < LABELS; i++) {
		if (labels->given[i]) {
			number_format(number, labels->value[i]);
			n += snprintf(out + n, METRICS_LINE_OUT - (size_t)n, " %s=%s", label_names[i], number);
		}
	}
	n += snprintf(out + n, METRICS_LINE_OUT - (size_t)n, "\n");
	return (size_t)n;
}
