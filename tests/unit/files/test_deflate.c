/* Compression, undone by the libraries themselves and by the unpacker's own reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/buf.h"
#include "files/deflate.h"
#include "files/inflate.h"

enum { PLAIN = 3000000, ROOM = 2 * PLAIN, WINDOW = 12 << 20, ZLIB_RAW = -15, ZLIB_GZIP = 31 };

static unsigned char *plain;

static int
make_plain(void **state)
{
	uint32_t random = 7;

	(void)state;
	plain = malloc(PLAIN);
	for (size_t i = 0; i < PLAIN; i++) {
		random = random * 1664525 + 1013904223;
		plain[i] = (unsigned char)(i / 5000 % 3 == 0 ? random >> 24 : (i % 97) ^ (random >> 30));
	}
	return 0;
}

static int
free_plain(void **state)
{
	(void)state;
	free(plain);
	return 0;
}

/* A sink into a buffer that can fail after so many bytes. */
static int
keep(void *self, const void *bytes, size_t len, struct err *err)
{
	return buf_add(self, bytes, len) == 0 ? 0 : err_set(err, ERR_IO, 0, "the disk is gone");
}

static void
compress_in(enum deflate_form form, size_t len, size_t piece, struct buf *out, struct deflated *done)
{
	struct err err = {0};
	struct sink to = {.write = keep, .self = out};
	CLEAN_DEFLATER *deflater = deflater_new(form, &to, &err);

	assert_non_null(deflater);
	struct sink sink = deflater_sink(deflater);
	for (size_t at = 0; at < len; at += piece) {
		assert_int_equal(sink_write(&sink, plain + at, piece < len - at ? piece : len - at, &err), 0);
	}
	assert_int_equal(deflater_end(deflater, done, &err), 0);
}

static void
inflate_by_zlib(const struct buf *packed, int bits, size_t len)
{
	unsigned char *out = malloc(ROOM);
	z_stream zlib = {.next_in = (unsigned char *)packed->data,
	    .avail_in = (uInt)packed->len,
	    .next_out = out,
	    .avail_out = ROOM};

	assert_int_equal(inflateInit2(&zlib, bits), Z_OK);
	assert_int_equal(inflate(&zlib, Z_FINISH), Z_STREAM_END);
	assert_int_equal(zlib.avail_in, 0);
	assert_int_equal(zlib.total_out, len);
	assert_memory_equal(out, plain, len);
	(void)inflateEnd(&zlib);
	free(out);
}

static void
gzip_is_read_by_zlib(void **state)
{
	static const size_t sizes[] = {0, 1, 100000, PLAIN};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		CLEAN_BUF packed = {0};
		struct deflated done;

		buf_init(&packed, ROOM);
		compress_in(DEFLATE_GZIP, sizes[i], 65536, &packed, &done);
		inflate_by_zlib(&packed, ZLIB_GZIP, sizes[i]);
		assert_int_equal(done.plain, sizes[i]);
		assert_int_equal(done.packed, packed.len);
		assert_int_equal(done.crc, crc32(0, plain, (uInt)sizes[i]));
		assert_memory_equal(packed.data, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", 10);
	}
}

static void
raw_deflate_is_read_by_zlib(void **state)
{
	CLEAN_BUF packed = {0};
	struct deflated done;

	(void)state;
	buf_init(&packed, ROOM);
	compress_in(DEFLATE_RAW, PLAIN, 65536, &packed, &done);
	inflate_by_zlib(&packed, ZLIB_RAW, PLAIN);
	assert_int_equal(done.crc, crc32(0, plain, PLAIN));
	assert_int_equal(done.plain, PLAIN);
	assert_int_equal(done.packed, packed.len);
}

