/*
 * Writes JSON into a struct buf. The writer keeps commas, nesting and escapes; the caller keeps the order.
 *
 * Strings come out as valid UTF-8 whatever went in (a wrong byte becomes U+FFFD), control characters as \uXXXX. Numbers that JSON
 * cannot say (NaN, infinity) come out as null. Overflow is sticky in the buffer: check buf->full once at the end.
 */
#ifndef TRAIN_BASE_JSON_WRITE_H
#define TRAIN_BASE_JSON_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/limits.h"

struct json_writer {
	struct buf *out;
	int indent; /* spaces a level, 0 for one line */
	int depth;
	unsigned char first[JSON_DEPTH_MAX]; /* nothing written yet at this depth */
	int after_key;
};

void json_writer_init(struct json_writer *writer, struct buf *out, int indent);

/* 'key' is NULL inside arrays and at the root. */
void json_open_object(struct json_writer *writer, const char *key);
void json_close_object(struct json_writer *writer);
void json_open_array(struct json_writer *writer, const char *key);
void json_close_array(struct json_writer *writer);
void json_add_string(struct json_writer *writer, const char *key, const char *text); /* NULL text writes null */
void json_add_bytes(struct json_writer *writer, const char *key, const char *text, size_t len);
void json_add_int(struct json_writer *writer, const char *key, int64_t number);
void json_add_double(
    struct json_writer *writer, const char *key, double number); /* shortest text that reads back the same */
void json_add_bool(struct json_writer *writer, const char *key, int truth);
void json_add_null(struct json_writer *writer, const char *key);
void json_add_raw(struct json_writer *writer, const char *key, const char *json, size_t len); /* already valid JSON */

/* Shortest decimal text that reads back as the same double; always a digit after the sign; 'out' has 32 bytes. */
enum { NUMBER_TEXT = 32 };
void number_format(char out[NUMBER_TEXT], double number);

#endif
