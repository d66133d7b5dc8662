/*
 * Where the code is, first found (product §3, the default of `code`): a setting names it; a channel `code` that is not empty;
 * sagemaker_submit_directory; <root>/code if it is not empty; with a command the working directory, in place.
 */
#ifndef TRAIN_CONFIG_CODE_FIND_H
#define TRAIN_CONFIG_CODE_FIND_H

#include "base/attr.h"
#include "base/err.h"
#include "config/notes.h"
#include "config/opt_ml.h"

enum code_found {
	CODE_FOUND_NONE,
	CODE_FOUND_NAMED,   /* by the setting `code` */
	CODE_FOUND_CHANNEL, /* the channel `code` */
	CODE_FOUND_SUBMIT,  /* the hyperparameter sagemaker_submit_directory */
	CODE_FOUND_FOLDER,  /* <root>/code */
	CODE_FOUND_HERE,    /* the working directory, in place */
};

struct code_find {
	enum code_found how;
	char *address; /* "channel:code", "s3://...", "/opt/ml/code"; NULL for NONE and HERE */
};

/*
 * Looks for the defaults only, NAMED apart. 'has_command' is 1 when -- CMD or `command` from C, H or E says what to run. -1 with 'err':
 * ERR_SETTINGS for a channel `code` in Pipe mode, ERR_SYSTEM.
 */
MUST_CHECK int code_find_default(
    struct code_find *find, const struct opt_ml *job, int has_command, struct notes *warnings, struct err *err);
void code_find_release(struct code_find *find);
#define CLEAN_CODE_FIND CLEANUP(code_find_release) struct code_find

/* What offers_tags and offers_tags_wanted want to know: the address, or "the working directory"; NULL when nothing was found. */
const char *code_find_label(const struct code_find *find);

/* "tag", "channel code", "sagemaker_submit_directory" ...: the words for log and record of everything but NAMED. */
const char *code_find_name(enum code_found how);

#endif
