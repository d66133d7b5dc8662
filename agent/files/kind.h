/*
 * What a file is, by its first bytes and never by its name (product §5).
 */
#ifndef TRAIN_FILES_KIND_H
#define TRAIN_FILES_KIND_H

#include <stddef.h>

enum { KIND_HEAD_BYTES = 1024 /* as many first bytes decide: a tar's magic lies at 257 */ };

enum kind {
	KIND_TAR,
	KIND_TAR_GZ,
	KIND_TAR_ZST,
	KIND_ZIP,
	KIND_SCRIPT, /* "#!": an executable zip, if a zip follows; else a plain script */
	KIND_UNKNOWN,
	KINDS
};

/* The first bytes of a file, KIND_HEAD_BYTES of them or all there are. */
enum kind kind_of(const void *first, size_t len);

/* "tar", "tar.gz", "tar.zst", "zip", "script", "unknown". */
const char *kind_name(enum kind kind);

/* What bytes of an unknown kind look like, for a message: "an xz file", "an HTML page", "empty"; static text. */
const char *kind_looks_like(const void *first, size_t len);

#endif
