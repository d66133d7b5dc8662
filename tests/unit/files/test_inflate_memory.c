/* What has other code for every CPU: deflate and CRC-32 in memory, against zlib. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "files/inflate.h"

enum { ROOM = 300000, LENGTHS = 1100, LONG_LENGTH = 200001 };

static unsigned char plain[ROOM];
static unsigned char packed[2 * ROOM];
static unsigned char again[ROOM + 1];

/* Bytes out of 'letters' letters, and after each quarter a piece of what was before, near or far: short and long matches. */
static void
fill(unsigned int letters)
{
	uint32_t random = letters;
	size_t at = 0;

	while (at < ROOM) {
		random = random * 1664525 + 1013904223;
		size_t back = 1 + random % 32768;
		size_t len = (random >> 24) % 300;

		if (back <= at && random >> 30 == 0) {
			for (; len > 0 && at < ROOM; len--, at++) {
				plain[at] = plain[at - back];
			}
		} else {
			plain[at++] = (unsigned char)((random >> 16) % letters);
		}
	}
}

/* The length of 'plain', squeezed into 'packed' without header or trailer. */
static size_t
squeeze(size_t len, int level, int strategy)
{
	z_stream stream = {0};

	assert_int_equal(deflateInit2(&stream, level, Z_DEFLATED, -15, 9, strategy), Z_OK);
	stream.next_in = plain;
	stream.avail_in = (uInt)len;
	stream.next_out = packed;
	stream.avail_out = sizeof(packed);
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	size_t made = stream.total_out;
	assert_int_equal(deflateEnd(&stream), Z_OK);
	return made;
}

static void
expect_back(size_t len, int level, int strategy)
{
	size_t made = squeeze(len, level, strategy);

	memset(again, 0x5a, sizeof(again));
	assert_int_equal(inflate_raw(packed, made, again, len), 0);
	assert_memory_equal(again, plain, len);
	assert_int_equal(again[len], 0x5a);
	if (len > 0) {
		assert_int_equal(inflate_raw(packed, made, again, len - 1), -1);
	}
}

static void
what_zlib_squeezed_comes_back(void **state)
{
	static const unsigned int letters[] = {1, 2, 20, 256};
	static const int levels[] = {0, 1, 6, 9};

	(void)state;
	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
		fill(letters[i]);
		for (size_t j = 0; j < sizeof(levels) / sizeof(levels[0]); j++) {
			expect_back(ROOM, levels[j], Z_DEFAULT_STRATEGY);
		}
		expect_back(ROOM, 6, Z_FIXED);
		expect_back(ROOM, 6, Z_HUFFMAN_ONLY);
	}
}

static void
every_short_length_comes_back(void **state)
{
	(void)state;
	fill(20);
	for (size_t len = 0; len < 700; len++) {
		expect_back(len, 6, Z_DEFAULT_STRATEGY);
		expect_back(len, 6, Z_FIXED);
	}
}

static void
crc32_is_zlibs_at_every_length_and_place(void **state)
{
	(void)state;
	fill(256);
	for (size_t len = 0; len < LENGTHS; len++) {
		for (size_t at = 0; at < 17; at += 1 + len % 3) {
			assert_int_equal(inflate_crc32(plain + at, len), crc32(0, plain + at, (uInt)len));
		}
	}
	for (size_t len = LENGTHS; len <= LONG_LENGTH; len = len * 3 / 2 + 1) {
		assert_int_equal(inflate_crc32(plain + len % 16, len), crc32(0, plain + len % 16, (uInt)len));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_zlib_squeezed_comes_back),
	    cmocka_unit_test(every_short_length_comes_back),
	    cmocka_unit_test(crc32_is_zlibs_at_every_length_and_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
