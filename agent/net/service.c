#include "net/service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_read.h"
#include "base/text.h"
#include "net/lines.h"
#include "net/xml.h"

/* "host" or "host:port", as libcurl sends it. */
static void
host_of(const struct url *url, char *out, size_t size)
{
	int own_port = strcmp(url->scheme, "https") == 0 ? 443 : 80;

	if (url->port == own_port) {
		(void)snprintf(out, size, "%s", url->host);
	} else {
		(void)snprintf(out, size, "%s:%d", url->host, url->port);
	}
}

/* Signs with the current credentials and puts the signer's headers into 'lines'. */
static int
sign_held(
    struct creds *creds, const struct service_call *call, const struct url *url, struct lines *lines, struct err *err)
{
	CLEAN_SIGV4 sig = {.date = ""};
	struct sigv4_header headers[SIGV4_HEADERS_MAX];
	char host[URL_HOST_MAX + 8], path[URL_MAX];
	const struct credentials *keys;
	size_t path_len = strcspn(url->path, "?");

	if (creds_get(creds, &keys, err) < 0) {
		return -1;
	}
	if (call->signed_by != NULL) {
		*call->signed_by = keys->serial;
	}
	if (call->header_count + 1 > SIGV4_HEADERS_MAX) {
		return err_set(err, ERR_BUG, 0, "too many headers for '%s'", call->service);
	}
	memcpy(headers, call->headers, call->header_count * sizeof(headers[0]));
	host_of(url, host, sizeof(host));
	headers[call->header_count] = (struct sigv4_header){"host", host};
	memcpy(path, url->path, path_len);
	path[path_len] = '\0';

	struct sigv4_request request = {
	    .method = call->method,
	    .path = path,
	    .query = url->path[path_len] == '?' ? url->path + path_len + 1 : NULL,
	    .headers = headers,
	    .header_count = call->header_count + 1,
	    .body = call->body,
	    .body_len = call->body == NULL ? 0 : strlen(call->body),
	    .region = call->region,
	    .service = call->service,
	    .access_key = secret_reveal(&keys->access_key),
	    .secret_key = secret_reveal(&keys->secret_key),
	    .token = secret_reveal(&keys->token),
	    .time_s = (int64_t)clock_wall(),
	    .s3 = strcmp(call->service, "s3") == 0,
	    .normalize = 1,
	};
	if (sigv4_sign(&request, &sig, err) < 0) {
		return -1;
	}
	lines_add(lines, "x-amz-date", sig.date);
	if (sig.content_hash[0] != '\0') {
		lines_add(lines, "x-amz-content-sha256", sig.content_hash);
	}
	if (keys->token.len > 0) {
		lines_add(lines, "x-amz-security-token", secret_reveal(&keys->token));
	}
	lines_add(lines, "Authorization", buf_text(&sig.authorization));
	return 0;
}

/* Several threads may sign with one chain. */
static int
sign(struct creds *creds, const struct service_call *call, const struct url *url, struct lines *lines, struct err *err)
{
	creds_hold(creds);
	int result = sign_held(creds, call, url, lines, err);
	creds_let_go(creds);
	return result;
}

/* Plain http is for loopback, unless the one who started the job said otherwise. */
static int
open_by_policy(struct http *http, const struct net_context *ctx, struct http_request *request, const struct url *url,
    struct http_reply *reply, struct err *err)
{
	int plain = strcmp(url->scheme, "http") == 0 && !ctx->plain_http;

	request->addresses = plain ? ADDRESS_LOOPBACK : ADDRESS_PUBLIC | ADDRESS_PRIVATE | ADDRESS_LOOPBACK;
	request->no_proxy = plain;
	if (http_open(http, request, reply, err) == 0) {
		return 0;
	}
	if (err->kind == ERR_DENIED && err->sys == EACCES) {
		err->kind = ERR_SETTINGS;
		if (plain) {
			return err_set(err, ERR_SETTINGS, 0,
			    "the endpoint 'http://%s' is neither https nor on this host: give code-sha256 or TRAIN_CODE_INSECURE=1 "
			    "to allow it",
			    url->host);
		}
	}
	return -1;
}

