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

#endif
