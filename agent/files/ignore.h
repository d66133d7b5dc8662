/*
 * One ignore file, `.gitignore` or `.trainignore`, as git reads it (gitignore(5)): a pattern a line, '#' begins a comment, '!' takes back, blanks
 * at the end do not count unless escaped, a slash at the end means folders only, a slash elsewhere ties the pattern to the file's own folder;
 * the last line that matches wins. What lies in a folder that is left out is not looked at, so nothing in it can be taken back.
 *
 * Invariants: a link is no folder. The file is bounded, and matching one name takes at most its size times the name's length.
 */
#ifndef TRAIN_FILES_IGNORE_H
#define TRAIN_FILES_IGNORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

enum {
	IGNORE_FILE_MAX = 1 << 20, /* the longest that are published have some kilobytes */
	IGNORE_RULES_MAX = 10000,
};

struct ignore_rule {
	const char *text; /* the line, for messages */
	size_t text_len;
	const char *pattern; /* without '!' and without slashes at its ends */
	size_t len;
	size_t plain; /* bytes at its beginning that stand for themselves */
	int line;
	unsigned negated : 1, folders_only : 1, any_depth : 1;
	unsigned tail : 1; /* behind them a star, and then only bytes that stand for themselves */
	int64_t met;       /* how often it was the one that decided; for the caller to count */
};

struct ignore {
	char *text;
	struct ignore_rule *rules;
	size_t count, room;
	size_t base; /* bytes of a path that name the file's own folder, its slash included */
};

/*
 * Reads the file 'name' of the folder 'dir_fd'; 'folder' is that folder's path in the project, "" for the root. No such file, or something that is no
 * file (also a link, which git does not follow, either): no rules. 'ignore' is zeroed before; release it in every case. -1 with 'err': ERR_SETTINGS for a file
 * beyond the bounds, ERR_IO, ERR_SYSTEM.
 */
MUST_CHECK int ignore_read(struct ignore *ignore, int dir_fd, const char *name, const char *folder, struct err *err);

/* The rule that decides about 'path', which lies below the file's folder; NULL when none does. */
struct ignore_rule *ignore_match(const struct ignore *ignore, const char *path, int is_folder);

void ignore_release(struct ignore *ignore);

#endif
