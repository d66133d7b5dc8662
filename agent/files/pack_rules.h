/*
 * What an archive leaves out, and which rule said so.
 *
 *   /data/ /model/ /output/ /checkpoints/   at the root: what a job fills. Packed all the same when a source file lies anywhere in it: then it
 *                                           is a package of the project that only has this name. Source is what is called *.py, *.sh, *.R and
 *                                           so on; the list stands in pack_rules.c.
 *   /.train/ /.git/                         at the root: runs, history
 *   __pycache__/                            anywhere
 *   the archive itself                      and what an interrupted run left of it
 *
 * Links to folders count as folders; one of the first four is packed only if it stays inside the project.
 */
#ifndef TRAIN_FILES_PACK_RULES_H
#define TRAIN_FILES_PACK_RULES_H

#include <stddef.h>
#include <sys/stat.h>

#include "base/attr.h"
#include "base/err.h"
#include "files/pack.h"
#include "files/pack_out.h"

struct pack_rules {
	const struct pack_out *out; /* the archive itself, borrowed */
	struct pack_report *report; /* what the rules did is noted in its list; borrowed */
};

/* One entry of a folder that is being read. */
struct pack_candidate {
	int dir_fd;                /* the folder, borrowed */
	const struct stat *folder; /* its own */
	const char *name;          /* in it */
	const char *path;          /* in the project */
	mode_t mode;               /* its kind, not followed */
};

/* 1 when it is left out, 0 when it is packed; -1 with 'err' (ERR_SYSTEM). */
MUST_CHECK int pack_rules_match(
    const struct pack_rules *rules, const struct pack_candidate *candidate, struct err *err);

#endif
