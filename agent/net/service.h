/*
 * A signed request to an AWS service: what s3.c and tags.c have in common. Puts headers, signature and policy
 * together, sends, and reads the error code of a refusal in either dialect (XML, JSON).
 */
#ifndef TRAIN_NET_SERVICE_H
#define TRAIN_NET_SERVICE_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "net/context.h"
#include "net/creds.h"
#include "net/http.h"
#include "net/sigv4.h"
#include "net/url.h"

enum {
	SERVICE_ERROR_MAX = 65536, /* an error body that is read to learn the code */
	SERVICE_CODE_MAX = 128,
	SERVICE_TEXT_MAX = 1024, /* the service's message as it is read */
	SERVICE_SHOWN_MAX = 200, /* and what is kept of it for our own, so that our words have room beside it */
};

struct service_call {
	const char *method;
	const char *url;
	const struct sigv4_header *headers; /* signed and sent, besides Host and the signer's own */
	size_t header_count;
	const char *body; /* or NULL */
	const char *region;
	const char *service; /* name for signing; NULL: the request is not signed */
	int connect_ms;      /* as in struct http_request */
	int64_t deadline_ms; /* as there */
	unsigned *signed_by; /* gets the serial of the credentials, for creds_renew; or NULL */
};

/* The service's words about a refusal; all "" or 0 when it had none. */
struct service_error {
	char code[SERVICE_CODE_MAX];
	char message[SERVICE_TEXT_MAX];
	char region[64];
	int64_t retry_after_ms;
};

/*
 * Signs with the chain's current credentials and sends. As http_open; plain http by the context's rule
 * (ERR_SETTINGS).
 */
MUST_CHECK int service_send(struct http *http, const struct net_context *ctx, struct creds *creds,
    const struct service_call *call, struct http_reply *reply, struct err *err);

/*
 * Reads an error reply's body: code, message, region hint (header, then body), Retry-After. -1 when reading
 * failed.
 */
MUST_CHECK int service_read_error(
    struct http *http, const struct http_reply *reply, struct service_error *error, struct err *err);

/* The same for a body in memory. */
void service_parse_error(const struct http_reply *reply, const char *body, size_t len, struct service_error *error);

#endif
