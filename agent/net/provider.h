/*
 * The single providers behind creds.h, one function each. Only creds.c calls them, and tests.
 *
 * Each returns 1 with 'out' filled; 0 when it is not configured here (then it has added a word why to 'tried'); -1
 * with 'err' when it is configured and failed. 'out' is zeroed by the caller.
 */
#ifndef TRAIN_NET_PROVIDER_H
#define TRAIN_NET_PROVIDER_H

#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "net/context.h"
#include "net/creds.h"

enum { TRIED_MAX = 400 }; /* the list of what was tried, so that it fits one message */

struct provider_run {
	const struct net_context *ctx;
	struct buf *tried;
};

/* AWS_ACCESS_KEY_ID and its companions. */
MUST_CHECK int provider_environment(const struct provider_run *run, struct credentials *out, struct err *err);

/* AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, by STS AssumeRoleWithWebIdentity. */
MUST_CHECK int provider_web_identity(const struct provider_run *run, struct credentials *out, struct err *err);

/* The same with the three values given; 'session' may be NULL. */
MUST_CHECK int provider_assume(const struct provider_run *run, const char *token_file, const char *role_arn,
    const char *session, struct credentials *out, struct err *err);

/* ~/.aws: static keys or credential_process. */
MUST_CHECK int provider_profile(const struct provider_run *run, struct credentials *out, struct err *err);

/* AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI. */
MUST_CHECK int provider_container(const struct provider_run *run, struct credentials *out, struct err *err);

/* EC2's IMDSv2. */
MUST_CHECK int provider_instance(const struct provider_run *run, struct credentials *out, struct err *err);

/* Adds "name (why)" to the list of what was tried. */
void provider_skip(const struct provider_run *run, const char *name, const char *why);

/*
 * Whether http:// may go to this container endpoint: loopback addresses, localhost, 169.254.170.2, 169.254.170.23,
 * fd00:ec2::23.
 */
int provider_allows_plain(const char *host);

/*
 * The JSON that container and instance endpoints ("Token") and credential processes ("SessionToken") answer with.
 * 'token_name' says which; with 'token_needed' one without it is refused. -1 with ERR_CREDENTIALS.
 */
MUST_CHECK int provider_parse_json(const char *text, size_t len, const char *who, const char *token_name,
    int token_needed, struct credentials *out, struct err *err);

/* "2026-01-15T18:00:00Z" or with "+00:00" into seconds; 0 for NULL; -1 for what is no time. */
int64_t provider_parse_time(const char *text);

#endif
