#include "net/http.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/http_inside.h"
#include "net/proxy.h"
#include "net/url.h"

enum {
	CURL_BUFFER = 65536,     /* what libcurl reads at once; WINDOW_BYTES is twice that */
	WHOLE_MAX = 2 * URL_MAX, /* an address put together: its path, and a host */
	KEPT_CONNECTIONS = 4,    /* a redirect comes back to few hosts */
	HANDLE_BYTES = 32768,    /* libcurl's own of a handle, a transfer and a connection */
	TLS_BYTES =
	    131072, /* a connection's buffers and contexts (41 kB), and the roots it is checked against (some 500 bytes each) */
	POLL_STEP_MS = 60000, /* libcurl's own timers shorten a wait; this bounds it where it has none */
};

static int
policy_lets(struct http *http, unsigned kind)
{
	if (http->now.via_proxy || (http->now.addresses & kind) != 0) {
		return 1;
	}
	http->now.refused = kind;
	return 0;
}

static curl_socket_t
open_socket(void *self, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct http *http = self;

	(void)purpose;
	if (!policy_lets(http, address_kind(&address->addr))) {
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* A kept connection is judged again: it may have been made under another policy. */
static int
before_request(void *self, char *peer, char *local, int peer_port, int local_port)
{
	(void)local;
	(void)peer_port;
	(void)local_port;
	return policy_lets(self, address_kind_of_text(peer)) ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

static size_t
take_header(char *line, size_t size, size_t count, void *self)
{
	struct http *http = self;
	size_t len = size * count;

	/* Trailers behind chunks say nothing we use. */
	if (http->now.reply != NULL && http->now.head <= 0) {
		http->now.head = reply_take_line(http->now.reply, line, len);
		http->now.status = http->now.reply->status;
	}
	return http->now.head < 0 ? 0 : len;
}

static size_t
take_body(char *bytes, size_t size, size_t count, void *self)
{
	struct http *http = self;
	size_t len = size * count;

	if (window_put(&http->window, bytes, len) < 0) {
		http->now.paused = 1;
		return CURL_WRITEFUNC_PAUSE;
	}
	http->now.body_got += (int64_t)len;
	http->now.waited_bytes += (int64_t)len;
	return len;
}

static void
note_end(struct http *http)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(http->multi, &left)) != NULL) {
		if (message->msg == CURLMSG_DONE) {
			http->now.done = 1;
			http->now.result = message->data.result;
		}
	}
}

/* Deadlines are checked before each wait, so that a sender that never stops cannot keep us past them. */
static int
check_time(struct http *http, struct err *err)
{
	int64_t now_ms = clock_now_ms();

	if (now_ms >= http->ctx->deadline_ms) {
		return err_set(
		    err, ERR_DEADLINE, 0, "the time for this phase is over while waiting for '%s'", http->shown);
	}
	if (now_ms >= http->now.deadline_ms) {
		return http_fail_in_time(http, err, "did not answer in time");
	}
	/* Counted from when enough had come, so that a sender that falls silent is found out in one window. */
	if (http->now.waited_bytes >= HTTP_SLOW_BYTES) {
		http->now.waited_ms = 0;
		http->now.waited_bytes = 0;
	}
	return http->now.waited_ms < HTTP_SLOW_WINDOW_MS
	           ? 0
	           : http_fail_in_time(http, err, "sent next to nothing for 15 seconds");
}

/* libcurl does not pass over descriptors below 0. */
static unsigned
fill_wakes(const struct net_context *ctx, struct curl_waitfd wakes[NET_WAKES])
{
	struct pollfd fds[NET_WAKES];
	int count = net_wakes(ctx, fds);
	unsigned kept = 0;

	for (int i = 0; i < count; i++) {
		if (fds[i].fd >= 0) {
			wakes[kept++] = (struct curl_waitfd){.fd = fds[i].fd, .events = CURL_WAIT_POLLIN};
		}
	}
	return kept;
}

