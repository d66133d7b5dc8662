/* SHA-256 and HMAC against published vectors (FIPS 180-4 examples, RFC 4231). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bearssl.h>

#include "base/attr.h"
#include "base/hash.h"
#include "base/hash_block.h"

static void
expect_sha(const char *text, const char *hex)
{
	unsigned char sum[SHA256_BYTES];
	char got[SHA256_HEX];

	sha256_of(text, strlen(text), sum);
	hex_encode(got, sum, sizeof(sum));
	assert_string_equal(got, hex);
}

static void
sha256_matches_the_published_examples(void **state)
{
	(void)state;
	expect_sha("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	expect_sha("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	expect_sha("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void
sha256_is_the_same_however_the_bytes_are_cut(void **state)
{
	enum { LEN = 1000 };
	unsigned char bytes[LEN];
	unsigned char want[SHA256_BYTES];
	unsigned char got[SHA256_BYTES];

	(void)state;
	for (size_t i = 0; i < LEN; i++) {
		bytes[i] = (unsigned char)(i * 7);
	}
	for (size_t len = 0; len <= LEN; len += 37) {
		br_sha256_context portable;

		br_sha256_init(&portable);
		br_sha256_update(&portable, bytes, len);
		br_sha256_out(&portable, want);
		for (size_t cut = 1; cut < 130; cut += 21) {
			struct sha256 hash;

			sha256_init(&hash);
			for (size_t at = 0; at < len; at += cut) {
				sha256_add(&hash, bytes + at, len - at < cut ? len - at : cut);
			}
			sha256_end(&hash, got);
			assert_memory_equal(got, want, SHA256_BYTES);
		}
	}
}

static void
hmac_matches_rfc_4231(void **state)
{
	static const char key[] = "Jefe";
	static const char text[] = "what do ya want for nothing?";
	unsigned char long_key[131];
	unsigned char sum[SHA256_BYTES];
	char hex[SHA256_HEX];

	(void)state;
	hmac_sha256(key, strlen(key), text, strlen(text), sum);
	hex_encode(hex, sum, sizeof(sum));
	assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(long_key, 0xaa, sizeof(long_key));
	hmac_sha256(long_key, sizeof(long_key), "Test Using Larger Than Block-Size Key - Hash Key First", 54, sum);
	hex_encode(hex, sum, sizeof(sum));
	assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void
big_endian(unsigned char out[4], uint32_t word)
{
	for (int i = 0; i < 4; i++) {
		out[i] = (unsigned char)(word >> (24 - 8 * i));
	}
}

/* From any state, over any number of blocks, wherever they lie: BearSSL's portable rounds say what must come out. */
static void
sha256_rounds_of_the_cpu_are_the_portable_ones(void **state)
{
	enum { BLOCKS = 9 };
	unsigned char bytes[64 * BLOCKS + 16];
	uint32_t random = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++) {
		random = random * 1664525 + 1013904223;
		bytes[i] = (unsigned char)(random >> 24);
	}
	for (size_t turn = 0; turn < 200 && sha256_cpu_has(); turn++) {
		const unsigned char *at = bytes + turn % 16;
		size_t blocks = turn % (BLOCKS + 1);
		br_sha256_context portable;
		unsigned char want[SHA256_BYTES];
		uint32_t hash[8];

		for (size_t i = 0; i < 8; i++) {
			random = random * 1664525 + 1013904223;
			hash[i] = random;
			big_endian(want + 4 * i, random);
		}
		br_sha256_init(&portable);
		br_sha256_set_state(&portable, want, 0);
		br_sha256_update(&portable, at, 64 * blocks);
		(void)br_sha256_state(&portable, want);
		assert_int_equal(sha256_blocks_by_cpu(hash, at, blocks), 0);
		for (size_t i = 0; i < 8; i++) {
			unsigned char got[4];

			big_endian(got, hash[i]);
			assert_memory_equal(got, want + 4 * i, 4);
		}
	}
}

/* What the kernel says of the CPU; TRAIN_TEST_SHA where it is not the kernel that makes it. */
static int
told_of_sha(void)
{
	const char *told = getenv("TRAIN_TEST_SHA");
	FILE *file = told == NULL ? fopen("/proc/cpuinfo", "r") : NULL;
	char line[8192];
	int found = 0;

	if (told != NULL) {
		return strcmp(told, "yes") == 0;
	}
	assert_non_null(file);
	while (!found && fgets(line, sizeof(line), file) != NULL) {
		found = strstr(line, " sha_ni") != NULL || strstr(line, " sha2") != NULL;
	}
	(void)fclose(file);
	return found;
}

static void
sha256_cpu_has_what_the_kernel_says(void **state)
{
	(void)state;
	assert_int_equal(sha256_cpu_has(), told_of_sha());
}

static void
sha256_blocks_by_cpu_says_whether_it_can(void **state)
{
	uint32_t hash[8] = {0};
	unsigned char block[64] = {0};

	(void)state;
	assert_int_equal(sha256_blocks_by_cpu(hash, block, 1) == 0, sha256_cpu_has());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sha256_matches_the_published_examples),
	    cmocka_unit_test(sha256_is_the_same_however_the_bytes_are_cut),
	    cmocka_unit_test(hmac_matches_rfc_4231),
	    cmocka_unit_test(sha256_rounds_of_the_cpu_are_the_portable_ones),
	    cmocka_unit_test(sha256_cpu_has_what_the_kernel_says),
	    cmocka_unit_test(sha256_blocks_by_cpu_says_whether_it_can),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
