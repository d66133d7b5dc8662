/*
 * One member of a zip, told twice: in the central directory and in front of its data. Both must say the same, and what libarchive does not prove of the data is
 * proved here. Format by PKWARE's APPNOTE 6.3, sections 4.3.7 to 4.3.12.
 */
#ifndef TRAIN_FILES_ZIP_MEMBER_H
#define TRAIN_FILES_ZIP_MEMBER_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "files/zip_end.h"

enum { ZIP_CENTRAL_BYTES = 46 /* of a central header at least */, ZIP_NAME_MAX = 4096 };

struct zip_member {
	int64_t number; /* in the directory, from 1 */
	const unsigned char *name, *extra;
	size_t name_len, extra_len;
	unsigned made_by, flags, method;
	uint32_t crc, attributes;
	uint64_t packed, plain, offset;
	int64_t begins, ends; /* in the file, from its local header to what stands behind its data */
};

/* The member whose central header begins at '*at' of the directory's bytes (borrowed by 'member'); '*at' moves behind it. -1 with ERR_ARCHIVE. */
MUST_CHECK int zip_member_next(
    const unsigned char *directory, size_t len, size_t *at, struct zip_member *member, struct err *err);

/* Its two headers, what stands behind its data, its kind, the checksum of a link's target. -1 with ERR_ARCHIVE, ERR_IO, ERR_SYSTEM. */
MUST_CHECK int zip_member_check(const struct zip_file *zip, struct zip_member *member, struct err *err);

/* "entry N 'name': why" as ERR_ARCHIVE. Returns -1. */
int zip_member_refuse(const struct zip_member *member, const char *why, struct err *err);

#endif
