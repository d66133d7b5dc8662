/* Decompression that ends quietly only at a whole, checked end. */
#include "unit/files/box.h"
#include "unit/files/makers.h"

#include "files/inflate.h"

enum { WINDOW = 8 << 20, LONG_BYTES = 700000, MEDIUM_BYTES = 70000, READS_MAX = 30000 };

/* Everything that comes out. 0, or -1 with 'err'. */
static int
inflate_once(enum kind kind, struct drip *drip, const struct source *below, struct buf *plain, struct err *err)
{
	struct budget budget;
	char block[3000];
	ssize_t n = 1;

	budget_init(&budget, 2 * WINDOW);
	struct inflate *inflate = inflate_new(kind, below, &budget, WINDOW, err);
	assert_non_null(inflate);
	struct source source = inflate_source(inflate);
	while (n > 0) {
		n = source_read(&source, block, sizeof(block), err);
		if (n > 0) {
			put(plain, block, (size_t)n);
		}
	}
	inflate_free(inflate);
	assert_true(budget_is_whole(&budget));
	assert_false(drip->called_after_end);
	assert_true(n < 0 || drip->ended);
	return (int)n;
}

/* 'plain' may be NULL. From a source that lends and from one that does not: both say the same. */
static int
inflate_all(enum kind kind, const struct buf *packed, size_t step, struct buf *plain, struct err *err)
{
	struct drip drip;
	CLEAN_BUF read = {0};
	CLEAN_BUF lent = {0};
	struct err other = {0};

	buf_init(&read, MAKER_BYTES_MAX);
	buf_init(&lent, MAKER_BYTES_MAX);
	struct source below = drip_source(&drip, packed, step);
	int result = inflate_once(kind, &drip, &below, &read, err);
	below = drip_lending(&drip, packed, step);
	assert_int_equal(inflate_once(kind, &drip, &below, &lent, &other), result);
	free(drip.lent);
	assert_string_equal(other.text, err->text);
	assert_int_equal(lent.len, read.len);
	if (read.len > 0) {
		assert_memory_equal(lent.data, read.data, read.len);
	}
	if (plain != NULL) {
		put(plain, read.data, read.len);
	}
	return result;
}

/* Comes out as it went in, whatever the pieces; but no long stream byte by byte. */
static void
assert_plain(enum kind kind, const struct buf *packed, const void *want, size_t len)
{
	static const size_t steps[] = {1, 2, 3, 7, 18, 1000, SIZE_MAX};

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		CLEAN_BUF plain = {0};
		struct err err = {0};

		if (packed->len / steps[i] > READS_MAX) {
			continue;
		}

		buf_init(&plain, MAKER_BYTES_MAX);
		if (inflate_all(kind, packed, steps[i], &plain, &err) < 0) {
			fail_msg("in steps of %zu: %s", steps[i], err.text);
		}
		assert_int_equal(plain.len, len);
		if (len > 0) {
			assert_memory_equal(plain.data, want, len);
		}
	}
}

static void
assert_damaged(enum kind kind, const struct buf *packed, const char *says)
{
	static const size_t steps[] = {1, 18, SIZE_MAX};

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct err err = {0};

		assert_int_equal(inflate_all(kind, packed, steps[i], NULL, &err), -1);
		if (err.kind != ERR_ARCHIVE || strstr(err.text, says) == NULL) {
			fail_msg("in steps of %zu: '%s' should say '%s'", steps[i], err.text, says);
		}
	}
}

/* Bytes that compress, but not to nothing. */
static char *
long_bytes(void)
{
	char *bytes = malloc(LONG_BYTES);
	unsigned seed = 1;

	assert_non_null(bytes);
	for (size_t i = 0; i < LONG_BYTES; i++) {
		seed = seed * 1103515245U + 12345U;
		bytes[i] = (char)('a' + (seed >> 16) % 7);
	}
	return bytes;
}

/* ---- gzip ---- */

static void
gzip_comes_out_as_it_went_in(void **state)
{
	static const size_t lengths[] = {MEDIUM_BYTES, LONG_BYTES};
	char *bytes = long_bytes();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		CLEAN_BUF packed = {0};

		buf_init(&packed, MAKER_BYTES_MAX);
		gz_member(&packed, bytes, lengths[i], 0);
		assert_plain(KIND_TAR_GZ, &packed, bytes, lengths[i]);
	}
	free(bytes);
}

