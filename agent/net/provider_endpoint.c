/*
 * The endpoints that hand out credentials on this machine: the container's (ECS, SageMaker, EKS) and EC2's
 * instance metadata.
 */
#include "net/provider.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/fd.h"
#include "net/http.h"
#include "net/lines.h"
#include "net/retry.h"
#include "net/url.h"

/* Where the container's endpoint stands when only a path is given (C§8.4), and EC2's (C§8.5). */
static const char container_base[] = "http://169.254.170.2";
static const char instance_base[] = "http://169.254.169.254";
static const char instance_base_6[] = "http://[fd00:ec2::254]";

int
provider_allows_plain(const char *host)
{
	static const char *const known[] = {"localhost", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (strcasecmp(host, known[i]) == 0) {
			return 1;
		}
	}
	return address_kind_of_text(host) == ADDRESS_LOOPBACK;
}

/* One small request with its reply, whatever the status. */
static int
exchange(struct http *http, struct http_request *request, const struct lines *lines, int within_ms,
    struct http_reply *reply, struct buf *body, struct err *err)
{
	if (lines->failed) {
		return err_set(err, ERR_CREDENTIALS, 0, "the token for a credentials endpoint holds a line end");
	}
	request->headers = (const char *const *)lines->list;
	request->connect_ms = within_ms;
	request->deadline_ms = clock_now_ms() + within_ms;
	request->hide_path = 1;
	buf_reset(body);
	return http_open(http, request, reply, err) < 0 ? -1 : http_slurp(http, body, err);
}

/*
 * The value of Authorization for the container's endpoint: the file's text (read anew each time), else the
 * variable's.
 */