static void
zstd_has_a_checksum_and_a_window_that_the_unpacker_takes(void **state)
{
	CLEAN_BUF packed = {0};
	unsigned char *out = malloc(ROOM);

	(void)state;
	buf_init(&packed, ROOM);
	compress_in(DEFLATE_ZSTD, PLAIN, 65536, &packed, NULL);
	assert_int_equal(ZSTD_decompress(out, ROOM, packed.data, packed.len), PLAIN);
	assert_memory_equal(out, plain, PLAIN);
	assert_int_equal(packed.data[4] & 4, 4); /* RFC 8878, 3.1.1.1.1: the content checksum flag */

	packed.data[ZSTD_findFrameCompressedSize(packed.data, packed.len) - 1] ^= 1;
	assert_true(ZSTD_isError(ZSTD_decompress(out, ROOM, packed.data, packed.len)));
	free(out);
}

static uint32_t
number_at(const struct buf *buf, size_t at)
{
	uint32_t number = 0;

	assert_true(at + 4 <= buf->len);
	for (size_t i = 4; i-- > 0;) {
		number = number << 8 | (unsigned char)buf->data[at + i];
	}
	return number;
}

/* Walks the frames and compares them with the seek table at the end: magic, size, rows of two numbers, count, flags, magic. */
static void
assert_seekable(const struct buf *packed, size_t len, size_t frames)
{
	size_t table = packed->len - 9 - 8 * frames;
	size_t at = 0;

	assert_int_equal(number_at(packed, packed->len - 4), 0x8f92eab1U);
	assert_int_equal(packed->data[packed->len - 5], 0);
	assert_int_equal(number_at(packed, packed->len - 9), frames);
	assert_int_equal(number_at(packed, table - 8), 0x184d2a5eU);
	assert_int_equal(number_at(packed, table - 4), 8 * frames + 9);
	for (size_t i = 0; i < frames; i++) {
		size_t size = ZSTD_findFrameCompressedSize(packed->data + at, table - 8 - at);
		unsigned long long content = ZSTD_getFrameContentSize(packed->data + at, size);
		size_t wanted = i + 1 < frames ? DEFLATE_FRAME : len - i * DEFLATE_FRAME;

		assert_false(ZSTD_isError(size));
		assert_int_equal(content, wanted);
		assert_int_equal(packed->data[at + 4] & 4, 4); /* RFC 8878, 3.1.1.1.1: the content checksum flag */
		assert_int_equal(number_at(packed, table + 8 * i), size);
		assert_int_equal(number_at(packed, table + 8 * i + 4), content);
		at += size;
	}
	assert_int_equal(at, table - 8);
}

static void
zstd_is_cut_into_frames_with_a_seek_table(void **state)
{
	static const struct {
		size_t len, frames;
	} rows[] = {{0, 1}, {1, 1}, {DEFLATE_FRAME, 1}, {DEFLATE_FRAME + 1, 2}, {PLAIN, 2}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEAN_BUF packed = {0};
		struct deflated done;

		buf_init(&packed, ROOM);
		compress_in(DEFLATE_ZSTD, rows[i].len, 65536, &packed, &done);
		assert_seekable(&packed, rows[i].len, rows[i].frames);
		assert_int_equal(done.packed, packed.len);
	}
}

/* Each frame alone gives its own part: nothing in it leans on the one before. */
static void
zstd_frames_are_independent(void **state)
{
	CLEAN_BUF packed = {0};
	unsigned char *out = malloc(PLAIN);

	(void)state;
	buf_init(&packed, ROOM);
	compress_in(DEFLATE_ZSTD, PLAIN, PLAIN, &packed, NULL);
	size_t first = ZSTD_findFrameCompressedSize(packed.data, packed.len);
	size_t second = ZSTD_findFrameCompressedSize(packed.data + first, packed.len - first);
	assert_int_equal(ZSTD_decompress(out, PLAIN, packed.data + first, second), PLAIN - DEFLATE_FRAME);
	assert_memory_equal(out, plain + DEFLATE_FRAME, PLAIN - DEFLATE_FRAME);
	free(out);
}

