#include "files/pack_list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "files/tree.h"
#include "files/within.h"

enum { FIRST_ROOM = 64, SHOWN_MAX = 160 /* bytes of a path in a message */ };

/* A folder's own entry while it is being read. */
struct child {
	char *name;
	mode_t mode;
	off_t size;
};

struct children {
	struct child *list;
	size_t count, room;
};

struct walk {
	struct pack_list *list;
	const struct pack_rules *rules;
	const struct pack_level *level; /* of the folder that is being read */
	struct err *err;
	char path[PATH_BYTES_MAX]; /* of the folder that is being read; "" for the root */
};

static int
no_memory(struct err *err)
{
	return err_set(err, ERR_SYSTEM, ENOMEM, "cannot list the folder");
}

/* A path may be longer than the text of an error: the reason must not be what is cut. */
static int
refuse(const char *path, const char *why, struct err *err)
{
	size_t len = strlen(path);
	size_t shown = utf8_cut(path, len, SHOWN_MAX);

	return err_set(err, ERR_ARCHIVE, 0, "'%.*s%s': %s", (int)shown, path, shown < len ? "..." : "", why);
}

static mode_t
plain_mode(mode_t mode)
{
	if (S_ISLNK(mode)) {
		return S_IFLNK | 0777;
	}
	return (mode & S_IFMT) | (S_ISDIR(mode) || (mode & S_IXUSR) != 0 ? 0755 : 0644);
}

/* ---- one folder's names ---- */

static void
release_children(struct children *children)
{
	for (size_t i = 0; i < children->count; i++) {
		free(children->list[i].name);
	}
	free(children->list);
}
#define CLEAN_CHILDREN CLEANUP(release_children) struct children

static int
add_child(struct children *children, const char *name, const struct stat *st, struct err *err)
{
	if (children->count == children->room) {
		size_t room = children->room == 0 ? FIRST_ROOM : children->room * 2;
		struct child *list = realloc(children->list, room * sizeof(*list));

		if (list == NULL) {
			return no_memory(err);
		}
		children->list = list;
		children->room = room;
	}
	char *copy = strdup(name);
	if (copy == NULL) {
		return no_memory(err);
	}
	children->list[children->count++] = (struct child){.name = copy, .mode = st->st_mode, .size = st->st_size};
	return 0;
}

static int
compare_children(const void *a, const void *b)
{
	const struct child *x = a;
	const struct child *y = b;
	int folders = (S_ISDIR(x->mode) != 0) - (S_ISDIR(y->mode) != 0);

	return folders != 0 ? folders : strcmp(x->name, y->name);
}

/* The path of 'name' in the folder that is being read. -1 when it is longer than the unpacker takes. */
static int
join(const struct walk *walk, const char *name, char path[PATH_BYTES_MAX])
{
	int len = snprintf(path, PATH_BYTES_MAX, "%s%s%s", walk->path, walk->path[0] != '\0' ? "/" : "", name);

	return len < PATH_BYTES_MAX ? 0 : refuse(path, "the name is too long to be unpacked", walk->err);
}

/* Looks at one name and keeps it unless a rule says no. */
static int
take_name(const struct walk *walk, int fd, const struct stat *folder, const char *name, struct children *children)
{
	char path[PATH_BYTES_MAX];
	struct stat st;

	if (join(walk, name, path) < 0) {
		return -1;
	}
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		return err_set(walk->err, ERR_IO, errno, "cannot look at '%s'", path);
	}
	const struct pack_candidate candidate = {
	    .level = walk->level, .dir_fd = fd, .folder = folder, .name = name, .path = path, .mode = st.st_mode};
	int left_out = pack_rules_match(walk->rules, &candidate, walk->err);
	return left_out != 0 ? -(left_out < 0) : add_child(children, name, &st, walk->err);
}

