#include "base/json_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define JSMN_STATIC
#define JSMN_PARENT_LINKS
#include <jsmn.h>

#include "base/json_check.h"
#include "base/limits.h"

enum { NUMBER_BYTES_MAX = 128 /* longer numbers exist only to hurt: no double needs more than 17 digits */ };

struct json_token {
	enum json_type type;
	int start, end; /* of the content: a string's quotes are outside */
	int size;
	int after; /* the first token that is not below this one */
};

struct key {
	const char *text;
	size_t len;
	int token;
};

static void
place_of(const char *text, size_t at, int *line, int *column)
{
	*line = 1;
	*column = 1;
	for (size_t i = 0; i < at; i++) {
		*column = text[i] == '\n' ? 1 : *column + 1;
		*line += text[i] == '\n';
	}
}

static int
fail_at(const struct json *json, const char *name, size_t at, struct err *err, const char *what)
{
	int line = 0;
	int column = 0;

	place_of(json->text, at, &line, &column);
	return err_set(err, ERR_SETTINGS, 0, "'%s:%d:%d': %s", name, line, column, what);
}

static enum json_type
type_of(const struct json *json, const jsmntok_t *token)
{
	switch (token->type) {
	case JSMN_OBJECT:
		return JSON_OBJECT;
	case JSMN_ARRAY:
		return JSON_ARRAY;
	case JSMN_STRING:
		return JSON_STRING;
	case JSMN_PRIMITIVE:
	case JSMN_UNDEFINED:
	default:
		break;
	}
	switch (json->text[token->start]) {
	case 't':
	case 'f':
		return JSON_BOOL;
	case 'n':
		return JSON_NULL;
	default:
		return JSON_NUMBER;
	}
}

/* Takes jsmn's tokens over into ours, which know where their subtree ends: the next sibling is then one look away. */
static void
convert(struct json *json, const jsmntok_t *from)
{
	for (int i = 0; i < json->count; i++) {
		json->tokens[i] = (struct json_token){.type = type_of(json, &from[i]),
		    .start = from[i].start,
		    .end = from[i].end,
		    .size = from[i].size,
		    .after = i + 1};
	}
	for (int i = json->count - 1; i > 0; i--) {
		struct json_token *parent = &json->tokens[from[i].parent];

		if (parent->after < json->tokens[i].after) {
			parent->after = json->tokens[i].after;
		}
	}
}

/* jsmn with the exact room it asks for. The text has passed the checker, so it cannot fail but for its size. */
static int
tokenize(struct json *json, const char *name, struct err *err)
{
	jsmn_parser parser;

	jsmn_init(&parser);
	json->count = jsmn_parse(&parser, json->text, json->len, NULL, 0);
	if (json->count < 1 || json->count > JSON_TOKENS_MAX) {
		return err_set(err, ERR_SETTINGS, 0, "'%s': more than %d values", name, (int)JSON_TOKENS_MAX);
	}
	jsmntok_t *raw = calloc((size_t)json->count, sizeof(*raw));
	json->tokens = calloc((size_t)json->count, sizeof(*json->tokens));
	if (raw == NULL || json->tokens == NULL) {
		free(raw);
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot read '%s'", name);
	}
	jsmn_init(&parser);
	int found = jsmn_parse(&parser, json->text, json->len, raw, (unsigned)json->count);
	if (found == json->count) {
		convert(json, raw);
	}
	free(raw);
	return found == json->count ? 0
	                            : err_set(err, ERR_BUG, 0, "'%s': the tokenizer disagrees with the checker", name);
}

static unsigned
hex4(const char *digits)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++) {
		char c = digits[i];

		value = value * 16 + (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return value;
}

static size_t
put_utf8(char *to, unsigned c)
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	size_t bytes = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = bytes - 1; i > 0; i--) {
		to[i] = (char)(0x80 | (c & 0x3f));
		c >>= 6;
	}
	to[0] = (char)((0xf00U >> bytes & 0xf0U) | c);
	return bytes;
}