int
service_send(struct http *http, const struct net_context *ctx, struct creds *creds, const struct service_call *call,
    struct http_reply *reply, struct err *err)
{
	CLEAN_LINES lines = {.count = 0};
	struct url url;
	struct http_request request = {
	    .method = call->method,
	    .url = call->url,
	    .body = call->body,
	    .body_len = call->body == NULL ? 0 : strlen(call->body),
	    .connect_ms = call->connect_ms,
	    .deadline_ms = call->deadline_ms,
	};

	if (url_parse(&url, call->url, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < call->header_count; i++) {
		lines_add(&lines, call->headers[i].name, call->headers[i].value);
	}
	if (call->service != NULL && sign(creds, call, &url, &lines, err) < 0) {
		return -1;
	}
	if (lines.failed) {
		return err_set(err, ERR_SETTINGS, 0, "a header for '%s' cannot be sent: it holds a line end", url.host);
	}
	request.headers = (const char *const *)lines.list;
	return open_by_policy(http, ctx, &request, &url, reply, err);
}

/* A string member into a fixed text; "" when it is none or too long. */
static void
copy_member(const struct json *json, const char *key, char *out, size_t size)
{
	char *text = json_string(json, json_member(json, 0, key), NULL);

	(void)snprintf(out, size, "%s", text == NULL ? "" : text);
	free(text);
}

/* "prefix#Name:http://..." is Name (C§7.4). */
static void
tidy_code(char *code)
{
	char *hash;

	code[strcspn(code, ":")] = '\0';
	hash = strrchr(code, '#');
	if (hash != NULL) {
		memmove(code, hash + 1, strlen(hash + 1) + 1);
	}
}

static void
parse_json_error(const char *body, size_t len, struct service_error *error)
{
	CLEAN_JSON json = {.text = NULL};
	struct err ignored = {.kind = ERR_NONE};

	if (json_parse(&json, body, len, "the error reply", &ignored) < 0 || json_type(&json, 0) != JSON_OBJECT) {
		return;
	}
	copy_member(&json, "__type", error->code, sizeof(error->code));
	tidy_code(error->code);
	copy_member(&json, "message", error->message, sizeof(error->message));
	if (error->message[0] == '\0') {
		copy_member(&json, "Message", error->message, sizeof(error->message));
	}
}

void
service_parse_error(const struct http_reply *reply, const char *body, size_t len, struct service_error *error)
{
	size_t blanks = strspn(body, " \t\r\n");
	char region[sizeof(error->region)];

	memset(error, 0, sizeof(*error));
	if (blanks < len && body[blanks] == '{') {
		parse_json_error(body, len, error);
	} else if (blanks < len && body[blanks] == '<') {
		(void)xml_text(body, "Code", 0, error->code, sizeof(error->code));
		(void)xml_text(body, "Message", 0, error->message, sizeof(error->message));
		(void)xml_text(body, "Region", 0, error->region, sizeof(error->region));
	}
	if (error->code[0] == '\0') {
		error->message[0] = '\0'; /* an HTML page of a proxy is no message of the service */
	}
	error->message[utf8_cut(error->message, strlen(error->message), SERVICE_SHOWN_MAX)] = '\0';
	if (http_header(reply, "x-amz-bucket-region", region, sizeof(region))) {
		memcpy(error->region, region, sizeof(region));
	}
	error->retry_after_ms = reply_retry_after_ms(reply);
}

int
service_read_error(struct http *http, const struct http_reply *reply, struct service_error *error, struct err *err)
{
	CLEAN_BUF body = {0};

	buf_init(&body, SERVICE_ERROR_MAX);
	if (http_slurp(http, &body, err) < 0) {
		/*
		 * The status says enough when only the words about it were lost; a stop or the end of time does not wait
		 * for them.
		 */
		if (err->kind != ERR_UNAVAILABLE) {
			return -1;
		}
		err_clear(err);
		buf_reset(&body);
	}
	service_parse_error(reply, buf_text(&body), body.len, error);
	err->http = reply->status;
	return 0;
}
