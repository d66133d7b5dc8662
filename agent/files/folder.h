/*
 * What a folder that is named as code holds: one archive, or the project itself (product §5).
 */
#ifndef TRAIN_FILES_FOLDER_H
#define TRAIN_FILES_FOLDER_H

#include "base/attr.h"
#include "base/err.h"

enum { FOLDER_NAME_MAX = 256 /* NAME_MAX and a zero */ };

/* The name of the only entry of the folder 'dir_fd' (borrowed), dot files counted; "" when there are none or several. -1 with ERR_IO. */
MUST_CHECK int folder_only_entry(int dir_fd, char name[FOLDER_NAME_MAX], struct err *err);

/*
 * Looks into the folder 'dir_fd' (borrowed). 1 when its only entry is a regular file of a known kind (files/kind.h; a script counts only with a zip behind its "#!" line): 'name' is its
 * name; 0 when it is a project; -1 with ERR_IO.
 */
MUST_CHECK int folder_is_archive(int dir_fd, char name[FOLDER_NAME_MAX], struct err *err);

#endif
