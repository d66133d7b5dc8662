#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/sys.h"

void
fd_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0) {
		(void)close(*fd);
	}
	*fd = -1;
	errno = saved;
}

int
fd_take(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

int
fd_open_standard(struct err *err)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/* The lowest free number is taken, so this opens just the one that is missing. */
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd) {
			return err_set(err, ERR_SYSTEM, errno, "cannot open '/dev/null' as descriptor %d", fd);
		}
	}
	return 0;
}

int
fd_close_written(int *fd, const char *path, struct err *err)
{
	int result = close(*fd);

	*fd = -1;
	/* EINTR leaves the descriptor closed on Linux; anything else may mean lost bytes. */
	if (result < 0 && errno != EINTR) {
		return err_set(err, ERR_IO, errno, "cannot finish writing '%s'", path);
	}
	return 0;
}

int
fd_write_all(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n >= 0) {
			at += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			struct pollfd wait = {.fd = fd, .events = POLLOUT};

			(void)poll(&wait, 1, -1);
		} else if (errno != EINTR) {
			return -1;
		}
	}
	return 0;
}

ssize_t
fd_read_full(int fd, void *bytes, size_t len)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = read(fd, (char *)bytes + got, len - got);

		if (n == 0) {
			break;
		}
		if (n > 0) {
			got += (size_t)n;
		} else if (errno != EINTR) {
			return -1;
		}
	}
	return (ssize_t)got;
}

/* Appends until the end; one byte more than the ceiling is an error, not a cut. */
static int
read_into(int fd, const char *path, struct buf *buf, struct err *err)
{
	char block[16384];

	for (;;) {
		ssize_t n = fd_read_full(fd, block, sizeof(block));

		if (n < 0) {
			return err_set(err, ERR_IO, errno, "cannot read '%s'", path);
		}
		if (n == 0) {
			return 0;
		}
		if (buf_add(buf, block, (size_t)n) < 0) {
			return err_set(err, ERR_IO, EFBIG, "cannot read '%s', of which at most %zu bytes are taken",
			    path, buf->max);
		}
	}
}

int
fd_read_file(int dir_fd, const char *path, struct buf *buf, struct err *err)
{
	/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
	CLEAN_FD fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		return err_set(err, ERR_IO, errno, "cannot open '%s'", path);
	}
	if (!S_ISREG(st.st_mode)) {
		return err_set(err, ERR_IO, S_ISDIR(st.st_mode) ? EISDIR : EINVAL,
		    "cannot read '%s', which is no regular file", path);
	}
	return read_into(fd, path, buf, err);
}

static int
write_and_close(int *fd, const char *path, const void *bytes, size_t len, mode_t mode, struct err *err)
{
	if (fchmod(*fd, mode) < 0 || fd_write_all(*fd, bytes, len) < 0) {
		return err_set(err, ERR_IO, errno, "cannot write '%s'", path);
	}
	return fd_close_written(fd, path, err);
}

int
fd_write_file(int dir_fd, const char *path, const void *bytes, size_t len, mode_t mode, struct err *err)
{
	unsigned char random[6];
	char digits[2 * sizeof(random) + 1];
	char beside[PATH_BYTES_MAX];
	int n;

	sys_random(random, sizeof(random));
	hex_encode(digits, random, sizeof(random));
	n = snprintf(beside, sizeof(beside), "%s.%s.part", path, digits);
	if (n < 0 || (size_t)n >= sizeof(beside)) {
		return err_set(err, ERR_IO, ENAMETOOLONG, "cannot write '%s'", path);
	}

	CLEAN_FD fd = openat(dir_fd, beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0) {
		return err_set(err, ERR_IO, errno, "cannot create '%s'", beside);
	}
	if (write_and_close(&fd, path, bytes, len, mode, err) < 0) {
		(void)unlinkat(dir_fd, beside, 0);
		return -1;
	}
	if (renameat(dir_fd, beside, dir_fd, path) < 0) {
		int sys = errno;

		(void)unlinkat(dir_fd, beside, 0);
		return err_set(err, ERR_IO, sys, "cannot rename '%s' to '%s'", beside, path);
	}
	return 0;
}
