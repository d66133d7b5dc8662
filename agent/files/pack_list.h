/*
 * What an archive will hold: every entry of a project folder, in the order in which it is packed, and nothing that the unpacker refuses.
 *
 * Order: of each folder first what is no folder, then each folder with all it holds; by the bytes of the names. So the unpacker opens each
 * folder once. A folder stands in front of what it holds.
 */
#ifndef TRAIN_FILES_PACK_LIST_H
#define TRAIN_FILES_PACK_LIST_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"
#include "files/pack_rules.h"

struct pack_entry {
	char *path;   /* in the project: UTF-8, below PATH_BYTES_MAX, without a slash at its end */
	char *target; /* of a link, as it stands there */
	mode_t mode;  /* kind, and 0755 or 0644 (of a file's bits only the owner's execute bit tells); 0777 for links */
};

struct pack_list {
	struct pack_entry *entries;
	size_t count, room;
	int64_t bytes; /* of all files, as they were when they were listed */
};

/*
 * Reads the folder 'dir_fd' (borrowed). 'list' is zeroed before; release it in every case. -1 with 'err': ERR_ARCHIVE naming the entry that
 * the unpacker would refuse, ERR_IO, ERR_SYSTEM.
 */
MUST_CHECK int pack_list_read(struct pack_list *list, int dir_fd, const struct pack_rules *rules, struct err *err);

void pack_list_release(struct pack_list *list);
#define CLEAN_PACK_LIST CLEANUP(pack_list_release) struct pack_list

#endif
