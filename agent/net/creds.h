/*
 * AWS credentials, by the chain that every SDK walks (C§8): environment, web identity, shared profile (static keys or
 * credential_process), container endpoint, EC2 instance metadata (IMDSv2).
 *
 * Invariants: the first provider that is configured decides; if it fails the chain ends there, as an SDK's does, and
 * the error says which and why. Nothing is asked before creds_get. What was got is kept until five minutes before its
 * end, or until creds_renew. SSO and assume-role profiles are refused with the one line that turns them into
 * environment variables. Secrets live in struct secret only and stand in no message.
 */
#ifndef TRAIN_NET_CREDS_H
#define TRAIN_NET_CREDS_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/secret.h"
#include "net/context.h"

enum {
	/*
	 * Ask again this long before the end, so that a request signed now is still valid when it arrives (SDKs: 10 to
	 * 15 minutes; a shorter one asks rarely and a download's requests are short).
	 */
	CREDS_EARLY_S = 300,

	/* And go on with the old ones when that fails, until so long before their end. */
	CREDS_LATE_S = 30,

	/* A reply with credentials; aws-c-auth caps it at 10,000. A session token alone may have 4 kB. */
	CREDS_REPLY_MAX = 65536,

	/* ~/.aws/config or credentials; real ones have a few kB. */
	CREDS_FILE_MAX = 1 << 20,

	/* A token file: Kubernetes' are about 1 kB. */
	CREDS_TOKEN_MAX = 20480,

	/* credential_process and one try of a local endpoint; SDKs give the endpoint 1 to 2 s. */
	CREDS_PROCESS_MS = 60000,
	CREDS_CONTAINER_MS = 2000,
	CREDS_IMDS_MS = 1000,
	CREDS_ENDPOINT_ATTEMPTS = 3,
};

struct credentials {
	struct secret access_key;
	struct secret secret_key;
	struct secret token;  /* empty for long-lived keys */
	int64_t expires_s;    /* wall clock, seconds since the epoch; 0 when they do not end */
	const char *provider; /* in words: "environment", "container" and so on */
	unsigned serial;      /* counts what a chain gave */
};

struct creds;

/* Borrows 'ctx'. NULL with ERR_SYSTEM when memory was refused. Talks to nobody yet. */
struct creds *creds_new(const struct net_context *ctx, struct err *err);
void creds_free(struct creds *creds);
void creds_clean(struct creds **creds);
#define CLEAN_CREDS CLEANUP(creds_clean) struct creds

/*
 * The current credentials, asked for when there are none or they end soon. Borrowed until the next creds_get,
 * creds_renew or creds_free. -1 with ERR_CREDENTIALS (none found: lists what was tried; or the provider's own
 * failure), ERR_STOPPED, ERR_DEADLINE.
 */
MUST_CHECK int creds_get(struct creds *creds, const struct credentials **current, struct err *err);

/*
 * Between the two no other thread gets, renews or drops: what creds_get lent stays as it is. Whoever shares a chain between threads holds it around creds_get
 * and the use of what it lent.
 */
void creds_hold(struct creds *creds);
void creds_let_go(struct creds *creds);

/*
 * Drops the credentials of that serial, because a service said they have expired: the next creds_get asks the provider again. What is
 * newer stays, so that many connections that are told so at the same time cost one renewal. Not between creds_hold and creds_let_go.
 */
void creds_renew(struct creds *creds, unsigned serial);

void credentials_release(struct credentials *credentials);

#endif
