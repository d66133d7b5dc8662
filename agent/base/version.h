/*
 * What this build is. Generated (agent/deps/version).
 */
#ifndef TRAIN_BASE_VERSION_H
#define TRAIN_BASE_VERSION_H

#include <stddef.h>

extern const char version_text[];     /* "0.1.0" */
extern const char version_commit[];   /* of the source, with "+dirty" where files differ from it */
extern const char version_build_id[]; /* digest over the libraries and how they were built, the roots, the compiler */
extern const char version_architecture[]; /* in Docker's words: "amd64", "arm64" */
extern const char version_compiler[];     /* "gcc 12.2.0" */

/* A source that is built in, as agent/deps/SOURCES pins it. */
struct version_source {
	const char *name, *version, *licence; /* the licence by its SPDX identifier */
	const char *sha256;                   /* of the upstream tarball */
	const char *patches, *patches_sha256; /* version and digest of Debian's patch set; NULL where none is applied */
};

extern const struct version_source version_sources[];
extern const size_t version_sources_count;

#endif
