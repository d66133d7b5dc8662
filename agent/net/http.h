/*
 * One HTTP/1.1 transfer at a time; only http.c and http_fail.c know libcurl.
 *
 * Invariants: the body is pulled, so a slow eater slows the sender (net/window.h); no
 * redirect is followed; the address policy is applied to resolved addresses, before connecting and again before a
 * kept connection is used; every wait ends at the request's deadline, at the context's, or when its wake_fd is
 * readable; https is always verified, and only http and https exist. Errors set 'err->http' to the reply's status if
 * there was one. Texts hold scheme, host, port and path, never a query or a header.
 *
 * Names are looked up anew for each connection, in a thread of libcurl's; of several addresses each connection draws its own order, IPv6 before
 * IPv4, and goes on to the next where one does not answer. A look-up that nobody waits for any more is left to end by itself: a
 * look-up cannot be interrupted, and a stop must not wait for it. All signals are blocked in it.
 */
#ifndef TRAIN_NET_HTTP_H
#define TRAIN_NET_HTTP_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/stream.h"
#include "net/address.h"
#include "net/context.h"
#include "net/reply.h"

enum {
	HTTP_CONNECT_MS = 10000, /* TCP and TLS together, where the request sets nothing else */

	/*
	 * A transfer that takes longer than this for so many bytes is dead: under 1 kB/s for 15 s. Only time spent waiting
	 * here counts.
	 */
	HTTP_SLOW_WINDOW_MS = 15000,
	HTTP_SLOW_BYTES = 15 * 1024,

	HTTP_HEADERS_MAX = 32, /* header lines of a request */
};

struct http_request {
	const char *method;         /* "GET", "POST", "PUT" */
	const char *url;            /* printable ASCII, as url_print makes it */
	const char *const *headers; /* "Name: value" lines ended by NULL, or NULL; never logged */
	const void *body;           /* small; NULL for none */
	size_t body_len;
	unsigned addresses;  /* set of ADDRESS_ bits it may connect to; without a proxy */
	int connect_ms;      /* 0: HTTP_CONNECT_MS */
	int64_t deadline_ms; /* of this request alone, ERR_UNAVAILABLE when it passes; 0: the context's */
	int hide_path;       /* 1: messages show the host alone; the path of a credentials endpoint is a key */
	int no_proxy;        /* 1: never through a proxy (container and instance endpoints, loopback) */
};

struct http;

/* Borrows 'ctx'. NULL with ERR_SYSTEM. */
struct http *http_new(const struct net_context *ctx, struct err *err);

/*
 * Memory that it and one connection of its take, libcurl's and the TLS library's included: as far as is known by what was sent so far, so ask after
 * the first reply. Another one to the same server takes as much.
 */
size_t http_bytes(const struct http *http);

/* Ends a running transfer at once and frees everything. NULL is allowed. */
void http_free(struct http *http);
void http_clean(struct http **http);
#define CLEAN_HTTP CLEANUP(http_clean) struct http

/*
 * Sends a request (ending one that still runs; connections are kept) and waits for the head of the final reply. Any
 * status is a success. 'reply' was zeroed or used before; release it with http_reply_release. -1 with 'err':
 * ERR_STOPPED, ERR_DEADLINE, ERR_UNAVAILABLE (not reached, cut, too slow, own deadline; err->sys is ENETUNREACH where there is no
 * network at all, which no second attempt can change), ERR_UNTRUSTED (certificate), ERR_DENIED (no TLS in
 * common, address policy: err->sys is EACCES for the latter), ERR_SETTINGS.
 */
MUST_CHECK int http_open(
    struct http *http, const struct http_request *request, struct http_reply *reply, struct err *err);

/* The body of the last reply; a body cut before its length is ERR_UNAVAILABLE. */
struct source http_source(struct http *http);

/*
 * Reads the rest of a small body into 'body' (initialised by the caller, at most its 'max' bytes; more is
 * ERR_UNAVAILABLE).
 */
MUST_CHECK int http_slurp(struct http *http, struct buf *body, struct err *err);

#endif
