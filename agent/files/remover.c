#include "files/remover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/sys.h"

enum {
	DEPTH_MAX = 64,      /* folders open at once; deeper ones are moved up first */
	ROUNDS_MAX = 100000, /* folders that were moved up: a pipeline that keeps making them must not keep us */
};

struct remover {
	int root_fd;    /* the folder that goes: too deep ones are moved here */
	uint64_t mount; /* its mount */
	int rounds;     /* folders moved up so far */
	int moved;      /* in this round */
	int64_t deadline_ms;
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

enum { FOLDER_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };

/* A folder that is closed even against its owner. It is looked at first: the bits of what is mounted there are not ours to change. */
static int
open_closed(const struct remover *remover, int dir_fd, const char *name)
{
	CLEAN_FD fd = openat(dir_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	char path[32];

	if (fd < 0 || is_mount(remover, fd)) {
		return fd_take(&fd);
	}
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return chmod(path, 0700) == 0 ? openat(dir_fd, name, FOLDER_FLAGS) : -1;
}

/* Opens a folder so that it can be emptied. -1, and said, when that is not possible or something is mounted there. */
static int
open_folder(struct remover *remover, int dir_fd, const char *name)
{
	CLEAN_FD fd = openat(dir_fd, name, FOLDER_FLAGS);

	if (fd < 0 && errno == EACCES) {
		fd = open_closed(remover, dir_fd, name);
	}
	if (fd < 0) {
		stays(remover, name, errno, "");
		return -1;
	}
	if (is_mount(remover, fd)) {
		stays(remover, name, 0, ": something is mounted there");
		return -1;
	}
	/* Without its write bit it can be neither emptied nor moved; if this fails, those will say so. */
	(void)fchmod(fd, 0700);
	return fd_take(&fd);
}

static void empty(struct remover *remover, int fd, const char *name, int depth);

static void
remove_one(struct remover *remover, int dir_fd, const char *name, int depth)
{
	if (clock_now_ms() >= remover->deadline_ms) {
		stays(remover, name, 0, ": there is too much for the time that is left");
		return;
	}
	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT) {
		return;
	}
	if (errno != EISDIR && errno != EPERM) {
		stays(remover, name, errno, "");
		return;
	}
	CLEAN_FD fd = open_folder(remover, dir_fd, name);
	if (fd < 0) {
		return;
	}
	if (depth == DEPTH_MAX) {
		move_up(remover, dir_fd, name);
		return;
	}
	empty(remover, fd_take(&fd), name, depth + 1);
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT) {
		stays(remover, name, errno, "");
	}
}

/*
 * Removes what is in the folder 'fd', which it takes. The names of one reading go; what appeared meanwhile makes the folder's own removal fail, and
 * is said.
 */
static void
empty(struct remover *remover, int fd, const char *name, int depth)
{
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (dir == NULL) {
		stays(remover, name, errno, "");
		fd_close(&fd);
		return;
	}
	for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
			remove_one(remover, dirfd(dir), entry->d_name, depth);
		}
	}
	(void)closedir(dir);
}

int
remover_remove(int dir_fd, const char *name, struct err *err)
{
	return remover_remove_until(dir_fd, name, DEADLINE_NEVER, err);
}

int
remover_remove_until(int dir_fd, const char *name, int64_t deadline_ms, struct err *err)
{
	struct remover remover = {.root_fd = -1, .err = err, .moved = 1, .deadline_ms = deadline_ms};
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT) {
		return 0;
	}
	if (sys_mount_of(dir_fd, &remover.mount) < 0) {
		return err_set(err, ERR_IO, errno, "cannot remove '%s'", name);
	}
	CLEAN_FD fd = open_folder(&remover, dir_fd, name);
	remover.root_fd = fd;
	while (remover.moved && !remover.failed) {
		remover.moved = 0;
		empty(&remover, openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), name, 0);
	}
	if (remover.failed) {
		return -1;
	}
	return unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 ? 0 : err_set(err, ERR_IO, errno, "cannot remove '%s'", name);
}
