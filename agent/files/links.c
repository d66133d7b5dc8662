#include "files/links.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/text.h"
#include "files/remover.h"

static int
failed(const char *path, struct err *err)
{
	return err_set(err, ERR_IO, errno, "cannot make '%s' in the working folder", path);
}

/* Takes away what stands in a link's way: an empty folder quietly, the rest as the rule says. 1 when the way is free, 0 when it stays so. */
static int
clear_way(int dir_fd, const char *name, struct link *link, struct err *err)
{
	struct stat st;

	if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT) {
		return 1;
	}
	if (link->rule == LINK_YIELDS) {
		link->result = LINK_TAKEN;
		return 0;
	}
	link->result = LINK_REPLACED;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		return failed(link->path, err);
	}
	if (S_ISDIR(st.st_mode)) {
		return remover_remove(dir_fd, name, err) < 0 ? -1 : 1;
	}
	return unlinkat(dir_fd, name, 0) == 0 ? 1 : failed(link->path, err);
}

/* The folder in which the link stands: an owned descriptor. What is no folder of the project's own gives way. */
static int
open_parent(int dir_fd, const char *folder, struct link *link, struct err *err)
{
	struct stat st;
	int is_folder = fstatat(dir_fd, folder, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);

	if (!is_folder && (clear_way(dir_fd, folder, link, err) < 0 || mkdirat(dir_fd, folder, 0777) < 0)) {
		return err->kind != ERR_NONE ? -1 : failed(link->path, err);
	}
	int fd = openat(dir_fd, folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 ? fd : failed(link->path, err);
}

static int
make_at(int dir_fd, const char *name, struct link *link, struct err *err)
{
	int free_way = clear_way(dir_fd, name, link, err);

	if (free_way <= 0) {
		return free_way;
	}
	int made = link->target != NULL ? symlinkat(link->target, dir_fd, name) : mkdirat(dir_fd, name, 0777);
	return made == 0 ? 0 : failed(link->path, err);
}

static int
make_one(int dir_fd, struct link *link, struct err *err)
{
	const char *slash = strchr(link->path, '/');

	link->result = LINK_MADE;
	if (slash == NULL) {
		return make_at(dir_fd, link->path, link, err);
	}
	CLEAN_TEXT *folder = strndup(link->path, (size_t)(slash - link->path));
	if (folder == NULL) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot make '%s'", link->path);
	}
	CLEAN_FD parent = open_parent(dir_fd, folder, link, err);
	return parent < 0 ? -1 : make_at(parent, slash + 1, link, err);
}

int
links_make(int dir_fd, struct link *links, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		if (make_one(dir_fd, &links[i], err) < 0) {
			return -1;
		}
	}
	return 0;
}

/* ---- the project's own entries ---- */

/* readdir that can be told from its end: errno is 0 there. */
static const struct dirent *
next_entry(DIR *dir)
{
	errno = 0;
	return readdir(dir);
}

static int
is_empty_folder(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	int count = 0;

	if (dir == NULL) {
		fd_close(&fd);
		return 0;
	}
	for (const struct dirent *entry = readdir(dir); entry != NULL && count < 3; entry = readdir(dir)) {
		count++;
	}
	(void)closedir(dir);
	return count == 2; /* "." and ".." */
}

static int
is_left_out(int from_fd, const char *name, const struct link *links, size_t count)
{
	static const char *const never[] = {".", "..", "data", ".git", ".train"};

	for (size_t i = 0; i < ARRAY_LEN(never); i++) {
		if (strcmp(name, never[i]) == 0) {
			return 1;
		}
	}
	for (size_t i = 0; i < count; i++) {
		if (strcmp(name, links[i].path) == 0 && is_empty_folder(from_fd, name)) {
			return 1;
		}
	}
	return 0;
}

static int
mirror_one(const char *from, const char *name, int dir_fd, struct err *err)
{
	CLEAN_TEXT *target = text_format("%s%s%s", from, strcmp(from, "/") == 0 ? "" : "/", name);

	if (target == NULL) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot link '%s'", name);
	}
	return symlinkat(target, dir_fd, name) == 0 ? 0 : failed(name, err);
}

int
links_mirror(int from_fd, const char *from, int dir_fd, const struct link *links, size_t count, struct err *err)
{
	int fd = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	int result = 0;

	if (dir == NULL) {
		fd_close(&fd);
		return err_set(err, ERR_IO, errno, "cannot read '%s'", from);
	}
	for (const struct dirent *entry = next_entry(dir); entry != NULL && result == 0; entry = next_entry(dir)) {
		if (!is_left_out(from_fd, entry->d_name, links, count)) {
			result = mirror_one(from, entry->d_name, dir_fd, err);
		}
	}
	if (result == 0 && errno != 0) {
		result = err_set(err, ERR_IO, errno, "cannot read '%s'", from);
	}
	(void)closedir(dir);
	return result;
}

static int
add_loose(const char *from, const char *name, struct link **links, size_t *count, struct err *err)
{
	struct link *longer = realloc(*links, (*count + 1) * sizeof(*longer));

	if (longer == NULL) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot link 'data/%s'", name);
	}
	*links = longer;
	longer[*count] = (struct link){
	    .path = text_format("data/%s", name),
	    .target = text_format("%s/data/%s", from, name),
	    .rule = LINK_YIELDS,
	};
	++*count;
	return longer[*count - 1].path != NULL && longer[*count - 1].target != NULL
	           ? 1
	           : err_set(err, ERR_SYSTEM, ENOMEM, "cannot link 'data/%s'", name);
}

int
links_add_loose(int from_fd, const char *from, struct link **links, size_t *count, struct err *err)
{
	int fd = openat(from_fd, "data", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct stat st;
	int added = 0;

	if (dir == NULL) {
		fd_close(&fd);
		return 0; /* no data, no loose files */
	}
	for (const struct dirent *entry = next_entry(dir); entry != NULL && added >= 0; entry = next_entry(dir)) {
		if (fstatat(fd, entry->d_name, &st, 0) == 0 && S_ISREG(st.st_mode)) {
			added = add_loose(from, entry->d_name, links, count, err) < 0 ? -1 : added + 1;
		}
	}
	if (added >= 0 && errno != 0) {
		added = err_set(err, ERR_IO, errno, "cannot read '%s/data'", from);
	}
	(void)closedir(dir);
	return added;
}

void
links_free(struct link *links, size_t count)
{
	for (size_t i = 0; i < count && links != NULL; i++) {
		free(links[i].path);
		free(links[i].target);
	}
	free(links);
}
