/* A .tar.zst of small frames, decoded by several threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/buf.h"
#include "files/frames.h"

enum { THREADS = 3, BUDGET = 32 << 20, WINDOW = 8 << 20, MEGABYTE = 1 << 20, BYTES_MAX = 64 << 20 };

/* Lends its bytes in pieces of 'step'. */
struct pieces {
	const char *bytes;
	size_t left, step;
};

static ssize_t
lend_piece(void *self, const void **bytes, struct err *err)
{
	struct pieces *pieces = self;
	size_t n = pieces->left < pieces->step ? pieces->left : pieces->step;

	(void)err;
	*bytes = pieces->bytes;
	pieces->bytes += n;
	pieces->left -= n;
	return (ssize_t)n;
}

static ssize_t
read_piece(void *self, void *bytes, size_t len, struct err *err)
{
	struct pieces *pieces = self;
	const void *lent = NULL;
	size_t step = pieces->step;

	pieces->step = len < step ? len : step;
	ssize_t n = lend_piece(self, &lent, err);
	pieces->step = step;
	if (n > 0) {
		memcpy(bytes, lent, (size_t)n);
	}
	return n;
}

static char
byte_at(size_t at)
{
	return (char)("abcdefghijklmnop"[at * 7 % 16] + (char)(at / 1000 % 5));
}

/* Appends one frame with the content's bytes from 'from' on. */
static void
add_frame(struct buf *out, size_t from, size_t len, int sized)
{
	char *plain = malloc(len + 1);
	size_t room = ZSTD_compressBound(len);
	char *packed = malloc(room);
	ZSTD_CCtx *context = ZSTD_createCCtx();

	assert_true(plain != NULL && packed != NULL && context != NULL);
	for (size_t i = 0; i < len; i++) {
		plain[i] = byte_at(from + i);
	}
	assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)));
	assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, sized)));
	size_t n = ZSTD_compress2(context, packed, room, plain, len);
	assert_false(ZSTD_isError(n));
	assert_int_equal(buf_add(out, packed, n), 0);
	(void)ZSTD_freeCCtx(context);
	free(packed);
	free(plain);
}

/* Reads everything in both ways: how many bytes came, all of them right; 'err' says how it ended. */
static size_t
unfold(const struct buf *packed, size_t step, int threads, struct err *err)
{
	struct pieces pieces = {.bytes = packed->data, .left = packed->len, .step = step};
	const struct source from = {.read = read_piece, .lend = lend_piece, .self = &pieces};
	struct budget budget;
	size_t got = 0;
	ssize_t n = 1;

	budget_init(&budget, BUDGET);
	struct frames *frames = frames_new(&from, &budget, threads, WINDOW, err);
	assert_non_null(frames);
	const struct source plain = frames_source(frames);
	for (int turn = 0; n > 0; turn++) {
		char some[1000];
		const void *lent = some;

		n = turn % 3 == 0 ? source_read(&plain, some, sizeof(some), err)
		                  : source_lend(&plain, NULL, 0, &lent, err);
		for (ssize_t i = 0; i < n; i++) {
			if (((const char *)lent)[i] != byte_at(got + (size_t)i)) {
				fail_msg("byte %zu is wrong", got + (size_t)i);
			}
		}
		got += n > 0 ? (size_t)n : 0;
	}
	assert_true((n < 0) == (err->kind != ERR_NONE));
	frames_free(frames);
	assert_true(budget_is_whole(&budget));
	return got;
}

static int
fits(size_t bytes_max, const void *bytes, size_t len)
{
	struct budget budget;

	budget_init(&budget, bytes_max);
	return frames_fit(&budget, bytes, len);
}

static void
frames_come_out_in_order_whatever_their_sizes(void **state)
{
	static const size_t sizes[] = {
	    FRAMES_CONTENT_MAX, 1, 100000, 0, FRAMES_CONTENT_MAX, 70000, FRAMES_CONTENT_MAX - 1, 3};
	CLEAN_BUF packed = {0};
	size_t whole = 0;

	(void)state;
	buf_init(&packed, BYTES_MAX);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
			add_frame(&packed, whole, sizes[i], 1);
			whole += sizes[i];
		}
	}
	assert_true(fits(BUDGET, packed.data, packed.len));
	assert_false(fits(8 << 20, packed.data, packed.len));
	for (int threads = 1; threads <= FRAMES_THREADS_MAX; threads += 2) {
		struct err err = {0};

		assert_int_equal(unfold(&packed, threads == 1 ? 7 : 300000, threads, &err), whole);
		assert_int_equal(err.kind, ERR_NONE);
	}
}

static void
seek_table_and_other_skippable_frames_are_skipped(void **state)
{
	CLEAN_BUF packed = {0};
	struct err err = {0};

	(void)state;
	buf_init(&packed, BYTES_MAX);
	add_frame(&packed, 0, MEGABYTE, 1);
	assert_int_equal(buf_add(&packed, "\x5e\x2a\x4d\x18\x03\0\0\0abc", 11), 0);
	add_frame(&packed, MEGABYTE, 10, 1);
	assert_int_equal(buf_add(&packed, "\x50\x2a\x4d\x18\0\0\0\0", 8), 0);
	assert_int_equal(unfold(&packed, 5000, THREADS, &err), MEGABYTE + 10);
}

