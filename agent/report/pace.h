/*
 * How often a metric's name may stand on stdout (product §11): at most PACE_LINES in any PACE_MS, whatever the clock's seconds are.
 * Stateless but for the struct; a zeroed one has sent nothing yet.
 */
#ifndef TRAIN_REPORT_PACE_H
#define TRAIN_REPORT_PACE_H

#include <stdint.h>

enum {
	PACE_LINES = 10, /* a second and name: more than any graph of SageMaker's can show */
	PACE_MS = 1000,
};

struct pace {
	int64_t sent_ms[PACE_LINES]; /* when the last lines went, as a ring */
	unsigned oldest;             /* of them */
};

/* The moment from which on the next line may go; it may have passed. */
int64_t pace_next_ms(const struct pace *pace);

/* A line goes now. */
void pace_sent(struct pace *pace, int64_t now_ms);

#endif
