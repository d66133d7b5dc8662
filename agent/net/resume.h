/*
 * A body that outlives its connection: reads from one reply, and when that is cut asks for the rest. Shared by s3.c
 * and web.c.
 *
 * Invariants: hands on each byte once and in order; ends only when 'size' bytes came (or, with an unknown size, when
 * the reply ended by its own marks). Asks for the rest only on a strong ETag.
 */
#ifndef TRAIN_NET_RESUME_H
#define TRAIN_NET_RESUME_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/stream.h"
#include "net/context.h"
#include "net/http.h"
#include "net/retry.h"

struct resume {
	const struct net_context *ctx;
	struct http *http; /* the body is read from it; borrowed */
	const char *etag;  /* borrowed; "" or weak: no resuming */
	const char *name;  /* of the object, for messages; borrowed */
	int64_t size;      /* -1 when unknown */
	int64_t offset;    /* bytes handed on */
	struct retry retry;

	/* Sends the request again with these two more headers and fills 'reply'. 'self' is the room's own object. */
	int (*reopen)(void *self, const char *range, const char *if_match, struct http_reply *reply, struct err *err);
	void *self;
};

/* The source; borrows 'resume'. */
struct source resume_source(struct resume *resume);

/* 1 for an ETag that proves sameness byte by byte: quoted and not W/ (RFC 9110, 8.8.1). */
int resume_is_strong(const char *etag);

#endif
