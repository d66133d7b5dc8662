/*
 * The header lines of one request, which hold keys: each is wiped before it is freed.
 */
#ifndef TRAIN_NET_LINES_H
#define TRAIN_NET_LINES_H

#include <stddef.h>

#include "base/attr.h"

enum { LINES_MAX = 32 }; /* the same as HTTP_HEADERS_MAX; we send about ten */

/* A zeroed one is empty. */
struct lines {
	char *list[LINES_MAX + 1]; /* ended by NULL, as http_request wants it */
	size_t count;
	int failed; /* one did not fit, or memory was refused: sticky, checked once */
};

/* Adds "name: value". A value that holds a line end fails: it would forge a header. */
void lines_add(struct lines *lines, const char *name, const char *value);

void lines_release(struct lines *lines);
#define CLEAN_LINES CLEANUP(lines_release) struct lines

#endif
