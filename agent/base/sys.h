/*
 * System calls that old kernels, seccomp profiles or musl lack, each with its fallback. Docker's profile answers EPERM, not ENOSYS,
 * to calls it does not know: both count as absent.
 */
#ifndef TRAIN_BASE_SYS_H
#define TRAIN_BASE_SYS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"

/*
 * Opens 'path' below 'dir_fd' and never outside of it: no "..", no absolute name and no symbolic link is followed on the way
 * (openat2 with RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS|RESOLVE_NO_MAGICLINKS, else component by component with O_NOFOLLOW).
 * O_CLOEXEC is added. Returns an owned descriptor, or -1 with errno (ELOOP for a link, EXDEV for an escape).
 */
MUST_CHECK int sys_open_beneath(int dir_fd, const char *path, int flags, mode_t mode);

/* pidfd_open(2): a descriptor, or -1 with errno ENOSYS where the kernel has none. */
MUST_CHECK int sys_pidfd_open(pid_t pid);

/*
 * pidfd_send_signal(2) without siginfo to the process 'pid' that 'pid_fd' is of. A profile may know only one of the two calls: then kill(2), with the moment
 * that remains there in which the number could be given away. 0, or -1 with errno.
 */
MUST_CHECK int sys_pidfd_kill(int pid_fd, pid_t pid, int sig);

/*
 * May this process, by its effective user and capabilities, do 'mode' (R_OK, W_OK, X_OK) to 'path'? faccessat2(2); where that is absent it is asked by the
 * real user, who is the same in a container. The C libraries do so after ENOSYS only. 0, or -1 with errno.
 */
MUST_CHECK int sys_may(int dir_fd, const char *path, int mode);

/* 1 if the file system of 'fd' is mounted noexec, 0 if not, -1 with errno. */
MUST_CHECK int sys_is_noexec(int fd);

/*
 * A number for the mount that 'fd' lies on: two descriptors have the same when no mount point lies between them (statx(2), STATX_MNT_ID). Where the kernel
 * does not tell it is the device's, which does not see a bind mount of the same file system. 0, or -1 with errno.
 */
MUST_CHECK int sys_mount_of(int fd, uint64_t *mount);

/* Random bytes from getrandom(2), for names and jitter. They always come. */
void sys_random(void *bytes, size_t len);

#endif
