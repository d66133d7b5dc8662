/*
 * Writes a tar as POSIX has it (pax, IEEE 1003.1-2001, "ustar" headers): what every tar reads. Owner and group are 0 without names, every entry
 * has the same time. A pax header stands in front of an entry only where its name, target or size does not fit the plain one.
 */
#ifndef TRAIN_FILES_PACK_TAR_H
#define TRAIN_FILES_PACK_TAR_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/stream.h"
#include "files/pack_list.h"

struct pack_tar {
	struct sink to;
	int64_t mtime; /* 0 to PACK_TIME_MAX */
};

/* 'content' gives exactly 'size' bytes; for anything but a file it is NULL and 'size' 0. */
MUST_CHECK int pack_tar_add(const struct pack_tar *tar, const struct pack_entry *entry, const struct source *content,
    int64_t size, struct err *err);

/* The end marker. */
MUST_CHECK int pack_tar_end(const struct pack_tar *tar, struct err *err);

#endif
