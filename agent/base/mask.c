#include "base/mask.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/secret.h"

static const char STARS[] = "***";

/* ---- names ---- */

static int
is_word_break(char before, char c)
{
	return strchr("_-.:", c) != NULL || (islower((unsigned char)before) && isupper((unsigned char)c));
}

static int
word_is(const char *word, size_t len, const char *const *list)
{
	for (; *list != NULL; list++) {
		if (strlen(*list) == len && strncasecmp(*list, word, len) == 0) {
			return 1;
		}
	}
	return 0;
}

int
mask_name_is_secret(const char *name)
{
	static const char *const secrets[] = {
	    "secret", "password", "passwd", "token", "credential", "credentials", NULL};
	static const char *const before_key[] = {"api", "access", "private", "secret", NULL};
	static const char *const key[] = {"key", NULL};
	int after_owner = 0;

	for (const char *word = name; *word != '\0';) {
		size_t len = 1;

		while (word[len] != '\0' && !is_word_break(word[len - 1], word[len])) {
			len++;
		}
		if (word_is(word, len, secrets) || (after_owner && word_is(word, len, key))) {
			return 1;
		}
		after_owner = word_is(word, len, before_key);
		word += len;
		word += *word != '\0' && strchr("_-.:", *word) != NULL;
	}
	return 0;
}

/* ---- values ---- */

static int
add(struct mask *mask, const char *value, size_t len)
{
	if (len < MASK_VALUE_MIN) {
		return 0;
	}
	if (mask->count == MASK_VALUES_MAX) {
		return -1;
	}
	if (mask->values == NULL) {
		mask->values = calloc(MASK_VALUES_MAX, sizeof(*mask->values));
		mask->lens = calloc(MASK_VALUES_MAX, sizeof(*mask->lens));
	}
	char *copy = malloc(len + 1);
	if (mask->values == NULL || mask->lens == NULL || copy == NULL) {
		free(copy);
		return -1;
	}
	memcpy(copy, value, len);
	copy[len] = '\0';

	/* Longest first, so that a value which begins another one does not leave the other's end readable. */
	size_t at = mask->count++;
	for (; at > 0 && mask->lens[at - 1] < len; at--) {
		mask->values[at] = mask->values[at - 1];
		mask->lens[at] = mask->lens[at - 1];
	}
	mask->values[at] = copy;
	mask->lens[at] = len;
	mask->first[(unsigned char)*copy] = 1;
	return 0;
}

int
mask_add(struct mask *mask, const char *value, size_t len)
{
	int bad = add(mask, value, len) < 0;
	size_t line = 0;

	for (size_t i = 0; i <= len && !bad && mask->count < MASK_LINES_MAX; i++) {
		if (i == len ? line > 0 : value[i] == '\n' || value[i] == '\r') {
			bad = add(mask, value + line, i - line) < 0;
			line = i + 1;
		}
	}
	return bad ? -1 : 0;
}

void
mask_release(struct mask *mask)
{
	for (size_t i = 0; i < mask->count; i++) {
		secret_wipe(mask->values[i], mask->lens[i]);
		free(mask->values[i]);
	}
	free(mask->values);
	free(mask->lens);
	*mask = (struct mask){0};
}

/* Length of the value that stands at 'text', or 0. */
static size_t
value_at(const struct mask *mask, const char *text, size_t len)
{
	if (mask == NULL || !mask->first[(unsigned char)*text]) {
		return 0;
	}
	for (size_t i = 0; i < mask->count; i++) {
		if (mask->lens[i] <= len && memcmp(mask->values[i], text, mask->lens[i]) == 0) {
			return mask->lens[i];
		}
	}
	return 0;
}

int
mask_values(const struct mask *mask, const char *text, size_t len, struct buf *out)
{
	size_t clean = 0;
	int found = 0;

	if (mask == NULL || mask->count == 0) {
		return 0;
	}
	for (size_t i = 0; i < len;) {
		size_t hit = value_at(mask, text + i, len - i);

		if (hit == 0) {
			i++;
			continue;
		}
		buf_add(out, text + clean, i - clean);
		buf_adds(out, STARS);
		i += hit;
		clean = i;
		found = 1;
	}
	if (found) {
		buf_add(out, text + clean, len - clean);
	}
	return found;
}

/* ---- patterns ----
 *
 * Each looks at one place in the text and answers how many bytes stay readable ('keep') and how many after them are hidden.
 */

struct hit {
	size_t keep, hide;
};