static int
read_names(const struct walk *walk, int fd, struct children *children)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	struct stat folder;
	int result = 0;

	if (dir == NULL || fstat(fd, &folder) < 0) {
		result = err_set(walk->err, ERR_IO, errno, "cannot read the folder '%s'", walk->path);
	}
	while (result == 0) {
		errno = 0;
		const struct dirent *entry = readdir(dir);
		if (entry == NULL) {
			result = errno != 0 ? err_set(walk->err, ERR_IO, errno, "cannot read '%s'", walk->path) : 1;
		} else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
			result = take_name(walk, fd, &folder, entry->d_name, children);
		}
	}
	if (dir != NULL) {
		(void)closedir(dir);
	} else {
		fd_close(&copy);
	}
	if (result > 0 && children->count > 1) {
		qsort(children->list, children->count, sizeof(*children->list), compare_children);
	}
	return result < 0 ? -1 : 0;
}

/* ---- entries ---- */

static int
is_utf8(const char *text)
{
	size_t len = strlen(text);

	while (len > 0) {
		size_t n = utf8_char_len(text, len);

		if (n == 0) {
			return 0;
		}
		text += n;
		len -= n;
	}
	return 1;
}

/* Takes 'target'. */
static int
add_entry(struct pack_list *list, const char *path, char *target, mode_t mode, struct err *err)
{
	CLEAN_TEXT *owned = target;

	if (list->count == PACK_ENTRIES_MAX) {
		return err_set(err, ERR_ARCHIVE, 0,
		    "more than %d files and folders, which is all that the agent unpacks: leave out what is no code",
		    (int)PACK_ENTRIES_MAX);
	}
	if (list->count == list->room) {
		size_t room = list->room == 0 ? FIRST_ROOM : list->room * 2;
		struct pack_entry *entries = realloc(list->entries, room * sizeof(*entries));

		if (entries == NULL) {
			return no_memory(err);
		}
		list->entries = entries;
		list->room = room;
	}
	char *copy = strdup(path);
	if (copy == NULL) {
		return no_memory(err);
	}
	list->entries[list->count++] = (struct pack_entry){.path = copy, .target = owned, .mode = plain_mode(mode)};
	owned = NULL;
	return 0;
}

static int
add_link(const struct walk *walk, int fd, const char *name, const char *path)
{
	char target[PATH_BYTES_MAX];
	ssize_t len = readlinkat(fd, name, target, sizeof(target));

	if (len < 0) {
		return err_set(walk->err, ERR_IO, errno, "cannot read the link '%s'", path);
	}
	if (len == 0 || len == (ssize_t)sizeof(target)) {
		return refuse(path, "a link whose target is too long to be unpacked", walk->err);
	}
	target[len] = '\0';
	if (target[0] == '/') {
		return refuse(path,
		    "a link to an absolute name, which is refused when it is unpacked: a virtual environment? "
		    "move it out of the folder, or publish a PEX or conda-pack",
		    walk->err);
	}
	if (!is_utf8(target)) {
		return refuse(path, "a link whose target is no UTF-8: readers do not agree on it", walk->err);
	}
	char *copy = strdup(target);
	return copy != NULL ? add_entry(walk->list, path, copy, S_IFLNK, walk->err) : no_memory(walk->err);
}

static int
add_other(const struct walk *walk, const char *path, mode_t mode)
{
	if (S_ISREG(mode)) {
		return add_entry(walk->list, path, NULL, mode, walk->err);
	}
	if (S_ISFIFO(mode)) {
		return refuse(path, "a FIFO, which no archive of code may hold", walk->err);
	}
	if (S_ISSOCK(mode)) {
		return refuse(path, "a socket, which no archive of code may hold", walk->err);
	}
	return refuse(path, "a device, which no archive of code may hold", walk->err);
}

/* 'parts' is how many names the path of what lies here has. */
static int read_folder(struct walk *walk, int fd, int parts);

/* A folder and all it holds. */
static int
add_folder(struct walk *walk, int fd, const char *name, const char *path, int parts)
{
	size_t len = strlen(walk->path);

	if (add_entry(walk->list, path, NULL, S_IFDIR, walk->err) < 0) {
		return -1;
	}
	CLEAN_FD below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (below < 0) {
		return err_set(walk->err, ERR_IO, errno, "cannot open '%s'", path);
	}
	memcpy(walk->path, path, strlen(path) + 1);
	int result = read_folder(walk, below, parts);
	walk->path[len] = '\0';
	return result;
}

