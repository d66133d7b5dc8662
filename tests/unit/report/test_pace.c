/* Ten lines in any second. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report/pace.h"

enum { NOW = 123456 };

static void
ten_lines_go_at_once_and_the_eleventh_a_second_after_the_first(void **state)
{
	struct pace pace = {0};

	(void)state;
	for (int i = 0; i < PACE_LINES; i++) {
		assert_true(pace_next_ms(&pace) <= NOW + i);
		pace_sent(&pace, NOW + i);
	}
	assert_int_equal(pace_next_ms(&pace), NOW + PACE_MS);
	pace_sent(&pace, NOW + PACE_MS);
	assert_int_equal(pace_next_ms(&pace), NOW + 1 + PACE_MS);
}

static void
no_second_anywhere_has_more_than_ten_lines(void **state)
{
	enum { LONG_MS = 5000, STEP_MS = 7 };
	struct pace pace = {0};
	int sent[LONG_MS] = {0};
	int total = 0;

	(void)state;
	for (int ms = 0; ms < LONG_MS; ms += STEP_MS) {
		if (pace_next_ms(&pace) <= NOW + ms) {
			pace_sent(&pace, NOW + ms);
			sent[ms] = 1;
			total++;
		}
	}
	assert_true(total >= PACE_LINES * (LONG_MS / PACE_MS - 1));
	for (int from = 0; from + PACE_MS <= LONG_MS; from++) {
		int count = 0;

		for (int ms = from; ms < from + PACE_MS; ms++) {
			count += sent[ms];
		}
		assert_true(count <= PACE_LINES);
	}
}

static void
slow_writer_is_never_held(void **state)
{
	struct pace pace = {0};

	(void)state;
	for (int i = 0; i < 5 * PACE_LINES; i++) {
		int64_t now_ms = NOW + (int64_t)i * PACE_MS / PACE_LINES;

		assert_true(pace_next_ms(&pace) <= now_ms);
		pace_sent(&pace, now_ms);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ten_lines_go_at_once_and_the_eleventh_a_second_after_the_first),
	    cmocka_unit_test(no_second_anywhere_has_more_than_ten_lines),
	    cmocka_unit_test(slow_writer_is_never_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
