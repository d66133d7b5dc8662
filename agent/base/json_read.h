/*
 * Reads one JSON document (RFC 8259) from memory. jsmn finds the tokens; the checker on top of it adds what jsmn leaves open: the
 * whole grammar, one document and nothing behind it, depth, valid UTF-8, valid escapes, and no key twice in an object.
 *
 * Invariants: the document borrows 'text' until json_release; a value is an index, 0 is the root; strings are decoded on request.
 */
#ifndef TRAIN_BASE_JSON_READ_H
#define TRAIN_BASE_JSON_READ_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
	const char *text;
	size_t len;
	struct json_token *tokens;
	int count;
};

/* A value is an index into the document, 0 is the root, and JSON_NONE stands for "no such value": taking it gives JSON_NULL, NULL, 0. */
enum { JSON_NONE = -1 };

/* Parses 'len' bytes. 'name' is what messages call the document: "'hyperparameters.json:3:14': expected a comma". 0, or -1 with
 * 'err' of kind ERR_SETTINGS. A UTF-8 byte order mark in front is skipped. */
MUST_CHECK int json_parse(struct json *json, const char *text, size_t len, const char *name, struct err *err);
void json_release(struct json *json);
#define CLEAN_JSON CLEANUP(json_release) struct json

enum json_type json_type(const struct json *json, int value);

/* Number of elements or members. */
int json_size(const struct json *json, int value);

/* The member called 'key', or -1. */
int json_member(const struct json *json, int object, const char *key);

/* Walks an array or object: json_first gives the first child or -1, json_next the one after 'value' or -1. In an object children
 * are the keys; json_of_key gives a key's value. */
int json_first(const struct json *json, int parent);
int json_next(const struct json *json, int parent, int child);
int json_of_key(const struct json *json, int key);

/*
 * A string, decoded, zero-terminated, to be freed by the caller; NULL when it is no string, memory was refused, or it holds \u0000
 * ('len' may be NULL). A key is a string too.
 */
char *json_string(const struct json *json, int value, size_t *len);

/* 1 when it is a string equal to 'text'. */
int json_equals(const struct json *json, int value, const char *text);

/* The value as it stands in the document, quotes included; borrowed. */
const char *json_raw(const struct json *json, int value, size_t *len);

/* A whole number that fits, else -1 and '*out' untouched. */
MUST_CHECK int json_int(const struct json *json, int value, int64_t *out);
MUST_CHECK int json_double(const struct json *json, int value, double *out);

/* 1, 0, or -1 when it is no boolean. */
int json_bool(const struct json *json, int value);

/* Line and column from 1 (column in bytes) of where a value begins. */
void json_place(const struct json *json, int value, int *line, int *column);

#endif
