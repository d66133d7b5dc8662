/* The HTTP client against real sockets on loopback. */
#include "unit/net/loopback.h"

#include <errno.h>

#include "net/http.h"

static struct http *
client(const struct net_context *ctx)
{
	struct err err = {.kind = ERR_NONE};
	struct http *http = http_new(ctx, &err);

	assert_non_null(http);
	return http;
}

static struct http_request
get(const char *url)
{
	return (struct http_request){.method = "GET", .url = url, .addresses = ADDRESS_LOOPBACK};
}

static void
http_gives_status_headers_and_body(void **state)
{
	const struct step steps[] = {{.fixture = "s3/get-object-200.http"}};
	struct err err = {.kind = ERR_NONE};
	struct net_context ctx = loopback_context(NULL);
	CLEAN_HTTP *http = client(&ctx);
	CLEAN_REPLY reply = {.status = 0};
	CLEAN_BUF body = {0};
	struct loopback lo;
	char text[128];

	(void)state;
	buf_init(&body, 1000);
	loopback_start(&lo, steps, 1);
	struct http_request request = get(lo.url);
	assert_int_equal(http_open(http, &request, &reply, &err), 0);
	assert_int_equal(reply.status, 200);
	assert_int_equal(reply.length, 12);
	assert_int_equal(reply.has_end, 1);
	assert_int_equal(reply.peer, ADDRESS_LOOPBACK);
	assert_int_equal(http_header(&reply, "etag", text, sizeof(text)), 1);
	assert_string_equal(text, "\"fc3ff98e8c6a0d3087d515c0473f8677\"");
	assert_int_equal(http_header(&reply, "x-absent", text, sizeof(text)), 0);
	assert_int_equal(http_slurp(http, &body, &err), 0);
	assert_string_equal(buf_text(&body), "hello world!");
	loopback_stop(&lo);
	assert_non_null(strstr(lo.requests[0], "GET / HTTP/1.1\r\n"));
}

