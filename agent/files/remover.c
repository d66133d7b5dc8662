#include "files/remover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"

enum {
	DEPTH_MAX = 64,      /* descriptors held at once; deeper folders are moved up first */
	ROUNDS_MAX = 100000, /* folders that were moved up: a pipeline that keeps making them must not keep us */
};

struct remover {
	int root_fd;    /* the folder that goes: too deep ones are moved here */
	uint64_t mount; /* its mount */
	int rounds;     /* folders moved up so far */
	int moved;      /* in this round */
	struct err *err;
	int failed;
};

/* Is 'fd' on another mount than the folder that goes? When nobody can tell it counts as one: it stays. */
static int
is_mount(const struct remover *remover, int fd)
{
	uint64_t mount = 0;

	return sys_mount_of(fd, &mount) < 0 || mount != remover->mount;
}

/* Keeps the first reason. */
static void
stays(struct remover *remover, const char *name, int sys, const char *why)
{
	if (!remover->failed) {
		err_set(remover->err, ERR_IO, sys, "cannot remove '%s'%s", name, why);
	}
	remover->failed = 1;
}

static void
move_up(struct remover *remover, int dir_fd, const char *name)
{
	char above[32];
	unsigned tag = 0;

	sys_random(&tag, sizeof(tag));
	(void)snprintf(above, sizeof(above), ".deep-%08x-%d", tag, remover->rounds);
	if (++remover->rounds > ROUNDS_MAX || renameat(dir_fd, name, remover->root_fd, above) < 0) {
		stays(remover, name, errno, "");
		return;
	}
	remover->moved = 1;
}

static void empty(struct remover *remover, int dir_fd, int depth);

static void
remove_one(struct remover *remover, int dir_fd, const char *name, int depth)
{
	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT) {
		return;
	}
	if (errno != EISDIR && errno != EPERM) {
		stays(remover, name, errno, "");
		return;
	}
	CLEAN_FD fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == EACCES && fchmodat(dir_fd, name, 0700, 0) == 0) {
		fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd < 0) {
		stays(remover, name, errno, "");
		return;
	}
	if (is_mount(remover, fd)) {
		stays(remover, name, 0, ": something is mounted there");
		return;
	}
	if (depth == DEPTH_MAX) {
		move_up(remover, dir_fd, name);
		return;
	}
	empty(remover, fd, depth + 1);
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT) {
		stays(remover, name, errno, "");
	}
}

/* Removes what is in the folder. The names of one reading go; what appeared meanwhile makes the folder's own removal fail, and is said. */
static void
empty(struct remover *remover, int dir_fd, int depth)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (dir == NULL) {
		stays(remover, "a folder", errno, "");
		fd_close(&fd);
		return;
	}
	(void)fchmod(dir_fd, 0700); /* a folder without its write bit; if this fails the removal says so */
	for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
			remove_one(remover, dir_fd, entry->d_name, depth);
		}
	}
	(void)closedir(dir);
}

int
remover_remove(int dir_fd, const char *name, struct err *err)
{
	CLEAN_FD fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct remover remover = {.root_fd = fd, .err = err, .moved = 1};

	if (fd < 0) {
		return errno == ENOENT ? 0 : err_set(err, ERR_IO, errno, "cannot remove '%s'", name);
	}
	if (sys_mount_of(dir_fd, &remover.mount) < 0 || is_mount(&remover, fd)) {
		return err_set(err, ERR_IO, 0, "cannot remove '%s': something is mounted there", name);
	}
	while (remover.moved && !remover.failed) {
		remover.moved = 0;
		empty(&remover, fd, 0);
	}
	if (remover.failed) {
		return -1;
	}
	return unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 ? 0 : err_set(err, ERR_IO, errno, "cannot remove '%s'", name);
}
