/* An environment under construction and one walk along the chain of credentials, for the tests of its providers. */
#ifndef TRAIN_UNIT_NET_CHAIN_H
#define TRAIN_UNIT_NET_CHAIN_H

#include "unit/net/loopback.h"

#include "net/creds.h"

enum { ENV_MAX = 16, ENV_TEXT = 1024 };

/* An environment under construction; the home folder is one that does not exist unless the test names it. */
struct environment {
	char text[ENV_MAX][ENV_TEXT];
	char *list[ENV_MAX + 1];
	size_t count;
};

static inline void
set(struct environment *env, const char *name, const char *value)
{
	assert_true(env->count < ENV_MAX);
	(void)snprintf(env->text[env->count], ENV_TEXT, "%s=%s", name, value);
	env->list[env->count] = env->text[env->count];
	env->list[++env->count] = NULL;
}

static inline struct environment *
environment(struct environment *env)
{
	memset(env, 0, sizeof(*env));
	set(env, "HOME", "/nonexistent");
	set(env, "AWS_EC2_METADATA_DISABLED", "true");
	return env;
}

/* Walks the chain once. 0 with '*out' owned by 'creds', or -1 with 'err'. */
static inline int
ask(struct net_context *ctx, struct creds **creds, const struct credentials **out, struct err *err)
{
	*creds = creds_new(ctx, err);
	assert_non_null(*creds);
	return creds_get(*creds, out, err);
}

static inline void
assert_secret(const struct secret *secret, const char *text)
{
	assert_string_equal(secret_reveal(secret), text);
}

#endif
