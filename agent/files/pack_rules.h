/*
 * What an archive leaves out, and which rule said so.
 *
 *   /data/ /model/ /output/ /checkpoints/   at the root: what a job fills. Packed all the same when a source file lies anywhere in it: then it
 *                                           is a package of the project that only has this name. Source is what is called *.py, *.sh, *.R and
 *                                           so on; the list stands in pack_rules.c.
 *   /.train/ /.git/                         at the root: runs, history
 *   __pycache__/                            anywhere
 *   .gitignore                              of the project and of its folders, as git reads them; what git itself has elsewhere is not asked
 *   .trainignore                            the same syntax; it has the last word and can take back any rule above
 *   the archive itself                      and what an interrupted run left of it
 *
 * For the rules of our own links to folders count as folders; one of the first four is packed only if it stays inside the project. A deeper
 * ignore file wins over a higher one of its kind.
 */
#ifndef TRAIN_FILES_PACK_RULES_H
#define TRAIN_FILES_PACK_RULES_H

#include <stddef.h>
#include <sys/stat.h>

#include "base/attr.h"
#include "base/err.h"
#include "files/ignore.h"
#include "files/pack.h"
#include "files/pack_out.h"

struct pack_rules {
	const struct pack_out *out; /* the archive itself, borrowed */
	struct pack_report *report; /* what the rules did is noted in its list; borrowed */
};

/* The ignore files of a folder that is being read, and of those above it. */
struct pack_level {
	struct ignore git, own;
	const struct pack_level *above; /* borrowed; NULL at the root */
};

/* One entry of a folder that is being read. */
struct pack_candidate {
	const struct pack_level *level; /* the folder's, borrowed */
	int dir_fd;                     /* the folder, borrowed */
	const struct stat *folder;      /* its own */
	const char *name;               /* in it */
	const char *path;               /* in the project */
	mode_t mode;                    /* its kind, not followed */
};

/*
 * Reads the ignore files of the folder 'dir_fd', called 'folder' in the project. -1 with 'err': ERR_SETTINGS for one beyond its bounds and for a .trainignore
 * that is a link, ERR_IO, ERR_SYSTEM. Leave it in every case.
 */
MUST_CHECK int pack_rules_enter(
    struct pack_level *level, const struct pack_level *above, int dir_fd, const char *folder, struct err *err);

/* Notes what the folder's ignore files left out, and releases them. */
MUST_CHECK int pack_rules_leave(
    const struct pack_rules *rules, struct pack_level *level, const char *folder, struct err *err);

/* 1 when it is left out, 0 when it is packed; -1 with 'err' (ERR_SYSTEM). */
MUST_CHECK int pack_rules_match(
    const struct pack_rules *rules, const struct pack_candidate *candidate, struct err *err);

#endif