static int
wait_step(struct http *http, struct err *err)
{
	struct curl_waitfd wakes[NET_WAKES];
	unsigned wake_count = fill_wakes(http->ctx, wakes);
	int64_t until_ms = clock_earlier(http->now.deadline_ms, http->ctx->deadline_ms), begun_ms = clock_now_ms();
	int64_t window_ms = HTTP_SLOW_WINDOW_MS - http->now.waited_ms;
	int wait_ms;

	until_ms = clock_earlier(until_ms, begun_ms + window_ms);
	wait_ms = clock_poll_ms(clock_earlier(until_ms, begun_ms + POLL_STEP_MS));
	if (curl_multi_poll(http->multi, wakes, wake_count, wait_ms, NULL) != CURLM_OK) {
		return err_set(err, ERR_SYSTEM, errno, "cannot wait for '%s'", http->shown);
	}
	http->now.waited_ms += clock_now_ms() - begun_ms;
	return 0;
}

/*
 * Lets libcurl work until there is a head, or a part of the body, or the transfer is over. 0, or -1 with 'err'
 * when it may not go on.
 */
static int
pump(struct http *http, int for_body, struct err *err)
{
	int running;

	for (;;) {
		if (net_check(http->ctx, err) < 0 || check_time(http, err) < 0) {
			return -1;
		}
		if (curl_multi_perform(http->multi, &running) != CURLM_OK) {
			return err_set(err, ERR_SYSTEM, 0, "cannot go on with '%s'", http->shown);
		}
		note_end(http);
		if (http->now.done || (for_body ? http->window.into_got > 0 : http->now.head > 0)) {
			return 0;
		}
		if (wait_step(http, err) < 0) {
			return -1;
		}
	}
}

static void
detach(struct http *http)
{
	if (http->now.attached) {
		(void)curl_multi_remove_handle(http->multi, http->easy);
		http->now.attached = 0;
	}
	curl_slist_free_all(http->lines);
	http->lines = NULL;
}

static int
add_line(struct http *http, const char *line)
{
	struct curl_slist *longer = curl_slist_append(http->lines, line);

	if (longer == NULL) {
		return -1;
	}
	http->lines = longer;
	return 0;
}

static int
add_lines(struct http *http, const struct http_request *request)
{
	/* No waiting for "100 Continue", and no form type where the caller names none. */
	int typed = 0;

	for (size_t i = 0; request->headers != NULL && request->headers[i] != NULL; i++) {
		typed |= strncasecmp(request->headers[i], "Content-Type:", 13) == 0;
		if (i >= HTTP_HEADERS_MAX || add_line(http, request->headers[i]) < 0) {
			return -1;
		}
	}
	if (!typed && add_line(http, "Content-Type:") < 0) {
		return -1;
	}
	return add_line(http, "Expect:");
}

/* The same for every request of this handle. */
static int
set_fixed_options(struct http *http)
{
	CURL *easy = http->easy;
	int bad = 0;

	curl_easy_reset(easy);
	bad |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_DNS_SHUFFLE_ADDRESSES, 1L) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)CURL_BUFFER) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_MAXCONNECTS, (long)KEPT_CONNECTIONS) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "train") != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, http->error) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, http) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, http) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, http) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, before_request) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_PREREQDATA, http) != CURLE_OK;
	return bad ? -1 : 0;
}

static int
set_tls_options(struct http *http)
{
	const char *ciphers = trust_ciphers();
	struct curl_blob pem = {.data = http->trust.pem.data, .len = http->trust.pem.len, .flags = CURL_BLOB_NOCOPY};
	int bad = 0;

	bad |= curl_easy_setopt(http->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) != CURLE_OK;
	bad |= curl_easy_setopt(http->easy, CURLOPT_SSL_VERIFYPEER, 1L) != CURLE_OK;
	bad |= curl_easy_setopt(http->easy, CURLOPT_SSL_VERIFYHOST, 2L) != CURLE_OK;
	if (ciphers != NULL) {
		bad |= curl_easy_setopt(http->easy, CURLOPT_SSL_CIPHER_LIST, ciphers) != CURLE_OK;
	}
	if (http->trust.file != NULL) {
		bad |= curl_easy_setopt(http->easy, CURLOPT_CAINFO, http->trust.file) != CURLE_OK;
	} else {
		bad |= curl_easy_setopt(http->easy, CURLOPT_CAINFO, NULL) != CURLE_OK;
		bad |= curl_easy_setopt(http->easy, CURLOPT_CAINFO_BLOB, &pem) != CURLE_OK;
	}
	return bad ? -1 : 0;
}

