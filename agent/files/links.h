/*
 * The links that make the working folder look like the project at home (product §6): data/<channel>, model, output, checkpoints; and under
 * `train run` one for each entry of the project.
 *
 * Invariants: nothing is written through a link that stands in the folder; what a link points at is never opened.
 */
#ifndef TRAIN_FILES_LINKS_H
#define TRAIN_FILES_LINKS_H

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"

/* What happens when something stands there already. An empty folder always gives way. */
enum link_rule {
	LINK_REPLACES, /* sample data goes */
	LINK_YIELDS,   /* the project's own stays */
};

enum link_result { LINK_MADE, LINK_REPLACED, LINK_TAKEN };

struct link {
	char *path;   /* relative: "model", "data/training"; at most one folder deep */
	char *target; /* absolute, need not exist; NULL: a plain folder is made */
	enum link_rule rule;
	enum link_result result; /* comes out */
};

/* Makes all of them in 'dir_fd' (borrowed). -1 with ERR_IO, ERR_DISK_FULL. */
MUST_CHECK int links_make(int dir_fd, struct link *links, size_t count, struct err *err);

/*
 * A link in 'dir_fd' for each entry at the top of the project 'from_fd', which lies at the absolute 'from'. Left out: data, .git, .train, and empty folders
 * where one of 'links' will stand. -1 with ERR_IO.
 */
MUST_CHECK int links_mirror(
    int from_fd, const char *from, int dir_fd, const struct link *links, size_t count, struct err *err);

/*
 * Appends a link "data/<file>" for each regular file directly under the project's data/. How many, or -1 with ERR_IO, ERR_SYSTEM. '*links' is realloc'ed.
 */
MUST_CHECK int links_add_loose(int from_fd, const char *from, struct link **links, size_t *count, struct err *err);

/* Frees the texts and the array. NULL is allowed. */
void links_free(struct link *links, size_t count);

#endif
