#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "run/gate.h"

static void
gate_lets_everybody_in_while_free(void **state)
{
	struct gate gate;

	(void)state;
	gate_init(&gate);
	assert_int_equal(gate_enter(&gate, 0, 1), GATE_PASS);
	assert_int_equal(gate_enter(&gate, 1, 1), GATE_PASS);
	assert_true(gate_deadline_ms(&gate) == DEADLINE_NEVER);
}

static void
gate_makes_others_wait_for_the_end_of_a_line(void **state)
{
	struct gate gate;

	(void)state;
	gate_init(&gate);
	gate_hold(&gate, 0, 0);
	assert_int_equal(gate_enter(&gate, 0, 5), GATE_PASS);
	assert_int_equal(gate_enter(&gate, 1, 5), GATE_WAIT);
	assert_true(gate_deadline_ms(&gate) == 5 + GATE_WAIT_MS);
	gate_leave(&gate, 0);
	assert_int_equal(gate_enter(&gate, 1, 6), GATE_PASS);
}

static void
gate_breaks_a_line_after_a_second_even_if_parts_keep_coming(void **state)
{
	struct gate gate;

	(void)state;
	gate_init(&gate);
	gate_hold(&gate, 0, 0);
	assert_int_equal(gate_enter(&gate, 1, 5), GATE_WAIT);
	gate_hold(&gate, 0, 0);
	assert_int_equal(gate_enter(&gate, 1, 4 + GATE_WAIT_MS), GATE_WAIT);
	assert_int_equal(gate_enter(&gate, 1, 5 + GATE_WAIT_MS), GATE_BREAK);
	assert_int_equal(gate.holder, GATE_FREE);
}

static void
gate_breaks_an_update_at_once(void **state)
{
	struct gate gate;

	(void)state;
	gate_init(&gate);
	gate_hold(&gate, 0, 1);
	assert_int_equal(gate_enter(&gate, 1, 5), GATE_BREAK);
}

static void
gate_is_only_left_by_its_holder(void **state)
{
	struct gate gate;

	(void)state;
	gate_init(&gate);
	gate_hold(&gate, 0, 0);
	gate_leave(&gate, 1);
	assert_int_equal(gate_enter(&gate, 1, 5), GATE_WAIT);
}

static void
gate_waits_for_nobody_who_has_ended(void **state)
{
	struct gate gate;

	(void)state;
	gate_init(&gate);
	gate_hold(&gate, 0, 0);
	gate_abandon(&gate, 1);
	assert_int_equal(gate_enter(&gate, 1, 5), GATE_WAIT);
	gate_abandon(&gate, 0);
	assert_false(gate_is_shut(&gate, 1));
	/* Its namesake in the next step is another. */
	assert_int_equal(gate_enter(&gate, 0, 6), GATE_BREAK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gate_lets_everybody_in_while_free),
	    cmocka_unit_test(gate_makes_others_wait_for_the_end_of_a_line),
	    cmocka_unit_test(gate_breaks_a_line_after_a_second_even_if_parts_keep_coming),
	    cmocka_unit_test(gate_breaks_an_update_at_once),
	    cmocka_unit_test(gate_is_only_left_by_its_holder),
	    cmocka_unit_test(gate_waits_for_nobody_who_has_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
