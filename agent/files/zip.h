/*
 * What libarchive does not prove about a zip: that its central directory and its local headers tell the same story, so that every reader
 * sees the same archive (product §5). Format by PKWARE's APPNOTE 6.3.
 */
#ifndef TRAIN_FILES_ZIP_H
#define TRAIN_FILES_ZIP_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

enum {
	ZIP_END_SEARCH = 65557,      /* the end record and the longest comment behind it */
	ZIP_DIRECTORY_MAX = 1 << 28, /* 2,000,000 entries of 130 bytes */
	ZIP_NAME_MAX = 4096,
};

struct zip_facts {
	int64_t entries;
	int64_t bytes;  /* what the members expand to */
	int64_t prefix; /* bytes in front of the first member: a "#!" line */
	int has_main;   /* __main__.py at its root: Python runs the file itself */
};

/*
 * Reads the end record, the central directory and each local header of the file 'fd' (borrowed, seekable). 0 and 'facts'; -1 with ERR_ARCHIVE (no zip, damaged, a
 * member whose two headers disagree, encrypted, a name given twice), ERR_IO, ERR_SYSTEM.
 */
MUST_CHECK int zip_check(int fd, struct zip_facts *facts, struct err *err);

#endif
