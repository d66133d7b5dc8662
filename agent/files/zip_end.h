/*
 * Where a zip's central directory lies, by the records at the file's end. Every reader must find the same one: what some take for the end record and others do
 * not is refused. Format by PKWARE's APPNOTE 6.3, sections 4.3.14 to 4.3.16.
 */
#ifndef TRAIN_FILES_ZIP_END_H
#define TRAIN_FILES_ZIP_END_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

enum {
	ZIP_END_SEARCH = 65557,      /* the end record and the longest comment behind it */
	ZIP_DIRECTORY_MAX = 1 << 28, /* 2,000,000 entries of 130 bytes */
};

struct zip_file {
	int fd; /* borrowed, seekable */
	int64_t size;
	int64_t shift; /* what must be added to offsets: bytes that were put in front of the zip */
	int64_t directory_at, directory_bytes, entries;
};

/* Fills all but 'fd' and 'size', which are given. 0, or -1 with ERR_ARCHIVE, ERR_IO, ERR_SYSTEM. */
MUST_CHECK int zip_end_find(struct zip_file *zip, struct err *err);

/* Reads exactly these bytes of the file. -1 with ERR_ARCHIVE when they lie outside of it, or with ERR_IO. */
MUST_CHECK int zip_read_at(const struct zip_file *zip, void *bytes, size_t len, int64_t at, struct err *err);

/* A number of 'count' bytes, the low one first. */
uint64_t zip_number(const unsigned char *bytes, int count);

#endif
