/*
 * A window into text, and the lines of a text as such windows. Plain values, nothing is owned.
 */
#ifndef TRAIN_REPORT_SPAN_H
#define TRAIN_REPORT_SPAN_H

#include <stddef.h>

#include "base/buf.h"

struct span {
	const char *at; /* NULL: none */
	size_t len;
};

/* The line that begins at 'at', without its newline: the next one begins at + len + 1. */
struct span span_line(const struct buf *text, size_t at);

/* Without blanks at both ends. */
struct span span_trimmed(struct span line);

/* Where 'words' stand in it; NULL where they do not. */
const char *span_find(struct span line, const char *words);

/* The text behind the zero that ends 'words': the next of several in one. */
const char *span_next(const char *words);

int span_starts(struct span line, const char *words);

#endif
