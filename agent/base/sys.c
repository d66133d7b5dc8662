#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"

enum { NAME_BYTES_MAX = 255 };

/* seccomp profiles answer either errno to a call that they do not know. */
static int
is_absent(int sys)
{
	return sys == ENOSYS || sys == EPERM;
}

/* Of all the parts of a path: is one of them ".."? */
static int
has_dots(const char *path)
{
	for (const char *part = path; *part != '\0';) {
		size_t len = strcspn(part, "/");

		if (len == 2 && part[0] == '.' && part[1] == '.') {
			return 1;
		}
		part += len;
		part += strspn(part, "/");
	}
	return 0;
}

/* Opens one name that holds no slash. A link is told as ELOOP, as openat2 does, also where a folder was wanted. */
static int
open_part(int dir_fd, const char *part, int flags, mode_t mode)
{
	int fd = openat(dir_fd, part, flags | O_NOFOLLOW, mode);
	int sys = errno;
	struct stat st;

	if (fd < 0 && sys == ENOTDIR) {
		sys = fstatat(dir_fd, part, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode) ? ELOOP : ENOTDIR;
	}
	errno = sys;
	return fd;
}

/* The same by hand. */
static int
open_by_steps(int dir_fd, const char *path, int flags, mode_t mode)
{
	CLEAN_FD at = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
	char part[NAME_BYTES_MAX + 1];

	while (at >= 0) {
		size_t len = strcspn(path, "/");
		size_t slashes = strspn(path + len, "/");

		if (len >= sizeof(part)) {
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(part, path, len);
		part[len] = '\0';
		path += len + slashes;
		if (*path == '\0') {
			return open_part(at, part, slashes > 0 ? flags | O_DIRECTORY : flags, mode);
		}
		int next = open_part(at, part, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
		fd_close(&at);
		at = next;
	}
	return -1;
}

int
sys_open_beneath(int dir_fd, const char *path, int flags, mode_t mode)
{
	struct open_how how = {
	    .flags = (uint64_t)(unsigned int)(flags | O_CLOEXEC),
	    .mode = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? mode : 0,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	if (path[0] == '/' || has_dots(path)) {
		errno = EXDEV;
		return -1;
	}
	int fd = (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
	return fd < 0 && is_absent(errno) ? open_by_steps(dir_fd, path, flags | O_CLOEXEC, mode) : fd;
}

int
sys_pidfd_open(pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0 && is_absent(errno)) {
		errno = ENOSYS;
	}
	return fd;
}

int
sys_pidfd_kill(int pid_fd, pid_t pid, int sig)
{
	int result = (int)syscall(SYS_pidfd_send_signal, pid_fd, sig, NULL, 0);

	return result < 0 && is_absent(errno) ? kill(pid, sig) : result;
}

int
sys_may(int dir_fd, const char *path, int mode)
{
	int result = faccessat(dir_fd, path, mode, AT_EACCESS);

	return result < 0 && is_absent(errno) ? (int)syscall(SYS_faccessat, dir_fd, path, mode) : result;
}

int
sys_is_noexec(int fd)
{
	struct statvfs fs;

	if (fstatvfs(fd, &fs) < 0) {
		return -1;
	}
	return (fs.f_flag & ST_NOEXEC) != 0;
}

/* The kernel's struct statx as far as it is wanted: musl's does not know the mount's number yet. */
struct statx_mount {
	uint32_t mask;
	unsigned char between[140];
	uint64_t mount;
	unsigned char rest[104];
};
_Static_assert(sizeof(struct statx_mount) == 256, "the kernel writes 256 bytes");

int
sys_mount_of(int fd, uint64_t *mount)
{
	const unsigned wanted = 0x1000; /* STATX_MNT_ID */
	struct statx_mount seen = {0};
	struct stat st;

	if (syscall(SYS_statx, fd, "", AT_EMPTY_PATH, wanted, &seen) == 0 && (seen.mask & wanted) != 0) {
		*mount = seen.mount;
		return 0;
	}
	if (fstat(fd, &st) < 0) {
		return -1;
	}
	*mount = (uint64_t)st.st_dev;
	return 0;
}

void
sys_random(void *bytes, size_t len)
{
	char *at = bytes;

	while (len > 0) {
		ssize_t n = getrandom(at, len, 0);

		if (n > 0) {
			at += n;
			len -= (size_t)n;
		} else if (n < 0 && errno != EINTR) {
			/* A sandbox without getrandom: an address and the clock are enough for names and jitter. */
			struct timespec now;

			(void)clock_gettime(CLOCK_MONOTONIC, &now);
			*at = (char)((uintptr_t)at ^ (uintptr_t)now.tv_nsec ^ (uintptr_t)getpid());
			at++;
			len--;
		}
	}
}
