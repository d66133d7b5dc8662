#include "config/pytext.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum {
	DOUBLE_DIGITS_MAX = 17, /* decimal digits that tell any two doubles apart */
	POSITIONAL_MAX = 16,    /* from 1e16 on Python writes an exponent */
	POSITIONAL_MIN = -4,    /* and below 1e-4 */
};

/* ---- strings ---- */

/* The code point of the valid UTF-8 character at 'text'. */
static unsigned
code_point(const char *text, size_t len)
{
	unsigned c = (unsigned char)text[0];

	if (len == 1) {
		return c;
	}
	c &= 0x7fU >> len;
	for (size_t i = 1; i < len; i++) {
		c = c << 6 | ((unsigned char)text[i] & 0x3fU);
	}
	return c;
}

static void
put_escaped_point(struct buf *out, unsigned c)
{
	if (c < 0x10000) {
		buf_printf(out, "\\u%04x", c);
		return;
	}
	c -= 0x10000;
	buf_printf(out, "\\u%04x\\u%04x", 0xd800 + (c >> 10), 0xdc00 + (c & 0x3ff));
}

void
pytext_string(const char *text, size_t len, struct buf *out)
{
	static const char shorts[] = "\"\\\b\f\n\r\t";
	static const char letters[] = "\"\\bfnrt";

	buf_addc(out, '"');
	for (size_t i = 0; i < len;) {
		size_t bytes = utf8_char_len(text + i, len - i);
		const char *hit = text[i] != '\0' ? strchr(shorts, text[i]) : NULL;

		bytes = bytes == 0 ? 1 : bytes;
		if (hit != NULL) {
			buf_printf(out, "\\%c", letters[hit - shorts]);
		} else if (text[i] >= ' ' && text[i] <= '~') {
			buf_addc(out, text[i]);
		} else {
			put_escaped_point(out, code_point(text + i, bytes));
		}
		i += bytes;
	}
	buf_addc(out, '"');
}

void
pytext_key(const char *key, struct buf *out)
{
	buf_adds(out, out->len > 0 && out->data[out->len - 1] != '{' ? "," : "");
	pytext_string(key, strlen(key), out);
	buf_addc(out, ':');
}

void
pytext_words(char *const *words, struct buf *out)
{
	buf_addc(out, '[');
	for (size_t i = 0; words != NULL && words[i] != NULL; i++) {
		buf_adds(out, i > 0 ? "," : "");
		pytext_string(words[i], strlen(words[i]), out);
	}
	buf_addc(out, ']');
}

/* A string with \u0000 has no decoded form here: it stays as it stands in the document. */
static void
json_string_value(const struct json *json, int value, struct buf *out)
{
	size_t len = 0;
	CLEAN_TEXT *text = json_string(json, value, &len);

	if (text != NULL) {
		pytext_string(text, len, out);
		return;
	}
	const char *raw = json_raw(json, value, &len);
	buf_add(out, raw, len);
}

/* As Python's repr of a str: single quotes unless only they stand inside. Characters beyond Latin-1 count as printable. */
static void
put_repr_string(struct buf *out, const char *text, size_t len)
{
	static const char shorts[] = "\\\n\r\t";
	static const char letters[] = "\\nrt";
	char quote = memchr(text, '\'', len) != NULL && memchr(text, '"', len) == NULL ? '"' : '\'';

	buf_addc(out, quote);
	for (size_t i = 0; i < len;) {
		size_t bytes = utf8_char_len(text + i, len - i);
		const char *hit = text[i] != '\0' ? strchr(shorts, text[i]) : NULL;

		bytes = bytes == 0 ? 1 : bytes;
		unsigned c = code_point(text + i, bytes);
		if (hit != NULL) {
			buf_printf(out, "\\%c", letters[hit - shorts]);
		} else if (text[i] == quote) {
			buf_printf(out, "\\%c", quote);
		} else if (c < 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0xad) {
			buf_printf(out, "\\x%02x", c);
		} else {
			buf_add(out, text + i, bytes);
		}
		i += bytes;
	}
	buf_addc(out, quote);
}

/* ---- numbers ---- */

/* A double as Python's repr: the fewest digits that read back the same, an exponent only for the very small and large. */
static void
put_double(struct buf *out, double number)
{
	char text[40];
	char digits[DOUBLE_DIGITS_MAX + 1] = "";
	int count = 0;

	for (int precision = 0; precision < DOUBLE_DIGITS_MAX; precision++) {
		(void)snprintf(text, sizeof(text), "%.*e", precision, number);
		if (strtod(text, NULL) == number) {
			break;
		}
	}
	for (const char *c = text; *c != 'e'; c++) {
		if (*c >= '0' && *c <= '9') {
			digits[count++] = *c;
		}
	}
	int exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
	buf_adds(out, signbit(number) ? "-" : "");
	if (exponent < POSITIONAL_MIN || exponent >= POSITIONAL_MAX) {
		buf_printf(out, "%c%s%se%c%02d", digits[0], count > 1 ? "." : "", digits + 1, exponent < 0 ? '-' : '+',
		    abs(exponent));
		return;
	}
	if (exponent < 0) {
		buf_printf(out, "0.%.*s%s", -exponent - 1, "000", digits);
		return;
	}
	for (int i = 0; i < (count > exponent + 1 ? count : exponent + 1); i++) {
		buf_adds(out, i == exponent + 1 ? "." : "");
		buf_addc(out, i < count ? digits[i] : '0');
	}
	buf_adds(out, count > exponent + 1 ? "" : ".0");
}