static void
gzip_of_nothing_is_nothing(void **state)
{
	CLEAN_BUF packed = {0};

	(void)state;
	buf_init(&packed, MAKER_BYTES_MAX);
	gz_member(&packed, "", 0, 0);
	assert_plain(KIND_TAR_GZ, &packed, "", 0);
}

/* Each set of flags, and each place where the header may be torn between two reads. */
static void
gzip_headers_may_hold_anything_the_format_allows(void **state)
{
	(void)state;
	for (int flags = 0; flags < 32; flags++) {
		CLEAN_BUF packed = {0};

		buf_init(&packed, MAKER_BYTES_MAX);
		gz_member(&packed, "hello hello", 11, flags);
		gz_member(&packed, ", world", 7, flags);
		for (size_t step = 1; step <= packed.len; step++) {
			CLEAN_BUF plain = {0};
			struct err err = {0};

			buf_init(&plain, MAKER_BYTES_MAX);
			if (inflate_all(KIND_TAR_GZ, &packed, step, &plain, &err) < 0) {
				fail_msg("flags %d, step %zu: %s", flags, step, err.text);
			}
			assert_string_equal(buf_text(&plain), "hello hello, world");
		}
	}
}

static void
gzip_members_are_one_stream(void **state)
{
	CLEAN_BUF packed = {0};

	(void)state;
	buf_init(&packed, MAKER_BYTES_MAX);
	gz_member(&packed, "one ", 4, 0);
	gz_member(&packed, "", 0, GZ_NAME);
	gz_member(&packed, "two", 3, GZ_EXTRA | GZ_COMMENT);
	assert_plain(KIND_TAR_GZ, &packed, "one two", 7);
}

static void
gzip_checksums_and_lengths_are_checked_in_every_member(void **state)
{
	(void)state;
	for (int member = 0; member < 2; member++) {
		for (size_t back = 1; back <= 8; back++) {
			CLEAN_BUF packed = {0};
			size_t end[2];

			buf_init(&packed, MAKER_BYTES_MAX);
			gz_member(&packed, "first", 5, 0);
			end[0] = packed.len;
			gz_member(&packed, "second", 6, 0);
			end[1] = packed.len;
			packed.data[end[member] - back] ^= 1;
			assert_damaged(KIND_TAR_GZ, &packed, "checksum");
		}
	}
}

static void
gzip_header_checksum_is_checked(void **state)
{
	CLEAN_BUF packed = {0};

	(void)state;
	buf_init(&packed, MAKER_BYTES_MAX);
	gz_member(&packed, "text", 4, GZ_NAME | GZ_HEADER_CRC);
	packed.data[12] ^= 1; /* a letter of the name */
	assert_damaged(KIND_TAR_GZ, &packed, "checksum");
}

static void
gzip_refuses_reserved_flags_and_other_methods(void **state)
{
	CLEAN_BUF packed = {0};

	(void)state;
	buf_init(&packed, MAKER_BYTES_MAX);
	gz_member(&packed, "text", 4, 0);
	for (int bit = 5; bit < 8; bit++) {
		packed.data[3] = (char)(1 << bit);
		assert_damaged(KIND_TAR_GZ, &packed, "header");
	}
	packed.data[3] = 0;
	packed.data[2] = 7;
	assert_damaged(KIND_TAR_GZ, &packed, "header");
}

static void
gzip_cut_anywhere_is_refused(void **state)
{
	CLEAN_BUF packed = {0};
	size_t first = 0;

	(void)state;
	buf_init(&packed, MAKER_BYTES_MAX);
	gz_member(&packed, "some text that is cut, some text", 32, GZ_NAME | GZ_EXTRA | GZ_COMMENT | GZ_HEADER_CRC);
	first = packed.len;
	gz_member(&packed, "more", 4, GZ_NAME);
	for (size_t len = 1; len < packed.len; len++) {
		struct buf cut = {.data = packed.data, .len = len};

		if (len != first) { /* there the archive is whole: only the tar inside can tell */
			assert_damaged(KIND_TAR_GZ, &cut, "the archive is cut");
		}
	}
}

/* Zeros too: what the unpacker would not see must not be there (docs/security.md). */
static void
gzip_with_something_behind_it_is_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} cases[] = {
	    {"x", 1}, {"\0", 1}, {"\x1f\x8c", 2}, {"\0\0\0\0\0\0\0\0\0\0\0\0", 12}, {"a second file, not packed", 25}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_BUF packed = {0};

		buf_init(&packed, MAKER_BYTES_MAX);
		gz_member(&packed, "text", 4, 0);
		put(&packed, cases[i].bytes, cases[i].len);
		assert_damaged(KIND_TAR_GZ, &packed, "follows the gzip data");
	}
}

