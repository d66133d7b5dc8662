/* When silence is silence: the clock and the processes are the test's own, so every moment is exact. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/clock.h"
#include "run/silence.h"

enum { LIMIT_MS = 60000, EVERY_MS = 6000 };

static struct proc items[] = {
    {.pid = 7, .start = 100, .ticks = 50}, {.pid = 9, .start = 110, .ticks = 3, .reaped_ticks = 1}};
static struct proc_list list = {.items = items, .count = ARRAY_LEN(items)};

/* Looks at each due moment until the verdict or 'until_ms'; the moment of the verdict, or -1. */
static int64_t
look_until(struct silence *silence, int64_t until_ms)
{
	while (silence->due_ms <= until_ms) {
		int64_t now_ms = silence->due_ms;

		if (silence_wants_look(silence, now_ms) && silence_judge(silence, &list, now_ms, now_ms) > 0) {
			return now_ms;
		}
	}
	return -1;
}

static void
silence_is_not_looked_for_when_nobody_asks(void **state)
{
	struct silence silence;

	(void)state;
	silence_begin(&silence, 0, 1000);
	assert_true(silence.due_ms == DEADLINE_NEVER);
}

static void
silence_is_told_when_nothing_happened_for_the_limit(void **state)
{
	struct silence silence;

	(void)state;
	silence_begin(&silence, LIMIT_MS, 0);
	/* The first look only learns what the processes had used; from there on nothing moves. */
	assert_int_equal(look_until(&silence, 10 * LIMIT_MS), EVERY_MS + LIMIT_MS);
}

static void
silence_of_a_second_is_told_after_it(void **state)
{
	struct silence silence;

	(void)state;
	silence_begin(&silence, 1000, 0);
	assert_int_equal(look_until(&silence, 100000), 2000);
}

static void
silence_lasts_from_the_last_output(void **state)
{
	struct silence silence;
	int64_t said_ms = 50000, told_ms;

	(void)state;
	silence_begin(&silence, LIMIT_MS, 0);
	assert_int_equal(look_until(&silence, said_ms), -1);
	silence_sign(&silence, said_ms);
	told_ms = look_until(&silence, 10 * LIMIT_MS);
	assert_true(told_ms >= said_ms + LIMIT_MS && told_ms <= said_ms + LIMIT_MS + 2 * EVERY_MS);
}

static void
silence_never_comes_while_there_is_output_and_nobody_is_looked_at(void **state)
{
	struct silence silence;

	(void)state;
	silence_begin(&silence, LIMIT_MS, 0);
	for (int64_t now_ms = 5999; now_ms < 20 * LIMIT_MS; now_ms += 5999) {
		silence_sign(&silence, now_ms);
		if (now_ms >= silence.due_ms) {
			assert_int_equal(silence_wants_look(&silence, now_ms), 0);
		}
	}
}

/* One thing that a pipeline does between two looks; each is a sign of life. */
static void
use_cpu(void)
{
	items[1].ticks++;
}

static void
wait_for_child_that_used_cpu(void)
{
	items[0].reaped_ticks++;
}

static void
start_another(void)
{
	items[1].start++;
}

static void
lose_one_that_used_cpu(void)
{
	list.count--;
}

static void
silence_is_ended_by_whatever_the_processes_do(void **state)
{
	static void (*const deeds[])(void) = {
	    use_cpu, wait_for_child_that_used_cpu, start_another, lose_one_that_used_cpu};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(deeds); i++) {
		struct silence silence;

		silence_begin(&silence, LIMIT_MS, 0);
		assert_int_equal(look_until(&silence, LIMIT_MS), -1);
		deeds[i]();
		/* It is seen at 66 s, and counts from there. */
		assert_int_equal(look_until(&silence, 10 * LIMIT_MS), LIMIT_MS + EVERY_MS + LIMIT_MS);
	}
	list.count = ARRAY_LEN(items);
}

static void
silence_is_not_proved_by_processes_that_cannot_be_seen(void **state)
{
	struct silence silence;

	(void)state;
	silence_begin(&silence, LIMIT_MS, 0);
	while (silence.due_ms < 10 * LIMIT_MS) {
		int64_t now_ms = silence.due_ms;

		assert_int_equal(silence_wants_look(&silence, now_ms), 1);
		assert_int_equal(silence_judge(&silence, NULL, now_ms, now_ms), 0);
	}
}

static void
silence_begins_anew_after_a_sleep_of_ours(void **state)
{
	struct silence silence;
	int64_t woke_ms = 1000000, told_ms;

	(void)state;
	silence_begin(&silence, LIMIT_MS, 0);
	assert_int_equal(look_until(&silence, 30000), -1);
	/* Frozen with the whole container for a long time. */
	assert_int_equal(silence_wants_look(&silence, woke_ms), 0);
	told_ms = look_until(&silence, woke_ms + 10 * LIMIT_MS);
	assert_true(told_ms >= woke_ms + LIMIT_MS && told_ms <= woke_ms + LIMIT_MS + 2 * EVERY_MS);
}

static void
silence_looks_less_often_when_a_look_takes_long(void **state)
{
	struct silence silence;

	(void)state;
	silence_begin(&silence, LIMIT_MS, 0);
	assert_int_equal(silence_wants_look(&silence, EVERY_MS), 1);
	assert_int_equal(silence_judge(&silence, &list, EVERY_MS, EVERY_MS + 200), 0);
	assert_true(silence.due_ms == EVERY_MS + 200 + 200 * SILENCE_LOOK_SHARE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(silence_is_not_looked_for_when_nobody_asks),
	    cmocka_unit_test(silence_is_told_when_nothing_happened_for_the_limit),
	    cmocka_unit_test(silence_of_a_second_is_told_after_it),
	    cmocka_unit_test(silence_lasts_from_the_last_output),
	    cmocka_unit_test(silence_never_comes_while_there_is_output_and_nobody_is_looked_at),
	    cmocka_unit_test(silence_is_ended_by_whatever_the_processes_do),
	    cmocka_unit_test(silence_is_not_proved_by_processes_that_cannot_be_seen),
	    cmocka_unit_test(silence_begins_anew_after_a_sleep_of_ours),
	    cmocka_unit_test(silence_looks_less_often_when_a_look_takes_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
