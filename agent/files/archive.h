/*
 * Reads tar and zip by libarchive into a tree. The only file that knows libarchive: packing writes its own headers, whose bytes must be
 * the same everywhere.
 */
#ifndef TRAIN_FILES_ARCHIVE_H
#define TRAIN_FILES_ARCHIVE_H

#include "base/attr.h"
#include "base/err.h"
#include "base/stream.h"
#include "files/tree.h"

enum { ARCHIVE_BUFFER = 1 << 17 /* bytes asked from the source at once */ };

/*
 * Unpacks a plain tar from a source to the source's end. Besides what libarchive finds: the end marker must be there, and only zero bytes behind it.
 * -1 with 'err': ERR_ARCHIVE, or the source's own error.
 */
MUST_CHECK int archive_untar(const struct source *src, struct tree *tree, struct err *err);

/*
 * Unpacks a zip from a seekable descriptor (borrowed) by its central directory, whose agreement with the local headers zip_check has proved. With 'tree'
 * NULL nothing is written: every member is read and its checksum proved. limits->go_on is asked all the time.
 */
MUST_CHECK int archive_unzip(int fd, struct tree *tree, const struct tree_limits *limits, struct err *err);

#endif
