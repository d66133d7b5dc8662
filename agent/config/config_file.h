/*
 * One JSON file of the job, read whole: its text, its document, and the name that messages call it by.
 */
#ifndef TRAIN_CONFIG_CONFIG_FILE_H
#define TRAIN_CONFIG_CONFIG_FILE_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json_read.h"

struct config_file {
	char *path; /* as messages show it */
	struct buf text;
	struct json json; /* borrows 'text' */
};

/*
 * Reads <folder>/<name>. 1 when it is there, 0 when it is missing or empty, -1 with 'err': ERR_SETTINGS ('path:line:column' for what
 * is no JSON; a file that may not be read, with the advice for it), ERR_IO. Release it in every case.
 */
MUST_CHECK int config_file_read(struct config_file *file, const char *folder, const char *name, struct err *err);
void config_file_release(struct config_file *file);
#define CLEAN_CONFIG_FILE CLEANUP(config_file_release) struct config_file

/* "'path:line:column'" of a value, for a message about it. */
enum { CONFIG_PLACE_MAX = 320 };
const char *config_file_place(const struct config_file *file, int value, char out[CONFIG_PLACE_MAX]);

#endif
