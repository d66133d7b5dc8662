/*
 * One object of S3 (or of what speaks its protocol) as a source of bytes.
 *
 * Invariants: the first GET has no Range; its reply gives size, ETag, version and checksum, and its body is the first
 * part. A body that is cut is resumed by Range and If-Match on a strong ETag, inside the retry budget; without a
 * strong ETag the cut is an error. The source ends only after exactly 'size' bytes. A wrong region is followed once
 * and signed anew, expired credentials are renewed once. Retries by class (net/retry.h). No message holds a query
 * string, a token or a signature.
 */
#ifndef TRAIN_NET_S3_H
#define TRAIN_NET_S3_H

#include <stdint.h>

#include "base/attr.h"
#include "base/checksum.h"
#include "base/err.h"
#include "base/stream.h"
#include "net/aws.h"
#include "net/context.h"
#include "net/creds.h"
#include "net/parts.h"
#include "net/reply.h"

enum {
	/* S3's own bounds (C§9.4, C§9.9), and 255 for names of the time before DNS rules. */
	S3_BUCKET_MAX = 256,
	S3_KEY_MAX = 1025,
	S3_VERSION_MAX = 1025,
};

struct s3_request {
	const char *url;        /* s3://bucket/key: any key byte, nothing decoded or normalised */
	const char *version_id; /* or NULL */
	const char *owner;      /* 12 digits for x-amz-expected-bucket-owner, or NULL */
	const char *arn;        /* the job's ARN, whose region is used when the environment names none; or NULL */
};

struct s3_meta {
	int64_t size;                    /* -1 when the server sends chunks */
	char etag[HTTP_ETAG_MAX];        /* with its quotes; "" when there is none */
	char version_id[S3_VERSION_MAX]; /* "" when there is none; "null" is a version too */
	char region[AWS_REGION_MAX];     /* where the bucket was found */
	struct checksum_value
	    stored; /* S3's own checksum of the whole object; CHECKSUM_NONE when it keeps none, or only one of sums */
};

struct s3;

/*
 * Asks for the object and waits for the head of the reply. Borrows 'ctx' and 'creds' until s3_close; copies the
 * request. On success fills 'meta' and gives an owned transfer. NULL with 'err': ERR_SETTINGS (address, endpoint or
 * region wrong; plain http; access-point ARN and S3 Express are refused by name), ERR_NOT_FOUND (NoSuchKey,
 * NoSuchBucket, NoSuchVersion), ERR_DENIED (403, and the text names what may be missing), ERR_UNTRUSTED (a certificate
 * that fails), ERR_CREDENTIALS, ERR_UNAVAILABLE (after retries), ERR_DEADLINE, ERR_STOPPED.
 */
struct s3 *s3_open(const struct net_context *ctx, struct creds *creds, const struct s3_request *request,
    struct s3_meta *meta, struct err *err);

/*
 * The body; valid until s3_close. Errors as s3_open, and ERR_UNAVAILABLE for an object that changed while it was
 * read.
 */
struct source s3_source(struct s3 *s3);

/* The same as a lane of net/parts.h, which then owns 's3'. */
struct lane s3_lane(struct s3 *s3);

/*
 * Another connection to the same object, for pieces: nothing is sent before its lane is aimed. Reads 's3' during the call only, and only what does not change
 * while its own lane is at work. NULL with ERR_SYSTEM.
 */
struct s3 *s3_another(const struct s3 *s3, struct err *err);

/* Memory that a connection takes (net/http.h). */
size_t s3_bytes(const struct s3 *s3);

void s3_close(struct s3 *s3);
void s3_clean(struct s3 **s3);
#define CLEAN_S3 CLEANUP(s3_clean) struct s3

/* Splits "s3://bucket/key": 'bucket' is filled, '*key' points into 'url'. -1 with ERR_SETTINGS. */
MUST_CHECK int s3_split(const char *url, char bucket[S3_BUCKET_MAX], const char **key, struct err *err);

#endif
