/*
 * Why the kernel refused to execute a file, in words that help: it answers ENOENT also for a missing interpreter and EACCES also for
 * a noexec mount, and nobody should have to know that.
 */
#ifndef TRAIN_RUN_REFUSAL_H
#define TRAIN_RUN_REFUSAL_H

#include "base/attr.h"
#include "base/err.h"

enum {
	REFUSAL_HEAD_BYTES = 256, /* of the file's start: the kernel itself reads that much for a #! line */
};

/*
 * Sets 'err' for exec of 'path' (relative to 'dir_fd' or AT_FDCWD) having failed with errno 'sys', and returns -1. ERR_NO_COMMAND
 * when the file does not exist, else ERR_NOT_EXECUTABLE. Only looks: the file is opened for reading, never a FIFO or device.
 */
int refusal_explain(int dir_fd, const char *path, int sys, struct err *err);

#endif
