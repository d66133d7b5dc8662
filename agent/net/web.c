#include "net/web.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net/base64.h"
#include "net/http.h"
#include "net/lines.h"
#include "net/netrc.h"
#include "net/resume.h"
#include "net/retry.h"

enum {
	WHOLE_MAX = 2 * URL_MAX, /* an address put together: its path, and a host */
	NAME_SHOWN_MAX = 200,    /* the address in a message */
	USERPASS_MAX = 3000,     /* login:password */
	BASIC_MAX = 4096,        /* "Basic " and base64 of login:password */
};

struct web {
	const struct net_context *ctx;
	struct http *http;
	struct url first;
	const struct secret *token;
	const char *token_host;
	int (*allow)(void *self, const char *url, int hop, struct err *err);
	void *self;
	char name[NAME_SHOWN_MAX];
	char etag[HTTP_ETAG_MAX];
	struct resume resume;
};

/* Where a chain of redirects stands. */
struct walk {
	struct url url;
	int hop;
	int strayed;    /* host or port changed once: credentials stay away for good */
	int private_ok; /* the first host had a loopback or private address */
};

static int
is_plain(const struct url *url)
{
	return strcmp(url->scheme, "http") == 0;
}

/*
 * What policy refuses before sending is a setting for the address that was given, and a denial for one that a
 * server chose.
 */
static int
refuse(const struct walk *walk, struct err *err)
{
	err->kind = walk->hop == 0 ? ERR_SETTINGS : ERR_DENIED;
	return -1;
}

static int
check_hop(const struct web *web, const struct walk *walk, struct err *err)
{
	CLEAN_BUF bare = {0};

	buf_init(&bare, WHOLE_MAX);
	(void)url_print(&walk->url, 1, &bare);
	if (url_has_dots(&walk->url)) {
		(void)err_set(err, ERR_SETTINGS, 0, "'%.200s' has a '..' in its path", buf_text(&bare));
		return refuse(walk, err);
	}
	if (web->allow != NULL && web->allow(web->self, buf_text(&bare), walk->hop, err) < 0) {
		return refuse(walk, err);
	}
	return 0;
}

/* "HOST" means the scheme's own port. */
static int
token_fits(const struct web *web, const struct url *url)
{
	char host[URL_HOST_MAX + 8], with_port[URL_HOST_MAX + 8];
	int own_port = is_plain(url) ? 80 : 443;

	if (web->token == NULL || web->token->len == 0 || web->token_host == NULL) {
		return 0;
	}
	(void)snprintf(host, sizeof(host), "%s", url->host);
	(void)snprintf(with_port, sizeof(with_port), "%s:%d", url->host, url->port);
	return strcasecmp(web->token_host, with_port) == 0 ||
	       (url->port == own_port && strcasecmp(web->token_host, host) == 0);
}

/*
 * The Authorization that belongs to this hop: the token for its host, else what netrc says; none after the host
 * has changed.
 */
static int
add_authorization(const struct web *web, const struct walk *walk, struct lines *lines, struct err *err)
{
	CLEAN_SECRET userpass = {.bytes = NULL};
	char value[BASIC_MAX];
	int found;

	if (walk->strayed) {
		return 0;
	}
	if (token_fits(web, &walk->url)) {
		int n = snprintf(value, sizeof(value), "Bearer %s", secret_reveal(web->token));

		if (n < 0 || (size_t)n >= sizeof(value)) {
			return err_set(err, ERR_SETTINGS, 0, "the token for '%s' has more than %d bytes",
			    web->token_host, BASIC_MAX - 8);
		}
	} else {
		found = netrc_find(web->ctx->envp, walk->url.host, &userpass, err);
		if (found <= 0) {
			return found;
		}
		if (userpass.len > USERPASS_MAX) {
			return err_set(err, ERR_SETTINGS, 0, "the login for '%s' in netrc is too long", walk->url.host);
		}
		memcpy(value, "Basic ", 6);
		base64_encode(value + 6, secret_reveal(&userpass), userpass.len);
	}
	lines_add(lines, "Authorization", value);
	secret_wipe(value, sizeof(value));
	return lines->failed
	           ? err_set(err, ERR_SETTINGS, 0, "the token or login for '%s' holds a line end", walk->url.host)
	           : 0;
}

/* Where this hop may connect to. */
static unsigned
addresses_of(const struct web *web, const struct walk *walk)
{
	unsigned inner = ADDRESS_PRIVATE | ADDRESS_LOOPBACK;

	if (is_plain(&walk->url) && !web->ctx->plain_http) {
		return walk->hop == 0 || walk->private_ok ? ADDRESS_LOOPBACK : 0;
	}
	return ADDRESS_PUBLIC | (walk->hop == 0 || walk->private_ok ? inner : 0);
}

