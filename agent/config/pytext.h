/*
 * JSON values in the spelling of SageMaker's training toolkit, which is Python's (C§11): jobs that swap the toolkit for us must see
 * the same bytes in their arguments and variables.
 */
#ifndef TRAIN_CONFIG_PYTEXT_H
#define TRAIN_CONFIG_PYTEXT_H

#include "base/buf.h"
#include "base/json_read.h"

/* As json.dumps(sort_keys, separators=(",", ":")) writes it: keys sorted, no blanks, everything beyond ASCII as \uXXXX. */
void pytext_json(const struct json *json, int value, struct buf *out);

/* A string in that spelling, quotes included. Bytes that are no UTF-8 count as Latin-1. */
void pytext_string(const char *text, size_t len, struct buf *out);

/* A member's key in that spelling, with a comma in front where another member stands before it. */
void pytext_key(const char *key, struct buf *out);

/* A list of strings, ended by NULL; NULL is an empty one. */
void pytext_words(char *const *words, struct buf *out);

/* As a variable's value: a string's own text, "" for null, everything else as pytext_json. */
void pytext_variable(const struct json *json, int value, struct buf *out);

/*
 * As an argument: a string's own text, "" for null, True and False, numbers as Python prints them, a list as its repr, an object as
 * "key=value,key=value" sorted by key.
 */
void pytext_argument(const struct json *json, int value, struct buf *out);

#endif
