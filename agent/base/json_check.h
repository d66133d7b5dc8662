/*
 * Is this text JSON (RFC 8259)? jsmn only cuts text into tokens; this decides whether they may stand like that. Only
 * base/json_read.c calls it.
 */
#ifndef TRAIN_BASE_JSON_CHECK_H
#define TRAIN_BASE_JSON_CHECK_H

#include <stddef.h>

#include "base/attr.h"

/* 0 for one whole document of valid UTF-8, at most JSON_DEPTH_MAX deep; else -1, the byte where it goes wrong and what is wrong. */
MUST_CHECK int json_check(const char *text, size_t len, size_t *at, const char **what);

#endif
