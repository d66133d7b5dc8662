/*
 * Whether and when to try again (C§9.7): classes by error code and status, full jitter, a budget that a healthy
 * transfer refills.
 */
#ifndef TRAIN_NET_RETRY_H
#define TRAIN_NET_RETRY_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "net/context.h"

enum {
	RETRY_ATTEMPTS = 5,       /* in a row without progress; SDKs make 3 to 5 */
	RETRY_CEILING_MS = 20000, /* longest wait of one step (botocore) */
	RETRY_BUDGET = 500,       /* tokens of one download, as in the SDKs: a hundred retries in all */
	RETRY_COST = 5,           /* of one retry */
	RETRY_COST_TIMEOUT = 10,  /* of one after a timeout */
};

enum retry_class { RETRY_NO, RETRY_TRANSIENT, RETRY_THROTTLE, RETRY_CLASSES };

/* The class of an answer. 'code' is the service's error code, or "" when its body has none. */
enum retry_class retry_class_of(int status, const char *code);

/* 1 for codes that say the credentials or their clock are out of date: worth one renewal. */
int retry_is_stale(const char *code);

struct retry {
	int attempts_max; /* 0: as many as the deadline allows */
	int attempt;      /* retries made since the last progress */
	int budget;
};

void retry_init(struct retry *retry, int attempts_max);

/* Bytes came: the count of attempts starts anew; the budget does not. */
void retry_progress(struct retry *retry);

/*
 * The wait before the next attempt, in ms: full jitter over 1 s * 2^attempt up to the ceiling, never less than
 * 'retry_after_ms' (the server's wish, 0 for none, believed up to the ceiling). 'random' is any 32 random bits.
 */
int64_t retry_delay_ms(int attempt, int64_t retry_after_ms, uint32_t random);

/*
 * After a failure of kind ERR_UNAVAILABLE, which 'err' describes: waits and returns 0 when another attempt is due
 * ('err' is cleared); -1 when not: then 'err' is the failure itself, with the number of attempts behind it, or
 * ERR_STOPPED. A wait that would pass the context's deadline is not begun, nor one where there is no network (err->sys is ENETUNREACH).
 */
MUST_CHECK int retry_next(struct retry *retry, const struct net_context *ctx, int64_t retry_after_ms, struct err *err);

#endif
