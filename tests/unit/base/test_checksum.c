/* The check values of the CRC catalogue: the sum of "123456789". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"

static struct checksum checksum;

static void
check(enum checksum_kind kind, const char *text, const char *wanted, size_t len)
{
	struct checksum_value value;

	for (size_t cut = 0; cut <= strlen(text); cut++) {
		checksum_init(&checksum, kind);
		checksum_add(&checksum, text, cut);
		checksum_add(&checksum, text + cut, strlen(text) - cut);
		checksum_end(&checksum, &value);
		assert_int_equal(value.kind, kind);
		assert_int_equal(checksum_bytes(kind), len);
		assert_memory_equal(value.bytes, wanted, len);
	}
}

static void
crc64nvme_gives_its_check_value(void **state)
{
	(void)state;
	check(CHECKSUM_CRC64NVME, "123456789", "\xae\x8b\x14\x86\x0a\x79\x98\x88", 8);
}

static void
crc32c_gives_its_check_value(void **state)
{
	(void)state;
	check(CHECKSUM_CRC32C, "123456789", "\xe3\x06\x92\x83", 4);
}

static void
crc32_gives_its_check_value(void **state)
{
	(void)state;
	check(CHECKSUM_CRC32, "123456789", "\xcb\xf4\x39\x26", 4);
	check(CHECKSUM_CRC32, "", "\0\0\0\0", 4);
	check(CHECKSUM_CRC32, "The quick brown fox jumps over the lazy dog", "\x41\x4f\xa3\x39", 4);
}

static void
nothing_is_computed_for_none_and_sha256(void **state)
{
	struct checksum_value value;

	(void)state;
	checksum_init(&checksum, CHECKSUM_SHA256);
	checksum_add(&checksum, "abc", 3);
	checksum_end(&checksum, &value);
	assert_int_equal(value.kind, CHECKSUM_SHA256);
	assert_int_equal(value.bytes[0], 0);
	assert_int_equal(checksum_bytes(CHECKSUM_NONE), 0);
	assert_string_equal(checksum_name(CHECKSUM_CRC64NVME), "crc64nvme");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(crc64nvme_gives_its_check_value),
	    cmocka_unit_test(crc32c_gives_its_check_value),
	    cmocka_unit_test(crc32_gives_its_check_value),
	    cmocka_unit_test(nothing_is_computed_for_none_and_sha256),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
