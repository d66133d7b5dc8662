/*
 * Writes a zip (PKWARE's APPNOTE 6.3): sizes and checksums in the local headers, too, names in UTF-8, modes and links as Unix zips have them,
 * the time as zip's calendar says it in UTC and exactly in Info-ZIP's extra field, zip64 where numbers need it.
 */
#ifndef TRAIN_FILES_PACK_ZIP_H
#define TRAIN_FILES_PACK_ZIP_H

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/stream.h"
#include "files/deflate.h"
#include "files/pack_list.h"
#include "files/pack_out.h"

struct pack_zip {
	struct pack_out *out; /* borrowed */
	struct sink to;       /* the same */
	struct deflater *deflater;
	int64_t mtime;
	uint32_t dos_time;    /* date in the upper half */
	struct buf directory; /* grows with each member */
	int64_t members;
};

MUST_CHECK int pack_zip_open(struct pack_zip *zip, struct pack_out *out, int64_t mtime, struct err *err);

/* 'content' gives 'size' bytes or what 'size' said roughly: what is written down is what came. NULL for anything but a file. */
MUST_CHECK int pack_zip_add(
    struct pack_zip *zip, const struct pack_entry *entry, const struct source *content, int64_t size, struct err *err);

/* The central directory. */
MUST_CHECK int pack_zip_end(struct pack_zip *zip, struct err *err);

void pack_zip_release(struct pack_zip *zip);
#define CLEAN_PACK_ZIP CLEANUP(pack_zip_release) struct pack_zip

#endif
