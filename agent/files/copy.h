/*
 * Copies a project's folder: code that lies in the image, in a channel or in <root>/code (product §5). Without `data`, `.git` and `.train` at its top,
 * and without the folder that is being filled, should it lie inside the project.
 *
 * Invariants: files and folders keep their times and permission bits (the umask applies, set-uid bits are dropped, folders can be written by their owner), links
 * stay as they are; nothing is followed, no FIFO, socket or device is opened: those are left out and counted. Limits hold as for an archive.
 */
#ifndef TRAIN_FILES_COPY_H
#define TRAIN_FILES_COPY_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/limits.h"
#include "files/tree.h"

struct copied {
	int64_t entries, bytes;
	int64_t left_out;               /* FIFOs, sockets, devices */
	char first_out[PATH_BYTES_MAX]; /* the first of them; "" when there was none */
};

/*
 * From folder 'from_fd' ('path' is for messages) into the fresh folder 'to_fd'; both borrowed. limits->go_on is asked at each entry and within large files.
 * -1 with ERR_IO, ERR_DISK_FULL, ERR_ARCHIVE (limits, too deep), or what go_on said.
 */
MUST_CHECK int copy_project(
    int from_fd, int to_fd, const char *path, const struct tree_limits *limits, struct copied *copied, struct err *err);

#endif