static int
send_hop(struct web *web, const struct walk *walk, const char *range, const char *if_match, struct http_reply *reply,
    struct err *err)
{
	CLEAN_LINES lines = {.count = 0};
	CLEAN_BUF url = {0};
	int plain = is_plain(&walk->url) && !web->ctx->plain_http;
	struct http_request request = {.method = "GET", .addresses = addresses_of(web, walk), .no_proxy = plain};

	buf_init(&url, WHOLE_MAX);
	(void)url_print(&walk->url, 0, &url);
	if (range != NULL) {
		lines_add(&lines, "Range", range);
		lines_add(&lines, "If-Match", if_match);
	}
	if (add_authorization(web, walk, &lines, err) < 0) {
		return -1;
	}
	request.url = buf_text(&url);
	request.headers = (const char *const *)lines.list;
	if (http_open(web->http, &request, reply, err) == 0) {
		return 0;
	}
	if (err->kind == ERR_DENIED && err->sys == EACCES) {
		if (plain) {
			(void)err_set(err, ERR_SETTINGS, 0,
			    "'%s' is plain http: give code-sha256 or TRAIN_CODE_INSECURE=1 to allow it",
			    walk->url.host);
		}
		return refuse(walk, err);
	}
	return -1;
}

static int
is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Goes to where the reply points. */
static int
step(struct walk *walk, const struct http_reply *reply, struct err *err)
{
	struct url next;
	char location[URL_MAX];

	if (!http_header(reply, "location", location, sizeof(location))) {
		return err_set(err, ERR_DENIED, 0, "'%s' redirects (%d) to no address", walk->url.host, reply->status);
	}
	if (walk->hop == WEB_REDIRECTS_MAX) {
		return err_set(
		    err, ERR_DENIED, 0, "'%s' redirects again after %d redirects", walk->url.host, WEB_REDIRECTS_MAX);
	}
	if (url_join(&next, &walk->url, location, err) < 0) {
		err->kind = ERR_DENIED;
		return err_wrap(err, "a redirect of '%s' is refused", walk->url.host);
	}
	if (!is_plain(&walk->url) && is_plain(&next)) {
		return err_set(err, ERR_DENIED, 0, "'%s' redirects from https to http, to '%s': refused",
		    walk->url.host, next.host);
	}
	if (walk->hop == 0) {
		walk->private_ok = (reply->peer & (ADDRESS_PRIVATE | ADDRESS_LOOPBACK)) != 0;
	}
	walk->strayed |= strcmp(next.host, walk->url.host) != 0 || next.port != walk->url.port;
	walk->url = next;
	walk->hop++;
	return 0;
}

/* What a final reply that is no file means. */
static int
judge(struct web *web, const struct walk *walk, const struct http_reply *reply, struct err *err)
{
	CLEAN_BUF bare = {0};
	int status = reply->status;

	buf_init(&bare, WHOLE_MAX);
	(void)url_print(&walk->url, 1, &bare);
	web->resume.retry_after_ms = reply_retry_after_ms(reply);
	if (retry_class_of(status, "") != RETRY_NO) {
		(void)err_set(err, ERR_UNAVAILABLE, 0, "'%.200s' cannot be served now: the server answers %d",
		    buf_text(&bare), status);
	} else if (status == 404 || status == 410) {
		(void)err_set(err, ERR_NOT_FOUND, 0, "'%.200s' does not exist (%d)", buf_text(&bare), status);
	} else if (status == 401 || status == 403) {
		(void)err_set(err, ERR_DENIED, 0,
		    "'%.200s' is denied (%d): is a netrc entry for '%s' there, or TRAIN_CODE_TOKEN with "
		    "TRAIN_CODE_TOKEN_HOST?%s",
		    buf_text(&bare), status, walk->url.host,
		    walk->strayed ? " (after a redirect to another host credentials are not sent)" : "");
	} else {
		(void)err_set(
		    err, ERR_DENIED, 0, "'%.200s' is refused: the server answers %d", buf_text(&bare), status);
	}
	err->http = status;
	return -1;
}

/* One request with all its redirects: 0 with the reply of the file itself. */
static int
walk_to_file(struct web *web, struct walk *walk, const char *range, const char *if_match, struct http_reply *reply,
    struct err *err)
{
	web->resume.retry_after_ms = 0;
	*walk = (struct walk){.url = web->first};
	for (;;) {
		if (check_hop(web, walk, err) < 0 || send_hop(web, walk, range, if_match, reply, err) < 0) {
			return -1;
		}
		if (!is_redirect(reply->status)) {
			break;
		}
		if (step(walk, reply, err) < 0) {
			err->http = reply->status;
			return -1;
		}
	}
	if (reply->status == 200 ||
	    (range != NULL && (reply->status == 206 || reply->status == 412 || reply->status == 416))) {
		return 0;
	}
	return judge(web, walk, reply, err);
}

