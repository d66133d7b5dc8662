/*
 * AWS Signature Version 4 in headers. Pure: time and keys are arguments.
 *
 * S3: the path is taken as sent (encoded once, not normalised) and x-amz-content-sha256 is signed. Every other
 * service: the path is normalised and encoded a second time. The session token is a signed header (C§8.7).
 */
#ifndef TRAIN_NET_SIGV4_H
#define TRAIN_NET_SIGV4_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

enum {
	SIGV4_HEADERS_MAX = 32,
	SIGV4_SECRET_MAX = 1024, /* a secret access key; AWS's have 40 characters */
	SIGV4_TEXT_MAX = 65536,  /* canonical request: an address of 8 kB encoded twice, headers, a 4 kB token */
};

struct sigv4_header {
	const char *name; /* any case */
	const char *value;
};

struct sigv4_request {
	const char *method;
	const char *path;  /* as sent, without query; "" is "/" */
	const char *query; /* without '?', as sent; NULL or "" for none */
	const struct sigv4_header
	    *headers; /* all to be signed, Host among them; the signer adds date, token and hash */
	size_t header_count;
	const void *body;
	size_t body_len;
	const char *region;
	const char *service;
	const char *access_key;
	const char *secret_key;
	const char *token; /* NULL or "" for none */
	int64_t time_s;    /* seconds since the epoch */
	int s3;            /* S3's path rule */
	int normalize;     /* for others: remove dot segments and double slashes (every real service) */
	int content_hash;  /* send and sign x-amz-content-sha256 (S3 requires it) */
	int token_last;    /* the token is sent and not signed (some older services; for the vectors) */
};

/* What to send besides the request's own headers, and the two texts on the way, which tests compare. */
struct sigv4 {
	char date[24];                 /* x-amz-date */
	char content_hash[SHA256_HEX]; /* x-amz-content-sha256; "" when it is not sent */
	struct buf authorization;      /* value of Authorization; holds no secret, but is masked all the same */
	struct buf canonical;
	struct buf to_sign;
};

/*
 * Signs. 'out' needs no initialisation before and sigv4_release after, in every case. -1 with ERR_BUG (too many
 * headers, no room).
 */
MUST_CHECK int sigv4_sign(const struct sigv4_request *request, struct sigv4 *out, struct err *err);

void sigv4_release(struct sigv4 *sig);
#define CLEAN_SIGV4 CLEANUP(sigv4_release) struct sigv4

#endif
