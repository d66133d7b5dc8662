/*
 * Web identity: a signed token in a file (Kubernetes, CI systems) is traded for keys at STS. The request itself is
 * not signed.
 */
#include "net/provider.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "net/aws.h"
#include "net/http.h"
#include "net/retry.h"
#include "net/service.h"
#include "net/xml.h"

enum {
	STS_ANSWER_MS = 10000, /* one attempt, whole */
	STS_ATTEMPTS = 3,
	STS_FORM_MAX = 4 * CREDS_TOKEN_MAX, /* each byte of the token may become three */
};

/* Adds "&name=value" encoded. */
static void
add_field(struct buf *form, const char *name, const char *value, size_t len)
{
	(void)buf_printf(form, "&%s=", name);
	(void)url_encode(form, value, len, 0);
}

static int
write_form(const char *token_file, const char *role_arn, const char *session, struct buf *form, struct err *err)
{
	CLEAN_BUF token = {0};
	char name[64];
	size_t len;

	buf_init(&token, CREDS_TOKEN_MAX);
	if (fd_read_file(AT_FDCWD, token_file, &token, err) < 0) {
		err->kind = ERR_CREDENTIALS;
		return err_wrap(err, "web identity");
	}
	len = token.len;
	while (len > 0 && strchr(" \t\r\n", token.data[len - 1]) != NULL) {
		len--;
	}
	(void)snprintf(name, sizeof(name), "train-%lld", (long long)clock_wall());
	(void)buf_adds(form, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15");
	add_field(form, "RoleArn", role_arn, strlen(role_arn));
	add_field(form, "RoleSessionName", session == NULL ? name : session, strlen(session == NULL ? name : session));
	add_field(form, "WebIdentityToken", buf_text(&token), len);
	if (token.data != NULL) {
		secret_wipe(token.data, token.len);
	}
	return form->full ? err_set(err, ERR_CREDENTIALS, 0, "the web identity token or role is too long") : 0;
}

/* One element as a secret. */
static int
take_element(const char *xml, const char *name, struct secret *secret)
{
	char text[CREDS_TOKEN_MAX];
	int kept = xml_text(xml, name, 1, text, sizeof(text)) && text[0] != '\0' &&
	           secret_set(secret, text, strlen(text)) == 0;

	secret_wipe(text, sizeof(text));
	return kept;
}

static int
read_answer(const char *xml, struct credentials *out, struct err *err)
{
	char expires[64];

	if (!take_element(xml, "AccessKeyId", &out->access_key) ||
	    !take_element(xml, "SecretAccessKey", &out->secret_key) ||
	    !take_element(xml, "SessionToken", &out->token)) {
		return err_set(err, ERR_CREDENTIALS, 0, "STS answers without keys or session token");
	}
	out->expires_s = xml_text(xml, "Expiration", 1, expires, sizeof(expires)) ? provider_parse_time(expires) : -1;
	if (out->expires_s < 0) {
		return err_set(err, ERR_CREDENTIALS, 0, "STS answers without a valid Expiration");
	}
	out->provider = "web identity";
	return 0;
}

static int
refuse(const struct service_error *error, int status, const char *role_arn, struct err *err)
{
	/* STS calls its own trouble with the identity provider the sender's fault; it passes. */
	int passes =
	    strcmp(error->code, "IDPCommunicationError") == 0 || retry_class_of(status, error->code) != RETRY_NO;

	(void)err_set(err, passes ? ERR_UNAVAILABLE : ERR_CREDENTIALS, 0,
	    "STS does not let role '%s' be assumed: %d %s%s%s", role_arn, status, error->code,
	    error->message[0] == '\0' ? "" : ": ", error->message);
	err->http = status;
	return -1;
}

static int
ask_sts(const struct provider_run *run, struct http *http, const struct aws_endpoint *endpoint, const char *form,
    const char *role_arn, struct credentials *out, struct err *err)
{
	static const struct sigv4_header headers[] = {
	    {"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}};
	CLEAN_REPLY reply = {.status = 0};
	CLEAN_BUF body = {0};
	struct service_error error;
	struct service_call call = {
	    .method = "POST",
	    .url = endpoint->address,
	    .headers = headers,
	    .header_count = 1,
	    .body = form,
	    .deadline_ms = clock_now_ms() + STS_ANSWER_MS,
	};
	int got;

	buf_init(&body, CREDS_REPLY_MAX);
	if (service_send(http, run->ctx, NULL, &call, &reply, err) < 0) {
		return -1;
	}
	if (reply.status != 200) {
		return service_read_error(http, &reply, &error, err) < 0 ? -1
		                                                         : refuse(&error, reply.status, role_arn, err);
	}
	if (http_slurp(http, &body, err) < 0) {
		return -1;
	}
	got = read_answer(buf_text(&body), out, err);
	if (body.data != NULL) {
		secret_wipe(body.data, body.len);
	}
	return got;
}

int
provider_assume(const struct provider_run *run, const char *token_file, const char *role_arn, const char *session,
    struct credentials *out, struct err *err)
{
	CLEAN_BUF form = {0};
	CLEAN_HTTP *http = NULL;
	struct aws_endpoint endpoint;
	char region[AWS_REGION_MAX] = "us-east-1";
	struct retry retry;
	int got = -1;

	/* STS answers in every region; one that is unknown must not stand in the way. */
	if (aws_region(run->ctx->envp, NULL, region, err) < 0) {
		err_clear(err);
		(void)snprintf(region, sizeof(region), "us-east-1");
	}
	if (aws_endpoint(run->ctx->envp, AWS_STS, region, &endpoint, err) < 0) {
		return -1;
	}
	buf_init(&form, STS_FORM_MAX);
	http = http_new(run->ctx, err);
	if (http != NULL && write_form(token_file, role_arn, session, &form, err) == 0) {
		retry_init(&retry, STS_ATTEMPTS);
		do {
			got = ask_sts(run, http, &endpoint, buf_text(&form), role_arn, out, err);
		} while (got < 0 && retry_next(&retry, run->ctx, 0, err) == 0);
	}
	if (form.data != NULL) {
		secret_wipe(form.data, form.len);
	}
	if (got < 0 && err->kind == ERR_UNAVAILABLE) {
		err->kind = ERR_CREDENTIALS;
	}
	return got < 0 ? -1 : 1;
}

int
provider_web_identity(const struct provider_run *run, struct credentials *out, struct err *err)
{
	char *const *envp = run->ctx->envp;
	const char *file = net_env(envp, "AWS_WEB_IDENTITY_TOKEN_FILE"), *role = net_env(envp, "AWS_ROLE_ARN");

	if (file == NULL) {
		provider_skip(run, "web identity", "AWS_WEB_IDENTITY_TOKEN_FILE not set");
		return 0;
	}
	if (role == NULL) {
		return err_set(err, ERR_CREDENTIALS, 0, "AWS_WEB_IDENTITY_TOKEN_FILE is set and AWS_ROLE_ARN is not");
	}
	return provider_assume(run, file, role, net_env(envp, "AWS_ROLE_SESSION_NAME"), out, err);
}
