/*
 * One line at a time. Streams whose descriptors are the same file (device and inode) share a gate. Who has passed on a part of a
 * line holds it; another's line waits up to a second for the end, then a newline is put in (product §10). A progress update holds it
 * only loosely: anyone may break in at once.
 */
#ifndef TRAIN_RUN_GATE_H
#define TRAIN_RUN_GATE_H

#include <stdint.h>

enum {
	GATE_WAIT_MS = 1000, /* how long a whole line waits for another one's end (product §10) */
	GATE_FREE = -1,
	GATE_LEFT = -2, /* a holder that has ended and left its line unfinished */
};

enum gate_answer { GATE_WAIT, GATE_PASS, GATE_BREAK };

struct gate {
	int holder;         /* who passed on a part, or GATE_FREE */
	int loose;          /* 1: nobody waits for this holder: a progress update, or GATE_LEFT */
	int64_t waiting_ms; /* since when somebody waits; 0: nobody */
};

void gate_init(struct gate *gate);

/* May 'who' write now? GATE_BREAK: yes, after a newline; the gate is then free. */
enum gate_answer gate_enter(struct gate *gate, int who, int64_t now_ms);

/* Would 'who' have to wait? Changes nothing. */
int gate_is_shut(const struct gate *gate, int who);

/* 'who' has passed on a part, or an update. */
void gate_hold(struct gate *gate, int who, int loose);

/* 'who' has ended its line. */
void gate_leave(struct gate *gate, int who);

/* 'who' has ended: if it holds a line, that will never end. */
void gate_abandon(struct gate *gate, int who);

/* When gate_enter will answer otherwise though nothing happens; DEADLINE_NEVER when nobody waits. */
int64_t gate_deadline_ms(const struct gate *gate);

#endif
