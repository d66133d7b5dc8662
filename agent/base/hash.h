/*
 * SHA-256 (FIPS 180-4), HMAC (RFC 2104), hex. Blocks run on the CPU's SHA instructions where it has them (x86 SHA-NI, ARMv8), chosen
 * at run time; elsewhere on BearSSL's portable code.
 */
#ifndef TRAIN_BASE_HASH_H
#define TRAIN_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"

struct sha256 {
	uint32_t state[8];
	uint64_t bytes;
	unsigned char block[64];
};

void sha256_init(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const void *bytes, size_t len);
void sha256_end(struct sha256 *hash, unsigned char out[SHA256_BYTES]);

/* One call for bytes in memory. */
void sha256_of(const void *bytes, size_t len, unsigned char out[SHA256_BYTES]);
void hmac_sha256(const void *key, size_t key_len, const void *bytes, size_t len, unsigned char out[SHA256_BYTES]);

/* Lower-case digits and a zero: 'out' holds 2 * len + 1. */
void hex_encode(char *out, const void *bytes, size_t len);

#endif
