/*
 * Crashes of our own, caught: a fault of the processor, an abort, a system call that a sandbox turned into a signal. Each becomes a failed check
 * (base/check.h) whose line names signal, place in the program and address.
 *
 * These are the only handlers that ever run. A signal that another process sends keeps its default effect, as PID 1, too: none there. So does one
 * that somebody else handles or ignores already, as a sanitizer does. exec takes the handlers away, so a child has what it would have without us.
 *
 * A thread whose stack overflows ends the process at once: only the first one has a stack for such a case.
 */
#ifndef TRAIN_BASE_CRASH_H
#define TRAIN_BASE_CRASH_H

#include "base/attr.h"

enum {
	CRASH_STACK_BYTES =
	    64 << 10 /* the kernel's frame takes up to 11 KiB of it (AMX); a walk through /proc some more */
};

/* A zeroed one is released. Stays where it is. */
struct crash {
	int is_caught;
	_Alignas(16) char stack[CRASH_STACK_BYTES];
};

/* From the thread that shall survive the overflow of its stack. What the kernel refuses stays uncaught. */
void crash_catch(struct crash *crash);

void crash_release(struct crash *crash);

#endif
