/*
 * The doors between rooms. A source is pulled, so a slow eater slows the sender without a buffer growing anywhere; a sink is pushed.
 * Who makes one keeps its storage ('self') and closes it; the struct itself is copied freely.
 */
#ifndef TRAIN_BASE_STREAM_H
#define TRAIN_BASE_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"

struct source {
	/* Up to 'len' bytes into 'bytes': the count (above 0), 0 at the end, -1 with 'err'. After 0 or -1 it is not called again. */
	ssize_t (*read)(void *self, void *bytes, size_t len, struct err *err);

	/*
	 * The same without copying, where the source has the bytes in memory anyway: '*bytes' is borrowed until the next call of either. NULL: it
	 * has not; source_lend serves both.
	 */
	ssize_t (*lend)(void *self, const void **bytes, struct err *err);
	void *self;
};

struct sink {
	/* All of it, or -1 with 'err'. */
	int (*write)(void *self, const void *bytes, size_t len, struct err *err);
	void *self;
};

static inline ssize_t
source_read(const struct source *src, void *bytes, size_t len, struct err *err)
{
	return src->read(src->self, bytes, len, err);
}

static inline int
sink_write(const struct sink *sink, const void *bytes, size_t len, struct err *err)
{
	return sink->write(sink->self, bytes, len, err);
}

/* Some bytes, lent by the source or read into 'scratch' (of 'room' bytes): the count, 0 at the end, -1 with 'err'. */
static inline ssize_t
source_lend(const struct source *src, void *scratch, size_t room, const void **bytes, struct err *err)
{
	if (src->lend != NULL) {
		return src->lend(src->self, bytes, err);
	}
	*bytes = scratch;
	return src->read(src->self, scratch, room, err);
}

/* Bytes of memory as a source, for tests and small documents. 'mem' borrows 'bytes'. */
struct mem_source {
	const unsigned char *bytes;
	size_t left;
};
struct source mem_source_init(struct mem_source *mem, const void *bytes, size_t len);

/* A descriptor as a source; borrows it. 'name' is for messages. */
struct fd_source {
	int fd;
	const char *name;
};
struct source fd_source_init(struct fd_source *src, int fd, const char *name);

/* Fills 'bytes' as far as the source goes: the count, less than 'len' only at the end; or -1. */
MUST_CHECK ssize_t source_read_full(const struct source *src, void *bytes, size_t len, struct err *err);

#endif
