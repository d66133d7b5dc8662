#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
buf_init(struct buf *buf, size_t max)
{
	memset(buf, 0, sizeof(*buf));
	buf->max = max;
}

void
buf_release(struct buf *buf)
{
	free(buf->data);
	memset(buf, 0, sizeof(*buf));
}

/* Room for 'more' bytes and the zero behind them. */
static int
reserve(struct buf *buf, size_t more)
{
	size_t cap = buf->cap;
	char *data;

	if (buf->full || more > buf->max - buf->len) {
		buf->full = 1;
		return -1;
	}
	if (buf->len + more + 1 <= cap) {
		return 0;
	}
	cap = cap < 64 ? 64 : cap * 2;
	if (cap < buf->len + more + 1) {
		cap = buf->len + more + 1;
	}
	if (cap > buf->max + 1) {
		cap = buf->max + 1;
	}
	data = realloc(buf->data, cap);
	if (data == NULL) {
		buf->full = 1;
		return -1;
	}
	buf->data = data;
	buf->cap = cap;
	return 0;
}

int
buf_add(struct buf *buf, const void *bytes, size_t len)
{
	if (reserve(buf, len) < 0) {
		return -1;
	}
	if (len > 0) {
		memcpy(buf->data + buf->len, bytes, len);
	}
	buf->len += len;
	buf->data[buf->len] = '\0';
	return 0;
}

int
buf_adds(struct buf *buf, const char *text)
{
	return buf_add(buf, text, strlen(text));
}

int
buf_addc(struct buf *buf, char c)
{
	return buf_add(buf, &c, 1);
}

int
buf_vprintf(struct buf *buf, const char *fmt, va_list args)
{
	va_list again;
	int len;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (len < 0 || reserve(buf, (size_t)len) < 0) {
		buf->full = 1;
		return -1;
	}
	(void)vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, args);
	buf->len += (size_t)len;
	return 0;
}

int
buf_printf(struct buf *buf, const char *fmt, ...)
{
	va_list args;
	int result;

	va_start(args, fmt);
	result = buf_vprintf(buf, fmt, args);
	va_end(args);
	return result;
}

const char *
buf_text(const struct buf *buf)
{
	return buf->data == NULL ? "" : buf->data;
}

void
buf_reset(struct buf *buf)
{
	buf->len = 0;
	buf->full = 0;
	if (buf->data != NULL) {
		buf->data[0] = '\0';
	}
}

char *
buf_take(struct buf *buf)
{
	char *data = buf->full ? NULL : buf->data;

	if (data == NULL) {
		free(buf->data);
	}
	buf->data = NULL;
	buf->len = 0;
	buf->cap = 0;
	buf->full = 0;
	return data;
}