static int
read_entries(struct walk *walk, int fd, int parts)
{
	CLEAN_CHILDREN children = {0};
	int result = read_names(walk, fd, &children);

	for (size_t i = 0; i < children.count && result == 0; i++) {
		const struct child *child = &children.list[i];
		char path[PATH_BYTES_MAX];

		if (join(walk, child->name, path) < 0) {
			return -1;
		}
		if (parts > TREE_PARTS_MAX) {
			return refuse(path, "more folders inside each other than are unpacked", walk->err);
		}
		if (!is_utf8(child->name)) {
			return refuse(path, "the name is no UTF-8: readers do not agree on it", walk->err);
		}
		if (S_ISDIR(child->mode)) {
			result = add_folder(walk, fd, child->name, path, parts + 1);
		} else if (S_ISLNK(child->mode)) {
			result = add_link(walk, fd, child->name, path);
		} else {
			result = add_other(walk, path, child->mode);
			walk->list->bytes += child->size;
		}
	}
	return result;
}

static int
read_folder(struct walk *walk, int fd, int parts)
{
	const struct pack_level *above = walk->level;
	struct pack_level level;
	int result = pack_rules_enter(&level, above, fd, walk->path, walk->err);

	walk->level = &level;
	if (result == 0) {
		result = read_entries(walk, fd, parts);
	}
	walk->level = above;

	/* What was left out is told also when something else failed, whose error must stay. */
	struct err other = {0};
	int left = pack_rules_leave(walk->rules, &level, walk->path, result < 0 ? &other : walk->err);
	return result < 0 ? -1 : left;
}

/* ---- links, once everything is known ---- */

struct links {
	const struct pack_entry **list; /* by path */
	size_t count;
};

static int
compare_links(const void *a, const void *b)
{
	const struct pack_entry *const *x = a;
	const struct pack_entry *const *y = b;

	return strcmp((*x)->path, (*y)->path);
}

static int
compare_path(const void *path, const void *link)
{
	const struct pack_entry *const *entry = link;

	return strcmp(path, (*entry)->path);
}

/* As readlinkat would say in the unpacked folder: what is left out is not there. */
static ssize_t
read_link(const void *self, const char *path, char *target, size_t size)
{
	const struct links *links = self;
	const struct pack_entry *const *found =
	    bsearch(path, links->list, links->count, sizeof(*links->list), compare_path);

	if (found == NULL) {
		return -1;
	}
	size_t len = strlen((*found)->target);
	len = len < size ? len : size;
	memcpy(target, (*found)->target, len);
	return (ssize_t)len;
}

static int
check_links(const struct pack_list *list, struct err *err)
{
	struct links links = {.list = calloc(list->count + 1, sizeof(struct pack_entry *))};
	const struct within_links within = {.read = read_link, .self = &links};
	int result = 0;

	if (links.list == NULL) {
		return no_memory(err);
	}
	for (size_t i = 0; i < list->count; i++) {
		if (list->entries[i].target != NULL) {
			links.list[links.count++] = &list->entries[i];
		}
	}
	qsort(links.list, links.count, sizeof(struct pack_entry *), compare_links);
	for (size_t i = 0; i < links.count && result == 0; i++) {
		if (within_leaves_by(&within, links.list[i]->path)) {
			result =
			    refuse(links.list[i]->path, "a link that leaves the folder, or leads in a circle", err);
		}
	}
	free(links.list);
	return result;
}

int
pack_list_read(struct pack_list *list, int dir_fd, const struct pack_rules *rules, struct err *err)
{
	struct walk walk = {.list = list, .rules = rules, .err = err};

	return read_folder(&walk, dir_fd, 1) < 0 ? -1 : check_links(list, err);
}

void
pack_list_release(struct pack_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->entries[i].path);
		free(list->entries[i].target);
	}
	free(list->entries);
	*list = (struct pack_list){0};
}