static void
gzip_of_damaged_bits_never_gives_other_bytes(void **state)
{
	static const char text[] = "the quick brown fox jumps over the lazy dog, the quick brown fox";
	CLEAN_BUF packed = {0};

	(void)state;
	buf_init(&packed, MAKER_BYTES_MAX);
	gz_member(&packed, text, sizeof(text), GZ_NAME);
	for (size_t bit = 0; bit < packed.len * 8; bit++) {
		CLEAN_BUF plain = {0};
		struct err err = {0};

		buf_init(&plain, MAKER_BYTES_MAX);
		packed.data[bit / 8] = (char)(packed.data[bit / 8] ^ (1 << bit % 8));
		if (inflate_all(KIND_TAR_GZ, &packed, SIZE_MAX, &plain, &err) == 0) {
			assert_int_equal(plain.len, sizeof(text));
			assert_memory_equal(plain.data, text, sizeof(text));
		} else {
			assert_int_equal(err.kind, ERR_ARCHIVE);
		}
		packed.data[bit / 8] = (char)(packed.data[bit / 8] ^ (1 << bit % 8));
	}
}

/* ---- zstd ---- */

static void
zstd_comes_out_as_it_went_in(void **state)
{
	char *bytes = long_bytes();

	(void)state;
	for (int told = 0; told < 2; told++) {
		for (int checksum = 0; checksum < 2; checksum++) {
			CLEAN_BUF packed = {0};

			buf_init(&packed, MAKER_BYTES_MAX);
			zst_frame(&packed, bytes, LONG_BYTES, checksum, 0, told);
			assert_plain(KIND_TAR_ZST, &packed, bytes, LONG_BYTES);
		}
	}
	free(bytes);
}

static void
zstd_frames_and_skippable_frames_are_one_stream(void **state)
{
	CLEAN_BUF packed = {0};

	(void)state;
	buf_init(&packed, MAKER_BYTES_MAX);
	zst_skippable(&packed, "a note in front");
	zst_frame(&packed, "one ", 4, 1, 0, 1);
	zst_skippable(&packed, "");
	zst_frame(&packed, "", 0, 0, 0, 0);
	zst_frame(&packed, "two", 3, 0, 0, 0);
	zst_skippable(&packed, "and behind");
	assert_plain(KIND_TAR_ZST, &packed, "one two", 7);
}

static void
zstd_checksums_are_checked(void **state)
{
	for (size_t back = 1; back <= 4; back++) {
		CLEAN_BUF packed = {0};

		(void)state;
		buf_init(&packed, MAKER_BYTES_MAX);
		zst_frame(&packed, "some text", 9, 1, 0, 1);
		packed.data[packed.len - back] ^= 1;
		assert_damaged(KIND_TAR_ZST, &packed, "checksum");
	}
}

static void
zstd_cut_anywhere_is_refused(void **state)
{
	CLEAN_BUF packed = {0};
	size_t whole[3];

	(void)state;
	buf_init(&packed, MAKER_BYTES_MAX);
	zst_frame(&packed, "some text that is cut, some text that is cut", 44, 1, 0, 0);
	whole[0] = packed.len;
	zst_skippable(&packed, "a note");
	whole[1] = packed.len;
	zst_frame(&packed, "more", 4, 0, 0, 1);
	whole[2] = packed.len;
	for (size_t len = 1; len < whole[2]; len++) {
		struct buf cut = {.data = packed.data, .len = len};

		if (len != whole[0] && len != whole[1]) {
			assert_damaged(KIND_TAR_ZST, &cut, "the archive is cut");
		}
	}
}

static void
zstd_with_something_behind_it_is_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} cases[] = {{"x", 1}, {"\0", 1}, {"\x28\xb5\x2f\xfc", 4}, {"\0\0\0\0\0\0\0\0", 8}, {"something else", 14}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_BUF packed = {0};

		buf_init(&packed, MAKER_BYTES_MAX);
		zst_frame(&packed, "text", 4, 1, 0, 1);
		put(&packed, cases[i].bytes, cases[i].len);
		assert_damaged(KIND_TAR_ZST, &packed, "follows the zstd data");
	}
}

