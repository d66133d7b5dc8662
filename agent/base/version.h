/*
 * What this build is. Generated (agent/deps/version).
 */
#ifndef TRAIN_BASE_VERSION_H
#define TRAIN_BASE_VERSION_H

#include <stddef.h>

extern const char version_text[];   /* "0.1.0" */
extern const char version_commit[]; /* of the source, with "+dirty" where files differ from it */
extern const char
    version_build_id[]; /* digest over the libraries' sources, patches, recipes and the compiler's version */

struct version_library {
	const char *name, *version, *licence;
};

extern const struct version_library version_libraries[];
extern const size_t version_libraries_count;

#endif