static void
bytes_do_not_depend_on_the_pieces(void **state)
{
	static const size_t pieces[] = {997, 65536, PLAIN};

	(void)state;
	for (int form = DEFLATE_GZIP; form <= DEFLATE_ZSTD; form++) {
		CLEAN_BUF first = {0};

		buf_init(&first, ROOM);
		compress_in((enum deflate_form)form, PLAIN, 1 << 17, &first, NULL);
		for (size_t i = 0; i < 3; i++) {
			CLEAN_BUF packed = {0};

			buf_init(&packed, ROOM);
			compress_in((enum deflate_form)form, PLAIN, pieces[i], &packed, NULL);
			assert_int_equal(packed.len, first.len);
			assert_memory_equal(packed.data, first.data, first.len);
		}
	}
}

/* The streams of one deflater follow each other, each whole: what a reader of several members takes for one file. */
static void
streams_follow_each_other(void **state)
{
	static const enum kind kinds[] = {[DEFLATE_GZIP] = KIND_TAR_GZ, [DEFLATE_ZSTD] = KIND_TAR_ZST};

	(void)state;
	for (int form = DEFLATE_GZIP; form <= DEFLATE_ZSTD; form += DEFLATE_ZSTD) {
		CLEAN_BUF packed = {0};
		struct err err = {0};
		struct sink to = {.write = keep, .self = &packed};
		CLEAN_DEFLATER *deflater = deflater_new((enum deflate_form)form, &to, &err);
		struct sink sink = deflater_sink(deflater);
		struct deflated done;
		unsigned char *out = malloc(PLAIN + 1);

		buf_init(&packed, ROOM);
		assert_int_equal(sink_write(&sink, plain, 1000, &err), 0);
		assert_int_equal(deflater_end(deflater, &done, &err), 0);
		assert_int_equal(done.packed, packed.len);
		assert_int_equal(deflater_end(deflater, NULL, &err), 0);
		assert_int_equal(sink_write(&sink, plain + 1000, PLAIN - 1000, &err), 0);
		assert_int_equal(deflater_end(deflater, &done, &err), 0);
		assert_int_equal(done.plain, PLAIN - 1000);

		struct mem_source mem;
		struct source source = mem_source_init(&mem, packed.data, packed.len);
		struct budget budget;
		budget_init(&budget, 2 * WINDOW);
		CLEAN_INFLATE *inflate = inflate_new(kinds[form], &source, &budget, WINDOW, &err);
		assert_non_null(inflate);
		struct source whole = inflate_source(inflate);
		assert_int_equal(source_read_full(&whole, out, PLAIN + 1, &err), PLAIN);
		assert_memory_equal(out, plain, PLAIN);
		free(out);
	}
}

static void
a_failing_sink_ends_the_compression(void **state)
{
	(void)state;
	for (int form = DEFLATE_GZIP; form <= DEFLATE_ZSTD; form++) {
		CLEAN_BUF small = {0};
		struct err err = {0};
		struct sink to = {.write = keep, .self = &small};
		CLEAN_DEFLATER *deflater = deflater_new((enum deflate_form)form, &to, &err);
		struct sink sink = deflater_sink(deflater);

		buf_init(&small, 1000);
		assert_int_equal(sink_write(&sink, plain, PLAIN, &err), -1);
		assert_string_equal(err.text, "the disk is gone");
	}
}

static void
crc_is_the_one_of_zip(void **state)
{
	(void)state;
	assert_int_equal(deflater_crc("123456789", 9), 0xcbf43926U); /* the check value of every CRC-32 table */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gzip_is_read_by_zlib),
	    cmocka_unit_test(raw_deflate_is_read_by_zlib),
	    cmocka_unit_test(zstd_has_a_checksum_and_a_window_that_the_unpacker_takes),
	    cmocka_unit_test(zstd_is_cut_into_frames_with_a_seek_table),
	    cmocka_unit_test(zstd_frames_are_independent),
	    cmocka_unit_test(bytes_do_not_depend_on_the_pieces),
	    cmocka_unit_test(streams_follow_each_other),
	    cmocka_unit_test(a_failing_sink_ends_the_compression),
	    cmocka_unit_test(crc_is_the_one_of_zip),
	};

	return cmocka_run_group_tests(tests, make_plain, free_plain);
}
