#include "files/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "files/kind.h"
#include "files/zip.h"

enum {
	ZIP_LOOK_MAX =
	    16 << 20 /* bytes for the directory of what may be a zip with a "#!" line: some 100,000 entries */
};

int
folder_only_entry(int dir_fd, char name[FOLDER_NAME_MAX], struct err *err)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	int count = 0;

	name[0] = '\0';
	if (dir == NULL) {
		fd_close(&fd);
		return err_set(err, ERR_IO, errno, "cannot read the folder");
	}
	errno = 0;
	for (const struct dirent *entry = readdir(dir); entry != NULL && count < 2; entry = readdir(dir)) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
			count++;
			(void)snprintf(name, FOLDER_NAME_MAX, "%s", entry->d_name);
		}
	}
	int sys = errno;
	(void)closedir(dir);
	if (sys != 0) {
		return err_set(err, ERR_IO, sys, "cannot read the folder");
	}
	if (count != 1) {
		name[0] = '\0';
	}
	return 0;
}

/* A lone script is a project of one file, unless a zip follows its first line. */
static int
is_known(int fd, const void *bytes, size_t len)
{
	enum kind kind = kind_of(bytes, len);
	struct zip_facts facts;
	struct budget budget;
	struct err unused = {0};

	budget_init(&budget, ZIP_LOOK_MAX);
	return kind == KIND_SCRIPT ? zip_check(fd, &budget, &facts, &unused) == 0 : kind != KIND_UNKNOWN;
}

int
folder_is_archive(int dir_fd, char name[FOLDER_NAME_MAX], struct err *err)
{
	unsigned char bytes[KIND_HEAD_BYTES];
	struct stat st;

	if (folder_only_entry(dir_fd, name, err) < 0) {
		return -1;
	}
	if (name[0] == '\0' || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode)) {
		return 0;
	}
	CLEAN_FD fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = fd >= 0 ? fd_read_full(fd, bytes, sizeof(bytes)) : -1;
	if (n < 0) {
		return err_set(err, ERR_IO, errno, "cannot read '%s'", name);
	}
	return is_known(fd, bytes, (size_t)n);
}
