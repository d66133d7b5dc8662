/*
 * Compression as a sink over a sink: gzip and zip's raw deflate by zlib, zstd by its library. Beside inflate.c the only file that knows zstd.
 *
 * Invariants: the bytes that come out depend on the bytes that went in and on nothing else, neither on how they were cut nor on the CPU
 * (isa-l compresses faster, but each set of instructions its own way). Every gzip has its CRC.
 *
 * A zstd stream is cut into frames of DEFLATE_FRAME bytes of content, so that several can be decompressed at once: each has the size of its content in
 * its header and a checksum. Behind the last one, in a skippable frame, stands a table of their sizes (zstd's seekable format, version 0.1.0).
 * Memory: what zlib takes (256 KiB), or a frame, zstd's window of the same size and its tables.
 */
#ifndef TRAIN_FILES_DEFLATE_H
#define TRAIN_FILES_DEFLATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/stream.h"

enum { DEFLATE_FRAME = 2 << 20 };

enum deflate_form { DEFLATE_GZIP, DEFLATE_RAW, DEFLATE_ZSTD };

struct deflater;

/* What became of one stream. */
struct deflated {
	int64_t plain, packed; /* bytes that went in and came out */
	uint32_t crc;          /* CRC-32 of the plain bytes; 0 for zstd */
};

/* Borrows 'to' until deflater_free. NULL with ERR_SYSTEM. */
struct deflater *deflater_new(enum deflate_form form, const struct sink *to, struct err *err);

/* Takes plain bytes. Errors: the lower sink's own. */
struct sink deflater_sink(struct deflater *deflater);

/* Ends the stream and begins the next one: each has its own header and end. 'done' may be NULL. */
MUST_CHECK int deflater_end(struct deflater *deflater, struct deflated *done, struct err *err);

void deflater_free(struct deflater *deflater);
void deflater_clean(struct deflater **deflater);
#define CLEAN_DEFLATER CLEANUP(deflater_clean) struct deflater

/* CRC-32 as gzip and zip have it. */
uint32_t deflater_crc(const void *bytes, size_t len);

#endif
