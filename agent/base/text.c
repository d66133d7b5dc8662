#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

/* Bytes that a lead byte announces; 0 for one that cannot lead. */
static size_t
announced(unsigned char lead)
{
	if (lead < 0x80) {
		return 1;
	}
	if (lead >= 0xc2 && lead <= 0xdf) {
		return 2;
	}
	if (lead >= 0xe0 && lead <= 0xef) {
		return 3;
	}
	return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

size_t
utf8_char_len(const char *text, size_t len)
{
	const unsigned char *c = (const unsigned char *)text;
	size_t n = len == 0 ? 0 : announced(c[0]);

	if (n == 0 || n > len) {
		return 0;
	}
	for (size_t i = 1; i < n; i++) {
		if ((c[i] & 0xc0) != 0x80) {
			return 0;
		}
	}
	/* Overlong forms, surrogates and what lies above U+10FFFF show in the second byte. */
	if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) || (c[0] == 0xf0 && c[1] < 0x90) ||
	    (c[0] == 0xf4 && c[1] > 0x8f)) {
		return 0;
	}
	return n;
}

size_t
utf8_cut(const char *text, size_t len, size_t max)
{
	size_t cut = max;

	if (len <= max) {
		return len;
	}
	/* At most three bytes back: longer runs of continuation bytes are no character. */
	for (size_t i = 0; i < 3 && cut > 0 && ((unsigned char)text[cut] & 0xc0) == 0x80; i++) {
		cut--;
	}
	return ((unsigned char)text[cut] & 0xc0) == 0x80 ? max : cut;
}

const char *
text_shown(char out[TEXT_SHOWN], const char *name)
{
	size_t len = strlen(name);
	size_t cut = utf8_cut(name, len, TEXT_SHOWN - 4);

	(void)snprintf(out, TEXT_SHOWN, "%.*s%s", (int)cut, name, cut < len ? "..." : "");
	return out;
}

enum { NEAREST_WORD_MAX = 64 };

/* Edits (insert, delete, replace, swap of neighbours) from 'a' to 'b': the rows of the usual table, three at a time. */
static size_t
edit_distance(const char *a, const char *b)
{
	size_t rows[3][NEAREST_WORD_MAX + 1];
	size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len > NEAREST_WORD_MAX || b_len > NEAREST_WORD_MAX) {
		return SIZE_MAX;
	}
	for (size_t j = 0; j <= b_len; j++) {
		rows[0][j] = j;
	}
	for (size_t i = 1; i <= a_len; i++) {
		size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);

			best = above[j] + 1 < best ? above[j] + 1 : best;
			best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    two_above[j - 2] + 1 < best) {
				best = two_above[j - 2] + 1;
			}
			row[j] = best;
		}
	}
	return rows[a_len % 3][b_len];
}

const char *
text_nearest(const char *word, const char *const *names, size_t edits_max)
{
	const char *nearest = NULL;
	size_t least = edits_max + 1;

	for (; *names != NULL; names++) {
		size_t edits = edit_distance(word, *names);

		if (edits < least) {
			least = edits;
			nearest = *names;
		}
	}
	return nearest;
}

char **
text_split(const char *text, size_t *count)
{
	size_t len = strlen(text);
	size_t words = 0;

	for (const char *c = text; *c != '\0'; c++) {
		words += strchr(" \t", *c) == NULL && (c == text || strchr(" \t", c[-1]) != NULL);
	}
	if (words > COMMAND_WORDS_MAX) {
		errno = E2BIG;
		return NULL;
	}

	/* One allocation: the pointers, then the letters. */
	char **split = malloc((words + 1) * sizeof(*split) + len + 1);

	if (split == NULL) {
		return NULL;
	}

	char *letters = (char *)(split + words + 1);
	size_t n = 0;

	memcpy(letters, text, len + 1);
	for (char *rest = letters, *word; (word = strtok_r(rest, " \t", &rest)) != NULL;) {
		split[n++] = word;
	}
	split[n] = NULL;
	if (count != NULL) {
		*count = n;
	}
	return split;
}

char *
text_format(const char *fmt, ...)
{
	va_list args, again;
	char *text = NULL;
	int len;

	va_start(args, fmt);
	va_copy(again, args);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (len >= 0) {
		text = malloc((size_t)len + 1);
	}
	if (text != NULL) {
		(void)vsnprintf(text, (size_t)len + 1, fmt, args);
	}
	va_end(args);
	return text;
}

void
text_free(char **text)
{
	free(*text);
	*text = NULL;
}
