#include "files/copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

enum { PIECE = 1 << 22 /* bytes between two looks at whether the job goes on */, MODE_BITS = 0777 };

/* What is not part of the code (product §5). */
static const char *const left_at_home[] = {"data", ".git", ".train", NULL};

struct copier {
	const struct tree_limits *limits;
	struct copied *copied;
	struct err *err;
	struct stat target;        /* the folder that is filled: where it lies inside the project it is no part of it */
	char path[PATH_BYTES_MAX]; /* of the entry at hand, for messages */
};

static int
failed(const struct copier *copier, const char *what, int sys)
{
	return err_set(copier->err, ERR_IO, sys, "cannot %s '%s'", what, copier->path);
}

/* ---- one entry ---- */

static int
keep_times(int fd, const struct stat *st)
{
	const struct timespec times[2] = {st->st_mtim, st->st_mtim};

	return futimens(fd, times);
}

static int
goes_on(const struct copier *copier)
{
	return copier->limits->go_on == NULL ? 0 : copier->limits->go_on(copier->limits->self, copier->err);
}

static int
count_entry(struct copier *copier)
{
	if (goes_on(copier) < 0) {
		return -1;
	}
	if (++copier->copied->entries > copier->limits->entries_max) {
		return err_set(copier->err, ERR_ARCHIVE, 0,
		    "more than %lld entries: raise unpack-max-entries if that is right",
		    (long long)copier->limits->entries_max);
	}
	return 0;
}

static int
count_bytes(struct copier *copier, int64_t bytes)
{
	if (bytes > copier->limits->bytes_max - copier->copied->bytes) {
		return err_set(copier->err, ERR_ARCHIVE, 0,
		    "'%s': more than %lld bytes in all: raise unpack-max-bytes if that is right", copier->path,
		    (long long)copier->limits->bytes_max);
	}
	copier->copied->bytes += bytes;
	return 0;
}

/* As many bytes as the file had when it was opened: one that grows meanwhile, a log, must not keep us. */
static int
copy_bytes(struct copier *copier, int from, int to, int64_t left)
{
	while (left > 0) {
		ssize_t sent = sendfile(to, from, NULL, left < PIECE ? (size_t)left : PIECE);

		if (sent < 0) {
			return failed(copier, "copy", errno);
		}
		if (sent == 0) {
			return 0; /* it became shorter */
		}
		left -= sent;
		if (left > 0 && goes_on(copier) < 0) {
			return -1;
		}
	}
	return 0;
}

static int
copy_file(struct copier *copier, int from_dir, int to_dir, const char *name)
{
	CLEAN_FD from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (from < 0 || fstat(from, &st) < 0) {
		return failed(copier, "read", errno);
	}
	if (count_bytes(copier, st.st_size) < 0) {
		return -1;
	}
	CLEAN_FD to =
	    openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, st.st_mode & MODE_BITS);
	if (to < 0) {
		return failed(copier, "copy", errno);
	}
	if (copy_bytes(copier, from, to, st.st_size) < 0) {
		return -1;
	}
	if (keep_times(to, &st) < 0) {
		return failed(copier, "copy", errno);
	}
	return fd_close_written(&to, copier->path, copier->err);
}

static int
copy_link(struct copier *copier, int from_dir, int to_dir, const char *name)
{
	char target[PATH_BYTES_MAX];
	ssize_t len = readlinkat(from_dir, name, target, sizeof(target));

	if (len < 0 || len == (ssize_t)sizeof(target)) {
		return failed(copier, "read", len < 0 ? errno : ENAMETOOLONG);
	}
	target[len] = '\0';
	return symlinkat(target, to_dir, name) == 0 ? 0 : failed(copier, "copy", errno);
}

static int copy_entries(struct copier *copier, int from_fd, int to_fd, int depth);

static int
copy_folder(struct copier *copier, int from_dir, int to_dir, const char *name, int depth)
{
	CLEAN_FD from = openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (from < 0 || fstat(from, &st) < 0) {
		return failed(copier, "read", errno);
	}
	if (depth == TREE_PARTS_MAX) {
		return err_set(copier->err, ERR_ARCHIVE, 0, "the folder '%s' lies more than %d folders deep",
		    copier->path, (int)TREE_PARTS_MAX);
	}
	if (mkdirat(to_dir, name, (st.st_mode & MODE_BITS) | 0700) < 0) {
		return failed(copier, "copy", errno);
	}
	CLEAN_FD to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to < 0) {
		return failed(copier, "copy", errno);
	}
	if (copy_entries(copier, from, to, depth + 1) < 0) {
		return -1;
	}
	return keep_times(to, &st) == 0 ? 0 : failed(copier, "copy", errno);
}

/* ---- a folder ---- */

static int
stays_at_home(const char *name, int depth)
{
	for (const char *const *each = left_at_home; depth == 0 && *each != NULL; each++) {
		if (strcmp(*each, name) == 0) {
			return 1;
		}
	}
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static void
leave_out(struct copier *copier)
{
	if (copier->copied->left_out++ == 0) {
		memcpy(copier->copied->first_out, copier->path, sizeof(copier->path));
	}
}

static int
copy_entry(struct copier *copier, int from_fd, int to_fd, const char *name, int depth)
{
	struct stat st;

	if (fstatat(from_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		return failed(copier, "read", errno);
	}
	if (st.st_dev == copier->target.st_dev && st.st_ino == copier->target.st_ino) {
		return 0;
	}
	if (count_entry(copier) < 0) {
		return -1;
	}
	switch (st.st_mode & S_IFMT) {
	case S_IFREG:
		return copy_file(copier, from_fd, to_fd, name);
	case S_IFDIR:
		return copy_folder(copier, from_fd, to_fd, name, depth);
	case S_IFLNK:
		return copy_link(copier, from_fd, to_fd, name);
	default:
		leave_out(copier);
		return 0;
	}
}

static void
close_dir(DIR **dir)
{
	if (*dir != NULL) {
		(void)closedir(*dir);
	}
}

static int
copy_entries(struct copier *copier, int from_fd, int to_fd, int depth)
{
	int fd = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEANUP(close_dir) DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	size_t len = strlen(copier->path);

	if (dir == NULL) {
		fd_close(&fd);
		return failed(copier, "read", errno);
	}
	errno = 0;
	for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		if (stays_at_home(entry->d_name, depth)) {
			continue;
		}
		(void)snprintf(copier->path + len, sizeof(copier->path) - len, "/%s", entry->d_name);
		if (copy_entry(copier, from_fd, to_fd, entry->d_name, depth) < 0) {
			return -1;
		}
		copier->path[len] = '\0';
		errno = 0;
	}
	return errno == 0 ? 0 : failed(copier, "read", errno);
}

int
copy_project(
    int from_fd, int to_fd, const char *path, const struct tree_limits *limits, struct copied *copied, struct err *err)
{
	struct copier copier = {.limits = limits, .copied = copied, .err = err};

	*copied = (struct copied){0};
	(void)snprintf(copier.path, sizeof(copier.path), "%s", path);
	if (fstat(to_fd, &copier.target) < 0) {
		return failed(&copier, "copy", errno);
	}
	return copy_entries(&copier, from_fd, to_fd, 0);
}
