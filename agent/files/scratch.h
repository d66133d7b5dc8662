/*
 * Where to work: the first folder that may be written and executed from (product §3, `workspace`). A pipeline's own programs lie there,
 * and docker mounts tmpfs noexec by default.
 */
#ifndef TRAIN_FILES_SCRATCH_H
#define TRAIN_FILES_SCRATCH_H

#include "base/attr.h"
#include "base/err.h"

/*
 * Opens the folder 'wanted', or with NULL the first usable one of 'candidates' (ended by NULL; "" entries are skipped, relative ones are not usable). An owned O_DIRECTORY descriptor and
 * '*path', borrowed from the arguments; or -1 with ERR_WORKSPACE that says of each why not.
 */
MUST_CHECK int scratch_open(const char *wanted, const char *const *candidates, const char **path, struct err *err);

#endif
