#include "run/gate.h"

#include "base/clock.h"

void
gate_init(struct gate *gate)
{
	*gate = (struct gate){.holder = GATE_FREE};
}

int
gate_is_shut(const struct gate *gate, int who)
{
	return gate->holder != GATE_FREE && gate->holder != who && !gate->loose;
}

enum gate_answer
gate_enter(struct gate *gate, int who, int64_t now_ms)
{
	if (gate->holder == GATE_FREE || gate->holder == who) {
		return GATE_PASS;
	}
	if (gate_is_shut(gate, who)) {
		gate->waiting_ms = gate->waiting_ms == 0 ? now_ms : gate->waiting_ms;
		if (now_ms < gate->waiting_ms + GATE_WAIT_MS) {
			return GATE_WAIT;
		}
	}
	gate_init(gate);
	return GATE_BREAK;
}

void
gate_hold(struct gate *gate, int who, int loose)
{
	/* A further part of the same line does not make those who wait begin anew. */
	gate->waiting_ms = gate->holder == who ? gate->waiting_ms : 0;
	gate->holder = who;
	gate->loose = loose;
}

void
gate_leave(struct gate *gate, int who)
{
	if (gate->holder == who) {
		gate_init(gate);
	}
}

void
gate_abandon(struct gate *gate, int who)
{
	if (gate->holder == who) {
		gate_hold(gate, GATE_LEFT, 1);
	}
}

int64_t
gate_deadline_ms(const struct gate *gate)
{
	return gate->holder == GATE_FREE || gate->waiting_ms == 0 ? DEADLINE_NEVER : gate->waiting_ms + GATE_WAIT_MS;
}
