/*
 * The job's tags, by SageMaker's ListTags (C§7). Signed POST, JSON 1.1, pages by NextToken.
 *
 * Invariants: throttles (which are HTTP 400), 5xx and broken connections are retried with full jitter until the
 * context's deadline; 2 s to connect. Everything else fails at once and says what is missing.
 */
#ifndef TRAIN_NET_TAGS_H
#define TRAIN_NET_TAGS_H

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "net/context.h"
#include "net/creds.h"

enum {
	TAGS_CONNECT_MS = 2000,  /* product §4 */
	TAGS_MAX = 256,          /* SageMaker allows 50 a job; more than this is a server gone wrong */
	TAGS_PAGES_MAX = 16,     /* one page in practice */
	TAGS_REPLY_MAX = 262144, /* 50 tags of 128 + 256 characters of up to 6 escaped bytes each */
	TAGS_ARN_MAX = 257,      /* C§7.1 */
};

struct tag {
	char *key;
	char *value;
};

struct tags {
	struct tag *list; /* in the service's order */
	size_t count;
};

/*
 * Asks for the tags of 'arn' in the ARN's own region. Fills 'tags' (release it in every case). -1 with 'err':
 * ERR_SETTINGS (no SageMaker ARN, endpoint settings wrong), ERR_CREDENTIALS, ERR_DENIED (names sagemaker:ListTags and
 * the ARN), ERR_UNAVAILABLE (after retries, also when the deadline passed while retrying; names the VPC endpoint when
 * nothing answered), ERR_DEADLINE, ERR_STOPPED.
 */
MUST_CHECK int tags_list(
    const struct net_context *ctx, struct creds *creds, const char *arn, struct tags *tags, struct err *err);

/* The value of the first tag called 'key', borrowed, or NULL. */
const char *tags_find(const struct tags *tags, const char *key);

void tags_release(struct tags *tags);
#define CLEAN_TAGS CLEANUP(tags_release) struct tags

#endif
