/*
 * A growable run of bytes with a ceiling given at birth: what does not fit is an error of the caller's, never a larger allocation.
 *
 * Invariants: 'data' is always followed by a zero byte once something was added, so text can be handed to C calls; 'len' does not
 * count it. A zeroed struct buf is a released one. Not for secrets: use struct secret.
 */
#ifndef TRAIN_BASE_BUF_H
#define TRAIN_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>

#include "base/attr.h"

struct buf {
	char *data;
	size_t len;
	size_t cap;
	size_t max; /* bytes that may ever be held */
	int full;   /* 1 once something did not fit or memory was refused: sticky, checked once at the end */
};

void buf_init(struct buf *buf, size_t max);
void buf_release(struct buf *buf);
#define CLEAN_BUF CLEANUP(buf_release) struct buf

/* Appends all of it or nothing. 0, or -1 when the ceiling was hit or memory was refused ('full' is then set). */
int buf_add(struct buf *buf, const void *bytes, size_t len);
int buf_adds(struct buf *buf, const char *text);
int buf_addc(struct buf *buf, char c);
int buf_printf(struct buf *buf, const char *fmt, ...) PRINTF_LIKE(2, 3);
int buf_vprintf(struct buf *buf, const char *fmt, va_list args);

/* The text, never NULL; borrowed until the next change. */
const char *buf_text(const struct buf *buf);

/* Makes it empty and keeps the memory. */
void buf_reset(struct buf *buf);

/* Hands the memory to the caller (free it with free) and leaves an empty buffer; NULL when nothing was ever added or it is full. */
char *buf_take(struct buf *buf);

#endif
