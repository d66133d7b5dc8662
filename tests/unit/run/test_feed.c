#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "run/feed.h"

/* A feed with the other end of its pipe, and what it gave, each piece behind a letter for its kind. Time is a number that we set. */
struct rig {
	struct feed feed;
	int in;
	int64_t now_ms;
	struct mask mask;
	struct buf got;
};

static void
rig_open(struct rig *rig, int strip)
{
	int fds[2];

	memset(rig, 0, sizeof(*rig));
	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(feed_init(&rig->feed), 0);
	feed_attach(&rig->feed, fds[0], strip);
	rig->in = fds[1];
	rig->now_ms = 1000000;
	buf_init(&rig->got, 1 << 20);
}

static void
rig_close(struct rig *rig)
{
	fd_close(&rig->in);
	feed_release(&rig->feed);
	mask_release(&rig->mask);
	buf_release(&rig->got);
}

static void
look(struct rig *rig, int ending)
{
	static const char letters[PIECE_KINDS] = "?LlpcufE";
	struct piece piece;

	while ((piece = feed_next(&rig->feed, &rig->mask, rig->now_ms, ending)).kind != PIECE_NONE) {
		buf_addc(&rig->got, letters[piece.kind]);
		buf_adds(&rig->got, piece.continues ? "+" : "");
		buf_addc(&rig->got, '(');
		buf_add(&rig->got, piece.bytes, piece.len);
		buf_addc(&rig->got, ')');
		feed_take(&rig->feed, &piece, rig->now_ms);
	}
}

static void
say(struct rig *rig, const char *text)
{
	assert_int_equal(write(rig->in, text, strlen(text)), strlen(text));
	feed_read(&rig->feed, rig->now_ms);
	look(rig, 0);
}

static void
later(struct rig *rig, int64_t ms)
{
	rig->now_ms += ms;
	look(rig, 0);
}

static void
end(struct rig *rig)
{
	fd_close(&rig->in);
	feed_read(&rig->feed, rig->now_ms);
	look(rig, 1);
}

static void
expect(struct rig *rig, const char *text)
{
	assert_string_equal(buf_text(&rig->got), text);
	buf_reset(&rig->got);
}

static void
feed_gives_whole_lines_at_once(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, 1);
	say(&rig, "one\ntwo\nthr");
	expect(&rig, "L(one\ntwo\n)");
	say(&rig, "ee\n");
	expect(&rig, "L(three\n)");
	rig_close(&rig);
}

static void
feed_passes_an_unfinished_line_on_after_its_time(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, 1);
	say(&rig, "wait");
	assert_true(feed_deadline_ms(&rig.feed) == rig.now_ms + FEED_PART_MS);
	later(&rig, FEED_PART_MS - 1);
	expect(&rig, "");
	later(&rig, 1);
	expect(&rig, "p(wait)");
	say(&rig, "ing\nnext\n");
	expect(&rig, "L(ing\nnext\n)");
	rig_close(&rig);
}

static void
feed_gives_the_last_unfinished_line_at_the_end(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, 1);
	say(&rig, "a\nlast words");
	expect(&rig, "L(a\n)");
	end(&rig);
	expect(&rig, "p(last words)");
	assert_int_equal(rig.feed.fd, -1);
	rig_close(&rig);
}

static void
feed_takes_cr_lf_as_one_end(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, 1);
	say(&rig, "one\r\ntwo\nthree\r\n\r\n");
	expect(&rig, "l(one)L(two\n)l(three)l()");
	rig_close(&rig);
}

static void
feed_waits_for_the_newline_of_a_cut_cr_lf(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, 1);
	say(&rig, "one\r");
	expect(&rig, "");
	say(&rig, "\n");
	expect(&rig, "l(one)");
	rig_close(&rig);
}

static void
feed_keeps_one_update_a_second_and_the_last(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, 1);
	say(&rig, "\r 1%");
	expect(&rig, "");
	later(&rig, FEED_PART_MS);
	expect(&rig, "u( 1%)");
	say(&rig, "\r 2%\r 3%");
	later(&rig, 500);
	expect(&rig, "");
	assert_true(feed_deadline_ms(&rig.feed) == rig.now_ms + 500);
	later(&rig, 500);
	expect(&rig, "u( 3%)");
	say(&rig, "\r 4%\r100%\nafter\n");
	expect(&rig, "f(100%)L(after\n)");
	rig_close(&rig);
}

static void
feed_keeps_updates_that_end_in_cr_too(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, 1);
	say(&rig, "1%\r2%\r3%\r");
	expect(&rig, "u(1%)");
	later(&rig, FEED_PART_MS);
	expect(&rig, "");
	later(&rig, FEED_PROGRESS_MS - FEED_PART_MS);
	expect(&rig, "u(3%)");
	say(&rig, "4%\r");
	end(&rig);
	expect(&rig, "f(4%)");
	rig_close(&rig);
}

