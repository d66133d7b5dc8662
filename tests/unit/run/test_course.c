#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "run/course.h"

/* The table once more, as letters: a row a state, a column an event; what is wrong in one of the two copies shows here. */
struct cell {
	enum course_state state;
	enum course_event event;
	enum course_action action;
	enum course_state next;
};

#define CELL(s, e, a, n) \
	{ \
		COURSE_##s, EVENT_##e, ACTION_##a, COURSE_##n \
	}

static const struct cell cells[] = {
    CELL(RUNNING, STOP, REQUEST, STOPPING),
    CELL(RUNNING, PASS, PASS, RUNNING),
    CELL(RUNNING, TIMEOUT, TIMEOUT, STOPPING),
    CELL(RUNNING, SILENCE, SILENCE, STOPPING),
    CELL(RUNNING, DUE, NONE, RUNNING),
    CELL(RUNNING, MAIN_ENDED, CLEAR, CLEARING),
    CELL(RUNNING, ALL_ENDED, NONE, RUNNING),
    CELL(RUNNING, DRAINED, NONE, RUNNING),
    CELL(STOPPING, STOP, HASTEN, STOPPING),
    CELL(STOPPING, PASS, PASS, STOPPING),
    CELL(STOPPING, TIMEOUT, NONE, STOPPING),
    CELL(STOPPING, SILENCE, NONE, STOPPING),
    CELL(STOPPING, DUE, KILL, KILLING),
    CELL(STOPPING, MAIN_ENDED, CLEAR, CLEARING),
    CELL(STOPPING, ALL_ENDED, NONE, STOPPING),
    CELL(STOPPING, DRAINED, NONE, STOPPING),
    CELL(KILLING, STOP, NONE, KILLING),
    CELL(KILLING, PASS, NONE, KILLING),
    CELL(KILLING, TIMEOUT, NONE, KILLING),
    CELL(KILLING, SILENCE, NONE, KILLING),
    CELL(KILLING, DUE, GIVE_UP, DRAINING),
    CELL(KILLING, MAIN_ENDED, SWEEP, SWEEPING),
    CELL(KILLING, ALL_ENDED, NONE, KILLING),
    CELL(KILLING, DRAINED, NONE, KILLING),
    CELL(CLEARING, STOP, KEEP, CLEARING),
    CELL(CLEARING, PASS, NONE, CLEARING),
    CELL(CLEARING, TIMEOUT, KEEP, CLEARING),
    CELL(CLEARING, SILENCE, NONE, CLEARING),
    CELL(CLEARING, DUE, SWEEP, SWEEPING),
    CELL(CLEARING, MAIN_ENDED, NONE, CLEARING),
    CELL(CLEARING, ALL_ENDED, DRAIN, DRAINING),
    CELL(CLEARING, DRAINED, NONE, CLEARING),
    CELL(SWEEPING, STOP, KEEP, SWEEPING),
    CELL(SWEEPING, PASS, NONE, SWEEPING),
    CELL(SWEEPING, TIMEOUT, KEEP, SWEEPING),
    CELL(SWEEPING, SILENCE, NONE, SWEEPING),
    CELL(SWEEPING, DUE, GIVE_UP, DRAINING),
    CELL(SWEEPING, MAIN_ENDED, NONE, SWEEPING),
    CELL(SWEEPING, ALL_ENDED, DRAIN, DRAINING),
    CELL(SWEEPING, DRAINED, NONE, SWEEPING),
    CELL(DRAINING, STOP, KEEP, DRAINING),
    CELL(DRAINING, PASS, NONE, DRAINING),
    CELL(DRAINING, TIMEOUT, KEEP, DRAINING),
    CELL(DRAINING, SILENCE, NONE, DRAINING),
    CELL(DRAINING, DUE, FINISH, DONE),
    CELL(DRAINING, MAIN_ENDED, NONE, DRAINING),
    CELL(DRAINING, ALL_ENDED, NONE, DRAINING),
    CELL(DRAINING, DRAINED, FINISH, DONE),
    CELL(DONE, STOP, KEEP, DONE),
    CELL(DONE, PASS, NONE, DONE),
    CELL(DONE, TIMEOUT, NONE, DONE),
    CELL(DONE, SILENCE, NONE, DONE),
    CELL(DONE, DUE, NONE, DONE),
    CELL(DONE, MAIN_ENDED, NONE, DONE),
    CELL(DONE, ALL_ENDED, NONE, DONE),
    CELL(DONE, DRAINED, NONE, DONE),
};

_Static_assert(ARRAY_LEN(cells) == (size_t)COURSE_STATES * COURSE_EVENTS, "each cell has its test");

static void
course_has_every_cell_as_agreed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cells); i++) {
		struct course_move move = course_next(cells[i].state, cells[i].event);

		if (move.action != cells[i].action || move.next != cells[i].next) {
			fail_msg("state %d, event %d: action %d, next %d", cells[i].state, cells[i].event, move.action,
			    move.next);
		}
	}
}

/* Whatever the state, a few of the right events lead to the end: nothing can be waited for twice. */
static void
course_ends_from_every_state_when_deadlines_pass(void **state)
{
	(void)state;
	for (int from = COURSE_STOPPING; from < COURSE_STATES; from++) {
		enum course_state at = (enum course_state)from;

		for (int turns = 0; turns < COURSE_STATES && at != COURSE_DONE; turns++) {
			at = course_next(at, EVENT_DUE).next;
		}
		assert_int_equal(at, COURSE_DONE);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(course_has_every_cell_as_agreed),
	    cmocka_unit_test(course_ends_from_every_state_when_deadlines_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
