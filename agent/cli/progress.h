/*
 * How far packing is, for somebody who watches: one line on stderr that is drawn over and taken away at the end. Only where stderr is a terminal
 * and wide enough for the line; no colours, no escape sequences.
 */
#ifndef TRAIN_CLI_PROGRESS_H
#define TRAIN_CLI_PROGRESS_H

#include <stdint.h>

struct progress {
	int on;
	int64_t drawn_ms; /* when; 0 for never */
};

/* Looks at stderr. */
struct progress progress_begin(void);

/* Draws 'done' of 'all' bytes, at most ten times a second. 'self' is a struct progress. */
void progress_show(void *self, int64_t done, int64_t all);

/* Takes the line away. To be called before anything else is written. */
void progress_end(struct progress *progress);

#endif
