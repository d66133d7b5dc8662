#include "net/creds.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/json_read.h"
#include "net/provider.h"

struct creds {
	const struct net_context *ctx;
	struct credentials held;
	int has;
	pthread_mutex_t lock; /* creds_hold */
};

/* C§8.1, in the SDKs' order. */
static int (*const chain[])(const struct provider_run *run, struct credentials *out, struct err *err) = {
    provider_environment,
    provider_web_identity,
    provider_profile,
    provider_container,
    provider_instance,
};

void
credentials_release(struct credentials *credentials)
{
	secret_release(&credentials->access_key);
	secret_release(&credentials->secret_key);
	secret_release(&credentials->token);
	credentials->expires_s = 0;
	credentials->provider = NULL;
}

void
provider_skip(const struct provider_run *run, const char *name, const char *why)
{
	(void)buf_printf(run->tried, "%s%s (%s)", run->tried->len == 0 ? "" : ", ", name, why);
}

int64_t
provider_parse_time(const char *text)
{
	char utc[64];
	size_t len = text == NULL ? 0 : strlen(text);

	if (text == NULL) {
		return 0;
	}
	/* Processes write "+00:00" where the endpoints write "Z". */
	if (len > 6 && len < sizeof(utc) && strcmp(text + len - 6, "+00:00") == 0) {
		memcpy(utc, text, len - 6);
		memcpy(utc + len - 6, "Z", 2);
		return clock_parse_utc(utc);
	}
	return clock_parse_utc(text);
}

/* A string member as a secret; its copy is wiped. 0 when there is none. */
static int
take_secret(const struct json *json, const char *key, struct secret *secret)
{
	size_t len = 0;
	char *text = json_string(json, json_member(json, 0, key), &len);
	int kept = text != NULL && len > 0 && secret_set(secret, text, len) == 0;

	if (text != NULL) {
		secret_wipe(text, len);
		free(text);
	}
	return kept;
}

/* A 200 may carry an error document (C§8.5). */
static int
check_code(const struct json *json, const char *who, struct err *err)
{
	int code = json_member(json, 0, "Code");
	char *name, *message;

	if (code < 0 || json_type(json, code) != JSON_STRING || json_equals(json, code, "Success")) {
		return 0;
	}
	name = json_string(json, code, NULL);
	message = json_string(json, json_member(json, 0, "Message"), NULL);
	(void)err_set(err, ERR_CREDENTIALS, 0, "%s gives no credentials: %.100s: %.200s", who, name == NULL ? "" : name,
	    message == NULL ? "" : message);
	free(name);
	free(message);
	return -1;
}

int
provider_parse_json(const char *text, size_t len, const char *who, const char *token_name, int token_needed,
    struct credentials *out, struct err *err)
{
	CLEAN_JSON json = {.text = NULL};
	char *expires;

	if (json_parse(&json, text, len, "credentials", err) < 0 || json_type(&json, 0) != JSON_OBJECT) {
		/* The parser's own words could show a part of the text. */
		return err_set(err, ERR_CREDENTIALS, 0, "%s answers with something that is no JSON object", who);
	}
	if (check_code(&json, who, err) < 0) {
		return -1;
	}
	if (!take_secret(&json, "AccessKeyId", &out->access_key) ||
	    !take_secret(&json, "SecretAccessKey", &out->secret_key)) {
		return err_set(err, ERR_CREDENTIALS, 0, "%s answers without AccessKeyId or SecretAccessKey", who);
	}
	if (!take_secret(&json, token_name, &out->token) && token_needed) {
		return err_set(err, ERR_CREDENTIALS, 0, "%s answers without %s", who, token_name);
	}
	expires = json_string(&json, json_member(&json, 0, "Expiration"), NULL);
	out->expires_s = provider_parse_time(expires);
	free(expires);
	if (out->expires_s < 0) {
		return err_set(err, ERR_CREDENTIALS, 0, "%s answers with an Expiration that is no time", who);
	}
	return 0;
}

