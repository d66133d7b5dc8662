/*
 * The terminal on stdin, and whose foreground it is: with log=raw it is lent to the pipeline as a shell lends it, and taken back.
 */
#ifndef TRAIN_RUN_TERMINAL_H
#define TRAIN_RUN_TERMINAL_H

#include <sys/types.h>

/* 1 when stdin is a terminal and our process group is its foreground, so that it is ours to lend. */
int terminal_is_ours(void);

/* Makes 'group' the foreground. What fails here (the terminal hung up, say) changes nothing that we could repair. */
void terminal_lend(pid_t group);

/* The same with our own group, from the background. */
void terminal_take_back(void);

/* The pipeline's right to the terminal: it has it whenever it is ours. */
struct loan {
	int wanted; /* it may have it at all */
	int lent;   /* it has it */
};

/* Lends the terminal to 'group' if that wants it, has it not, and it is ours; else does nothing. */
void loan_begin(struct loan *loan, pid_t group);

/* Takes it back if it was lent. */
void loan_end(struct loan *loan);

#endif
