/*
 * A source that hashes and counts what passes, and one that first gives back bytes which were looked at.
 */
#ifndef TRAIN_FILES_DIGEST_H
#define TRAIN_FILES_DIGEST_H

#include <stdint.h>

#include "base/attr.h"
#include "base/budget.h"
#include "base/checksum.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/stream.h"
#include "files/kind.h"

/* Hashes every byte that passes, and sums it as S3 does. Borrows 'from'. Large, because of the sums' tables: digest_new. */
struct digest {
	struct source from;
	struct sha256 hash;
	struct checksum checksum;
	int64_t bytes;
	int ended; /* the lower source has said that this was all */
	struct budget *budget;
};

/* Borrows 'budget' until digest_free. NULL with ERR_SYSTEM. */
struct digest *digest_new(struct budget *budget, struct err *err);
void digest_free(struct digest **digest);
#define CLEAN_DIGEST CLEANUP(digest_free) struct digest

/* 'kind' is the sum wanted besides SHA-256, or CHECKSUM_NONE. */
struct source digest_init(struct digest *digest, const struct source *from, enum checksum_kind kind);

/* Reads what nobody wanted, to the end: a digest is that of all bytes. -1 with 'err' of the lower source. */
MUST_CHECK int digest_drain(struct digest *digest, struct err *err);

/* The digest so far, as 64 lower-case digits; once. */
void digest_end(struct digest *digest, char hex[SHA256_HEX]);

/* The first bytes of a source, which then come again. Borrows 'from'. */
struct peek {
	struct source from;
	unsigned char bytes[KIND_HEAD_BYTES];
	size_t len, at;
};

MUST_CHECK int peek_init(struct peek *peek, const struct source *from, struct err *err);
struct source peek_source(struct peek *peek);

#endif