static void
http_sends_method_headers_and_body(void **state)
{
	const struct step steps[] = {
	    {.raw = "HTTP/1.1 200 OK\nContent-Length: 0\n\n"}, {.raw = "HTTP/1.1 204 No Content\n\n"}};
	const char *const lines[] = {"X-One: 1", "Content-Type: application/json", NULL};
	struct err err = {.kind = ERR_NONE};
	struct net_context ctx = loopback_context(NULL);
	CLEAN_HTTP *http = client(&ctx);
	CLEAN_REPLY reply = {.status = 0};
	struct loopback lo;

	(void)state;
	loopback_start(&lo, steps, 2);
	struct http_request post = {.method = "POST",
	    .url = lo.url,
	    .headers = lines,
	    .body = "{}",
	    .body_len = 2,
	    .addresses = ADDRESS_LOOPBACK};
	struct http_request put = {.method = "PUT", .url = lo.url, .addresses = ADDRESS_LOOPBACK};
	assert_int_equal(http_open(http, &post, &reply, &err), 0);
	assert_int_equal(http_open(http, &put, &reply, &err), 0);
	assert_int_equal(reply.status, 204);
	assert_int_equal(reply.length, 0);
	loopback_stop(&lo);
	assert_non_null(strstr(lo.requests[0], "POST / HTTP/1.1\r\n"));
	assert_non_null(strstr(lo.requests[0], "\r\nX-One: 1\r\n"));
	assert_non_null(strstr(lo.requests[0], "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(lo.requests[0], "\r\n\r\n{}"));
	assert_non_null(strstr(lo.requests[1], "PUT / HTTP/1.1\r\n"));
	assert_non_null(strstr(lo.requests[1], "\r\nContent-Length: 0\r\n"));
	assert_null(strstr(lo.requests[1], "Content-Type"));
}

static void
http_hands_on_a_large_body_whole_whatever_the_reader_takes(void **state)
{
	const struct step steps[] = {{.raw = "HTTP/1.1 200 OK\n\n", .fill = 5000000}};
	const size_t sizes[] = {1, 100000, 7, 65536, 300, 16384};
	struct err err = {.kind = ERR_NONE};
	struct net_context ctx = loopback_context(NULL);
	CLEAN_HTTP *http = client(&ctx);
	CLEAN_REPLY reply = {.status = 0};
	static char piece[100000];
	struct loopback lo;
	size_t total = 0;
	ssize_t n;

	(void)state;
	loopback_start(&lo, steps, 1);
	struct http_request request = get(lo.url);
	assert_int_equal(http_open(http, &request, &reply, &err), 0);
	struct source body = http_source(http);
	for (size_t i = 0; (n = source_read(&body, piece, sizes[i % 6], &err)) > 0; i++) {
		assert_int_equal(piece[0], 'x');
		assert_int_equal(piece[n - 1], 'x');
		total += (size_t)n;
	}
	assert_int_equal(n, 0);
	assert_int_equal(total, 5000000);
	loopback_stop(&lo);
}

static void
http_never_takes_a_cut_body_for_a_whole_one(void **state)
{
	const struct step steps[] = {{.fixture = "s3/get-object-200-truncated.http"}};
	struct err err = {.kind = ERR_NONE};
	struct net_context ctx = loopback_context(NULL);
	CLEAN_HTTP *http = client(&ctx);
	CLEAN_REPLY reply = {.status = 0};
	CLEAN_BUF body = {0};
	struct loopback lo;

	(void)state;
	buf_init(&body, 1000);
	loopback_start(&lo, steps, 1);
	struct http_request request = get(lo.url);
	assert_int_equal(http_open(http, &request, &reply, &err), 0);
	assert_int_equal(loopback_drain(http_source(http), &body, &err), -1);
	assert_int_equal(err.kind, ERR_UNAVAILABLE);
	assert_int_equal(err.http, 200);
	assert_non_null(strstr(err.text, "cut after 7 bytes"));
	assert_string_equal(buf_text(&body), "hello w");
	loopback_stop(&lo);
}

static void
http_says_when_a_reply_has_no_visible_end(void **state)
{
	const struct step steps[] = {{.raw = "HTTP/1.1 200 OK\n\nabc"},
	    {.raw = "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n3\r\nabc\r\n0\r\n\r\n"}};
	struct err err = {.kind = ERR_NONE};
	struct net_context ctx = loopback_context(NULL);
	CLEAN_HTTP *http = client(&ctx);
	CLEAN_REPLY reply = {.status = 0};
	CLEAN_BUF body = {0};
	struct loopback lo;

	(void)state;
	buf_init(&body, 1000);
	loopback_start(&lo, steps, 2);
	struct http_request request = get(lo.url);
	assert_int_equal(http_open(http, &request, &reply, &err), 0);
	assert_int_equal(reply.has_end, 0);
	assert_int_equal(reply.length, -1);
	assert_int_equal(http_open(http, &request, &reply, &err), 0);
	assert_int_equal(reply.has_end, 1);
	assert_int_equal(reply.length, -1);
	assert_int_equal(http_slurp(http, &body, &err), 0);
	assert_string_equal(buf_text(&body), "abc");
	loopback_stop(&lo);
}

static void
http_stops_at_once_when_woken(void **state)
{
	const struct step steps[] = {{.raw = "", .silent = 1}};
	struct err err = {.kind = ERR_NONE};
	struct net_context ctx = loopback_context(NULL);
	CLEAN_REPLY reply = {.status = 0};
	struct loopback lo;
	int wake[2];
	char byte;

	(void)state;
	assert_int_equal(pipe2(wake, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(write(wake[1], "!", 1), 1);
	ctx.wake_fd = wake[0];
	CLEAN_HTTP *http = client(&ctx);
	loopback_start(&lo, steps, 1);
	struct http_request request = get(lo.url);
	assert_int_equal(http_open(http, &request, &reply, &err), -1);
	assert_int_equal(err.kind, ERR_STOPPED);
	/* The byte is still there: who owns the descriptor reads it. */
	assert_int_equal(read(wake[0], &byte, 1), 1);
	loopback_stop(&lo);
	(void)close(wake[0]);
	(void)close(wake[1]);
}

/* Wakes the client once the server has its request, so the client is certainly waiting. */
struct waker {
	struct loopback *lo;
	int fd;
};

static void *
wake_when_asked(void *self)
{
	struct waker *waker = self;
	volatile char *first = waker->lo->requests[0];

	while (first[0] == '\0') {
		(void)poll(NULL, 0, 1);
	}
	(void)!write(waker->fd, "!", 1);
	return NULL;
}

static void
http_stops_while_it_waits_for_an_answer(void **state)
{
	const struct step steps[] = {{.raw = "", .silent = 1}};
	struct err err = {.kind = ERR_NONE};
	struct net_context ctx = loopback_context(NULL);
	CLEAN_REPLY reply = {.status = 0};
	struct loopback lo;
	pthread_t thread;
	int wake[2];

	(void)state;
	assert_int_equal(pipe2(wake, O_CLOEXEC | O_NONBLOCK), 0);
	ctx.wake_fd = wake[0];
	CLEAN_HTTP *http = client(&ctx);
	loopback_start(&lo, steps, 1);
	struct waker waker = {&lo, wake[1]};
	assert_int_equal(pthread_create(&thread, NULL, wake_when_asked, &waker), 0);
	struct http_request request = get(lo.url);
	assert_int_equal(http_open(http, &request, &reply, &err), -1);
	assert_int_equal(err.kind, ERR_STOPPED);
	(void)pthread_join(thread, NULL);
	loopback_stop(&lo);
	(void)close(wake[0]);
	(void)close(wake[1]);
}

static void
http_ends_at_the_deadline_of_the_phase(void **state)
{
	const struct step steps[] = {{.raw = "", .silent = 1}};
	struct err err = {.kind = ERR_NONE};
	struct net_context ctx = {.wake_fd = -1, .cancel_fd = -1, .deadline_ms = clock_now_ms() + 50};
	CLEAN_HTTP *http = client(&ctx);
	CLEAN_REPLY reply = {.status = 0};
	struct loopback lo;

	(void)state;
	loopback_start(&lo, steps, 1);
	struct http_request request = get(lo.url);
	assert_int_equal(http_open(http, &request, &reply, &err), -1);
	assert_int_equal(err.kind, ERR_DEADLINE);
	loopback_stop(&lo);
}

static void
http_calls_its_own_deadline_unavailable(void **state)
{
	const struct step steps[] = {{.raw = "", .silent = 1}};
	struct err err = {.kind = ERR_NONE};
	struct net_context ctx = loopback_context(NULL);
	CLEAN_HTTP *http = client(&ctx);
	CLEAN_REPLY reply = {.status = 0};
	struct loopback lo;

	(void)state;
	loopback_start(&lo, steps, 1);
	struct http_request request = get(lo.url);
	request.deadline_ms = clock_now_ms() + 50;
	assert_int_equal(http_open(http, &request, &reply, &err), -1);
	assert_int_equal(err.kind, ERR_UNAVAILABLE);
	assert_int_equal(err.sys, ETIMEDOUT);
	loopback_stop(&lo);
}

static void
http_judges_resolved_addresses(void **state)
{
	struct err err = {.kind = ERR_NONE};
	struct net_context ctx = loopback_context(NULL);
	CLEAN_HTTP *http = client(&ctx);
	CLEAN_REPLY reply = {.status = 0};
	struct http_request request = {
	    .method = "GET", .url = "http://localhost:1/x?token=hidden", .addresses = ADDRESS_PUBLIC};

	(void)state;
	assert_int_equal(http_open(http, &request, &reply, &err), -1);
	assert_int_equal(err.kind, ERR_DENIED);
	assert_int_equal(err.sys, EACCES);
	assert_non_null(strstr(err.text, "loopback"));
	assert_null(strstr(err.text, "hidden"));
}

static void
http_refuses_link_local_literals_before_connecting(void **state)
{
	struct err err = {.kind = ERR_NONE};
	struct net_context ctx = loopback_context(NULL);
	CLEAN_HTTP *http = client(&ctx);
	CLEAN_REPLY reply = {.status = 0};
	struct http_request request = {.method = "GET",
	    .url = "http://169.254.169.254/",
	    .addresses = ADDRESS_PUBLIC | ADDRESS_PRIVATE | ADDRESS_LOOPBACK};

	(void)state;
	assert_int_equal(http_open(http, &request, &reply, &err), -1);
	assert_int_equal(err.kind, ERR_DENIED);
	assert_non_null(strstr(err.text, "link-local"));
}

static void
http_explains_https_by_bare_address(void **state)
{
	struct err err = {.kind = ERR_NONE};
	struct net_context ctx = loopback_context(NULL);
	CLEAN_HTTP *http = client(&ctx);
	CLEAN_REPLY reply = {.status = 0};
	struct http_request request = get("https://127.0.0.1/");

	(void)state;
	assert_int_equal(http_open(http, &request, &reply, &err), -1);
	assert_int_equal(err.kind, ERR_SETTINGS);
	assert_non_null(strstr(err.text, "bare address '127.0.0.1'"));
}

static void
http_says_what_cannot_be_reached(void **state)
{
	struct err err = {.kind = ERR_NONE};
	struct net_context ctx = loopback_context(NULL);
	CLEAN_HTTP *http = client(&ctx);
	CLEAN_REPLY reply = {.status = 0};
	struct loopback lo;

	(void)state;
	loopback_start(&lo, NULL, 0);
	loopback_stop(&lo); /* a port that was free a moment ago */
	struct http_request request = get(lo.url);
	assert_int_equal(http_open(http, &request, &reply, &err), -1);
	assert_int_equal(err.kind, ERR_UNAVAILABLE);
	assert_int_equal(err.http, 0);
	assert_non_null(strstr(err.text, "127.0.0.1"));
}

static void
http_bounds_the_head(void **state)
{
	static char raw[HTTP_HEAD_MAX + 4096];
	struct step steps[] = {{.raw = raw}};
	struct err err = {.kind = ERR_NONE};
	struct net_context ctx = loopback_context(NULL);
	CLEAN_HTTP *http = client(&ctx);
	CLEAN_REPLY reply = {.status = 0};
	struct loopback lo;
	size_t n = (size_t)snprintf(raw, sizeof(raw), "HTTP/1.1 200 OK\n");

	(void)state;
	while (n < HTTP_HEAD_MAX + 2000) {
		n += (size_t)snprintf(raw + n, sizeof(raw) - n, "x-%zu: %0900d\n", n, 1);
	}
	(void)snprintf(raw + n, sizeof(raw) - n, "\n");
	loopback_start(&lo, steps, 1);
	struct http_request request = get(lo.url);
	assert_int_equal(http_open(http, &request, &reply, &err), -1);
	assert_int_equal(err.kind, ERR_UNAVAILABLE);
	assert_non_null(strstr(err.text, "bytes of headers"));
	loopback_stop(&lo);
}

static void
http_bounds_a_small_body(void **state)
{
	const struct step steps[] = {{.raw = "HTTP/1.1 200 OK\n\n", .fill = 100000}};
	struct err err = {.kind = ERR_NONE};
	struct net_context ctx = loopback_context(NULL);
	CLEAN_HTTP *http = client(&ctx);
	CLEAN_REPLY reply = {.status = 0};
	CLEAN_BUF body = {0};
	struct loopback lo;

	(void)state;
	buf_init(&body, 1000);
	loopback_start(&lo, steps, 1);
	struct http_request request = get(lo.url);
	assert_int_equal(http_open(http, &request, &reply, &err), 0);
	assert_int_equal(http_slurp(http, &body, &err), -1);
	assert_int_equal(err.kind, ERR_UNAVAILABLE);
	http_free(http);
	http = NULL;
	loopback_stop(&lo);
}

static void
http_follows_no_redirect_itself(void **state)
{
	const struct step steps[] = {
	    {.raw = "HTTP/1.1 302 Found\nLocation: http://127.0.0.1:1/\nContent-Length: 0\n\n"}};
	struct err err = {.kind = ERR_NONE};
	struct net_context ctx = loopback_context(NULL);
	CLEAN_HTTP *http = client(&ctx);
	CLEAN_REPLY reply = {.status = 0};
	struct loopback lo;

	(void)state;
	loopback_start(&lo, steps, 1);
	struct http_request request = get(lo.url);
	assert_int_equal(http_open(http, &request, &reply, &err), 0);
	assert_int_equal(reply.status, 302);
	loopback_stop(&lo);
}

static void
http_goes_through_the_proxy_that_the_environment_names(void **state)
{
	const struct step steps[] = {{.raw = "HTTP/1.1 200 OK\nContent-Length: 0\n\n"}};
	struct err err = {.kind = ERR_NONE};
	struct loopback lo;
	char variable[128];
	char *envp[] = {variable, NULL};
	struct net_context ctx = loopback_context(envp);
	CLEAN_HTTP *http = client(&ctx);
	CLEAN_REPLY reply = {.status = 0};
	struct http_request request = {.method = "GET", .url = "http://example.test/file", .addresses = ADDRESS_PUBLIC};

	(void)state;
	loopback_start(&lo, steps, 1);
	(void)snprintf(variable, sizeof(variable), "http_proxy=%s", lo.url);
	assert_int_equal(http_open(http, &request, &reply, &err), 0);
	assert_int_equal(reply.status, 200);
	assert_int_equal(reply.peer, 0);
	loopback_stop(&lo);
	assert_non_null(strstr(lo.requests[0], "GET http://example.test/file HTTP/1.1\r\n"));
}

static void
http_tells_what_it_takes_with_and_without_tls(void **state)
{
	struct err err = {.kind = ERR_NONE};
	struct net_context ctx = loopback_context(NULL);
	CLEAN_HTTP *http = client(&ctx);
	CLEAN_REPLY reply = {.status = 0};
	struct http_request request = get("https://localhost:1/");
	size_t bare = http_bytes(http);

	(void)state;
	assert_in_range(bare, 192 << 10, 256 << 10);
	assert_int_equal(http_open(http, &request, &reply, &err), -1); /* nobody listens there */
	assert_in_range(http_bytes(http) - bare, 128 << 10, 1 << 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(http_gives_status_headers_and_body),
	    cmocka_unit_test(http_sends_method_headers_and_body),
	    cmocka_unit_test(http_hands_on_a_large_body_whole_whatever_the_reader_takes),
	    cmocka_unit_test(http_never_takes_a_cut_body_for_a_whole_one),
	    cmocka_unit_test(http_says_when_a_reply_has_no_visible_end),
	    cmocka_unit_test(http_stops_at_once_when_woken),
	    cmocka_unit_test(http_stops_while_it_waits_for_an_answer),
	    cmocka_unit_test(http_ends_at_the_deadline_of_the_phase),
	    cmocka_unit_test(http_calls_its_own_deadline_unavailable),
	    cmocka_unit_test(http_judges_resolved_addresses),
	    cmocka_unit_test(http_refuses_link_local_literals_before_connecting),
	    cmocka_unit_test(http_explains_https_by_bare_address),
	    cmocka_unit_test(http_says_what_cannot_be_reached),
	    cmocka_unit_test(http_bounds_the_head),
	    cmocka_unit_test(http_bounds_a_small_body),
	    cmocka_unit_test(http_follows_no_redirect_itself),
	    cmocka_unit_test(http_goes_through_the_proxy_that_the_environment_names),
	    cmocka_unit_test(http_tells_what_it_takes_with_and_without_tls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
