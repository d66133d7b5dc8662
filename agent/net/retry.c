#include "net/retry.h"

#include <errno.h>
#include <string.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/sys.h"

/* What the services call it; botocore's "standard" mode. A code counts more than the status it came with. */
static const struct {
	const char *code;
	enum retry_class class;
} codes[] = {
    {"RequestTimeout", RETRY_TRANSIENT},
    {"RequestTimeoutException", RETRY_TRANSIENT},
    {"PriorRequestNotComplete", RETRY_THROTTLE},
    {"InternalError", RETRY_TRANSIENT},
    {"InternalFailure", RETRY_TRANSIENT},
    {"ServiceUnavailable", RETRY_TRANSIENT},
    {"Throttling", RETRY_THROTTLE},
    {"ThrottlingException", RETRY_THROTTLE},
    {"ThrottledException", RETRY_THROTTLE},
    {"RequestThrottled", RETRY_THROTTLE},
    {"RequestThrottledException", RETRY_THROTTLE},
    {"TooManyRequestsException", RETRY_THROTTLE},
    {"ProvisionedThroughputExceededException", RETRY_THROTTLE},
    {"TransactionInProgressException", RETRY_THROTTLE},
    {"RequestLimitExceeded", RETRY_THROTTLE},
    {"BandwidthLimitExceeded", RETRY_THROTTLE},
    {"LimitExceededException", RETRY_THROTTLE},
    {"SlowDown", RETRY_THROTTLE},
    {"EC2ThrottledException", RETRY_THROTTLE},
};

static const struct {
	int status;
	enum retry_class class;
} statuses[] = {
    {408, RETRY_TRANSIENT},
    {429, RETRY_THROTTLE},
    {500, RETRY_TRANSIENT},
    {502, RETRY_TRANSIENT},
    {503, RETRY_TRANSIENT},
    {504, RETRY_TRANSIENT},
};

enum retry_class
retry_class_of(int status, const char *code)
{
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		if (strcmp(code, codes[i].code) == 0) {
			return codes[i].class;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		if (status == statuses[i].status) {
			return statuses[i].class;
		}
	}
	return RETRY_NO;
}

int
retry_is_stale(const char *code)
{
	static const char *const stale[] = {
	    "ExpiredToken",
	    "ExpiredTokenException",
	    "UnrecognizedClientException",
	    "InvalidSignatureException",
	    "MissingAuthenticationTokenException",
	};

	for (size_t i = 0; i < ARRAY_LEN(stale); i++) {
		if (strcmp(code, stale[i]) == 0) {
			return 1;
		}
	}
	return 0;
}

void
retry_init(struct retry *retry, int attempts_max)
{
	*retry = (struct retry){.attempts_max = attempts_max, .budget = RETRY_BUDGET};
}

void
retry_progress(struct retry *retry)
{
	retry->attempt = 0;
}

int64_t
retry_delay_ms(int attempt, int64_t retry_after_ms, uint32_t random)
{
	int64_t span_ms = attempt >= 5 ? RETRY_CEILING_MS : (int64_t)1000 << attempt;
	int64_t delay_ms, wish_ms = retry_after_ms < RETRY_CEILING_MS ? retry_after_ms : RETRY_CEILING_MS;

	span_ms = span_ms < RETRY_CEILING_MS ? span_ms : RETRY_CEILING_MS;
	delay_ms = (int64_t)((uint64_t)random * (uint64_t)span_ms >> 32);
	return delay_ms > wish_ms ? delay_ms : wish_ms;
}

/* 'err' says why the last attempt failed. */
static void
count_retry(const struct net_context *ctx, const struct err *err)
{
	enum net_cause cause = err->sys == ETIMEDOUT ? NET_SLOW : err->http >= 400 ? NET_SERVER : NET_CUT;

	if (ctx->tally != NULL) {
		(void)atomic_fetch_add(&ctx->tally->retries[cause], 1);
	}
}

int
retry_next(struct retry *retry, const struct net_context *ctx, int64_t retry_after_ms, struct err *err)
{
	int cost = err->sys == ETIMEDOUT ? RETRY_COST_TIMEOUT : RETRY_COST;
	uint32_t random;
	int64_t until_ms;

	if (err->kind != ERR_UNAVAILABLE || err->sys == ENETUNREACH) {
		return -1;
	}
	sys_random(&random, sizeof(random));
	until_ms = clock_now_ms() + retry_delay_ms(retry->attempt, retry_after_ms, random);
	retry->attempt++;
	if ((retry->attempts_max > 0 && retry->attempt >= retry->attempts_max) || retry->budget < cost ||
	    until_ms >= ctx->deadline_ms) {
		if (retry->attempt > 1) {
			struct err last = *err;

			(void)err_set(err, ERR_UNAVAILABLE, 0, "%s (after %d attempts)", last.text, retry->attempt);
			err->sys = last.sys;
		}
		return -1;
	}
	retry->budget -= cost;
	count_retry(ctx, err);
	if (net_wait(ctx, until_ms, err) < 0) {
		return -1;
	}
	err_clear(err);
	return 0;
}
