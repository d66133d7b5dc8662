/* Time: moments to wait for, and the texts that services and people read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "base/attr.h"
#include "base/clock.h"

static void
clock_goes_forward_in_all_its_units(void **state)
{
	int64_t ms = clock_now_ms();
	int64_t us = clock_now_us();

	(void)state;
	assert_true(us / 1000 >= ms);
	assert_true(clock_now_us() >= us);
	assert_true(clock_now_ms() >= us / 1000);
}

static void
clock_wall_is_the_systems_time(void **state)
{
	time_t before = time(NULL);
	double wall = clock_wall();
	time_t after = time(NULL);

	(void)state;
	assert_true(wall >= (double)before - 1 && wall <= (double)after + 1);
}

static void
clock_earlier_of_two(void **state)
{
	(void)state;
	assert_true(clock_earlier(1, 2) == 1);
	assert_true(clock_earlier(2, 1) == 1);
	assert_true(clock_earlier(-5, DEADLINE_NEVER) == -5);
	assert_true(clock_earlier(DEADLINE_NEVER, DEADLINE_NEVER) == DEADLINE_NEVER);
}

static void
clock_poll_gives_what_poll_wants(void **state)
{
	const int hour_ms = 3600 * 1000;
	int64_t now = clock_now_ms();

	(void)state;
	assert_int_equal(clock_poll_ms(DEADLINE_NEVER), -1);
	assert_int_equal(clock_poll_ms(now), 0);
	assert_int_equal(clock_poll_ms(now - 5), 0);
	assert_int_equal(clock_poll_ms(INT64_MIN / 2), 0);
	assert_int_equal(clock_poll_ms(DEADLINE_NEVER - 1), hour_ms);
	int soon = clock_poll_ms(clock_now_ms() + hour_ms / 2);
	assert_true(soon > 0 && soon <= hour_ms / 2);
}

static void
clock_reads_back_what_it_wrote(void **state)
{
	static const struct {
		int64_t epoch_s;
		const char *text, *compact;
	} cases[] = {
	    {0, "1970-01-01T00:00:00Z", "19700101T000000Z"},
	    {951782400, "2000-02-29T00:00:00Z", "20000229T000000Z"},
	    {1709251199, "2024-02-29T23:59:59Z", "20240229T235959Z"},
	    {1768478400, "2026-01-15T12:00:00Z", "20260115T120000Z"},
	    {4107542400, "2100-03-01T00:00:00Z", "21000301T000000Z"},
	    {253402300799, "9999-12-31T23:59:59Z", "99991231T235959Z"},
	};
	char text[CLOCK_TEXT];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		clock_format_utc(text, cases[i].epoch_s, 0);
		assert_string_equal(text, cases[i].text);
		assert_true(clock_parse_utc(text) == cases[i].epoch_s);
		clock_format_utc(text, cases[i].epoch_s, 1);
		assert_string_equal(text, cases[i].compact);
	}
}

/* Each day of four hundred years, whose number is counted by the C library as well. */
static void
clock_knows_every_day(void **state)
{
	char text[CLOCK_TEXT];

	(void)state;
	for (int64_t day = 0; day < 146097; day++) {
		clock_format_utc(text, day * 86400 + 3661, 0);
		assert_true(clock_parse_utc(text) == day * 86400 + 3661);
	}
}

static void
clock_reads_fractions_and_a_zero_offset(void **state)
{
	(void)state;
	assert_true(clock_parse_utc("2026-01-15T12:00:00.123Z") == 1768478400);
	assert_true(clock_parse_utc("2026-01-15T12:00:00.9999999Z") == 1768478400);
	assert_true(clock_parse_utc("2026-01-15T12:00:00+00:00") == 1768478400);
	assert_true(clock_parse_utc("2016-12-31T23:59:60Z") == 1483228800); /* a leap second */
}

static void
clock_refuses_what_is_no_such_text(void **state)
{
	static const char *const bad[] = {"", "yesterday", "2026-01-15", "2026-01-15T12:00:00", "2026-01-15 12:00:00Z",
	    "2026-01-15T12:00:00+02:00", "2026-01-15T12:00:00Zx", "2026-01-15T12:00:00.Z", "2026-01-15T12:00:00.1.2Z",
	    "2026-13-15T12:00:00Z", "2026-00-15T12:00:00Z", "2026-01-32T12:00:00Z", "2026-01-00T12:00:00Z",
	    "2026-02-29T12:00:00Z", "2026-04-31T12:00:00Z", "2100-02-29T12:00:00Z", "2026-01-15T24:00:00Z",
	    "2026-01-15T12:60:00Z", "2026-01-15T12:00:61Z", "1969-12-31T23:59:59Z", "2026- 1-15T12:00:00Z",
	    "2026-+1-15T12:00:00Z", "2026--1-15T12:00:00Z", " 026-01-15T12:00:00Z", "+026-01-15T12:00:00Z",
	    "2026-01-15T12:00: 1Z", "20260115T120000Z", "0x7e-01-15T12:00:00Z"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (clock_parse_utc(bad[i]) != -1) {
			fail_msg("'%s' was read", bad[i]);
		}
	}
}

static void
clock_writes_something_for_any_number(void **state)
{
	char text[CLOCK_TEXT];

	(void)state;
	clock_format_utc(text, INT64_MAX, 0);
	assert_string_equal(text, "1970-01-01T00:00:00Z");
	clock_format_utc(text, INT64_MIN, 1);
	assert_string_equal(text, "19700101T000000Z");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(clock_goes_forward_in_all_its_units),
	    cmocka_unit_test(clock_wall_is_the_systems_time),
	    cmocka_unit_test(clock_earlier_of_two),
	    cmocka_unit_test(clock_poll_gives_what_poll_wants),
	    cmocka_unit_test(clock_reads_back_what_it_wrote),
	    cmocka_unit_test(clock_knows_every_day),
	    cmocka_unit_test(clock_reads_fractions_and_a_zero_offset),
	    cmocka_unit_test(clock_refuses_what_is_no_such_text),
	    cmocka_unit_test(clock_writes_something_for_any_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
