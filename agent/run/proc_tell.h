/*
 * What processes are doing, in words for people: the report on a pipeline that is silent (product §3).
 *
 * All of it is the processes' own word: bounded, secrets masked (base/mask.h, and values of arguments with secret names). The command
 * line is memory of the process: where a thread waits uninterruptibly whoever reads it could wait with it, so then it is left out.
 */
#ifndef TRAIN_RUN_PROC_TELL_H
#define TRAIN_RUN_PROC_TELL_H

#include <stddef.h>

#include "base/buf.h"
#include "run/proc.h"

enum {
	PROC_TELL_MAX = 512,          /* bytes of one sentence; a longer command line is cut */
	PROC_CMDLINE_MAX = 256 << 10, /* bytes of a command line that are read: a value is masked whole or not shown */
	PROC_THREADS_MAX = 4096,      /* threads looked at; with more of them the command line is left out */
};

/* Appends "python3 (12): state S (sleeping), waits in futex_wait_queue, 3.21 s of CPU: python3 train.py". */
void proc_tell(const struct proc *proc, struct buf *out);

/*
 * "python3 (12) waits in futex_wait_queue, sh (7) is stopped": as many as fit, those first who do not just wait for a child. "" when
 * 'list' is empty.
 */
void proc_waits(const struct proc_list *list, char *out, size_t room);

#endif
