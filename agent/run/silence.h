/*
 * Is the pipeline silent: no output and no CPU use for a given time (product §3)? The supervisor tells each sign of life that it sees,
 * and shows the processes when this module asks to see them: rarely, and never while there is output.
 *
 * A sign of life that is found by looking counts from the moment of the look. So the verdict comes late, by up to two looks, and
 * never early. Who looks much later than he should has slept himself (a suspended job, a frozen container), and begins anew.
 */
#ifndef TRAIN_RUN_SILENCE_H
#define TRAIN_RUN_SILENCE_H

#include <stdint.h>

#include "base/attr.h"
#include "run/proc.h"

enum {
	SILENCE_LOOKS = 10,         /* looks in the time that is allowed */
	SILENCE_LOOK_MS_MIN = 1000, /* between two looks, at least */
	SILENCE_LOOK_SHARE =
	    100, /* and so many times what the last one took: thousands of processes cost a hundredth at most */
};

struct silence {
	int64_t limit_ms;  /* 0: nobody wants to know */
	int64_t life_ms;   /* the last sign of life */
	int64_t looked_ms; /* the last look */
	int64_t every_ms;  /* between looks */
	int64_t due_ms;    /* the next look, or DEADLINE_NEVER */
	int known;         /* the last look left something to compare with: */
	uint64_t ticks;    /* of CPU that they had used */
	uint64_t youngest; /* when the last of them had started */
};

/* The pipeline starts now. */
void silence_begin(struct silence *silence, int64_t limit_ms, int64_t now_ms);

/* It has shown life at 'at_ms'; signs may be told in any order. */
void silence_sign(struct silence *silence, int64_t at_ms);

/* 1 when silence_judge wants to see the processes; asked once 'due_ms' has come. */
MUST_CHECK int silence_wants_look(struct silence *silence, int64_t now_ms);

/*
 * The processes as they were seen from 'began_ms' to 'now_ms'; NULL: they could not be seen, which is no proof of anything. How long
 * the silence has lasted when that is too long, else 0.
 */
MUST_CHECK int64_t silence_judge(
    struct silence *silence, const struct proc_list *list, int64_t began_ms, int64_t now_ms);

#endif