/* Decodes one escape at 'from' (checked before) into 'to'; returns how many bytes it took. */
static size_t
unescape(const char *from, char *to, size_t *made)
{
	static const char letters[] = "\"\\/bfnrt";
	static const char bytes[] = "\"\\/\b\f\n\r\t";

	if (from[1] != 'u') {
		*to = bytes[strchr(letters, from[1]) - letters];
		*made = 1;
		return 2;
	}
	unsigned c = hex4(from + 2);
	if (c < 0xd800 || c > 0xdbff) {
		*made = put_utf8(to, c);
		return 6;
	}
	*made = put_utf8(to, 0x10000 + ((c - 0xd800) << 10) + (hex4(from + 8) - 0xdc00));
	return 12;
}

/* Decodes a string's content; what comes out is never longer than what went in. */
static size_t
decode(const char *from, size_t len, char *to)
{
	size_t out = 0;

	for (size_t i = 0; i < len;) {
		size_t made = 1;

		if (from[i] == '\\') {
			i += unescape(from + i, to + out, &made);
		} else {
			to[out] = from[i++];
		}
		out += made;
	}
	return out;
}

static int
compare_keys(const void *a, const void *b)
{
	const struct key *x = a;
	const struct key *y = b;
	size_t shorter = x->len < y->len ? x->len : y->len;
	int order = shorter > 0 ? memcmp(x->text, y->text, shorter) : 0;

	if (order != 0) {
		return order;
	}
	if (x->len != y->len) {
		return x->len < y->len ? -1 : 1;
	}
	return x->token - y->token;
}

/* Two readers of one document may each believe another value of a key given twice: refused. 'keys' and 'arena' are scratch. */
static int
check_keys(const struct json *json, int object, struct key *keys, char *arena, const char *name, struct err *err)
{
	size_t count = 0;

	for (int key = json_first(json, object); key >= 0; key = json_next(json, object, key)) {
		const struct json_token *token = &json->tokens[key];
		size_t len = (size_t)(token->end - token->start);

		keys[count] = (struct key){json->text + token->start, len, key};
		if (memchr(keys[count].text, '\\', len) != NULL) {
			keys[count].len = decode(keys[count].text, len, arena);
			keys[count].text = arena;
			arena += len;
		}
		count++;
	}
	qsort(keys, count, sizeof(*keys), compare_keys);
	for (size_t i = 1; i < count; i++) {
		if (keys[i].len == keys[i - 1].len && memcmp(keys[i].text, keys[i - 1].text, keys[i].len) == 0) {
			return fail_at(json, name, (size_t)json->tokens[keys[i].token].start - 1, err,
			    "this key stands here twice");
		}
	}
	return 0;
}

static int
check_all_keys(const struct json *json, const char *name, struct err *err)
{
	struct key *keys = calloc((size_t)json->count, sizeof(*keys));
	char *arena = malloc(json->len + 1);
	int result = keys != NULL && arena != NULL ? 0 : err_set(err, ERR_SYSTEM, ENOMEM, "cannot read '%s'", name);

	for (int i = 0; i < json->count && result == 0; i++) {
		if (json->tokens[i].type == JSON_OBJECT) {
			result = check_keys(json, i, keys, arena, name, err);
		}
	}
	free(keys);
	free(arena);
	return result;
}

int
json_parse(struct json *json, const char *text, size_t len, const char *name, struct err *err)
{
	size_t at = 0;
	const char *what = NULL;

	*json = (struct json){.text = text, .len = len};
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		json->text += 3;
		json->len -= 3;
	}
	if (json->len > CONFIG_FILE_MAX) {
		return err_set(err, ERR_SETTINGS, 0, "'%s' is longer than %d bytes", name, (int)CONFIG_FILE_MAX);
	}
	if (json_check(json->text, json->len, &at, &what) < 0) {
		return fail_at(json, name, at, err, what);
	}
	if (tokenize(json, name, err) < 0 || check_all_keys(json, name, err) < 0) {
		json_release(json);
		return -1;
	}
	return 0;
}

void
json_release(struct json *json)
{
	free(json->tokens);
	*json = (struct json){0};
}

/* NULL for JSON_NONE and for anything that is no index. */
static const struct json_token *
token_of(const struct json *json, int value)
{
	return value >= 0 && value < json->count ? &json->tokens[value] : NULL;
}

enum json_type
json_type(const struct json *json, int value)
{
	const struct json_token *token = token_of(json, value);

	return token != NULL ? token->type : JSON_NULL;
}