static void
feed_does_not_repeat_a_last_update_that_was_shown(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, 1);
	say(&rig, "\r100%");
	later(&rig, FEED_PART_MS);
	expect(&rig, "u(100%)");
	say(&rig, "\n");
	expect(&rig, "E()");
	rig_close(&rig);
}

static void
feed_takes_blanks_that_wipe_for_no_update(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, 1);
	say(&rig, "1%\r2%\r      \r\n");
	expect(&rig, "u(1%)f(2%)");
	rig_close(&rig);
}

static void
feed_ends_a_part_before_updates_follow(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, 1);
	say(&rig, "loading: ");
	later(&rig, FEED_PART_MS);
	say(&rig, "1%\r2%\n");
	expect(&rig, "p(loading: )p(1%)E()f(2%)");
	rig_close(&rig);
}

/* Lengths around the limit: what fits goes out whole, whatever the reads were. */
static void
feed_cuts_only_lines_over_the_limit(void **state)
{
	static char line[FEED_LINE_MAX + 2];

	(void)state;
	for (size_t len = FEED_LINE_MAX - 1; len <= FEED_LINE_MAX + 1; len++) {
		struct rig rig;

		rig_open(&rig, 1);
		assert_true(fcntl(rig.in, F_SETPIPE_SZ, 4 * FEED_LINE_MAX) > 0);
		memset(line, 'x', len);
		line[len] = '\n';
		assert_int_equal(write(rig.in, line, len + 1), len + 1);
		feed_read(&rig.feed, rig.now_ms);
		look(&rig, 0);
		assert_int_equal(rig.got.data[0], len > FEED_LINE_MAX ? 'c' : 'L');
		if (len > FEED_LINE_MAX) {
			assert_int_equal(rig.got.len, 1 + 1 + FEED_LINE_MAX + 1 + strlen("L+(x\n)"));
			assert_string_equal(rig.got.data + rig.got.len - 6, "L+(x\n)");
		}
		rig_close(&rig);
	}
}

static void
feed_counts_what_was_passed_on_before(void **state)
{
	static char half[FEED_LINE_MAX / 2];
	struct rig rig;

	(void)state;
	rig_open(&rig, 1);
	memset(half, 'x', sizeof(half));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(write(rig.in, half, sizeof(half)), sizeof(half));
		feed_read(&rig.feed, rig.now_ms);
		later(&rig, FEED_PART_MS);
		assert_int_equal(rig.got.data[0], 'p');
		buf_reset(&rig.got);
	}
	say(&rig, "yz\n");
	expect(&rig, "c()L+(yz\n)");
	rig_close(&rig);
}

static void
feed_cuts_at_the_border_of_a_character(void **state)
{
	static char line[FEED_LINE_MAX + 2];
	struct rig rig;

	(void)state;
	rig_open(&rig, 1);
	assert_true(fcntl(rig.in, F_SETPIPE_SZ, 4 * FEED_LINE_MAX) > 0);
	memset(line, 'x', sizeof(line));
	/* Two of the three bytes would still fit. */
	memcpy(line + FEED_LINE_MAX - 2, "\xe2\x9c\x93", 3);
	line[FEED_LINE_MAX + 1] = '\n';
	assert_int_equal(write(rig.in, line, sizeof(line)), sizeof(line));
	feed_read(&rig.feed, rig.now_ms);
	look(&rig, 0);
	assert_string_equal(rig.got.data + 2 + FEED_LINE_MAX - 3, "x)L+(\xe2\x9c\x93\n)");
	rig_close(&rig);
}

static void
feed_leaves_bytes_that_are_no_text_alone(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, 1);
	assert_int_equal(write(rig.in, "\xff\xfe\0\x80\n", 5), 5);
	feed_read(&rig.feed, rig.now_ms);
	look(&rig, 0);
	assert_int_equal(rig.got.len, 8);
	assert_memory_equal(rig.got.data, "L(\xff\xfe\0\x80\n)", 8);
	rig_close(&rig);
}

static void
feed_strips_escapes_only_when_told(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, 1);
	say(&rig, "\033[1mbo");
	say(&rig, "ld\033[");
	say(&rig, "0m\n");
	expect(&rig, "L(bold\n)");
	rig_close(&rig);
	rig_open(&rig, 0);
	say(&rig, "\033[1mbold\n");
	expect(&rig, "L(\033[1mbold\n)");
	rig_close(&rig);
}

