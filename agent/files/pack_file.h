/*
 * The content of a file that is being packed, as a source of exactly the bytes that its header says. A file that becomes shorter or longer
 * meanwhile is an error: half of two versions is no version.
 */
#ifndef TRAIN_FILES_PACK_FILE_H
#define TRAIN_FILES_PACK_FILE_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/stream.h"

struct pack_file {
	int fd;
	const char *path; /* borrowed */
	int64_t size;     /* what the source gives in all */
	int64_t left;
};

/* Opens the file 'path' (borrowed) below 'dir_fd', through no link. -1 with ERR_IO. Release it in every case. */
MUST_CHECK int pack_file_open(struct pack_file *file, int dir_fd, const char *path, struct err *err);

struct source pack_file_source(struct pack_file *file);

void pack_file_release(struct pack_file *file);
#define CLEAN_PACK_FILE CLEANUP(pack_file_release) struct pack_file

/* Everything of a source into a sink. */
MUST_CHECK int pack_pour(const struct source *from, const struct sink *to, struct err *err);

#endif
