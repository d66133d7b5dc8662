/*
 * Words for signals: the name an operator would type and the sentence that says what usually sends it. Only for
 * reports.
 */
#ifndef TRAIN_REPORT_SIGWORD_H
#define TRAIN_REPORT_SIGWORD_H

#include <stddef.h>

/* Holds "SIGRTMIN+30" and any number; part of published reasons, so it never changes for a signal. */
enum { SIGWORD_NAME = 24 };

/* "SIGSEGV"; "SIGRTMIN+2" for real-time ones (counted from the kernel's 32, so the name is the same on every libc);
 * "SIG77" else. */
void sigword_name(char out[SIGWORD_NAME], int sig);

/* The likely cause and what to do, one or two sentences; a general one for a signal that tells nothing. Never NULL. */
const char *sigword_cause(int sig);

#endif
