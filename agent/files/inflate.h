/*
 * Decompression as a source over a source: gzip by isa-l, zstd by its library. With deflate.c, frames.c and zstd_context.c the only file that knows them.
 *
 * Invariants: nothing ends quietly. gzip: every member's CRC and length are checked, several members are one stream, bytes behind the
 * last member are refused. zstd: a frame that is cut is refused, content checksums are checked, skippable frames are skipped, frames may
 * follow each other. Memory, from the budget: isa-l's window, or zstd's up to 'window_max'; INFLATE_INPUT where the lower source does not lend.
 */
#ifndef TRAIN_FILES_INFLATE_H
#define TRAIN_FILES_INFLATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/budget.h"
#include "base/err.h"
#include "base/stream.h"
#include "files/kind.h"

enum { INFLATE_INPUT = 1 << 17 /* bytes asked from below at once: few calls, and still in the cache */ };

struct inflate;

/*
 * KIND_TAR_GZ or KIND_TAR_ZST. Borrows 'from' and 'budget' until inflate_free. 'window_max': a zstd frame that needs a larger window is refused
 * (ERR_ARCHIVE) with the fetch-memory that it would take. NULL with ERR_SYSTEM.
 */
struct inflate *inflate_new(
    enum kind kind, const struct source *from, struct budget *budget, uint64_t window_max, struct err *err);

/* The plain bytes. Errors: ERR_ARCHIVE for what is damaged; the lower source's own pass through. */
struct source inflate_source(struct inflate *inflate);

/* A whole raw deflate stream (RFC 1951) in memory, as in a zip: exactly 'plain_len' bytes into 'plain'. 0, or -1 when it is damaged or has another length. */
MUST_CHECK int inflate_raw(const void *packed, size_t packed_len, void *plain, size_t plain_len);

/* The CRC-32 of gzip and zip. */
uint32_t inflate_crc32(const void *bytes, size_t len);

/* Members or frames came before, and were somebody else's: what begins no further one is then said to follow them. */
void inflate_follows(struct inflate *inflate);

/* What an error of zstd means, for whoever else calls it (files/frames.c). Returns -1. */
int inflate_zstd_failed(size_t code, struct err *err);

void inflate_free(struct inflate *inflate);
void inflate_clean(struct inflate **inflate);
#define CLEAN_INFLATE CLEANUP(inflate_clean) struct inflate

#endif
