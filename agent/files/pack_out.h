/*
 * The archive while it grows: a file beside its place, without a name where the file system has such files, that gets its name only when it is
 * whole. Zip's headers are patched once their member's size is known, so the digest is taken from the finished file.
 *
 * Invariants: at the place itself lies what lay there before, or the whole archive. A release without finish leaves nothing behind.
 */
#ifndef TRAIN_FILES_PACK_OUT_H
#define TRAIN_FILES_PACK_OUT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/stream.h"

#define PACK_OUT_BESIDE ".part" /* how the name of an unfinished archive ends, where it has one */

enum {
	PACK_OUT_NAME_MAX = 256,
	PACK_OUT_BUFFER = 1 << 17, /* bytes written at once: headers and small files come in far smaller pieces */
};

struct pack_out {
	const char *file; /* as the user gave it, borrowed */
	int dir_fd;       /* the folder that gets the archive */
	dev_t dev;        /* its identity */
	ino_t ino;
	char name[PACK_OUT_NAME_MAX];   /* the archive's name in it */
	char beside[PACK_OUT_NAME_MAX]; /* the unfinished archive's; "" while it has none */
	int fd;
	unsigned char *bytes;
	size_t len;      /* buffered */
	int64_t written; /* in the file */
};

/* Makes the unfinished file for 'file' (borrowed). -1 with 'err': ERR_IO, ERR_DISK_FULL, ERR_SYSTEM. Release it in every case. */
MUST_CHECK int pack_out_open(struct pack_out *out, const char *file, struct err *err);

/* Appends. Borrows 'out'. */
struct sink pack_out_sink(struct pack_out *out);

/* How many bytes were appended so far. */
int64_t pack_out_at(const struct pack_out *out);

/* Replaces bytes that were appended before. */
MUST_CHECK int pack_out_patch(struct pack_out *out, int64_t at, const void *bytes, size_t len, struct err *err);

/* Ends the file, hashes it and puts it in its place. */
MUST_CHECK int pack_out_finish(struct pack_out *out, char sha256[SHA256_HEX], struct err *err);

void pack_out_release(struct pack_out *out);
#define CLEAN_PACK_OUT CLEANUP(pack_out_release) struct pack_out

#endif
