#include "base/hash.h"

#include <bearssl.h>
#include <string.h>

#include "base/hash_block.h"
#include "base/secret.h"

static const uint32_t initial[8] = {
    0x6a09e667,
    0xbb67ae85,
    0x3c6ef372,
    0xa54ff53a,
    0x510e527f,
    0x9b05688c,
    0x1f83d9ab,
    0x5be0cd19,
};

/* BearSSL's portable rounds, over our own state: its context can be set to any state between blocks. */
static void
blocks_portable(uint32_t state[8], const unsigned char *bytes, size_t blocks)
{
	br_sha256_context portable;
	unsigned char words[SHA256_BYTES];

	for (int i = 0; i < 8; i++) {
		words[4 * i] = (unsigned char)(state[i] >> 24);
		words[4 * i + 1] = (unsigned char)(state[i] >> 16);
		words[4 * i + 2] = (unsigned char)(state[i] >> 8);
		words[4 * i + 3] = (unsigned char)state[i];
	}
	br_sha256_init(&portable);
	br_sha256_set_state(&portable, words, 0);
	br_sha256_update(&portable, bytes, blocks * 64);
	(void)br_sha256_state(&portable, words);
	for (int i = 0; i < 8; i++) {
		state[i] = (uint32_t)words[4 * i] << 24 | (uint32_t)words[4 * i + 1] << 16 |
		           (uint32_t)words[4 * i + 2] << 8 | words[4 * i + 3];
	}
}

static void
blocks_any(uint32_t state[8], const unsigned char *bytes, size_t blocks)
{
	if (sha256_blocks_by_cpu(state, bytes, blocks) < 0) {
		blocks_portable(state, bytes, blocks);
	}
}

void
sha256_init(struct sha256 *hash)
{
	memcpy(hash->state, initial, sizeof(initial));
	hash->bytes = 0;
}

void
sha256_add(struct sha256 *hash, const void *bytes, size_t len)
{
	const unsigned char *at = bytes;
	size_t held = (size_t)(hash->bytes % 64);

	hash->bytes += len;
	if (held > 0) {
		size_t fill = 64 - held < len ? 64 - held : len;

		memcpy(hash->block + held, at, fill);
		at += fill;
		len -= fill;
		if (held + fill < 64) {
			return;
		}
		blocks_any(hash->state, hash->block, 1);
	}
	if (len >= 64) {
		blocks_any(hash->state, at, len / 64);
		at += len - len % 64;
		len %= 64;
	}
	if (len > 0) {
		memcpy(hash->block, at, len);
	}
}

void
sha256_end(struct sha256 *hash, unsigned char out[SHA256_BYTES])
{
	uint64_t bits = hash->bytes * 8;
	unsigned char tail[72] = {0x80};
	size_t zeros = (119 - hash->bytes % 64) % 64;

	for (int i = 0; i < 8; i++) {
		tail[1 + zeros + (size_t)i] = (unsigned char)(bits >> (56 - 8 * i));
	}
	sha256_add(hash, tail, 1 + zeros + 8);
	for (int i = 0; i < 8; i++) {
		for (int j = 0; j < 4; j++) {
			out[4 * i + j] = (unsigned char)(hash->state[i] >> (24 - 8 * j));
		}
	}
}

void
sha256_of(const void *bytes, size_t len, unsigned char out[SHA256_BYTES])
{
	struct sha256 hash;

	sha256_init(&hash);
	sha256_add(&hash, bytes, len);
	sha256_end(&hash, out);
}

void
hmac_sha256(const void *key, size_t key_len, const void *bytes, size_t len, unsigned char out[SHA256_BYTES])
{
	unsigned char inner[64] = {0}, outer[64];
	unsigned char digest[SHA256_BYTES];
	struct sha256 hash;

	if (key_len > sizeof(inner)) {
		sha256_of(key, key_len, inner);
	} else {
		memcpy(inner, key, key_len);
	}
	for (size_t i = 0; i < sizeof(inner); i++) {
		outer[i] = inner[i] ^ 0x5c;
		inner[i] ^= 0x36;
	}
	sha256_init(&hash);
	sha256_add(&hash, inner, sizeof(inner));
	sha256_add(&hash, bytes, len);
	sha256_end(&hash, digest);
	sha256_init(&hash);
	sha256_add(&hash, outer, sizeof(outer));
	sha256_add(&hash, digest, sizeof(digest));
	sha256_end(&hash, out);
	secret_wipe(inner, sizeof(inner));
	secret_wipe(outer, sizeof(outer));
	secret_wipe(&hash, sizeof(hash));
}

void
hex_encode(char *out, const void *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *at = bytes;

	for (size_t i = 0; i < len; i++) {
		*out++ = digits[at[i] >> 4];
		*out++ = digits[at[i] & 15];
	}
	*out = '\0';
}
