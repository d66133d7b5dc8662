/*
 * A copy of an archive for the cache, made of the bytes that pass on their way to the unpacker: a source in between, which writes beside what it hands on.
 *
 * Invariants: the bytes pass whatever becomes of the copy: a write that fails, or that the cache has no room for, ends the copy alone, and gives its bytes
 * back at once. The copy lies under a name of its own, locked, until cache_copy_keep renames it; else it is removed, by us or by whoever comes after a kill.
 */
#ifndef TRAIN_FILES_CACHE_COPY_H
#define TRAIN_FILES_CACHE_COPY_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/stream.h"
#include "files/cache.h"

struct cache_copy {
	const struct cache *cache; /* NULL: there is no copy */
	struct source from;
	int fd;
	char name[CACHE_NAME_MAX], part[CACHE_NAME_MAX];
	int64_t bytes, measured;
	struct err trouble; /* why it was given up; ERR_NONE: it was not */
};

/* Begins the copy of an archive of 'size' bytes (0: nobody knows) that must have this digest. Borrows 'cache'. -1 with 'err', and there is no copy. */
MUST_CHECK int cache_copy_begin(
    struct cache_copy *copy, const struct cache *cache, const char *digest, int64_t size, struct err *err);

/* What passes. Borrows 'from'; may be read by another thread than the one that begins and ends. */
struct source cache_copy_source(struct cache_copy *copy, const struct source *from);

/* Makes it an entry: whoever calls has read all bytes and proved their digest. -1 with 'err': it is none. */
MUST_CHECK int cache_copy_keep(struct cache_copy *copy, struct err *err);

/* Removes what was not kept. Safe on a zeroed one. */
void cache_copy_end(struct cache_copy *copy);
#define CLEAN_CACHE_COPY CLEANUP(cache_copy_end) struct cache_copy

#endif