int
provider_environment(const struct provider_run *run, struct credentials *out, struct err *err)
{
	char *const *envp = run->ctx->envp;
	const char *key = net_env(envp, "AWS_ACCESS_KEY_ID"), *secret = net_env(envp, "AWS_SECRET_ACCESS_KEY");
	const char *token = net_env(envp, "AWS_SESSION_TOKEN");

	token = token == NULL ? net_env(envp, "AWS_SECURITY_TOKEN") : token;
	if (key == NULL && secret == NULL) {
		provider_skip(run, "environment", "AWS_ACCESS_KEY_ID not set");
		return 0;
	}
	if (key == NULL || secret == NULL) {
		return err_set(err, ERR_CREDENTIALS, 0, "%s is set and %s is not",
		    key == NULL ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID",
		    key == NULL ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY");
	}
	if (secret_set(&out->access_key, key, strlen(key)) < 0 ||
	    secret_set(&out->secret_key, secret, strlen(secret)) < 0 ||
	    (token != NULL && secret_set(&out->token, token, strlen(token)) < 0)) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot keep the credentials");
	}
	out->expires_s = provider_parse_time(net_env(envp, "AWS_CREDENTIAL_EXPIRATION"));
	if (out->expires_s < 0) {
		return err_set(
		    err, ERR_CREDENTIALS, 0, "AWS_CREDENTIAL_EXPIRATION is no time such as 2026-01-15T18:00:00Z");
	}
	out->provider = "environment";
	return 1;
}

/* The first provider that is configured decides. Fills 'out', which is empty on failure. */
static int
walk_chain(const struct net_context *ctx, struct credentials *out, struct err *err)
{
	CLEAN_BUF tried = {0};
	struct provider_run run = {.ctx = ctx, .tried = &tried};
	int got = 0;

	buf_init(&tried, TRIED_MAX);
	for (size_t i = 0; got == 0 && i < ARRAY_LEN(chain); i++) {
		credentials_release(out);
		got = chain[i](&run, out, err);
	}
	if (got == 0) {
		(void)err_set(err, ERR_CREDENTIALS, 0, "no AWS credentials found; tried: %s", buf_text(&tried));
	}
	if (got <= 0) {
		credentials_release(out);
	}
	return got > 0 ? 0 : -1;
}

static int
ends_within(const struct credentials *credentials, double seconds)
{
	return credentials->expires_s > 0 && (double)credentials->expires_s - clock_wall() < seconds;
}

/* Asks the chain and takes what it gives, unless that has ended already. */
static int
renew(struct creds *creds, struct err *err)
{
	struct credentials fresh = {.provider = NULL};
	char when[CLOCK_TEXT];

	if (walk_chain(creds->ctx, &fresh, err) < 0) {
		return -1;
	}
	if (ends_within(&fresh, 0)) {
		clock_format_utc(when, fresh.expires_s, 0);
		(void)err_set(err, ERR_CREDENTIALS, 0, "the credentials from '%s' ended at %s", fresh.provider, when);
		credentials_release(&fresh);
		return -1;
	}
	fresh.serial = creds->held.serial + 1;
	credentials_release(&creds->held);
	creds->held = fresh;
	creds->has = 1;
	return 0;
}

int
creds_get(struct creds *creds, const struct credentials **current, struct err *err)
{
	if (!creds->has || ends_within(&creds->held, CREDS_EARLY_S)) {
		if (renew(creds, err) < 0) {
			/* A provider that hiccups costs nothing while the old ones still hold. */
			if (err->kind != ERR_CREDENTIALS || !creds->has || ends_within(&creds->held, CREDS_LATE_S)) {
				return -1;
			}
			err_clear(err);
		}
	}
	*current = &creds->held;
	return 0;
}

void
creds_hold(struct creds *creds)
{
	CHECK(pthread_mutex_lock(&creds->lock) == 0);
}

void
creds_let_go(struct creds *creds)
{
	CHECK(pthread_mutex_unlock(&creds->lock) == 0);
}

void
creds_renew(struct creds *creds, unsigned serial)
{
	creds_hold(creds);
	if (creds->held.serial == serial) {
		creds->has = 0;
	}
	creds_let_go(creds);
}

struct creds *
creds_new(const struct net_context *ctx, struct err *err)
{
	struct creds *creds = calloc(1, sizeof(*creds));

	if (creds == NULL) {
		(void)err_set(err, ERR_SYSTEM, ENOMEM, "cannot prepare the credentials");
		return NULL;
	}
	creds->ctx = ctx;
	CHECK(pthread_mutex_init(&creds->lock, NULL) == 0);
	return creds;
}

void
creds_free(struct creds *creds)
{
	if (creds != NULL) {
		credentials_release(&creds->held);
		(void)pthread_mutex_destroy(&creds->lock);
		free(creds);
	}
}

void
creds_clean(struct creds **creds)
{
	creds_free(*creds);
	*creds = NULL;
}