static int
add_container_token(const struct provider_run *run, struct lines *lines, struct err *err)
{
	const char *file = net_env(run->ctx->envp, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	const char *token = net_env(run->ctx->envp, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
	CLEAN_BUF text = {0};
	int bad;

	if (file == NULL && token == NULL) {
		return 0;
	}
	if (file != NULL) {
		buf_init(&text, CREDS_TOKEN_MAX);
		if (fd_read_file(AT_FDCWD, file, &text, err) < 0) {
			err->kind = ERR_CREDENTIALS;
			return err_wrap(err, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
		}
		token = buf_text(&text);
	}
	/* A line end would forge a header; the file is not trimmed, as no SDK does. */
	bad = strpbrk(token, "\r\n") != NULL || (file != NULL && strlen(token) != text.len);
	if (!bad) {
		lines_add(lines, "Authorization", token);
	}
	if (text.data != NULL) {
		secret_wipe(text.data, text.len);
	}
	return bad ? err_set(err, ERR_CREDENTIALS, 0, "the container's authorization token holds a line end%s",
	                 file == NULL ? "" : ": write AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE without one")
	           : 0;
}

/* The address, and which addresses it may resolve to. 1, 0 when no variable names one, -1 with 'err'. */
static int
container_address(const struct provider_run *run, struct buf *address, unsigned *addresses, struct err *err)
{
	const char *relative = net_env(run->ctx->envp, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const char *full = net_env(run->ctx->envp, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
	struct url url;
	int plain;

	if (relative == NULL && full == NULL) {
		return 0;
	}
	if (relative != NULL && relative[0] != '/') {
		return err_set(
		    err, ERR_CREDENTIALS, 0, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with '/'");
	}
	(void)buf_printf(address, "%s%s", relative != NULL ? container_base : "", relative != NULL ? relative : full);
	if (address->full || url_parse(&url, buf_text(address), err) < 0) {
		return err_set(err, ERR_CREDENTIALS, 0, "AWS_CONTAINER_CREDENTIALS_%s_URI is no address",
		    relative != NULL ? "RELATIVE" : "FULL");
	}
	plain = strcmp(url.scheme, "http") == 0;
	if (plain && !provider_allows_plain(url.host)) {
		return err_set(err, ERR_CREDENTIALS, 0,
		    "AWS_CONTAINER_CREDENTIALS_FULL_URI is plain http to '%s', which is neither this host nor a container "
		    "service",
		    url.host);
	}
	/* By name only "localhost" came this far: it must really be this host. */
	*addresses = !plain                                                 ? ADDRESS_ANY
	             : address_kind_of_text(url.host) == ADDRESS_LINK_LOCAL ? ADDRESS_LINK_LOCAL
	                                                                    : ADDRESS_LOOPBACK;
	return 1;
}

/* What answers there, if anything, is not what hands out credentials. */
static int
is_out_of_reach(const struct err *err)
{
	return err->kind == ERR_UNAVAILABLE || err->kind == ERR_DENIED || err->kind == ERR_UNTRUSTED;
}

static int
ask_container(const struct provider_run *run, struct http *http, const char *address, unsigned addresses,
    struct credentials *out, int64_t *retry_after_ms, struct err *err)
{
	CLEAN_LINES lines = {.count = 0};
	CLEAN_REPLY reply = {.status = 0};
	CLEAN_BUF body = {0};
	struct http_request request = {.method = "GET", .url = address, .addresses = addresses, .no_proxy = 1};
	int got;

	buf_init(&body, CREDS_REPLY_MAX);
	lines_add(&lines, "Accept", "application/json");
	if (add_container_token(run, &lines, err) < 0 ||
	    exchange(http, &request, &lines, CREDS_CONTAINER_MS, &reply, &body, err) < 0) {
		return -1;
	}
	*retry_after_ms = reply_retry_after_ms(&reply);
	if (reply.status != 200) {
		enum err_kind kind = retry_class_of(reply.status, "") == RETRY_NO ? ERR_CREDENTIALS : ERR_UNAVAILABLE;

		(void)err_set(err, kind, 0, "the container's credentials endpoint answers %d", reply.status);
		err->http = reply.status;
		return -1;
	}
	got = provider_parse_json(
	    buf_text(&body), body.len, "the container's credentials endpoint", "Token", 1, out, err);
	if (body.data != NULL) {
		secret_wipe(body.data, body.len);
	}
	out->provider = "container";
	return got;
}

int
provider_container(const struct provider_run *run, struct credentials *out, struct err *err)
{
	CLEAN_BUF address = {0};
	CLEAN_HTTP *http = NULL;
	struct retry retry;
	unsigned addresses = 0;
	int64_t retry_after_ms = 0;
	int configured;

	buf_init(&address, URL_MAX - 1);
	configured = container_address(run, &address, &addresses, err);
	if (configured <= 0) {
		if (configured == 0) {
			provider_skip(run, "container", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI not set");
		}
		return configured;
	}
	http = http_new(run->ctx, err);
	if (http == NULL) {
		return -1;
	}
	retry_init(&retry, CREDS_ENDPOINT_ATTEMPTS);
	while (ask_container(run, http, buf_text(&address), addresses, out, &retry_after_ms, err) < 0) {
		if (retry_next(&retry, run->ctx, retry_after_ms, err) < 0) {
			/* Without any network it is not the credentials that fail. */
			if (err->sys != ENETUNREACH && is_out_of_reach(err)) {
				err->kind = ERR_CREDENTIALS;
			}
			return -1;
		}
	}
	return 1;
}

static const char *
instance_address(char *const *envp)
{
	const char *given = net_env(envp, "AWS_EC2_METADATA_SERVICE_ENDPOINT");
	const char *mode = net_env(envp, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");

	if (given != NULL) {
		return given;
	}
	return mode != NULL && strcasecmp(mode, "ipv6") == 0 ? instance_base_6 : instance_base;
}

struct instance {
	const struct provider_run *run;
	struct http *http;
	const char *base;
	unsigned addresses;
};

/* One request below the base address; 'name' and 'value' are its one header. The status, or -1 with 'err'. */
static int
ask_instance(const struct instance *instance, const char *method, const char *path, const char *name, const char *value,
    struct buf *body, struct err *err)
{
	CLEAN_LINES lines = {.count = 0};
	CLEAN_REPLY reply = {.status = 0};
	CLEAN_BUF address = {0};
	size_t base_len = strlen(instance->base);
	struct http_request request = {.method = method, .addresses = instance->addresses, .no_proxy = 1};

	while (base_len > 0 && instance->base[base_len - 1] == '/') {
		base_len--;
	}
	buf_init(&address, URL_MAX - 1);
	(void)buf_add(&address, instance->base, base_len);
	(void)buf_adds(&address, path);
	request.url = buf_text(&address);
	lines_add(&lines, name, value);
	if (address.full) {
		return err_set(err, ERR_CREDENTIALS, 0, "AWS_EC2_METADATA_SERVICE_ENDPOINT is too long");
	}
	return exchange(instance->http, &request, &lines, CREDS_IMDS_MS, &reply, body, err) < 0 ? -1 : reply.status;
}

/*
 * The session token of IMDSv2. 1, 0 when nothing there speaks it (then this is no EC2 instance for us), -1 when
 * asked to stop.
 */
static int
get_session(const struct instance *instance, struct secret *token, struct err *err)
{
	CLEAN_BUF body = {0};
	int status;

	buf_init(&body, CREDS_TOKEN_MAX);
	status = ask_instance(
	    instance, "PUT", "/latest/api/token", "x-aws-ec2-metadata-token-ttl-seconds", "21600", &body, err);
	if (status < 0) {
		if (err->kind != ERR_UNAVAILABLE) {
			return -1;
		}
		err_clear(err);
		provider_skip(instance->run, "instance metadata", "not reachable");
		return 0;
	}
	if (status != 200 || body.len == 0 || strpbrk(buf_text(&body), "\r\n") != NULL) {
		char why[64];

		(void)snprintf(why, sizeof(why), "answers %d where IMDSv2 gives a token", status);
		provider_skip(instance->run, "instance metadata", why);
		return 0;
	}
	return secret_set(token, buf_text(&body), body.len) < 0
	           ? err_set(err, ERR_SYSTEM, ENOMEM, "cannot keep a token")
	           : 1;
}

/* The role's name, the first line of what the service lists. 1, 0 when the instance has none, -1. */
static int
get_role(const struct instance *instance, const struct secret *token, struct buf *path, struct err *err)
{
	static const char list[] = "/latest/meta-data/iam/security-credentials/";
	CLEAN_BUF body = {0};
	size_t len;
	int status;

	buf_init(&body, 1024);
	status = ask_instance(instance, "GET", list, "x-aws-ec2-metadata-token", secret_reveal(token), &body, err);
	if (status < 0) {
		return -1;
	}
	len = strcspn(buf_text(&body), "\r\n");
	if (status == 404 || (status == 200 && len == 0)) {
		provider_skip(instance->run, "instance metadata", "the instance has no role");
		return 0;
	}
	if (status != 200) {
		return err_set(err, ERR_CREDENTIALS, 0,
		    "the instance metadata service answers %d when asked for the role", status);
	}
	(void)buf_adds(path, list);
	(void)url_encode(path, buf_text(&body), len, 0);
	return 1;
}

static int
get_keys(const struct instance *instance, const struct secret *token, const char *path, struct credentials *out,
    struct err *err)
{
	CLEAN_BUF body = {0};
	int status, got;

	buf_init(&body, CREDS_REPLY_MAX);
	status = ask_instance(instance, "GET", path, "x-aws-ec2-metadata-token", secret_reveal(token), &body, err);
	if (status < 0) {
		return -1;
	}
	if (status != 200) {
		return err_set(err, ERR_CREDENTIALS, 0,
		    "the instance metadata service answers %d when asked for credentials", status);
	}
	got = provider_parse_json(buf_text(&body), body.len, "the instance metadata service", "Token", 1, out, err);
	if (body.data != NULL) {
		secret_wipe(body.data, body.len);
	}
	out->provider = "instance metadata";
	return got < 0 ? -1 : 1;
}

int
provider_instance(const struct provider_run *run, struct credentials *out, struct err *err)
{
	struct instance instance = {.run = run, .base = instance_address(run->ctx->envp)};
	CLEAN_HTTP *http = NULL;
	CLEAN_SECRET token = {.bytes = NULL};
	CLEAN_BUF path = {0};
	int got;

	if (net_env_is_true(run->ctx->envp, "AWS_EC2_METADATA_DISABLED")) {
		provider_skip(run, "instance metadata", "AWS_EC2_METADATA_DISABLED");
		return 0;
	}
	buf_init(&path, URL_MAX - 1);
	http = http_new(run->ctx, err);
	if (http == NULL) {
		return -1;
	}
	instance.http = http;
	/* An address that someone set is theirs to choose; the built-in one never leaves the link. */
	instance.addresses =
	    net_env(run->ctx->envp, "AWS_EC2_METADATA_SERVICE_ENDPOINT") != NULL ? ADDRESS_ANY : ADDRESS_LINK_LOCAL;
	got = get_session(&instance, &token, err);
	if (got > 0) {
		got = get_role(&instance, &token, &path, err);
	}
	if (got > 0) {
		got = get_keys(&instance, &token, buf_text(&path), out, err);
	}
	if (got < 0 && is_out_of_reach(err)) {
		err->kind = ERR_CREDENTIALS;
	}
	return got;
}
