/* A folder for one test, files in it, and a file system that fills up quickly. Include cmocka first. */
#ifndef TESTS_UNIT_SCRATCH_H
#define TESTS_UNIT_SCRATCH_H

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

enum { SCRATCH_PATH = 256, SCRATCH_TEXT = 8192 };

#define SCRATCH_UNUSED __attribute__((unused))

SCRATCH_UNUSED static void
scratch_make(char path[SCRATCH_PATH])
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(path, SCRATCH_PATH, "%s/train-test-XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(path));
}

SCRATCH_UNUSED static int
scratch_remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

SCRATCH_UNUSED static void
scratch_remove(const char *path)
{
	assert_int_equal(nftw(path, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* "<folder>/<name>", until the next call. */
SCRATCH_UNUSED static const char *
scratch_path(const char *folder, const char *name)
{
	static char path[2 * SCRATCH_PATH];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

SCRATCH_UNUSED static void
scratch_write(const char *folder, const char *name, const char *text)
{
	struct err err = {0};

	assert_int_equal(fd_write_file(AT_FDCWD, scratch_path(folder, name), text, strlen(text), 0644, &err), 0);
}

/* The file's text until the next call; NULL when there is none. */
SCRATCH_UNUSED static const char *
scratch_read(const char *folder, const char *name)
{
	static char text[SCRATCH_TEXT];
	FILE *file = fopen(scratch_path(folder, name), "re");

	if (file == NULL) {
		return NULL;
	}
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	(void)fclose(file);
	return text;
}

SCRATCH_UNUSED static int
scratch_exists(const char *folder, const char *name)
{
	struct stat st;

	return lstat(scratch_path(folder, name), &st) == 0;
}

SCRATCH_UNUSED static void
scratch_folder(const char *folder, const char *name, mode_t mode)
{
	assert_int_equal(mkdir(scratch_path(folder, name), 0700), 0);
	assert_int_equal(chmod(scratch_path(folder, name), mode), 0);
}

SCRATCH_UNUSED static void
scratch_link(const char *folder, const char *name, const char *target)
{
	assert_int_equal(symlink(target, scratch_path(folder, name)), 0);
}

/* Where the link leads, until the next call; NULL when it is none. */
SCRATCH_UNUSED static const char *
scratch_target(const char *folder, const char *name)
{
	static char target[SCRATCH_TEXT];
	ssize_t len = readlink(scratch_path(folder, name), target, sizeof(target) - 1);

	if (len < 0) {
		return NULL;
	}
	target[len] = '\0';
	return target;
}

SCRATCH_UNUSED static struct stat
scratch_stat(const char *folder, const char *name)
{
	struct stat st;

	assert_int_equal(lstat(scratch_path(folder, name), &st), 0);
	return st;
}

/* How many entries the folder has. */
SCRATCH_UNUSED static int
scratch_count(const char *folder)
{
	DIR *dir = opendir(folder);
	int count = -2; /* "." and ".." */

	assert_non_null(dir);
	while (readdir(dir) != NULL) {
		count++;
	}
	(void)closedir(dir);
	return count;
}

/* The folder's descriptor. */
SCRATCH_UNUSED static int
scratch_fd(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* Mounts a file system of 64 KiB on 'folder', for this process only. 0, or -1 where the machine does not let us. */
SCRATCH_UNUSED static int
scratch_mount_small(const char *folder)
{
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		return -1;
	}
	return mount("none", folder, "tmpfs", 0, "size=64k,mode=0755");
}

/* Takes every byte that is left. */
SCRATCH_UNUSED static void
scratch_fill(const char *folder)
{
	static const char block[4096] = {1};
	FILE *file = fopen(scratch_path(folder, "filler"), "we");

	assert_non_null(file);
	(void)setvbuf(file, NULL, _IONBF, 0);
	while (fwrite(block, 1, sizeof(block), file) == sizeof(block)) {
	}
	while (fwrite(block, 1, 1, file) == 1) {
	}
	(void)fclose(file);
}

#endif
