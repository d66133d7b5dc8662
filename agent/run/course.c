#include "run/course.h"

#include "base/attr.h"

#define MOVE(what, where) \
	{ \
		.action = ACTION_##what, .next = COURSE_##where \
	}

/* A row a state, a column an event. Each cell is written out: what may not happen stays where it is and does nothing. */
static const struct course_move course[COURSE_STATES][COURSE_EVENTS] =
    {
        [COURSE_RUNNING] =
            {
                [EVENT_STOP] = MOVE(REQUEST, STOPPING),
                [EVENT_PASS] = MOVE(PASS, RUNNING),
                [EVENT_TIMEOUT] = MOVE(TIMEOUT, STOPPING),
                [EVENT_SILENCE] = MOVE(SILENCE, STOPPING),
                [EVENT_DUE] = MOVE(NONE, RUNNING),
                [EVENT_MAIN_ENDED] = MOVE(CLEAR, CLEARING),
                [EVENT_ALL_ENDED] = MOVE(NONE, RUNNING),
                [EVENT_DRAINED] = MOVE(NONE, RUNNING),
            },
        [COURSE_STOPPING] =
            {
                [EVENT_STOP] = MOVE(HASTEN, STOPPING),
                [EVENT_PASS] = MOVE(PASS, STOPPING),
                [EVENT_TIMEOUT] = MOVE(NONE, STOPPING),
                [EVENT_SILENCE] = MOVE(NONE, STOPPING),
                [EVENT_DUE] = MOVE(KILL, KILLING),
                [EVENT_MAIN_ENDED] = MOVE(CLEAR, CLEARING),
                [EVENT_ALL_ENDED] = MOVE(NONE, STOPPING),
                [EVENT_DRAINED] = MOVE(NONE, STOPPING),
            },
        [COURSE_KILLING] =
            {
                [EVENT_STOP] = MOVE(NONE, KILLING),
                [EVENT_PASS] = MOVE(NONE, KILLING),
                [EVENT_TIMEOUT] = MOVE(NONE, KILLING),
                [EVENT_SILENCE] = MOVE(NONE, KILLING),
                [EVENT_DUE] = MOVE(GIVE_UP, DRAINING),
                [EVENT_MAIN_ENDED] = MOVE(SWEEP, SWEEPING),
                [EVENT_ALL_ENDED] = MOVE(NONE, KILLING),
                [EVENT_DRAINED] = MOVE(NONE, KILLING),
            },
        [COURSE_CLEARING] =
            {
                [EVENT_STOP] = MOVE(KEEP, CLEARING),
                [EVENT_PASS] = MOVE(NONE, CLEARING),
                [EVENT_TIMEOUT] = MOVE(KEEP, CLEARING),
                [EVENT_SILENCE] = MOVE(NONE, CLEARING),
                [EVENT_DUE] = MOVE(SWEEP, SWEEPING),
                [EVENT_MAIN_ENDED] = MOVE(NONE, CLEARING),
                [EVENT_ALL_ENDED] = MOVE(DRAIN, DRAINING),
                [EVENT_DRAINED] = MOVE(NONE, CLEARING),
            },
        [COURSE_SWEEPING] =
            {
                [EVENT_STOP] = MOVE(KEEP, SWEEPING),
                [EVENT_PASS] = MOVE(NONE, SWEEPING),
                [EVENT_TIMEOUT] = MOVE(KEEP, SWEEPING),
                [EVENT_SILENCE] = MOVE(NONE, SWEEPING),
                [EVENT_DUE] = MOVE(GIVE_UP, DRAINING),
                [EVENT_MAIN_ENDED] = MOVE(NONE, SWEEPING),
                [EVENT_ALL_ENDED] = MOVE(DRAIN, DRAINING),
                [EVENT_DRAINED] = MOVE(NONE, SWEEPING),
            },
        [COURSE_DRAINING] =
            {
                [EVENT_STOP] = MOVE(KEEP, DRAINING),
                [EVENT_PASS] = MOVE(NONE, DRAINING),
                [EVENT_TIMEOUT] = MOVE(KEEP, DRAINING),
                [EVENT_SILENCE] = MOVE(NONE, DRAINING),
                [EVENT_DUE] = MOVE(FINISH, DONE),
                [EVENT_MAIN_ENDED] = MOVE(NONE, DRAINING),
                [EVENT_ALL_ENDED] = MOVE(NONE, DRAINING),
                [EVENT_DRAINED] = MOVE(FINISH, DONE),
            },
        [COURSE_DONE] =
            {
                [EVENT_STOP] = MOVE(KEEP, DONE),
                [EVENT_PASS] = MOVE(NONE, DONE),
                [EVENT_TIMEOUT] = MOVE(NONE, DONE),
                [EVENT_SILENCE] = MOVE(NONE, DONE),
                [EVENT_DUE] = MOVE(NONE, DONE),
                [EVENT_MAIN_ENDED] = MOVE(NONE, DONE),
                [EVENT_ALL_ENDED] = MOVE(NONE, DONE),
                [EVENT_DRAINED] = MOVE(NONE, DONE),
            },
};

_Static_assert(COURSE_STATES == 7 && COURSE_EVENTS == 8, "a new state or event needs its cells, and a test for each");

struct course_move
course_next(enum course_state state, enum course_event event)
{
	return course[state][event];
}
