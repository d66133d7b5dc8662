/*
 * A body that outlives its connection: reads from one reply, and when that is cut asks for the rest. Shared by s3.c
 * and web.c.
 *
 * Invariants: hands on each byte from 'offset' to 'end' once and in order; ends only when they came (or, with an unknown size,
 * when the reply ended by its own marks). Asks for pieces only on a strong ETag; an object that was replaced meanwhile is
 * ERR_UNAVAILABLE with ESTALE in err->sys, a server that sends no pieces the same with ENOTSUP.
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
	int64_t size;      /* of the object; -1 when unknown */
	int64_t offset;    /* of the next byte to hand on */
	int64_t end;       /* where to stop; -1: at the end of the object */
	int64_t flow_end;  /* where the present reply ends; -1: with the object */
	int flowing;       /* there is a reply whose next byte is the one at 'offset' */
	struct retry retry;
	int64_t retry_after_ms; /* what the server wished after the last failure: 'reopen' sets it */

	/* Sends the request again with these two more headers and fills 'reply'. 'self' is the room's own object. */
	int (*reopen)(void *self, const char *range, const char *if_match, struct http_reply *reply, struct err *err);
	void *self;
};

/* The source; borrows 'resume'. */
struct source resume_source(struct resume *resume);

/* From now on the source hands on the bytes from 'from' to 'to' (not included): of the present reply if they come next there, else of a new one. */
void resume_aim(struct resume *resume, int64_t from, int64_t to);

/* 1 for an ETag that proves sameness byte by byte: quoted and not W/ (RFC 9110, 8.8.1). */
int resume_is_strong(const char *etag);

#endif
