#include "files/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"
#include "base/text.h"
#include "files/within.h"

enum { NAME_BYTES_MAX = 255, FIRST_ROOM = 64 };

void
tree_init(struct tree *tree, int dir_fd, const struct tree_limits *limits)
{
	*tree = (struct tree){.dir_fd = dir_fd, .limits = *limits, .parent_fd = -1};
}

static void
release_lates(struct tree_lates *lates)
{
	for (size_t i = 0; i < lates->count; i++) {
		free(lates->list[i].path);
	}
	free(lates->list);
	*lates = (struct tree_lates){0};
}

void
tree_release(struct tree *tree)
{
	release_lates(&tree->folders);
	release_lates(&tree->links);
	fd_close(&tree->parent_fd);
}

static int
refuse(int64_t number, const char *name, const char *why, struct err *err)
{
	char shown[TEXT_SHOWN];

	return err_set(err, ERR_ARCHIVE, 0, "entry %lld '%s': %s", (long long)number, text_shown(shown, name), why);
}

int
tree_refuse(const struct tree *tree, const char *name, const char *why, struct err *err)
{
	return refuse(tree->entries, name, why, err);
}

/* What the kernel says about an entry: no space is its own kind, everything else is an io error that names the entry. */
static int
failed(const struct tree *tree, const char *what, struct err *err)
{
	int sys = errno;
	char shown[TEXT_SHOWN];

	return err_set(err, ERR_IO, sys, "entry %lld '%s': cannot %s", (long long)tree->entries,
	    text_shown(shown, tree->path), what);
}

static int
remember(const struct tree *tree, struct tree_lates *lates, const struct timespec *mtime, struct err *err)
{
	if (lates->count == lates->room) {
		size_t room = lates->room == 0 ? FIRST_ROOM : lates->room * 2;
		struct tree_late *list = realloc(lates->list, room * sizeof(*list));

		if (list == NULL) {
			return err_set(err, ERR_SYSTEM, ENOMEM, "cannot unpack");
		}
		lates->list = list;
		lates->room = room;
	}
	char *path = strdup(tree->path);
	if (path == NULL) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot unpack");
	}
	lates->list[lates->count++] = (struct tree_late){
	    .path = path, .number = tree->entries, .mtime = mtime != NULL ? *mtime : (struct timespec){0}};
	return 0;
}

/* ---- names ---- */

/* Appends one part of a name to the cleaned path. */
static int
add_part(struct tree *tree, size_t *len, const char *part, size_t part_len)
{
	size_t slash = *len > 0;

	if (*len + slash + part_len >= sizeof(tree->path)) {
		return -1;
	}
	if (slash) {
		tree->path[(*len)++] = '/';
	}
	memcpy(tree->path + *len, part, part_len);
	*len += part_len;
	tree->path[*len] = '\0';
	return 0;
}

/* Makes 'tree->path' of a name from outside. NULL, or why it is refused. */
static const char *
clean(struct tree *tree, const char *name)
{
	size_t len = 0;
	int parts = 0;

	tree->path[0] = '\0';
	if (*name == '/') {
		return "an absolute name";
	}
	for (const char *part = name; *part != '\0';) {
		size_t part_len = strcspn(part, "/");

		if (part_len == 2 && part[0] == '.' && part[1] == '.') {
			return "'..' in a name";
		}
		int skipped = part_len == 0 || (part_len == 1 && part[0] == '.');
		if (!skipped && ++parts > TREE_PARTS_MAX) {
			return "it lies too deep";
		}
		if (!skipped && (part_len > NAME_BYTES_MAX || add_part(tree, &len, part, part_len) < 0)) {
			return "the name is too long";
		}
		part += part_len;
		part += *part == '/';
	}
	return NULL;
}

int
tree_entry(struct tree *tree, const char *name, struct err *err)
{
	tree->entries++;
	tree->path[0] = '\0';
	if (tree->limits.go_on != NULL && tree->limits.go_on(tree->limits.self, err) < 0) {
		return -1;
	}
	if (tree->entries > tree->limits.entries_max) {
		return err_set(err, ERR_ARCHIVE, 0, "more than %lld entries: raise unpack-max-entries if that is right",
		    (long long)tree->limits.entries_max);
	}
	if (name == NULL || *name == '\0') {
		return tree_refuse(tree, "", "an entry without a name", err);
	}
	const char *why = clean(tree, name);
	return why != NULL ? tree_refuse(tree, name, why, err) : tree->path[0] != '\0';
}

