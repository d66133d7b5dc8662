/*
 * A fresh folder that is being filled from outside: every name is hostile (product §5, "Unpacking").
 *
 * Invariants: everything is made by descriptors relative to the folder, never through a symbolic link; nothing is made outside of it; the
 * limits hold. A refusal is ERR_ARCHIVE with "entry N 'name': why"; N counts from 1. tree_close proves last that no link leads out, not
 * even by way of another link.
 */
#ifndef TRAIN_FILES_TREE_H
#define TRAIN_FILES_TREE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/limits.h"

enum {
	TREE_PARTS_MAX = 128, /* folders inside folders: nobody needs more, and removal must cope with it */
};

struct tree_limits {
	int64_t bytes_max;
	int64_t entries_max;
	int (*go_on)(
	    void *self, struct err *err); /* asked at each entry: -1 with 'err' ends it all; NULL: nobody asks */
	void *self;
};

/* A folder or link whose last touch waits until everything is there. */
struct tree_late {
	char *path;
	int64_t number;
	struct timespec mtime;
};

struct tree_lates {
	struct tree_late *list;
	size_t count, room;
};

struct tree {
	int dir_fd; /* borrowed */
	struct tree_limits limits;
	int64_t entries, bytes;
	int parent_fd; /* the folder of the entry before: most entries have the same */
	char parent[PATH_BYTES_MAX];
	struct tree_lates folders, links;
	const struct tree_late *leaver; /* after tree_close: the first link out of the top folder it lies in, or NULL */
	char path[PATH_BYTES_MAX];      /* the entry's own, cleaned */
};

void tree_init(struct tree *tree, int dir_fd, const struct tree_limits *limits);

/* Begins an entry: counts it, checks and cleans its name ("./a//b/" is "a/b"). 1, or 0 when it is the folder itself, -1 refused. */
MUST_CHECK int tree_entry(struct tree *tree, const char *name, struct err *err);

/* Each makes what tree_entry named. Permission bits: only the execute bits are taken, umask applies; set-uid and set-gid are refused. */
MUST_CHECK int tree_add_folder(struct tree *tree, mode_t mode, const struct timespec *mtime, struct err *err);
MUST_CHECK int tree_add_link(struct tree *tree, const char *target, struct err *err);
MUST_CHECK int tree_add_hard_link(struct tree *tree, const char *target, struct err *err);

/* A regular file of 'size' bytes: an owned descriptor for its content, or -1. The caller writes, then calls tree_end_file, which takes it. */
MUST_CHECK int tree_add_file(struct tree *tree, mode_t mode, int64_t size, struct err *err);
MUST_CHECK int tree_end_file(struct tree *tree, int *fd, const struct timespec *mtime, struct err *err);

/* Refuses the entry in its own words. Returns -1. */
int tree_refuse(const struct tree *tree, const char *name, const char *why, struct err *err);

/* Checks all links, sets the folders' times. */
MUST_CHECK int tree_close(struct tree *tree, struct err *err);
void tree_release(struct tree *tree);
#define CLEAN_TREE CLEANUP(tree_release) struct tree

#endif
