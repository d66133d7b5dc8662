/*
 * A file behind https (Artifactory and the like) as a source of bytes.
 *
 * Invariants: at most WEB_REDIRECTS_MAX redirects, https to https; credentials (bearer token, netrc) go only to the
 * host they were meant for and are dropped when host or port changes; never to loopback or private resolved addresses
 * unless the first host was one; never to link-local ones. Plain http only to loopback unless the context allows it.
 * A cut body is resumed as S3's is. No message holds a query string, a password or a token.
 */
#ifndef TRAIN_NET_WEB_H
#define TRAIN_NET_WEB_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/stream.h"
#include "net/context.h"
#include "net/parts.h"
#include "net/reply.h"
#include "net/url.h"

enum {
	WEB_REDIRECTS_MAX = 5, /* product §5 */
};

struct web_request {
	const char *url;            /* http:// or https://, without user:password@ */
	const struct secret *token; /* for Authorization: Bearer, or NULL */
	const char *token_host;     /* the one HOST or HOST:PORT that gets it; required with 'token' */

	/*
	 * Asked before each hop, the first one (hop 0) included, with "https://host[:port]/path" (no query). 0 lets it
	 * pass; -1 with 'err' refuses: its kind is then made ERR_SETTINGS for the first address and ERR_DENIED for a
	 * redirect. NULL allows all.
	 */
	int (*allow)(void *self, const char *url, int hop, struct err *err);
	void *self;
};

struct web_meta {
	int64_t size;             /* -1 when the server did not say */
	char etag[HTTP_ETAG_MAX]; /* as sent; "" when there is none */
	int hops;                 /* redirects that were followed */
	char host[URL_HOST_MAX];  /* where the body came from */
};

struct web;

/*
 * Follows redirects, sends, waits for the head of the reply. Borrows 'ctx' until web_close and 'request' only during
 * the call, but for 'token', 'token_host' and 'self', which it borrows until web_close (a resume asks again). NULL
 * with 'err': ERR_SETTINGS (refused before sending), ERR_NOT_FOUND (404, 410), ERR_DENIED (401, 403, a refused
 * redirect), ERR_UNTRUSTED (a certificate that fails), ERR_UNAVAILABLE (after retries), ERR_DEADLINE, ERR_STOPPED.
 */
struct web *web_open(
    const struct net_context *ctx, const struct web_request *request, struct web_meta *meta, struct err *err);

/* The body; valid until web_close. A body that ends before its length never looks like an end. */
struct source web_source(struct web *web);

/* The same as a lane of net/parts.h, which then owns 'web'. */
struct lane web_lane(struct web *web);

/* Another connection to the same file, for pieces, as s3_another. 'allow' is then asked from another thread. NULL with ERR_SYSTEM. */
struct web *web_another(const struct web *web, struct err *err);

/* Memory that a connection takes (net/http.h). */
size_t web_bytes(const struct web *web);

void web_close(struct web *web);
void web_clean(struct web **web);
#define CLEAN_WEB CLEANUP(web_clean) struct web

#endif