/* ---- parents ---- */

/* Opens the folder 'path' (of 'len' bytes) below 'dir_fd', making what is missing of it. */
static int
open_folder(const struct tree *tree, const char *path, size_t len)
{
	CLEAN_FD fd = fcntl(tree->dir_fd, F_DUPFD_CLOEXEC, 0);
	char part[NAME_BYTES_MAX + 1];

	while (len > 0 && fd >= 0) {
		size_t part_len = strcspn(path, "/") < len ? strcspn(path, "/") : len;

		memcpy(part, path, part_len);
		part[part_len] = '\0';
		int next = openat(fd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0 && errno == ENOENT && mkdirat(fd, part, 0777) == 0) {
			next = openat(fd, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		}
		fd_close(&fd);
		fd = next;
		part_len += part_len < len;
		path += part_len;
		len -= part_len;
	}
	return fd_take(&fd);
}

/* The entry's folder and the last part of its name. -1 with 'err'. */
static int
enter(struct tree *tree, const char **last, struct err *err)
{
	const char *slash = strrchr(tree->path, '/');
	size_t len = slash != NULL ? (size_t)(slash - tree->path) : 0;

	*last = slash != NULL ? slash + 1 : tree->path;
	if (tree->parent_fd >= 0 && strlen(tree->parent) == len && memcmp(tree->parent, tree->path, len) == 0) {
		return 0;
	}
	fd_close(&tree->parent_fd);
	tree->parent_fd = open_folder(tree, tree->path, len);
	if (tree->parent_fd < 0) {
		if (errno == ELOOP || errno == ENOTDIR) {
			return tree_refuse(tree, tree->path, "it lies behind a link or a file", err);
		}
		return failed(tree, "open its folder", err);
	}
	memcpy(tree->parent, tree->path, len);
	tree->parent[len] = '\0';
	return 0;
}

/*
 * What stands there already may be replaced by the same kind (the later entry wins, as with tar), but by no other: two readers of one archive
 * could see two different trees. Folders stay.
 */
static int
make_room(const struct tree *tree, const char *last, mode_t kind, struct err *err)
{
	struct stat st;

	if (fstatat(tree->parent_fd, last, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		return errno == ENOENT ? 0 : failed(tree, "look at it", err);
	}
	if ((st.st_mode & S_IFMT) != kind) {
		return tree_refuse(tree, tree->path, "the name is there already with another kind", err);
	}
	if (kind != S_IFDIR && unlinkat(tree->parent_fd, last, 0) < 0) {
		return failed(tree, "replace it", err);
	}
	return 0;
}

static int
check_bits(const struct tree *tree, mode_t mode, struct err *err)
{
	return (mode & (S_ISUID | S_ISGID)) == 0 ? 0 : tree_refuse(tree, tree->path, "a set-uid or set-gid bit", err);
}

static int
count_bytes(struct tree *tree, int64_t size, struct err *err)
{
	if (size < 0 || size > tree->limits.bytes_max - tree->bytes) {
		char why[128];

		(void)snprintf(why, sizeof(why), "more than %lld bytes in all: raise unpack-max-bytes if that is right",
		    (long long)tree->limits.bytes_max);
		return tree_refuse(tree, tree->path, why, err);
	}
	tree->bytes += size;
	return 0;
}

/* ---- kinds ---- */

int
tree_add_folder(struct tree *tree, mode_t mode, const struct timespec *mtime, struct err *err)
{
	const char *last = NULL;

	/* On folders the set-gid bit is common and harmless: it is only not taken over. */
	if (check_bits(tree, mode & ~(mode_t)S_ISGID, err) < 0 || enter(tree, &last, err) < 0 ||
	    make_room(tree, last, S_IFDIR, err) < 0) {
		return -1;
	}
	if (mkdirat(tree->parent_fd, last, 0777) < 0 && errno != EEXIST) {
		return failed(tree, "make it", err);
	}
	return remember(tree, &tree->folders, mtime, err);
}

int
tree_add_link(struct tree *tree, const char *target, struct err *err)
{
	const char *last = NULL;

	if (target == NULL || *target == '\0' || strlen(target) >= PATH_BYTES_MAX) {
		return tree_refuse(tree, tree->path, "a link without a target, or with one that is too long", err);
	}
	if (*target == '/') {
		return tree_refuse(tree, tree->path,
		    "a link to an absolute name: a virtual environment? publish a PEX or conda-pack", err);
	}
	if (enter(tree, &last, err) < 0 || make_room(tree, last, S_IFLNK, err) < 0) {
		return -1;
	}
	if (symlinkat(target, tree->parent_fd, last) < 0) {
		return failed(tree, "make it", err);
	}
	return remember(tree, &tree->links, NULL, err);
}

/* The target of a hard link, cleaned as a name is; the entry's own name comes back afterwards. NULL, or why it is refused. */
static const char *
clean_target(struct tree *tree, const char *target, char from[PATH_BYTES_MAX])
{
	char path[PATH_BYTES_MAX];

	memcpy(path, tree->path, sizeof(path));
	const char *why = clean(tree, target);
	memcpy(from, tree->path, PATH_BYTES_MAX);
	memcpy(tree->path, path, sizeof(path));
	if (why != NULL) {
		return "a hard link that leaves the folder";
	}
	return strcmp(from, path) == 0 ? "a hard link to itself" : NULL;
}

int
tree_add_hard_link(struct tree *tree, const char *target, struct err *err)
{
	char from[PATH_BYTES_MAX];
	const char *last = NULL;
	const char *why = clean_target(tree, target, from);
	struct stat st;

	if (why != NULL) {
		return tree_refuse(tree, tree->path, why, err);
	}
	CLEAN_FD fd = from[0] != '\0' ? sys_open_beneath(tree->dir_fd, from, O_PATH | O_NOFOLLOW, 0) : -1;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		return tree_refuse(tree, tree->path, "a hard link to what is no file of this archive", err);
	}
	if (enter(tree, &last, err) < 0 || make_room(tree, last, S_IFREG, err) < 0) {
		return -1;
	}
	if (linkat(tree->dir_fd, from, tree->parent_fd, last, 0) < 0) {
		return failed(tree, "make it", err);
	}
	return 0;
}

/* Nearly always the name is free, and this is one call; else what stands there is looked at. */
static int
create(const struct tree *tree, const char *last, mode_t mode, struct err *err)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(tree->parent_fd, last, flags, 0666 | (mode & 0111));

	if (fd < 0 && errno == EEXIST) {
		if (make_room(tree, last, S_IFREG, err) < 0) {
			return -1;
		}
		fd = openat(tree->parent_fd, last, flags, 0666 | (mode & 0111));
	}
	return fd >= 0 ? fd : failed(tree, "make it", err);
}