/* 16 MiB where 8 are allowed, in both ways a header says it: by its window and by a single segment of that size. */
static void
zstd_window_over_the_limit_names_what_it_needs(void **state)
{
	CLEAN_BUF packed = {0};
	char *zeros = calloc(1, (size_t)2 * WINDOW);

	(void)state;
	assert_non_null(zeros);
	buf_init(&packed, MAKER_BYTES_MAX);
	zst_frame(&packed, zeros, (size_t)2 * WINDOW, 1, 24, 0);
	assert_damaged(KIND_TAR_ZST, &packed, "window of 16 MiB");
	assert_damaged(KIND_TAR_ZST, &packed, "fetch-memory to 64");
	buf_reset(&packed);
	zst_frame(&packed, zeros, (size_t)2 * WINDOW, 1, 24, 1);
	assert_true((packed.data[4] & 0x20) != 0);
	assert_damaged(KIND_TAR_ZST, &packed, "window of 16 MiB");
	assert_damaged(KIND_TAR_ZST, &packed, "fetch-memory to 64");
	free(zeros);
}

/* The limit is no power of two in the header either: one eighth more than 8 MiB is refused, 8 MiB and 7 eighths of it are not. */
static void
zstd_window_limit_is_exact(void **state)
{
	CLEAN_BUF packed = {0};

	(void)state;
	buf_init(&packed, MAKER_BYTES_MAX);
	zst_frame(&packed, "some text", 9, 1, 20, 0);
	assert_true((packed.data[4] & 0x20) == 0);
	packed.data[5] = (char)((23 - 10) << 3);
	assert_plain(KIND_TAR_ZST, &packed, "some text", 9);
	packed.data[5] = (char)((22 - 10) << 3 | 7);
	assert_plain(KIND_TAR_ZST, &packed, "some text", 9);
	packed.data[5] = (char)((23 - 10) << 3 | 1);
	assert_damaged(KIND_TAR_ZST, &packed, "window of 9 MiB");
	packed.data[5] = (char)0xff;
	assert_damaged(KIND_TAR_ZST, &packed, "fetch-memory");
}

/* Behind a frame that is small enough, and behind a skippable one. */
static void
zstd_window_is_checked_in_every_frame(void **state)
{
	CLEAN_BUF packed = {0};

	(void)state;
	buf_init(&packed, MAKER_BYTES_MAX);
	zst_frame(&packed, "one", 3, 1, 0, 0);
	zst_skippable(&packed, "note");
	size_t at = packed.len;
	zst_frame(&packed, "two", 3, 1, 20, 0);
	packed.data[at + 5] = (char)((25 - 10) << 3);
	assert_damaged(KIND_TAR_ZST, &packed, "window of 32 MiB");
}

static void
zstd_that_needs_a_dictionary_is_refused(void **state)
{
	CLEAN_BUF packed = {0};

	(void)state;
	buf_init(&packed, MAKER_BYTES_MAX);
	put(&packed, "\x28\xb5\x2f\xfd\x21\x07\x05\x29\x00\x00hello", 15); /* single segment, dictionary 7, 5 bytes */
	assert_damaged(KIND_TAR_ZST, &packed, "dictionary");
}

/* With a checksum no flipped bit gives other bytes; without one only a digest could tell (docs/security.md). */
static void
zstd_of_damaged_bits_never_gives_other_bytes(void **state)
{
	static const char text[] = "the quick brown fox jumps over the lazy dog, the quick brown fox";
	CLEAN_BUF packed = {0};

	(void)state;
	buf_init(&packed, MAKER_BYTES_MAX);
	zst_frame(&packed, text, sizeof(text), 1, 0, 1);
	for (size_t bit = 0; bit < packed.len * 8; bit++) {
		CLEAN_BUF plain = {0};
		struct err err = {0};

		if (bit == 4 * 8 + 2) {
			continue; /* the flag that says that there is a checksum */
		}
		buf_init(&plain, MAKER_BYTES_MAX);
		packed.data[bit / 8] = (char)(packed.data[bit / 8] ^ (1 << bit % 8));
		if (inflate_all(KIND_TAR_ZST, &packed, SIZE_MAX, &plain, &err) == 0) {
			assert_int_equal(plain.len, sizeof(text));
			assert_memory_equal(plain.data, text, sizeof(text));
		} else {
			assert_int_equal(err.kind, ERR_ARCHIVE);
		}
		packed.data[bit / 8] = (char)(packed.data[bit / 8] ^ (1 << bit % 8));
	}
}

/* ---- both ---- */

