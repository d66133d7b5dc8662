#include "files/zip_end.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { END_BYTES = 22, LOCATOR64_BYTES = 20, END64_BYTES = 56, FULL16 = 0xffff };

#define FULL32 0xffffffffU

uint64_t
zip_number(const unsigned char *bytes, int count)
{
	uint64_t value = 0;

	while (count-- > 0) {
		value = value << 8 | bytes[count];
	}
	return value;
}

int
zip_read_at(const struct zip_file *zip, void *bytes, size_t len, int64_t at, struct err *err)
{
	char *to = bytes;

	if (at < 0 || at > zip->size || (int64_t)len > zip->size - at) {
		return err_set(err, ERR_ARCHIVE, 0, "the zip is cut or damaged: a header lies outside of it");
	}
	while (len > 0) {
		ssize_t n = pread(zip->fd, to, len, at);

		if (n < 0 && errno != EINTR) {
			return err_set(err, ERR_IO, errno, "cannot read the spooled zip");
		}
		if (n == 0) {
			return err_set(err, ERR_IO, 0, "the spooled zip became shorter");
		}
		n = n < 0 ? 0 : n;
		to += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static int
damaged(const char *what, struct err *err)
{
	return err_set(err, ERR_ARCHIVE, 0, "the zip's %s is damaged", what);
}

/* The last place that looks like an end record. -1 when there is none. */
static int64_t
last_record(const unsigned char *tail, size_t len)
{
	for (size_t i = len >= END_BYTES ? len - END_BYTES + 1 : 0; i-- > 0;) {
		if (memcmp(tail + i, "PK\x05\x06", 4) == 0) {
			return (int64_t)i;
		}
	}
	return -1;
}

/* With the 64-bit records, which lie just in front of the end record; what it tells itself must be the same or nothing. */
static int
read_end64(struct zip_file *zip, const unsigned char *end, int64_t locator_at, struct err *err)
{
	unsigned char locator[LOCATOR64_BYTES];
	unsigned char end64[END64_BYTES];
	int64_t at = locator_at - END64_BYTES;

	if (zip_read_at(zip, locator, sizeof(locator), locator_at, err) < 0 ||
	    zip_read_at(zip, end64, sizeof(end64), at, err) < 0) {
		return -1;
	}
	uint64_t entries = zip_number(end64 + 32, 8);
	uint64_t bytes = zip_number(end64 + 40, 8);
	uint64_t offset = zip_number(end64 + 48, 8);
	/* Readers follow the locator without asking what stands in front: with a shift they would read elsewhere. */
	if (memcmp(end64, "PK\x06\x06", 4) != 0 || zip_number(end64 + 4, 8) != END64_BYTES - 12 ||
	    zip_number(locator + 8, 8) != (uint64_t)at) {
		return err_set(err, ERR_ARCHIVE, 0, "the zip64 end record is not in its place: the zip is damaged%s",
		    memcmp(end64, "PK\x06\x06", 4) == 0 ? ", or something was put in front of it" : "");
	}
	if (zip_number(locator + 16, 4) > 1 || zip_number(end64 + 24, 8) != entries ||
	    (zip_number(end + 10, 2) != FULL16 && zip_number(end + 10, 2) != entries) ||
	    (zip_number(end + 12, 4) != FULL32 && zip_number(end + 12, 4) != bytes) ||
	    (zip_number(end + 16, 4) != FULL32 && zip_number(end + 16, 4) != offset) || bytes > ZIP_DIRECTORY_MAX ||
	    offset != (uint64_t)at - bytes) {
		return damaged("zip64 end record", err);
	}
	zip->entries = (int64_t)(entries & INT64_MAX);
	zip->directory_bytes = (int64_t)bytes;
	zip->directory_at = (int64_t)offset;
	return 0;
}

static int
read_end(struct zip_file *zip, const unsigned char *end, int64_t end_at, struct err *err)
{
	int64_t locator_at = end_at - LOCATOR64_BYTES;
	unsigned char magic[4] = {0};

	if (zip_number(end + 4, 4) != 0 || zip_number(end + 8, 2) != zip_number(end + 10, 2)) {
		return err_set(err, ERR_ARCHIVE, 0, "the zip is one part of several");
	}
	if (locator_at >= 0 && zip_read_at(zip, magic, sizeof(magic), locator_at, err) < 0) {
		return -1;
	}
	if (memcmp(magic, "PK\x06\x07", 4) == 0) {
		return read_end64(zip, end, locator_at, err);
	}
	zip->entries = (int64_t)zip_number(end + 10, 2);
	zip->directory_bytes = (int64_t)zip_number(end + 12, 4);
	zip->directory_at = end_at - zip->directory_bytes;
	zip->shift = zip->directory_at - (int64_t)zip_number(end + 16, 4);
	if (zip->directory_bytes > ZIP_DIRECTORY_MAX || zip->directory_at < 0 || zip->shift < 0) {
		return damaged("end record", err);
	}
	return 0;
}

int
zip_end_find(struct zip_file *zip, struct err *err)
{
	size_t len = zip->size < ZIP_END_SEARCH ? (size_t)zip->size : ZIP_END_SEARCH;
	int64_t tail_at = zip->size - (int64_t)len;
	unsigned char *tail = malloc(len + 1);
	int result = -1;

	if (tail == NULL) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot read the zip");
	}
	if (zip_read_at(zip, tail, len, tail_at, err) == 0) {
		int64_t at = last_record(tail, len);

		/* Its comment must end with the file: else some readers would look for another record further in front. */
		if (at < 0 || at + END_BYTES + (int64_t)zip_number(tail + at + 20, 2) != (int64_t)len) {
			result = err_set(err, ERR_ARCHIVE, 0,
			    "the zip has no end record at its end: it is cut, or something was added behind it");
		} else {
			result = read_end(zip, tail + at, tail_at + at, err);
		}
	}
	free(tail);
	return result;
}