static void
feed_never_ends_a_part_inside_a_masked_value(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, 1);
	assert_int_equal(mask_add(&rig.mask, "hunter2", 7), 0);
	say(&rig, "it is hunt");
	later(&rig, FEED_PART_MS);
	expect(&rig, "p(it is )");
	/* Nothing to do until more comes: no deadline that would make the loop spin. */
	assert_true(feed_deadline_ms(&rig.feed) == DEADLINE_NEVER);
	say(&rig, "er2\n");
	expect(&rig, "L(hunter2\n)");
	rig_close(&rig);
}

static void
feed_shows_no_update_that_ends_inside_a_masked_value(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, 1);
	assert_int_equal(mask_add(&rig.mask, "hunter2", 7), 0);
	say(&rig, "\rtrying hunt");
	later(&rig, FEED_PROGRESS_MS);
	expect(&rig, "");
	assert_true(feed_deadline_ms(&rig.feed) == DEADLINE_NEVER);
	say(&rig, "er2 now");
	later(&rig, FEED_PART_MS);
	expect(&rig, "u(trying hunter2 now)");
	rig_close(&rig);
}

static void
feed_gives_what_it_held_back_at_the_end(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, 1);
	assert_int_equal(mask_add(&rig.mask, "hunter2", 7), 0);
	say(&rig, "hunt");
	end(&rig);
	expect(&rig, "p(hunt)");
	rig_close(&rig);
}

static void
feed_gives_the_same_piece_until_it_is_taken(void **state)
{
	struct rig rig;
	struct piece first, second;

	(void)state;
	rig_open(&rig, 1);
	assert_int_equal(write(rig.in, "a\r\nb\n", 5), 5);
	feed_read(&rig.feed, rig.now_ms);
	first = feed_next(&rig.feed, NULL, rig.now_ms, 0);
	second = feed_next(&rig.feed, NULL, rig.now_ms, 0);
	assert_int_equal(first.kind, PIECE_LINE);
	assert_int_equal(second.kind, PIECE_LINE);
	assert_int_equal(second.len, 1);
	rig_close(&rig);
}

/* Any text, cut into any reads: what comes out is the text. */
static void
feed_loses_nothing_however_reads_are_cut(void **state)
{
	static const char text[] = "first\nsecond line\n\nfourth \xc3\xa9\nlast";

	(void)state;
	for (size_t cut = 1; cut < sizeof(text) - 1; cut++) {
		struct rig rig;
		struct piece piece;
		CLEAN_BUF all;

		buf_init(&all, 1000);
		rig_open(&rig, 1);
		for (size_t at = 0; at < sizeof(text) - 1; at += cut) {
			size_t n = sizeof(text) - 1 - at < cut ? sizeof(text) - 1 - at : cut;

			assert_int_equal(write(rig.in, text + at, n), n);
			feed_read(&rig.feed, rig.now_ms);
			rig.now_ms += FEED_PART_MS;
			while ((piece = feed_next(&rig.feed, NULL, rig.now_ms, 0)).kind != PIECE_NONE) {
				buf_add(&all, piece.bytes, piece.len);
				feed_take(&rig.feed, &piece, rig.now_ms);
			}
		}
		assert_string_equal(buf_text(&all), text);
		rig_close(&rig);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(feed_gives_whole_lines_at_once),
	    cmocka_unit_test(feed_passes_an_unfinished_line_on_after_its_time),
	    cmocka_unit_test(feed_gives_the_last_unfinished_line_at_the_end),
	    cmocka_unit_test(feed_takes_cr_lf_as_one_end),
	    cmocka_unit_test(feed_waits_for_the_newline_of_a_cut_cr_lf),
	    cmocka_unit_test(feed_keeps_one_update_a_second_and_the_last),
	    cmocka_unit_test(feed_keeps_updates_that_end_in_cr_too),
	    cmocka_unit_test(feed_does_not_repeat_a_last_update_that_was_shown),
	    cmocka_unit_test(feed_takes_blanks_that_wipe_for_no_update),
	    cmocka_unit_test(feed_ends_a_part_before_updates_follow),
	    cmocka_unit_test(feed_cuts_only_lines_over_the_limit),
	    cmocka_unit_test(feed_counts_what_was_passed_on_before),
	    cmocka_unit_test(feed_cuts_at_the_border_of_a_character),
	    cmocka_unit_test(feed_leaves_bytes_that_are_no_text_alone),
	    cmocka_unit_test(feed_strips_escapes_only_when_told),
	    cmocka_unit_test(feed_never_ends_a_part_inside_a_masked_value),
	    cmocka_unit_test(feed_shows_no_update_that_ends_inside_a_masked_value),
	    cmocka_unit_test(feed_gives_what_it_held_back_at_the_end),
	    cmocka_unit_test(feed_gives_the_same_piece_until_it_is_taken),
	    cmocka_unit_test(feed_loses_nothing_however_reads_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
