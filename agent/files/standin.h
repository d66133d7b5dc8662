/*
 * A link that stands in for a folder which is absent or empty, and gives its place back (product §8: the working folder is also reachable as
 * <root>/code).
 *
 * Invariants: only an empty folder that is no mount gives way, and it comes back with its mode and owner; only our own link is removed, and only while it still
 * leads where we led it.
 */
#ifndef TRAIN_FILES_STANDIN_H
#define TRAIN_FILES_STANDIN_H

#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"

struct standin {
	int dir_fd;         /* the folder in which the link stands, or -1: none was made */
	const char *name;   /* borrowed */
	const char *target; /* borrowed */
	int had_folder;     /* an empty one gave way */
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

void standin_init(struct standin *standin);

/*
 * Makes the link 'name' to 'target' in 'folder'; both texts are borrowed until standin_end. 1, or 0 when a folder with something in it stands there and stays; -1 with
 * 'err' (ERR_IO, ERR_DISK_FULL) when something else does, or the folder cannot be written.
 */
MUST_CHECK int standin_make(
    struct standin *standin, const char *folder, const char *name, const char *target, struct err *err);

/* Removes the link and puts the empty folder back. Does nothing when none was made, or when somebody has put something else there. -1 with 'err'. */
MUST_CHECK int standin_end(struct standin *standin, struct err *err);

#endif