/*
 * The rest of a cut body is asked for at the first address: what it redirects to may have been signed for minutes
 * only.
 */
static int
get_rest(void *self, const char *range, const char *if_match, struct http_reply *reply, struct err *err)
{
	struct walk walk;

	return walk_to_file(self, &walk, range, if_match, reply, err);
}

static void
begin_resume(struct web *web, int64_t size)
{
	web->resume = (struct resume){
	    .ctx = web->ctx,
	    .http = web->http,
	    .etag = web->etag,
	    .name = web->name,
	    .size = size,
	    .end = -1,
	    .flow_end = -1,
	    .reopen = get_rest,
	    .self = web,
	};
	retry_init(&web->resume.retry, RETRY_ATTEMPTS);
}

static int
first_get(struct web *web, struct web_meta *meta, struct err *err)
{
	CLEAN_REPLY reply = {.status = 0};
	struct retry retry;
	struct walk walk;

	retry_init(&retry, RETRY_ATTEMPTS);
	while (walk_to_file(web, &walk, NULL, NULL, &reply, err) < 0) {
		if (retry_next(&retry, web->ctx, web->resume.retry_after_ms, err) < 0) {
			return -1;
		}
	}
	if (!reply.has_end) {
		return err_set(err, ERR_UNAVAILABLE, 0,
		    "the reply for '%s' says neither its length nor its end, so a cut would not show", web->name);
	}
	memset(meta, 0, sizeof(*meta));
	meta->size = reply.length;
	meta->hops = walk.hop;
	memcpy(meta->host, walk.url.host, sizeof(meta->host));
	(void)http_header(&reply, "etag", meta->etag, sizeof(meta->etag));
	memcpy(web->etag, meta->etag, sizeof(web->etag));
	begin_resume(web, meta->size);
	web->resume.flowing = 1;
	return 0;
}

static int
prepare(struct web *web, const struct web_request *request, struct err *err)
{
	CLEAN_BUF bare = {0};

	if (url_parse(&web->first, request->url, err) < 0) {
		return -1;
	}
	if (request->token != NULL && request->token->len > 0 && request->token_host == NULL) {
		return err_set(
		    err, ERR_SETTINGS, 0, "a token is given without TRAIN_CODE_TOKEN_HOST, the one host it is for");
	}
	web->token = request->token;
	web->token_host = request->token_host;
	web->allow = request->allow;
	web->self = request->self;
	buf_init(&bare, WHOLE_MAX);
	(void)url_print(&web->first, 1, &bare);
	(void)snprintf(web->name, sizeof(web->name), "%.*s", NAME_SHOWN_MAX - 1, buf_text(&bare));
	web->http = http_new(web->ctx, err);
	return web->http == NULL ? -1 : 0;
}

struct web *
web_open(const struct net_context *ctx, const struct web_request *request, struct web_meta *meta, struct err *err)
{
	struct web *web = calloc(1, sizeof(*web));

	if (web == NULL) {
		(void)err_set(err, ERR_SYSTEM, ENOMEM, "cannot prepare a request");
		return NULL;
	}
	web->ctx = ctx;
	if (prepare(web, request, err) < 0 || first_get(web, meta, err) < 0) {
		web_close(web);
		return NULL;
	}
	return web;
}

static void
aim(void *self, int64_t from, int64_t to)
{
	struct web *web = self;

	resume_aim(&web->resume, from, to);
}

static void
close_lane(void *self)
{
	web_close(self);
}

struct lane
web_lane(struct web *web)
{
	return (struct lane){.aim = aim, .source = resume_source(&web->resume), .close = close_lane, .self = web};
}

struct web *
web_another(const struct web *web, struct err *err)
{
	struct web *other = calloc(1, sizeof(*other));

	if (other == NULL) {
		(void)err_set(err, ERR_SYSTEM, ENOMEM, "cannot open another connection");
		return NULL;
	}
	*other = (struct web){.ctx = web->ctx,
	    .first = web->first,
	    .token = web->token,
	    .token_host = web->token_host,
	    .allow = web->allow,
	    .self = web->self};
	memcpy(other->name, web->name, sizeof(other->name));
	memcpy(other->etag, web->etag, sizeof(other->etag));
	other->http = http_new(web->ctx, err);
	if (other->http == NULL) {
		web_close(other);
		return NULL;
	}
	begin_resume(other, web->resume.size);
	return other;
}

struct source
web_source(struct web *web)
{
	return resume_source(&web->resume);
}

size_t
web_bytes(const struct web *web)
{
	return http_bytes(web->http);
}

void
web_close(struct web *web)
{
	if (web != NULL) {
		http_free(web->http);
		free(web);
	}
}

void
web_clean(struct web **web)
{
	web_close(*web);
	*web = NULL;
}