static void
frames_that_do_not_fit_are_decoded_all_the_same(void **state)
{
	CLEAN_BUF packed = {0};
	struct err err = {0};

	(void)state;
	buf_init(&packed, BYTES_MAX);
	add_frame(&packed, 0, MEGABYTE, 1);
	add_frame(&packed, MEGABYTE, 3 * MEGABYTE, 1);
	add_frame(&packed, 4 * MEGABYTE, MEGABYTE, 0);
	add_frame(&packed, 5 * MEGABYTE, MEGABYTE, 1);
	assert_int_equal(unfold(&packed, 4096, THREADS, &err), 6 * MEGABYTE);
	assert_int_equal(err.kind, ERR_NONE);
	assert_false(fits(BUDGET, "\x28\xb5\x2f\xfd", 4));
	buf_reset(&packed);
	add_frame(&packed, 0, 3 * MEGABYTE, 1);
	assert_false(fits(BUDGET, packed.data, packed.len));
	buf_reset(&packed);
	add_frame(&packed, 0, 10, 0);
	assert_false(fits(BUDGET, packed.data, packed.len));
}

static void
damage_is_told_behind_the_frames_before_it(void **state)
{
	CLEAN_BUF packed = {0};
	struct err err = {0};
	size_t fourth = 0;

	(void)state;
	buf_init(&packed, BYTES_MAX);
	for (size_t i = 0; i < 6; i++) {
		add_frame(&packed, i * MEGABYTE, MEGABYTE, 1);
		fourth = i == 3 ? packed.len : fourth;
	}
	packed.data[fourth - 2] ^= 1; /* in its checksum */
	assert_int_equal(unfold(&packed, 10000, THREADS, &err), 3 * MEGABYTE);
	assert_int_equal(err.kind, ERR_ARCHIVE);
	assert_non_null(strstr(err.text, "checksum"));
}

static void
a_cut_is_found_at_every_byte(void **state)
{
	CLEAN_BUF packed = {0};

	(void)state;
	buf_init(&packed, BYTES_MAX);
	add_frame(&packed, 0, 300, 1);
	size_t first = packed.len;
	add_frame(&packed, 300, 300, 1);
	size_t whole = packed.len;
	for (packed.len = 1; packed.len < whole; packed.len++) {
		struct err err = {0};
		size_t got = unfold(&packed, 64, 1, &err);

		assert_true(packed.len == first ? got == 300 && err.kind == ERR_NONE : err.kind == ERR_ARCHIVE);
	}
}

static void
bytes_behind_the_last_frame_are_refused(void **state)
{
	CLEAN_BUF packed = {0};
	struct err err = {0};

	(void)state;
	buf_init(&packed, BYTES_MAX);
	add_frame(&packed, 0, 1000, 1);
	assert_int_equal(buf_adds(&packed, "and more"), 0);
	assert_int_equal(unfold(&packed, 64, THREADS, &err), 1000);
	assert_int_equal(err.kind, ERR_ARCHIVE);
	assert_non_null(strstr(err.text, "follows"));
}

static void
frames_can_be_given_up_in_the_middle(void **state)
{
	CLEAN_BUF packed = {0};
	struct budget budget;

	(void)state;
	buf_init(&packed, BYTES_MAX);
	for (size_t i = 0; i < 8; i++) {
		add_frame(&packed, i * MEGABYTE, MEGABYTE, 1);
	}
	for (int turns = 0; turns < 4; turns++) {
		struct pieces pieces = {.bytes = packed.data, .left = packed.len, .step = 65536};
		const struct source from = {.read = read_piece, .lend = lend_piece, .self = &pieces};
		struct err err = {0};
		const void *lent = NULL;

		budget_init(&budget, BUDGET);
		struct frames *frames = frames_new(&from, &budget, THREADS, WINDOW, &err);
		assert_non_null(frames);
		const struct source plain = frames_source(frames);
		for (int i = 0; i < turns; i++) {
			assert_int_equal(source_lend(&plain, NULL, 0, &lent, &err), MEGABYTE);
		}
		frames_free(frames);
		assert_true(budget_is_whole(&budget));
	}
}

static void
frames_without_room_start_nothing(void **state)
{
	struct pieces pieces = {.bytes = "", .left = 0, .step = 1};
	const struct source from = {.read = read_piece, .lend = lend_piece, .self = &pieces};
	struct budget budget;
	struct err err = {0};

	(void)state;
	budget_init(&budget, 6 << 20);
	assert_null(frames_new(&from, &budget, THREADS, WINDOW, &err));
	assert_int_equal(err.kind, ERR_SYSTEM);
	assert_true(budget_is_whole(&budget));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(frames_come_out_in_order_whatever_their_sizes),
	    cmocka_unit_test(seek_table_and_other_skippable_frames_are_skipped),
	    cmocka_unit_test(frames_that_do_not_fit_are_decoded_all_the_same),
	    cmocka_unit_test(damage_is_told_behind_the_frames_before_it),
	    cmocka_unit_test(a_cut_is_found_at_every_byte),
	    cmocka_unit_test(bytes_behind_the_last_frame_are_refused),
	    cmocka_unit_test(frames_can_be_given_up_in_the_middle),
	    cmocka_unit_test(frames_without_room_start_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