int
json_size(const struct json *json, int value)
{
	const struct json_token *token = token_of(json, value);

	return token != NULL && (token->type == JSON_ARRAY || token->type == JSON_OBJECT) ? token->size : 0;
}

int
json_first(const struct json *json, int parent)
{
	return json_size(json, parent) > 0 ? parent + 1 : JSON_NONE;
}

int
json_next(const struct json *json, int parent, int child)
{
	const struct json_token *around = token_of(json, parent);
	const struct json_token *token = token_of(json, child);

	return around != NULL && token != NULL && token->after < around->after ? token->after : JSON_NONE;
}

int
json_of_key(const struct json *json, int key)
{
	const struct json_token *token = token_of(json, key);

	return token != NULL && token->size == 1 && key + 1 < json->count ? key + 1 : JSON_NONE;
}

int
json_member(const struct json *json, int object, const char *key)
{
	if (json_type(json, object) != JSON_OBJECT) {
		return JSON_NONE;
	}
	for (int i = json_first(json, object); i >= 0; i = json_next(json, object, i)) {
		if (json_equals(json, i, key)) {
			return json_of_key(json, i);
		}
	}
	return JSON_NONE;
}

char *
json_string(const struct json *json, int value, size_t *len)
{
	const struct json_token *token = token_of(json, value);

	if (token == NULL || token->type != JSON_STRING) {
		return NULL;
	}
	size_t raw = (size_t)(token->end - token->start);
	char *text = malloc(raw + 1);
	if (text == NULL) {
		return NULL;
	}
	size_t made = decode(json->text + token->start, raw, text);
	text[made] = '\0';
	if (memchr(text, '\0', made) != NULL) {
		free(text);
		return NULL;
	}
	if (len != NULL) {
		*len = made;
	}
	return text;
}

int
json_equals(const struct json *json, int value, const char *text)
{
	const struct json_token *token = token_of(json, value);

	if (token == NULL || token->type != JSON_STRING) {
		return 0;
	}
	const char *from = json->text + token->start;
	size_t len = (size_t)(token->end - token->start);
	while (len > 0) {
		char piece[4];
		size_t made = 1;
		size_t took = 1;

		if (*from == '\\') {
			took = unescape(from, piece, &made);
		} else {
			piece[0] = *from;
		}
		if (strncmp(text, piece, made) != 0 || piece[0] == '\0') {
			return 0;
		}
		from += took;
		len -= took;
		text += made;
	}
	return *text == '\0';
}

const char *
json_raw(const struct json *json, int value, size_t *len)
{
	const struct json_token *token = token_of(json, value);

	if (token == NULL) {
		*len = 0;
		return NULL;
	}
	int quote = token->type == JSON_STRING;
	*len = (size_t)(token->end - token->start + 2 * quote);
	return json->text + token->start - quote;
}

/* A number's text with a zero behind it, for strtoll and strtod. */
static int
number_text(const struct json *json, int value, char out[NUMBER_BYTES_MAX])
{
	size_t len = 0;
	const char *raw = json_raw(json, value, &len);

	if (json_type(json, value) != JSON_NUMBER || len >= NUMBER_BYTES_MAX) {
		return -1;
	}
	memcpy(out, raw, len);
	out[len] = '\0';
	return 0;
}

int
json_int(const struct json *json, int value, int64_t *out)
{
	char text[NUMBER_BYTES_MAX];
	char *end = NULL;

	if (number_text(json, value, text) < 0) {
		return -1;
	}
	errno = 0;
	long long number = strtoll(text, &end, 10);
	if (errno != 0 || *end != '\0') {
		return -1;
	}
	*out = number;
	return 0;
}

int
json_double(const struct json *json, int value, double *out)
{
	char text[NUMBER_BYTES_MAX];

	if (number_text(json, value, text) < 0) {
		return -1;
	}
	*out = strtod(text, NULL);
	return 0;
}

int
json_bool(const struct json *json, int value)
{
	const struct json_token *token = token_of(json, value);

	return token != NULL && token->type == JSON_BOOL ? json->text[token->start] == 't' : -1;
}

void
json_place(const struct json *json, int value, int *line, int *column)
{
	const struct json_token *token = token_of(json, value);

	place_of(json->text, token != NULL ? (size_t)(token->start - (token->type == JSON_STRING)) : 0, line, column);
}
