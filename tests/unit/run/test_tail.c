#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "run/tail.h"

static struct tail tail;
static struct buf out;
static const struct mask *mask;

static int
set_up(void **state)
{
	(void)state;
	memset(&tail, 0xa5, sizeof(tail));
	tail_reset(&tail);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	buf_release(&out);
	return 0;
}

static const char *
text(void)
{
	buf_release(&out);
	buf_init(&out, TAIL_TEXT_MAX);
	tail_text(&tail, mask, &out);
	assert_false(out.full);
	return buf_text(&out);
}

/* The lines "line FROM" to "line TO", each with its newline. */
static size_t
lines(char *into, size_t room, int from, int to)
{
	size_t len = 0;

	for (int i = from; i <= to; i++) {
		len += (size_t)snprintf(into + len, room - len, "line %d\n", i);
	}
	return len;
}

static void
tail_keeps_a_short_text_whole(void **state)
{
	(void)state;
	assert_string_equal(text(), "");
	tail_add(&tail, "one\n", 4);
	tail_add(&tail, "", 0);
	tail_add(&tail, "\ntw", 3);
	tail_add(&tail, "o", 1);
	assert_string_equal(text(), "one\n\ntwo");
	tail_add(&tail, "\n", 1);
	assert_string_equal(text(), "one\n\ntwo\n");
	tail_reset(&tail);
	assert_string_equal(text(), "");
}

static void
tail_keeps_the_last_lines_however_they_come(void **state)
{
	static char all[4096], last[4096];
	size_t len = lines(all, sizeof(all), 1, 200);

	(void)state;
	(void)lines(last, sizeof(last), 200 - TAIL_LINES + 1, 200);
	for (size_t piece = 1; piece <= len; piece++) {
		tail_reset(&tail);
		for (size_t at = 0; at < len; at += piece) {
			tail_add(&tail, all + at, len - at < piece ? len - at : piece);
		}
		assert_string_equal(text(), last);
	}
}

static void
unfinished_line_grows_across_many_others(void **state)
{
	static char many[4096];
	size_t len = lines(many, sizeof(many), 1, TAIL_LINES);

	(void)state;
	tail_add(&tail, "begun, ", 7);
	tail_add(&tail, many, len - 1);
	assert_non_null(strstr(text(), "begun, line 1\nline 2\n"));
	tail_add(&tail, "!\nnext", 6);
	assert_null(strstr(text(), "begun"));
	assert_non_null(strstr(text(), "line 64!\nnext"));
}

static void
tail_keeps_the_beginning_of_a_huge_line_and_what_came_before(void **state)
{
	static char big[100000];

	(void)state;
	memset(big, 'a', sizeof(big));
	tail_add(&tail, "before\n", 7);
	tail_add(&tail, big, sizeof(big));
	tail_add(&tail, "more", 4);
	tail_add(&tail, "\nafter\n", 7);
	const char *got = text();

	assert_int_equal(out.len, 7 + TAIL_LINE_BYTES - TAIL_WORD_BYTES + TAIL_MARK_BYTES + 1 + 6);
	assert_memory_equal(got, "before\na", 8);
	assert_string_equal(got + out.len - 11, "a...\nafter\n");
}

static void
line_of_exactly_the_limit_is_not_marked(void **state)
{
	static char line[TAIL_LINE_BYTES];

	(void)state;
	memset(line, 'b', sizeof(line));
	tail_add(&tail, line, sizeof(line) - 1);
	tail_add(&tail, "b", 1);
	assert_int_equal(strlen(text()), TAIL_LINE_BYTES);
	tail_add(&tail, "\n", 1);
	assert_int_equal(strlen(text()), TAIL_LINE_BYTES + 1);
}

static void
largest_tail_fits_into_what_is_promised(void **state)
{
	static char line[TAIL_LINE_BYTES + 100];

	(void)state;
	memset(line, ' ', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	for (int i = 0; i < 100; i++) {
		tail_add(&tail, line, sizeof(line));
	}
	assert_int_equal(strlen(text()), TAIL_TEXT_MAX);
}

static void
line_that_goes_on_shows_no_half_of_a_secret(void **state)
{
	static const char secret[] = "correct horse battery staple", address[] = "https://user:password@host/";
	char line[TAIL_LINE_BYTES * 2];
	struct mask values = {0};

	(void)state;
	assert_int_equal(mask_add(&values, secret, sizeof(secret) - 1), 0);
	mask = &values;
	for (size_t at = TAIL_LINE_BYTES - sizeof(address); at < TAIL_LINE_BYTES; at++) {
		memset(line, ' ', sizeof(line));
		memcpy(line + at, secret, sizeof(secret) - 1);
		tail_reset(&tail);
		tail_add(&tail, line, sizeof(line));
		assert_true(strstr(text(), secret) != NULL || strstr(text(), "corr") == NULL);
		memset(line, ' ', sizeof(line));
		memcpy(line + at, address, sizeof(address) - 1);
		tail_reset(&tail);
		tail_add(&tail, line, sizeof(line));
		assert_true(strstr(text(), address) != NULL || strstr(text(), "user:p") == NULL);
	}
	mask = NULL;
	mask_release(&values);
}

static void
tail_shows_no_escape_sequences(void **state)
{
	(void)state;
	tail_add(&tail, "\033[31mred\033[0m\n", 13);
	tail_add(&tail, "\033[31", 4); /* broken: never more than its line */
	tail_add(&tail, "\nplain\n", 7);
	assert_string_equal(text(), "red\n\nplain\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(tail_keeps_a_short_text_whole),
	    TEST(tail_keeps_the_last_lines_however_they_come),
	    TEST(unfinished_line_grows_across_many_others),
	    TEST(tail_keeps_the_beginning_of_a_huge_line_and_what_came_before),
	    TEST(line_of_exactly_the_limit_is_not_marked),
	    TEST(largest_tail_fits_into_what_is_promised),
	    TEST(line_that_goes_on_shows_no_half_of_a_secret),
	    TEST(tail_shows_no_escape_sequences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