static int
set_request_options(struct http *http, const struct http_request *request, const char *proxy)
{
	CURL *easy = http->easy;
	long connect_ms = request->connect_ms > 0 ? request->connect_ms : HTTP_CONNECT_MS;
	int bad = 0;

	bad |= curl_easy_setopt(easy, CURLOPT_URL, request->url) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_PROXY, proxy == NULL ? "" : proxy) != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_NOPROXY, "") != CURLE_OK;
	bad |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, connect_ms) != CURLE_OK;
	if (strcmp(request->method, "GET") != 0) {
		bad |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len) != CURLE_OK;
		bad |=
		    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body == NULL ? "" : request->body) != CURLE_OK;
		bad |= curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method) != CURLE_OK;
	}
	bad |= add_lines(http, request) < 0;
	bad |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, http->lines) != CURLE_OK;
	return bad ? -1 : 0;
}

/* What can be said before anything is sent. */
static int
check_address(struct http *http, const struct url *url, const struct http_request *request, struct err *err)
{
	unsigned literal = address_kind_of_text(url->host);

	if (literal != 0 && (request->addresses & literal) == 0) {
		http->now.refused = literal;
		return http_fail_refused(http, err);
	}
	if (literal != 0 && strcmp(url->scheme, "https") == 0) {
		return err_set(err, ERR_SETTINGS, 0,
		    "cannot check the certificate of the bare address '%s': use a host name, with /etc/hosts if need be",
		    url->host);
	}
	return 0;
}

/* Everything of the last request goes; connections, and the choice of certificates, stay. */
static void
start_anew(struct http *http, const struct http_request *request, struct http_reply *reply)
{
	detach(http);
	http->error[0] = '\0';
	http->window.into = NULL;
	http->window.held_at = 0;
	http->window.held_len = 0;
	reply_begin(reply);
	http->now = (struct transfer){
	    .addresses = request->addresses,
	    .deadline_ms = request->deadline_ms == 0 ? DEADLINE_NEVER : request->deadline_ms,
	    .reply = reply,
	};
}

static int
send_once(struct http *http, const struct url *url, const struct http_request *request, struct http_reply *reply,
    struct err *err)
{
	const char *proxy = request->no_proxy ? NULL : proxy_for(http->ctx->envp, url);
	int secure = strcmp(url->scheme, "https") == 0;

	start_anew(http, request, reply);
	http->now.via_proxy = proxy != NULL;
	if (check_address(http, url, request, err) < 0 ||
	    (secure && trust_choose(&http->trust, http->ctx->envp, err) < 0)) {
		return -1;
	}
	if (set_fixed_options(http) < 0 || (secure && set_tls_options(http) < 0) ||
	    set_request_options(http, request, proxy) < 0) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot prepare the request to '%s'", http->shown);
	}
	if (curl_multi_add_handle(http->multi, http->easy) != CURLM_OK) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot begin the request to '%s'", http->shown);
	}
	http->now.attached = 1;
	if (pump(http, 0, err) < 0) {
		return -1;
	}
	return http->now.head > 0 && (!http->now.done || http->now.result == CURLE_OK || http->now.body_got > 0)
	           ? 0
	           : http_fail(http, err);
}

static void
note_peer(struct http *http, struct http_reply *reply)
{
	char *peer = NULL;

	if (!http->now.via_proxy && curl_easy_getinfo(http->easy, CURLINFO_PRIMARY_IP, &peer) == CURLE_OK &&
	    peer != NULL) {
		reply->peer = address_kind_of_text(peer);
	}
}

