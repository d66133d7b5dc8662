/*
 * Descriptors as values with an owner. Every descriptor the agent opens is close-on-exec.
 */
#ifndef TRAIN_BASE_FD_H
#define TRAIN_BASE_FD_H

#include <stddef.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

/* Closes '*fd' when it is not negative and makes it -1; errno is kept. For reading ends: the result of close says nothing there. */
void fd_close(int *fd);
#define CLEAN_FD CLEANUP(fd_close) int

/* Hands the descriptor on: returns it and leaves -1. */
int fd_take(int *fd);

/*
 * Makes sure that descriptors 0, 1 and 2 exist, as /dev/null where they were closed: else the first file that is opened would become one of them,
 * and be written to by whoever prints. 0, or -1 with 'err' (ERR_SYSTEM).
 */
MUST_CHECK int fd_open_standard(struct err *err);

/* Closes a file that was written; 'path' is for the message. 0, or -1 with 'err'. '*fd' is -1 afterwards in both cases. */
MUST_CHECK int fd_close_written(int *fd, const char *path, struct err *err);

/* Writes all bytes; repeats on EINTR and waits by poll on EAGAIN. 0, or -1 with errno set. */
MUST_CHECK int fd_write_all(int fd, const void *bytes, size_t len);

/* Reads until 'len' bytes or end of file. The count, or -1 with errno set. */
MUST_CHECK ssize_t fd_read_full(int fd, void *bytes, size_t len);

/* Reads a regular file at 'path' (relative to 'dir_fd', or AT_FDCWD) whole into 'buf', at most buf->max bytes. Refuses FIFOs and
 * devices, so that a hostile name cannot block us. 0, or -1 with 'err' (kind ERR_IO; sys is ENOENT when it is missing). */
MUST_CHECK int fd_read_file(int dir_fd, const char *path, struct buf *buf, struct err *err);

/*
 * Writes a file so that a reader sees the old one or the new one, never a part: a temporary name beside it, then rename.
 * 'mode' is exact, whatever the umask. 0, or -1 with 'err' (ERR_IO or ERR_DISK_FULL) and nothing left behind.
 */
MUST_CHECK int fd_write_file(int dir_fd, const char *path, const void *bytes, size_t len, mode_t mode, struct err *err);

#endif
