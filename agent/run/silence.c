#include "run/silence.h"

#include "base/clock.h"

static int64_t
at_least(int64_t value, int64_t least)
{
	return value > least ? value : least;
}

/* The look of this moment is done, or not needed. */
static void
plan_next(struct silence *silence, int64_t now_ms, int64_t took_ms)
{
	silence->every_ms =
	    at_least(at_least(silence->limit_ms / SILENCE_LOOKS, SILENCE_LOOK_MS_MIN), took_ms * SILENCE_LOOK_SHARE);
	silence->looked_ms = now_ms;
	silence->due_ms = silence->limit_ms > 0 ? now_ms + silence->every_ms : DEADLINE_NEVER;
}

void
silence_begin(struct silence *silence, int64_t limit_ms, int64_t now_ms)
{
	*silence = (struct silence){.limit_ms = limit_ms, .life_ms = now_ms};
	plan_next(silence, now_ms, 0);
}

void
silence_sign(struct silence *silence, int64_t at_ms)
{
	silence->life_ms = at_least(at_ms, silence->life_ms);
}

int
silence_wants_look(struct silence *silence, int64_t now_ms)
{
	if (now_ms - silence->looked_ms > 2 * silence->every_ms) {
		silence->life_ms = now_ms;
	}
	if (silence->life_ms <= silence->looked_ms) {
		return 1;
	}
	silence->known = 0;
	plan_next(silence, now_ms, 0);
	return 0;
}

/* 1 when somebody has run since the last look, or that cannot be told; remembers what was seen for the next. */
static int
has_moved(struct silence *silence, const struct proc_list *list)
{
	uint64_t ticks = 0, youngest = 0;
	int moved;

	for (size_t i = 0; list != NULL && i < list->count; i++) {
		const struct proc *proc = &list->items[i];

		ticks += proc->ticks + proc->reaped_ticks;
		youngest = proc->start > youngest ? proc->start : youngest;
	}
	moved = list == NULL || !silence->known || ticks != silence->ticks || youngest != silence->youngest;
	silence->known = list != NULL;
	silence->ticks = ticks;
	silence->youngest = youngest;
	return moved;
}

int64_t
silence_judge(struct silence *silence, const struct proc_list *list, int64_t began_ms, int64_t now_ms)
{
	int64_t lasted_ms;

	if (has_moved(silence, list)) {
		silence->life_ms = now_ms;
	}
	plan_next(silence, now_ms, now_ms - began_ms);
	lasted_ms = now_ms - silence->life_ms;
	return lasted_ms >= silence->limit_ms ? lasted_ms : 0;
}