int
http_open(struct http *http, const struct http_request *request, struct http_reply *reply, struct err *err)
{
	CLEAN_BUF shown = {0};
	struct url url;
	int sent;

	if (url_parse(&url, request->url, err) < 0) {
		return -1;
	}
	buf_init(&shown, WHOLE_MAX);
	(void)url_print(&url, 1, &shown);
	if (request->hide_path && shown.len > 0) {
		shown.data[shown.len - strcspn(url.path, "?")] = '\0';
	}
	(void)snprintf(http->shown, sizeof(http->shown), "%s", buf_text(&shown));
	do {
		sent = send_once(http, &url, request, reply, err);
		/* A root in the system's file that this TLS library cannot read must not end the job. */
	} while (sent < 0 && http->now.result == CURLE_SSL_CACERT_BADFILE && trust_fall_back(&http->trust));
	http->now.reply = NULL;
	if (sent < 0) {
		detach(http);
		return -1;
	}
	note_peer(http, reply);
	return 0;
}

static ssize_t
read_body(void *self, void *bytes, size_t len, struct err *err)
{
	struct http *http = self;
	int pumped = 0;

	if (http->window.held_len > 0) {
		return (ssize_t)window_take(&http->window, bytes, len);
	}
	if (!http->now.attached) {
		return err_set(err, ERR_BUG, 0, "a body is read before its request was sent");
	}
	http->window.into = bytes;
	http->window.into_len = len;
	http->window.into_got = 0;
	if (http->now.paused) {
		http->now.paused = 0;
		if (curl_easy_pause(http->easy, CURLPAUSE_CONT) != CURLE_OK) {
			pumped = err_set(err, ERR_SYSTEM, 0, "cannot go on with '%s'", http->shown);
		}
	}
	if (pumped == 0 && http->window.into_got == 0 && !http->now.done) {
		pumped = pump(http, 1, err);
	}
	http->window.into = NULL;
	if (http->window.into_got > 0) {
		return (ssize_t)http->window.into_got;
	}
	if (pumped < 0) {
		return -1;
	}
	return http->now.result == CURLE_OK ? 0 : http_fail(http, err);
}

struct source
http_source(struct http *http)
{
	return (struct source){.read = read_body, .self = http};
}

int
http_slurp(struct http *http, struct buf *body, struct err *err)
{
	char piece[4096];
	ssize_t n;

	while ((n = read_body(http, piece, sizeof(piece), err)) > 0) {
		if (buf_add(body, piece, (size_t)n) < 0) {
			(void)err_set(err, ERR_UNAVAILABLE, 0, "the reply of '%s' is larger than %zu bytes",
			    http->shown, body->max);
			err->http = http->now.status;
			return -1;
		}
	}
	return n < 0 ? -1 : 0;
}

size_t
http_bytes(const struct http *http)
{
	/* libcurl keeps a copy of the inner bundle with the connection. */
	size_t tls = http->trust.chosen ? TLS_BYTES + http->trust.pem.cap + http->trust.pem.len : 0;

	return sizeof(*http) + CURL_BUFFER + HANDLE_BYTES + tls;
}

struct http *
http_new(const struct net_context *ctx, struct err *err)
{
	struct http *http = NULL;

	/* Counted by libcurl; the first call is made before there are threads. */
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) {
		http = calloc(1, sizeof(*http));
	}
	if (http == NULL) {
		(void)err_set(err, ERR_SYSTEM, ENOMEM, "cannot start the HTTP client");
		return NULL;
	}
	http->ctx = ctx;
	http->multi = curl_multi_init();
	http->easy = curl_easy_init();
	if (http->multi == NULL || http->easy == NULL) {
		http_free(http);
		(void)err_set(err, ERR_SYSTEM, ENOMEM, "cannot start the HTTP client");
		return NULL;
	}
	return http;
}

void
http_free(struct http *http)
{
	if (http == NULL) {
		return;
	}
	detach(http);
	curl_easy_cleanup(http->easy);
	(void)curl_multi_cleanup(http->multi);
	trust_release(&http->trust);
	free(http);
	curl_global_cleanup();
}

void
http_clean(struct http **http)
{
	http_free(*http);
	*http = NULL;
}
