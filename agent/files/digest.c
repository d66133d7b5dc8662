#include "files/digest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct digest *
digest_new(struct budget *budget, struct err *err)
{
	struct digest *digest = budget_take(budget, sizeof(*digest));

	if (digest == NULL) {
		(void)err_set(err, ERR_SYSTEM, ENOMEM, "cannot hash the code within fetch-memory");
		return NULL;
	}
	memset(digest, 0, sizeof(*digest));
	digest->budget = budget;
	return digest;
}

void
digest_free(struct digest **digest)
{
	if (*digest != NULL) {
		budget_give((*digest)->budget, *digest, sizeof(**digest));
	}
	*digest = NULL;
}

static ssize_t
digest_read(void *self, void *bytes, size_t len, struct err *err)
{
	struct digest *digest = self;

	if (digest->ended) {
		return 0;
	}
	ssize_t n = source_read(&digest->from, bytes, len, err);
	if (n > 0) {
		sha256_add(&digest->hash, bytes, (size_t)n);
		checksum_add(&digest->checksum, bytes, (size_t)n);
		digest->bytes += n;
	}
	digest->ended = n <= 0;
	return n;
}

static ssize_t
digest_lend(void *self, const void **bytes, struct err *err)
{
	struct digest *digest = self;

	if (digest->ended) {
		return 0;
	}
	ssize_t n = digest->from.lend(digest->from.self, bytes, err);
	if (n > 0) {
		sha256_add(&digest->hash, *bytes, (size_t)n);
		checksum_add(&digest->checksum, *bytes, (size_t)n);
		digest->bytes += n;
	}
	digest->ended = n <= 0;
	return n;
}

struct source
digest_init(struct digest *digest, const struct source *from, enum checksum_kind kind)
{
	digest->from = *from;
	digest->bytes = 0;
	digest->ended = 0;
	sha256_init(&digest->hash);
	checksum_init(&digest->checksum, kind);
	return (struct source){.read = digest_read, .lend = from->lend != NULL ? digest_lend : NULL, .self = digest};
}

int
digest_drain(struct digest *digest, struct err *err)
{
	unsigned char bytes[16384];
	ssize_t n = 1;

	while (n > 0) {
		n = digest_read(digest, bytes, sizeof(bytes), err);
	}
	return n < 0 ? -1 : 0;
}

void
digest_end(struct digest *digest, char hex[SHA256_HEX])
{
	unsigned char sum[SHA256_BYTES];

	sha256_end(&digest->hash, sum);
	hex_encode(hex, sum, sizeof(sum));
}

int
peek_init(struct peek *peek, const struct source *from, struct err *err)
{
	*peek = (struct peek){.from = *from};
	ssize_t n = source_read_full(from, peek->bytes, sizeof(peek->bytes), err);
	if (n < 0) {
		return -1;
	}
	peek->len = (size_t)n;
	return 0;
}

static ssize_t
peek_read(void *self, void *bytes, size_t len, struct err *err)
{
	struct peek *peek = self;
	size_t left = peek->len - peek->at;
	size_t n = len < left ? len : left;

	if (left == 0) {
		/* A short first look was the whole of it. */
		return peek->len < sizeof(peek->bytes) ? 0 : source_read(&peek->from, bytes, len, err);
	}
	memcpy(bytes, peek->bytes + peek->at, n);
	peek->at += n;
	return (ssize_t)n;
}

/* First the bytes that were looked at, where they lie; then what the source lends. */
static ssize_t
peek_lend(void *self, const void **bytes, struct err *err)
{
	struct peek *peek = self;
	size_t left = peek->len - peek->at;

	if (left == 0) {
		return peek->len < sizeof(peek->bytes) ? 0 : peek->from.lend(peek->from.self, bytes, err);
	}
	*bytes = peek->bytes + peek->at;
	peek->at = peek->len;
	return (ssize_t)left;
}

struct source
peek_source(struct peek *peek)
{
	return (struct source){.read = peek_read, .lend = peek->from.lend != NULL ? peek_lend : NULL, .self = peek};
}