/* Python's int keeps every digit; what has a point or an exponent is a float. */
static void
put_number(const struct json *json, int value, struct buf *out)
{
	size_t len = 0;
	const char *raw = json_raw(json, value, &len);
	double number = 0;

	if (memchr(raw, '.', len) == NULL && memchr(raw, 'e', len) == NULL && memchr(raw, 'E', len) == NULL) {
		int minus_zero = len == 2 && memcmp(raw, "-0", 2) == 0;

		buf_add(out, raw + minus_zero, len - (size_t)minus_zero);
	} else if (json_double(json, value, &number) < 0 || !isfinite(number)) {
		buf_add(out, raw, len);
	} else {
		put_double(out, number);
	}
}

/* ---- whole values ---- */

struct member {
	char *name;
	int key;
};

static int
compare_members(const void *a, const void *b)
{
	const struct member *x = a;
	const struct member *y = b;

	return strcmp(x->name, y->name);
}

/* The members of an object sorted by name (bytes of UTF-8 sort as code points do); NULL when memory is refused. */
static struct member *
sorted_members(const struct json *json, int object)
{
	struct member *members = calloc((size_t)json_size(json, object) + 1, sizeof(*members));
	size_t count = 0;

	if (members == NULL) {
		return NULL;
	}
	for (int key = json_first(json, object); key >= 0; key = json_next(json, object, key)) {
		size_t len = 0;
		char *name = json_string(json, key, NULL);
		const char *raw = json_raw(json, key, &len);

		if (name == NULL) {
			name = text_format("%.*s", (int)len, raw);
		}
		members[count++] = (struct member){name != NULL ? name : strdup(""), key};
	}
	qsort(members, count, sizeof(*members), compare_members);
	return members;
}

static void
free_members(struct member *members, int count)
{
	for (int i = 0; i < count; i++) {
		free(members[i].name);
	}
	free(members);
}

static void
put_json_object(const struct json *json, int value, struct buf *out)
{
	int count = json_size(json, value);
	struct member *members = sorted_members(json, value);

	if (members == NULL) {
		out->full = 1;
		return;
	}
	buf_addc(out, '{');
	for (int i = 0; i < count; i++) {
		buf_adds(out, i > 0 ? "," : "");
		json_string_value(json, members[i].key, out);
		buf_addc(out, ':');
		pytext_json(json, json_of_key(json, members[i].key), out);
	}
	buf_addc(out, '}');
	free_members(members, count);
}

void
pytext_json(const struct json *json, int value, struct buf *out)
{
	switch (json_type(json, value)) {
	case JSON_NULL:
		buf_adds(out, "null");
		break;
	case JSON_BOOL:
		buf_adds(out, json_bool(json, value) == 1 ? "true" : "false");
		break;
	case JSON_NUMBER:
		put_number(json, value, out);
		break;
	case JSON_STRING:
		json_string_value(json, value, out);
		break;
	case JSON_ARRAY:
		buf_addc(out, '[');
		for (int i = json_first(json, value); i >= 0; i = json_next(json, value, i)) {
			buf_adds(out, i != json_first(json, value) ? "," : "");
			pytext_json(json, i, out);
		}
		buf_addc(out, ']');
		break;
	case JSON_OBJECT:
		put_json_object(json, value, out);
		break;
	}
}

void
pytext_variable(const struct json *json, int value, struct buf *out)
{
	enum json_type type = json_type(json, value);

	if (type == JSON_STRING) {
		CLEAN_TEXT *text = json_string(json, value, NULL);

		buf_adds(out, text != NULL ? text : "");
	} else if (type != JSON_NULL) {
		pytext_json(json, value, out);
	}
}

/* ---- as Python prints them ---- */

static void put_repr(const struct json *json, int value, struct buf *out);

static void
put_repr_children(const struct json *json, int value, struct buf *out)
{
	int is_object = json_type(json, value) == JSON_OBJECT;

	buf_addc(out, is_object ? '{' : '[');
	for (int i = json_first(json, value); i >= 0; i = json_next(json, value, i)) {
		buf_adds(out, i != json_first(json, value) ? ", " : "");
		put_repr(json, i, out);
		if (is_object) {
			buf_adds(out, ": ");
			put_repr(json, json_of_key(json, i), out);
		}
	}
	buf_addc(out, is_object ? '}' : ']');
}

static void
put_repr(const struct json *json, int value, struct buf *out)
{
	size_t len = 0;

	switch (json_type(json, value)) {
	case JSON_NULL:
		buf_adds(out, "None");
		break;
	case JSON_BOOL:
		buf_adds(out, json_bool(json, value) == 1 ? "True" : "False");
		break;
	case JSON_NUMBER:
		put_number(json, value, out);
		break;
	case JSON_STRING: {
		CLEAN_TEXT *text = json_string(json, value, &len);

		put_repr_string(out, text != NULL ? text : "", text != NULL ? len : 0);
		break;
	}
	case JSON_ARRAY:
	case JSON_OBJECT:
		put_repr_children(json, value, out);
		break;
	}
}

/* As Python's str: a string is its own text. */
static void
put_str(const struct json *json, int value, struct buf *out)
{
	if (json_type(json, value) == JSON_STRING) {
		pytext_variable(json, value, out);
	} else {
		put_repr(json, value, out);
	}
}

void
pytext_argument(const struct json *json, int value, struct buf *out)
{
	if (json_type(json, value) == JSON_NULL) {
		return;
	}
	if (json_type(json, value) != JSON_OBJECT) {
		put_str(json, value, out);
		return;
	}
	int count = json_size(json, value);
	struct member *members = sorted_members(json, value);
	if (members == NULL) {
		out->full = 1;
		return;
	}
	for (int i = 0; i < count; i++) {
		buf_printf(out, "%s%s=", i > 0 ? "," : "", members[i].name);
		put_str(json, json_of_key(json, members[i].key), out);
	}
	free_members(members, count);
}
