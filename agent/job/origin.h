/*
 * Where an archive's bytes come from: S3, the web or a file, behind one source. Besides the bytes: who may go on, how long they let us wait, and what
 * their server says of them.
 */
#ifndef TRAIN_JOB_ORIGIN_H
#define TRAIN_JOB_ORIGIN_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/secret.h"
#include "base/stream.h"
#include "net/s3.h"
#include "net/web.h"

struct job;

/* A zeroed one is a released one. Stays where it is: 'source' points into it. */
struct origin {
	struct source source; /* what the hall reads */
	int64_t spent_us;     /* spent inside the source: waiting for bytes */

	struct source below;
	const struct net_context *net;
	struct s3 *s3;
	struct web *web;
	struct secret token;
	int has_file;
	int fd; /* valid with 'has_file' */
	struct fd_source file;
	int has_sha256; /* S3 keeps one */
	unsigned char sha256[SHA256_BYTES];
};

/* Opens what the job's plan names at S3 or on the web, and notes version and ETag in job->code. -1 with 'err' as s3_open and web_open. */
MUST_CHECK int origin_open(struct origin *origin, struct job *job, struct err *err);

/* A file on disk; takes '*fd'. 'name' is borrowed. */
void origin_of_file(struct origin *origin, int *fd, const char *name, const struct net_context *net);

void origin_close(struct origin *origin);
#define CLEAN_ORIGIN CLEANUP(origin_close) struct origin

#endif