size_t
mask_begun(const struct mask *mask, const char *text, size_t len)
{
	size_t most = 0;

	for (size_t i = 0; mask != NULL && i < mask->count; i++) {
		size_t n = mask->lens[i] - 1 < len ? mask->lens[i] - 1 : len;

		while (n > most && memcmp(text + len - n, mask->values[i], n) != 0) {
			n--;
		}
		most = n > most ? n : most;
	}
	return most;
}

static int
starts_with(const char *text, size_t len, const char *word)
{
	size_t want = strlen(word);

	return len >= want && strncasecmp(text, word, want) == 0;
}

/* An access-key id: AKIA or ASIA and 16 more capitals and digits, standing alone. */
static int
key_id_at(const char *text, size_t len, int after_word, struct hit *hit)
{
	size_t end = 4;

	if (after_word || len < 20 || (memcmp(text, "AKIA", 4) != 0 && memcmp(text, "ASIA", 4) != 0)) {
		return 0;
	}
	while (end < len && (isupper((unsigned char)text[end]) || isdigit((unsigned char)text[end]))) {
		end++;
	}
	*hit = (struct hit){0, end};
	return end >= 20;
}

/* Steps over what stands between a name and its value: quotes, ':' or '=', blanks. 0 when there is neither ':' nor '='. */
static size_t
skip_to_value(const char *text, size_t len)
{
	size_t at = 0;
	int assigned = 0;

	for (; at < len && strchr("\"' :=", text[at]) != NULL && text[at] != '\0'; at++) {
		assigned |= text[at] == ':' || text[at] == '=';
	}
	return assigned ? at : 0;
}

/* A signed query's or header's secret part; its value ends where a query or a quoted text would. */
static int
amz_at(const char *text, size_t len, struct hit *hit)
{
	static const char *const names[] = {"X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		size_t name = strlen(names[i]);
		size_t gap = starts_with(text, len, names[i]) ? skip_to_value(text + name, len - name) : 0;

		if (gap > 0) {
			size_t end = name + gap;

			while (end < len && strchr("&\"' \t\r\n,;<>", text[end]) == NULL) {
				end++;
			}
			*hit = (struct hit){name + gap, end - name - gap};
			return 1;
		}
	}
	return 0;
}

/* "Authorization: Bearer x": the scheme may have blanks behind it, so everything to the end of the line or quote is hidden. */
static int
authorization_at(const char *text, size_t len, struct hit *hit)
{
	static const char name[] = "Authorization";
	size_t gap = starts_with(text, len, name) ? skip_to_value(text + sizeof(name) - 1, len - sizeof(name) + 1) : 0;
	size_t begin = sizeof(name) - 1 + gap;
	size_t end = begin;

	if (gap == 0) {
		return 0;
	}
	while (end < len && strchr("\"'\r\n", text[end]) == NULL) {
		end++;
	}
	*hit = (struct hit){begin, end - begin};
	return 1;
}

/* "://user:password@": the last '@' before the path begins ends the user part. */
static int
userinfo_at(const char *text, size_t len, struct hit *hit)
{
	size_t end = 3;
	size_t at = 0;

	if (len < 3 || memcmp(text, "://", 3) != 0) {
		return 0;
	}
	for (; end < len && strchr("/?# \t\r\n\"'<>", text[end]) == NULL; end++) {
		at = text[end] == '@' ? end : at;
	}
	if (at == 0) {
		return 0;
	}
	*hit = (struct hit){3, at - 3};
	return 1;
}

static int
pattern_at(const char *text, size_t len, int after_word, struct hit *hit)
{
	switch (*text) {
	case 'A':
		return key_id_at(text, len, after_word, hit) || authorization_at(text, len, hit);
	case 'a':
		return authorization_at(text, len, hit);
	case 'X':
	case 'x':
		return amz_at(text, len, hit);
	case ':':
		return userinfo_at(text, len, hit);
	default:
		return 0;
	}
}

void
mask_text(const struct mask *mask, const char *text, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len;) {
		int after_word = i > 0 && isalnum((unsigned char)text[i - 1]);
		struct hit hit = {0, value_at(mask, text + i, len - i)};

		if (hit.hide == 0 && !pattern_at(text + i, len - i, after_word, &hit)) {
			buf_addc(out, text[i++]);
			continue;
		}
		buf_add(out, text + i, hit.keep);
		buf_adds(out, hit.hide > 0 ? STARS : "");
		i += hit.keep + hit.hide;
	}
}

/* ---- the job's one mask ---- */

static const struct mask *global_mask;

void
mask_set_global(const struct mask *mask)
{
	global_mask = mask;
}

const struct mask *
mask_global(void)
{
	return global_mask;
}
