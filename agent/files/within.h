/*
 * Does a name inside a folder lead out of it? Resolved by hand against what really lies there, link by link.
 */
#ifndef TRAIN_FILES_WITHIN_H
#define TRAIN_FILES_WITHIN_H

#include <stddef.h>
#include <sys/types.h>

/*
 * 1 when 'path' (relative to the folder 'dir_fd') leads out of the folder at any point on its way, through "..", an absolute target or too many
 * links; 0 when it stays inside, whether it exists or not. Opens nothing.
 */
int within_leaves(int dir_fd, const char *path);

/* The same, but the folder that 'path' begins with may not be left either: it may become the folder itself (product §5, "stripped"). */
int within_leaves_top(int dir_fd, const char *path);

/* The same over links that lie elsewhere than on the disk. */
struct within_links {
	/* As readlinkat(2): the bytes of the target of the link 'path', at most 'size', or -1 for what is no link. */
	ssize_t (*read)(const void *self, const char *path, char *target, size_t size);
	const void *self;
};
int within_leaves_by(const struct within_links *links, const char *path);

#endif
