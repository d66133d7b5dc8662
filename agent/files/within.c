#include "files/within.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"

enum { HOPS_MAX = 40 /* as the kernel follows */ };

struct walk {
	char done[PATH_BYTES_MAX]; /* resolved so far, free of links and ".." */
	char rest[PATH_BYTES_MAX]; /* still to go */
	int hops;
	int keep_top; /* the first part may not be left either */
};

/* Takes the last part off what was resolved. 0 when there is none: the way leads out. */
static int
go_up(struct walk *walk)
{
	char *slash = strrchr(walk->done, '/');

	if (walk->done[0] == '\0') {
		return 0;
	}
	*(slash != NULL ? slash : walk->done) = '\0';
	return 1;
}

/* What ".." does. */
static int
go_out(struct walk *walk)
{
	return go_up(walk) && (!walk->keep_top || walk->done[0] != '\0');
}

/* Takes the first part off the rest. */
static void
next_part(struct walk *walk, char part[PATH_BYTES_MAX])
{
	size_t len = strcspn(walk->rest, "/");
	size_t skip = len + strspn(walk->rest + len, "/");

	memcpy(part, walk->rest, len);
	part[len] = '\0';
	memmove(walk->rest, walk->rest + skip, strlen(walk->rest + skip) + 1);
}

static int
append(char path[PATH_BYTES_MAX], const char *part)
{
	size_t len = strlen(path);

	return snprintf(path + len, PATH_BYTES_MAX - len, "%s%s", len > 0 ? "/" : "", part) <
	       (int)(PATH_BYTES_MAX - len);
}

/* The part just appended is a link: what it says comes before the rest. 0 when it leads out. */
static int
follow(struct walk *walk, const char *target)
{
	char joined[2 * PATH_BYTES_MAX];

	if (*target == '/' || ++walk->hops > HOPS_MAX || !go_up(walk)) {
		return 0;
	}
	if (snprintf(joined, sizeof(joined), "%s/%s", target, walk->rest) >= PATH_BYTES_MAX) {
		return 0;
	}
	memcpy(walk->rest, joined, strlen(joined) + 1);
	return 1;
}

/* One part further. 0 when it leads out. */
static int
step(const struct within_links *links, struct walk *walk)
{
	char part[PATH_BYTES_MAX];
	char target[PATH_BYTES_MAX];

	next_part(walk, part);
	if (part[0] == '\0' || strcmp(part, ".") == 0) {
		return 1;
	}
	if (strcmp(part, "..") == 0) {
		return go_out(walk);
	}
	if (!append(walk->done, part)) {
		return 0;
	}
	ssize_t len = links->read(links->self, walk->done, target, sizeof(target) - 1);
	if (len < 0) {
		return 1; /* no link, or nothing there */
	}
	target[len] = '\0';
	return follow(walk, target);
}

static int
leaves(const struct within_links *links, const char *path, int keep_top)
{
	struct walk walk = {.keep_top = keep_top};

	if (*path == '/' || strlen(path) >= sizeof(walk.rest)) {
		return 1;
	}
	memcpy(walk.rest, path, strlen(path) + 1);
	while (walk.rest[0] != '\0') {
		if (!step(links, &walk)) {
			return 1;
		}
	}
	return 0;
}

int
within_leaves_by(const struct within_links *links, const char *path)
{
	return leaves(links, path, 0);
}

static ssize_t
read_on_disk(const void *self, const char *path, char *target, size_t size)
{
	const int *dir_fd = self;

	return readlinkat(*dir_fd, path, target, size);
}

int
within_leaves(int dir_fd, const char *path)
{
	return leaves(&(struct within_links){.read = read_on_disk, .self = &dir_fd}, path, 0);
}

int
within_leaves_top(int dir_fd, const char *path)
{
	return leaves(&(struct within_links){.read = read_on_disk, .self = &dir_fd}, path, 1);
}