int
tree_add_file(struct tree *tree, mode_t mode, int64_t size, struct err *err)
{
	const char *last = NULL;

	if (check_bits(tree, mode, err) < 0 || count_bytes(tree, size, err) < 0 || enter(tree, &last, err) < 0) {
		return -1;
	}
	return create(tree, last, mode, err);
}

int
tree_end_file(struct tree *tree, int *fd, const struct timespec *mtime, struct err *err)
{
	const struct timespec times[2] = {*mtime, *mtime};

	if (futimens(*fd, times) < 0) {
		return failed(tree, "set its time", err);
	}
	return fd_close_written(fd, tree->path, err);
}

/* ---- the end ---- */

static int
check_links(struct tree *tree, struct err *err)
{
	for (size_t i = 0; i < tree->links.count; i++) {
		const struct tree_late *link = &tree->links.list[i];

		if (within_leaves(tree->dir_fd, link->path)) {
			return refuse(link->number, link->path, "a link that leaves the folder", err);
		}
		if (tree->leaver == NULL && within_leaves_top(tree->dir_fd, link->path)) {
			tree->leaver = link;
		}
	}
	return 0;
}

/* Deepest first is not needed: setting a time does not change a parent's. A folder that a later entry replaced is not there any more. */
static int
set_times(const struct tree *tree, struct err *err)
{
	for (size_t i = 0; i < tree->folders.count; i++) {
		const struct tree_late *folder = &tree->folders.list[i];
		const struct timespec times[2] = {folder->mtime, folder->mtime};
		CLEAN_FD fd = sys_open_beneath(tree->dir_fd, folder->path, O_RDONLY | O_DIRECTORY, 0);

		if (fd < 0 || futimens(fd, times) < 0) {
			char shown[TEXT_SHOWN];

			return err_set(err, ERR_IO, errno, "entry %lld '%s': cannot set its time",
			    (long long)folder->number, text_shown(shown, folder->path));
		}
	}
	return 0;
}

int
tree_close(struct tree *tree, struct err *err)
{
	fd_close(&tree->parent_fd);
	return check_links(tree, err) < 0 ? -1 : set_times(tree, err);
}
