/* When a value stands on stdout: the rate, and a stdout that takes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/report/rig.h"

static void
dropped_lines_are_counted_and_the_last_value_comes_at_the_end(void **state)
{
	(void)state;
	say("a=1\n");
	stdout_full = 1;
	say("a=2 step=2\na=3 step=3\nb=1\n");
	assert_int_equal(metrics.dropped, 1); /* the two others may still be said */
	stdout_full = 0;
	finish();
	assert_int_equal(metrics.dropped, 1);
	assert_string_equal(buf_text(&printed), "#metric a=1;\n#metric a=3; step=3\n#metric b=1;\n");
	assert_non_null(strstr(file_text(), "\"value\":2,"));
}

static void
lines_that_are_refused_to_the_end_are_dropped_ones(void **state)
{
	(void)state;
	stdout_full = 1;
	say("a=1\na=2\nb=1\n");
	finish();
	assert_int_equal(metrics.dropped, 3);
	assert_string_equal(buf_text(&printed), "");
}

/* How many lines of "#metric a=" were printed. */
static int
lines_of_a(void)
{
	int count = 0;

	for (const char *at = buf_text(&printed); (at = strstr(at, "#metric a=")) != NULL; at++) {
		count++;
	}
	return count;
}

/* As if a second had gone by. */
static void
let_a_second_pass(void)
{
	for (size_t i = 0; i < metrics.name_count; i++) {
		for (size_t k = 0; k < PACE_LINES; k++) {
			metrics.names[i].pace.sent_ms[k] -= PACE_MS;
		}
	}
	metrics.due_ms -= PACE_MS;
}

static void
ten_lines_of_a_name_are_printed_and_the_file_has_all(void **state)
{
	char line[32];

	(void)state;
	for (int i = 1; i <= 25; i++) {
		(void)snprintf(line, sizeof(line), "a=%d\nb%d=1\n", i, i);
		say(line);
	}
	assert_int_equal(lines_of_a(), PACE_LINES);
	assert_non_null(strstr(buf_text(&printed), "#metric b25=1;"));
	finish();
	assert_int_equal(lines_of_a(), PACE_LINES + 1);
	assert_non_null(strstr(buf_text(&printed), "#metric a=25;\n"));
	assert_null(strstr(buf_text(&printed), "#metric a=24;\n"));
	assert_non_null(strstr(file_text(), "{\"name\":\"a\",\"value\":24,"));
	assert_int_equal(metrics.dropped, 0);
}

static void
value_that_was_held_back_is_due_within_a_second(void **state)
{
	(void)state;
	say("a=1\n");
	assert_true(metrics.due_ms == DEADLINE_NEVER);
	say("a=2\na=3\na=4\na=5\na=6\na=7\na=8\na=9\na=10\na=11\na=12 step=7\n");
	assert_int_equal(lines_of_a(), PACE_LINES);
	assert_true(metrics.due_ms > 0 && metrics.due_ms <= clock_now_ms() + PACE_MS);
	let_a_second_pass();
	assert_int_equal(metrics_pump(&metrics), 0);
	assert_int_equal(lines_of_a(), PACE_LINES + 1);
	assert_non_null(strstr(buf_text(&printed), "#metric a=12; step=7\n"));
	assert_true(metrics.due_ms == DEADLINE_NEVER);
	finish();
	assert_int_equal(lines_of_a(), PACE_LINES + 1);
}

static void
line_that_found_no_room_is_tried_again_within_a_second(void **state)
{
	(void)state;
	stdout_full = 1;
	say("a=1\n");
	assert_true(metrics.due_ms > 0 && metrics.due_ms <= clock_now_ms() + PACE_MS);
	stdout_full = 0;
	let_a_second_pass();
	assert_int_equal(metrics_pump(&metrics), 0);
	assert_string_equal(buf_text(&printed), "#metric a=1;\n");
	assert_int_equal(metrics.dropped, 0);
}

static void
nothing_is_due_where_nothing_is_published(void **state)
{
	(void)state;
	metrics_release(&metrics);
	begin(0);
	say("a=1\na=2\na=3\na=4\na=5\na=6\na=7\na=8\na=9\na=10\na=11\na=12\n");
	assert_true(metrics.due_ms == DEADLINE_NEVER);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(dropped_lines_are_counted_and_the_last_value_comes_at_the_end),
	    TEST(lines_that_are_refused_to_the_end_are_dropped_ones),
	    TEST(ten_lines_of_a_name_are_printed_and_the_file_has_all),
	    TEST(value_that_was_held_back_is_due_within_a_second),
	    TEST(line_that_found_no_room_is_tried_again_within_a_second),
	    TEST(nothing_is_due_where_nothing_is_published),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
