/*
 * Where an archive's bytes come from: S3, the web or a file, behind one source. Besides the bytes: who may go on, how long they let us wait, and what
 * their server says of them. What is large comes over several connections where that pays (net/parts.h).
 */
#ifndef TRAIN_JOB_ORIGIN_H
#define TRAIN_JOB_ORIGIN_H

#include <stdint.h>

#include "base/attr.h"
#include "base/checksum.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/stream.h"
#include "files/cache_copy.h"
#include "net/parts.h"
#include "net/s3.h"
#include "net/web.h"

struct job;

/* A zeroed one is a released one. Stays where it is: 'source' points into it. */
struct origin {
	struct source source; /* what the hall reads */
	int64_t spent_us;     /* spent inside the source: waiting for bytes */

	struct source below;
	struct net_context *net;
	struct s3 *s3;         /* the first connection; belongs to 'parts' where there are any */
	struct web *web;       /* the same */
	struct parts *parts;   /* NULL: one connection */
	int cancels;           /* net->cancel_fd is ours */
	struct budget *budget; /* where 'reserved' was reserved */
	size_t reserved;       /* bytes, for the connections */
	struct secret token;
	int has_file;
	int fd; /* valid with 'has_file' */
	struct fd_source file;
	struct checksum_value stored; /* what S3 keeps of the whole object, or CHECKSUM_NONE */
	int64_t size;                 /* of the object, as its server says; below 0: it does not */
	struct cache_copy *copy;      /* takes what passes for the cache; borrowed; NULL: nobody does */
};

/* Opens what the job's plan names at S3 or on the web, and notes version and ETag in job->code. -1 with 'err' as s3_open and web_open. */
MUST_CHECK int origin_open(struct origin *origin, struct job *job, struct err *err);

/* 'source', with the copy in between where there is one. */
struct source origin_passing(struct origin *origin);

/* A file on disk; takes '*fd'. 'name' is borrowed. */
void origin_of_file(struct origin *origin, int *fd, const char *name, struct net_context *net);

/* Makes a read that waits for the network come back with ERR_STOPPED, and every later one: nobody wants the rest. From any thread. 'self' is the origin. */
void origin_cancel(void *self);

/* Connections at most at the same time; 0 for a file. */
int origin_connections(const struct origin *origin);

void origin_close(struct origin *origin);
#define CLEAN_ORIGIN CLEANUP(origin_close) struct origin

#endif
