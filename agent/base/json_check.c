#include "base/json_check.h"

#include <string.h>

#include "base/limits.h"
#include "base/text.h"

struct scan {
	const char *text;
	size_t len;
	size_t at;
	const char *what;
	int depth;
	char closing[JSON_DEPTH_MAX]; /* the bracket that ends each open level */
};

static int
fail(struct scan *scan, const char *what)
{
	scan->what = what;
	return -1;
}

/* The byte here, or 0 at the end: a zero byte is legal nowhere in JSON, so both mean "not what you wanted". */
static char
peek(const struct scan *scan)
{
	return scan->at < scan->len ? scan->text[scan->at] : '\0';
}

static void
skip_blanks(struct scan *scan)
{
	while (scan->at < scan->len && memchr(" \t\r\n", scan->text[scan->at], 4) != NULL) {
		scan->at++;
	}
}

static int
hex4(const struct scan *scan, size_t at, unsigned *out)
{
	unsigned value = 0;

	for (size_t i = at; i < at + 4; i++) {
		char c = i < scan->len ? scan->text[i] : '\0';

		if (c >= '0' && c <= '9') {
			value = value * 16 + (unsigned)(c - '0');
		} else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
			value = value * 16 + (unsigned)((c | 0x20) - 'a' + 10);
		} else {
			return -1;
		}
	}
	*out = value;
	return 0;
}

/* A surrogate must be one half of a pair: alone it names no character. */
static int
check_unicode_escape(struct scan *scan)
{
	unsigned high = 0;
	unsigned low = 0;

	if (hex4(scan, scan->at + 2, &high) < 0) {
		return fail(scan, "expected four hex digits after \\u");
	}
	if (high < 0xd800 || high > 0xdfff) {
		scan->at += 6;
		return 0;
	}
	if (high > 0xdbff || scan->len - scan->at < 12 || memcmp(scan->text + scan->at + 6, "\\u", 2) != 0 ||
	    hex4(scan, scan->at + 8, &low) < 0 || low < 0xdc00 || low > 0xdfff) {
		return fail(scan, "half of a surrogate pair");
	}
	scan->at += 12;
	return 0;
}

static int
check_escape(struct scan *scan)
{
	char c = scan->at + 1 < scan->len ? scan->text[scan->at + 1] : '\0';

	if (c == 'u') {
		return check_unicode_escape(scan);
	}
	if (c == '\0' || strchr("\"\\/bfnrt", c) == NULL) {
		return fail(scan, "no such escape");
	}
	scan->at += 2;
	return 0;
}

static int
check_string(struct scan *scan)
{
	scan->at++;
	while (scan->at < scan->len && scan->text[scan->at] != '"') {
		unsigned char c = (unsigned char)scan->text[scan->at];

		if (c == '\\') {
			if (check_escape(scan) < 0) {
				return -1;
			}
			continue;
		}
		if (c < 0x20) {
			return fail(scan, "a control character in a string must be escaped");
		}
		size_t bytes = c < 0x80 ? 1 : utf8_char_len(scan->text + scan->at, scan->len - scan->at);
		if (bytes == 0) {
			return fail(scan, "not valid UTF-8");
		}
		scan->at += bytes;
	}
	if (scan->at == scan->len) {
		return fail(scan, "the string has no end");
	}
	scan->at++;
	return 0;
}

static size_t
skip_digits(struct scan *scan)
{
	size_t begin = scan->at;

	while (peek(scan) >= '0' && peek(scan) <= '9') {
		scan->at++;
	}
	return scan->at - begin;
}

static int
check_number(struct scan *scan)
{
	scan->at += peek(scan) == '-';
	if (peek(scan) == '0') {
		scan->at++;
	} else if (skip_digits(scan) == 0) {
		return fail(scan, "expected a digit");
	}
	if (peek(scan) == '.') {
		scan->at++;
		if (skip_digits(scan) == 0) {
			return fail(scan, "expected a digit after the point");
		}
	}
	if (peek(scan) == 'e' || peek(scan) == 'E') {
		scan->at++;
		scan->at += peek(scan) == '+' || peek(scan) == '-';
		if (skip_digits(scan) == 0) {
			return fail(scan, "expected a digit in the exponent");
		}
	}
	return 0;
}

static int
check_word(struct scan *scan)
{
	static const char *const words[] = {"true", "false", "null"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t len = strlen(words[i]);

		if (scan->len - scan->at >= len && memcmp(scan->text + scan->at, words[i], len) == 0) {
			scan->at += len;
			return 0;
		}
	}
	return fail(scan, scan->at == scan->len ? "the document ends too early" : "expected a value");
}

static int
check_scalar(struct scan *scan)
{
	char c = peek(scan);

	if (c == '"') {
		return check_string(scan);
	}
	return c == '-' || (c >= '0' && c <= '9') ? check_number(scan) : check_word(scan);
}

/* A key and its colon, where an object stands open. */
static int
check_key(struct scan *scan)
{
	if (scan->depth == 0 || scan->closing[scan->depth - 1] != '}') {
		return 0;
	}
	if (peek(scan) != '"') {
		return fail(scan, "expected a key in double quotes");
	}
	if (check_string(scan) < 0) {
		return -1;
	}
	skip_blanks(scan);
	if (peek(scan) != ':') {
		return fail(scan, "expected ':' after the key");
	}
	scan->at++;
	skip_blanks(scan);
	return 0;
}

/* 1 when a bracket was opened that is not empty, so that a member must follow; 0 when a whole value was read. */
static int
check_value(struct scan *scan)
{
	char c = peek(scan);

	if (c != '{' && c != '[') {
		return check_scalar(scan);
	}
	if (scan->depth == JSON_DEPTH_MAX) {
		return fail(scan, "nested too deep");
	}
	char closing = c == '{' ? '}' : ']';
	scan->at++;
	skip_blanks(scan);
	if (peek(scan) == closing) {
		scan->at++;
		return 0;
	}
	scan->closing[scan->depth++] = closing;
	return 1;
}

/* After a value: closes what ends here. 1 when a comma asks for another member, 0 when the document is complete. */
static int
check_after(struct scan *scan)
{
	for (;;) {
		skip_blanks(scan);
		if (scan->depth == 0) {
			return scan->at == scan->len ? 0 : fail(scan, "something follows the document");
		}
		if (peek(scan) == ',') {
			scan->at++;
			skip_blanks(scan);
			return 1;
		}
		if (peek(scan) != scan->closing[scan->depth - 1]) {
			return fail(scan,
			    scan->closing[scan->depth - 1] == '}' ? "expected ',' or '}'" : "expected ',' or ']'");
		}
		scan->at++;
		scan->depth--;
	}
}

int
json_check(const char *text, size_t len, size_t *at, const char **what)
{
	struct scan scan = {.text = text, .len = len};
	int more = 1;

	skip_blanks(&scan);
	while (more == 1) {
		int opened = check_key(&scan) < 0 ? -1 : check_value(&scan);

		more = opened == 0 ? check_after(&scan) : opened;
	}
	*at = scan.at;
	*what = scan.what;
	return more;
}