static void
failure_below_passes_through(void **state)
{
	const enum kind kinds[] = {KIND_TAR_GZ, KIND_TAR_ZST};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		CLEAN_BUF packed = {0};
		struct drip drip;
		struct err err = {0};
		char block[4096];
		char *bytes = long_bytes();

		buf_init(&packed, MAKER_BYTES_MAX);
		if (kinds[i] == KIND_TAR_GZ) {
			gz_member(&packed, bytes, LONG_BYTES, 0);
		} else {
			zst_frame(&packed, bytes, LONG_BYTES, 1, 0, 1);
		}
		struct source below = drip_source(&drip, &packed, 1000);
		drip.fails_at = packed.len / 2;
		struct budget budget;
		budget_init(&budget, 2 * WINDOW);
		CLEAN_INFLATE *inflate = inflate_new(kinds[i], &below, &budget, WINDOW, &err);
		struct source source = inflate_source(inflate);
		while (source_read(&source, block, sizeof(block), &err) > 0) {
		}
		assert_int_equal(err.kind, ERR_UNAVAILABLE);
		assert_int_equal(source_read(&source, block, sizeof(block), &err), 0);
		assert_false(drip.called_after_end);
		free(bytes);
	}
}

static void
what_the_budget_refuses_is_no_damage(void **state)
{
	static const enum kind kinds[] = {KIND_TAR_GZ, KIND_TAR_ZST};
	CLEAN_BUF packed = {0};
	struct mem_source mem;
	struct budget budget;
	struct err err = {0};
	char byte;

	(void)state;
	buf_init(&packed, MAKER_BYTES_MAX);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct source below = mem_source_init(&mem, "", 0);

		budget_init(&budget, 1000);
		err = (struct err){0};
		assert_null(inflate_new(kinds[i], &below, &budget, WINDOW, &err));
		assert_int_equal(err.kind, ERR_SYSTEM);
		assert_true(budget_is_whole(&budget));
	}
	char *zeros = calloc(1, WINDOW);
	assert_non_null(zeros);
	zst_frame(&packed, zeros, WINDOW, 1, 23, 0);
	free(zeros);
	struct source below = mem_source_init(&mem, packed.data, packed.len);
	budget_init(&budget, WINDOW / 2);
	err = (struct err){0};
	struct inflate *inflate = inflate_new(KIND_TAR_ZST, &below, &budget, WINDOW, &err);
	assert_non_null(inflate);
	struct source source = inflate_source(inflate);
	assert_int_equal(source_read(&source, &byte, 1, &err), -1);
	assert_int_equal(err.kind, ERR_SYSTEM);
	assert_non_null(strstr(err.text, "fetch-memory"));
	inflate_free(inflate);
	assert_true(budget_is_whole(&budget));
}

static void
inflate_free_takes_nothing(void **state)
{
	(void)state;
	inflate_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gzip_comes_out_as_it_went_in),
	    cmocka_unit_test(gzip_of_nothing_is_nothing),
	    cmocka_unit_test(gzip_headers_may_hold_anything_the_format_allows),
	    cmocka_unit_test(gzip_members_are_one_stream),
	    cmocka_unit_test(gzip_checksums_and_lengths_are_checked_in_every_member),
	    cmocka_unit_test(gzip_header_checksum_is_checked),
	    cmocka_unit_test(gzip_refuses_reserved_flags_and_other_methods),
	    cmocka_unit_test(gzip_cut_anywhere_is_refused),
	    cmocka_unit_test(gzip_with_something_behind_it_is_refused),
	    cmocka_unit_test(gzip_of_damaged_bits_never_gives_other_bytes),
	    cmocka_unit_test(zstd_comes_out_as_it_went_in),
	    cmocka_unit_test(zstd_frames_and_skippable_frames_are_one_stream),
	    cmocka_unit_test(zstd_checksums_are_checked),
	    cmocka_unit_test(zstd_cut_anywhere_is_refused),
	    cmocka_unit_test(zstd_with_something_behind_it_is_refused),
	    cmocka_unit_test(zstd_window_over_the_limit_names_what_it_needs),
	    cmocka_unit_test(zstd_window_limit_is_exact),
	    cmocka_unit_test(zstd_window_is_checked_in_every_frame),
	    cmocka_unit_test(zstd_that_needs_a_dictionary_is_refused),
	    cmocka_unit_test(zstd_of_damaged_bits_never_gives_other_bytes),
	    cmocka_unit_test(failure_below_passes_through),
	    cmocka_unit_test(what_the_budget_refuses_is_no_damage),
	    cmocka_unit_test(inflate_free_takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
