/*
 * What libarchive does not prove about a zip: that its central directory and its local headers tell the same story, so that every reader
 * sees the same archive (product §5). Format by PKWARE's APPNOTE 6.3.
 */
#ifndef TRAIN_FILES_ZIP_H
#define TRAIN_FILES_ZIP_H

#include <stdint.h>

#include "base/attr.h"
#include "base/budget.h"
#include "base/err.h"

struct zip_facts {
	int64_t entries;
	int64_t bytes;  /* what the members expand to, by their headers; INT64_MAX when that is no number */
	int64_t prefix; /* bytes in front of the first member: a "#!" line */
	int has_main;   /* __main__.py at its root: Python runs the file itself */
};

/*
 * Reads the end records, the central directory and each local header of the file 'fd' (borrowed, seekable). 0 and 'facts'; -1 with ERR_ARCHIVE (no zip, damaged,
 * a member whose two headers disagree, encrypted, a device, a name given twice, members that overlap), ERR_IO, ERR_SYSTEM. The members' data is not
 * read, but for the targets of links: libarchive proves it. The directory has to fit into the budget while it is looked at.
 */
MUST_CHECK int zip_check(int fd, struct budget *budget, struct zip_facts *facts, struct err *err);

#endif
