/* The https source, over plain http on loopback: redirects, credentials, refusals. */
#include "unit/net/loopback.h"

#include "net/web.h"

struct
try {
	struct loopback lo;
	char netrc[300];
	char *envp[3];
	struct net_context ctx;
	struct web *web;
	struct web_meta meta;
	struct buf body;
	struct err err;
	char url[256];
	char asked[1024]; /* what 'allow' was asked about, one a line */
	int refuse_hop;   /* the hop that 'allow' refuses, or -1 */
};

static void
begin(struct try *try, const struct step *steps, size_t count)
{
	static char home[] = "HOME=/nonexistent";

	memset(try, 0, sizeof(*try));
	loopback_start(&try->lo, steps, count);
	try->envp[0] = home;
	try->ctx = loopback_context(try->envp);
	try->refuse_hop = -1;
	buf_init(&try->body, 1 << 20);
	(void)snprintf(try->url, sizeof(try->url), "%s/file?sig=hidden", try->lo.url);
}

static int
allow(void *self, const char *url, int hop, struct err *err)
{
	struct try *try = self;
	size_t used = strlen(try->asked);

	(void)snprintf(try->asked + used, sizeof(try->asked) - used, "%d %s\n", hop, url);
	return hop == try->refuse_hop ? err_set(err, ERR_BUG, 0, "'%s' is not in code-from", url) : 0;
}

static int
fetch(struct try *try, const struct secret *token, const char *token_host)
{
	struct web_request request = {
	    .url = try->url, .token = token, .token_host = token_host, .allow = allow, .self = try};

	try->web = web_open(&try->ctx, &request, &try->meta, &try->err);
	return try->web == NULL ? -1 : loopback_drain(web_source(try->web), &try->body, &try->err);
}

static void
end(struct try *try)
{
	web_close(try->web);
	buf_release(&try->body);
	loopback_stop(&try->lo);
}

static const char hello[] = "HTTP/1.1 200 OK\nETag: \"e1\"\n\nhello world!";

static void
web_gives_body_size_and_etag(void **state)
{
	const struct step steps[] = {{.raw = hello, .length = 1}};
	struct try try;

	(void)state;
	begin(&try, steps, 1);
	if (fetch(&try, NULL, NULL) < 0) {
		fail_msg("%s", try.err.text);
	}
	assert_string_equal(buf_text(&try.body), "hello world!");
	assert_int_equal(try.meta.size, 12);
	assert_string_equal(try.meta.etag, "\"e1\"");
	assert_string_equal(try.meta.host, "127.0.0.1");
	end(&try);
	assert_non_null(strstr(try.lo.requests[0], "GET /file?sig=hidden HTTP/1.1\r\n"));
	assert_null(strstr(try.lo.requests[0], "Authorization"));
	/* Policy is asked without the query. */
	assert_null(strstr(try.asked, "hidden"));
	assert_non_null(strstr(try.asked, "/file\n"));
}

static void
web_sends_the_token_to_its_host_and_port_only(void **state)
{
	const struct step one[] = {{.raw = hello, .length = 1}};
	CLEAN_SECRET token = {.bytes = NULL};
	char with_port[64];
	struct try try;

	(void)state;
	assert_int_equal(secret_set(&token, "tok-123", 7), 0);
	begin(&try, one, 1);
	(void)snprintf(with_port, sizeof(with_port), "127.0.0.1:%d", try.lo.port);
	assert_int_equal(fetch(&try, &token, with_port), 0);
	end(&try);
	assert_non_null(strstr(try.lo.requests[0], "\r\nAuthorization: Bearer tok-123\r\n"));
	begin(&try, one, 1);
	assert_int_equal(fetch(&try, &token, "127.0.0.1"), 0);
	end(&try);
	assert_null(strstr(try.lo.requests[0], "tok-123"));
	begin(&try, one, 1);
	assert_int_equal(fetch(&try, &token, "other.example.com"), 0);
	end(&try);
	assert_null(strstr(try.lo.requests[0], "tok-123"));
}

static void
web_wants_a_host_with_a_token(void **state)
{
	CLEAN_SECRET token = {.bytes = NULL};
	struct try try;

	(void)state;
	assert_int_equal(secret_set(&token, "tok-123", 7), 0);
	begin(&try, NULL, 0);
	assert_int_equal(fetch(&try, &token, NULL), -1);
	assert_int_equal(try.err.kind, ERR_SETTINGS);
	assert_non_null(strstr(try.err.text, "TRAIN_CODE_TOKEN_HOST"));
	end(&try);
}

static void
web_logs_in_by_netrc(void **state)
{
	static const char *const names[] = {"netrc", NULL};
	const struct step steps[] = {{.raw = hello, .length = 1}};
	char dir[256];
	struct try try;

	(void)state;
	loopback_scratch(dir);
	loopback_write(dir, "netrc",
	    "machine other login x password y\nmachine 127.0.0.1\n  login Aladdin\n  password \"open sesame\"\n", 0600);
	begin(&try, steps, 1);
	(void)snprintf(try.netrc, sizeof(try.netrc), "NETRC=%s/netrc", dir);
	try.envp[1] = try.netrc;
	assert_int_equal(fetch(&try, NULL, NULL), 0);
	end(&try);
	assert_non_null(strstr(try.lo.requests[0], "\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
	loopback_remove(dir, names);
}

static void
web_follows_five_redirects_and_no_sixth(void **state)
{
	static const char again[] = "HTTP/1.1 302 Found\nLocation: /next\nContent-Length: 0\n\n";
	const struct step five[] = {{.raw = again}, {.raw = again}, {.raw = again}, {.raw = again}, {.raw = again},
	    {.raw = hello, .length = 1}};
	const struct step six[] = {
	    {.raw = again}, {.raw = again}, {.raw = again}, {.raw = again}, {.raw = again}, {.raw = again}};
	struct try try;

	(void)state;
	begin(&try, five, 6);
	assert_int_equal(fetch(&try, NULL, NULL), 0);
	assert_int_equal(try.meta.hops, 5);
	end(&try);
	assert_non_null(strstr(try.lo.requests[1], "GET /next HTTP/1.1\r\n"));
	begin(&try, six, 6);
	assert_int_equal(fetch(&try, NULL, NULL), -1);
	assert_int_equal(try.err.kind, ERR_DENIED);
	end(&try);
}

/* A second server, so that the port changes. */
static void
web_drops_credentials_when_the_port_changes_for_good(void **state)
{
	CLEAN_SECRET token = {.bytes = NULL};
	char away[256], back[256], with_port[64];
	const struct step first[] = {{.raw = away}, {.raw = hello, .length = 1}}, second[] = {{.raw = back}};
	struct loopback other;
	struct try try;

	(void)state;
	assert_int_equal(secret_set(&token, "tok-123", 7), 0);
	begin(&try, first, 2);
	loopback_start(&other, second, 1);
	(void)snprintf(away, sizeof(away), "HTTP/1.1 307 Away\nLocation: %s/x\nContent-Length: 0\n\n", other.url);
	(void)snprintf(back, sizeof(back), "HTTP/1.1 307 Back\nLocation: %s/y\nContent-Length: 0\n\n", try.lo.url);
	(void)snprintf(with_port, sizeof(with_port), "127.0.0.1:%d", try.lo.port);
	assert_int_equal(fetch(&try, &token, with_port), 0);
	end(&try);
	loopback_stop(&other);
	assert_non_null(strstr(try.lo.requests[0], "tok-123"));
	assert_null(strstr(other.requests[0], "tok-123"));
	assert_null(strstr(try.lo.requests[1], "tok-123"));
}

static void
web_refused_first_address_is_a_setting_and_redirect_a_denial(void **state)
{
	const struct step steps[] = {{.raw = "HTTP/1.1 302 Found\nLocation: /elsewhere\nContent-Length: 0\n\n"}};
	struct try try;

	(void)state;
	begin(&try, NULL, 0);
	try.refuse_hop = 0;
	assert_int_equal(fetch(&try, NULL, NULL), -1);
	assert_int_equal(try.err.kind, ERR_SETTINGS);
	end(&try);
	assert_int_equal(try.lo.served, 0);
	begin(&try, steps, 1);
	try.refuse_hop = 1;
	assert_int_equal(fetch(&try, NULL, NULL), -1);
	assert_int_equal(try.err.kind, ERR_DENIED);
	assert_non_null(strstr(try.asked, "/elsewhere\n"));
	end(&try);
}

static void
web_refuses_bad_first_addresses_before_sending(void **state)
{
	static const char *const bad[] = {"https://h/a/../b", "https://h/a/%2e%2e/b", "http://169.254.169.254/latest",
	    "http://10.0.0.1/x", "https://user:pw@h/x", "ftp://h/x", "https://169.254.169.254/"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct try try;

		begin(&try, NULL, 0);
		(void)snprintf(try.url, sizeof(try.url), "%s", bad[i]);
		assert_int_equal(fetch(&try, NULL, NULL), -1);
		if (try.err.kind != ERR_SETTINGS || strstr(try.err.text, "pw@") != NULL) {
			fail_msg("'%s' gave %d '%s'", bad[i], (int)try.err.kind, try.err.text);
		}
		end(&try);
	}
}

static void
web_refuses_redirects_to_link_local_and_dots(void **state)
{
	static const char *const bad[] = {"http://169.254.169.254/latest/meta-data", "http://[fe80::1]/", "/a/../b",
	    "file:///etc/passwd", "http://10.0.0.1/x"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char raw[256];
		const struct step steps[] = {{.raw = raw}};
		struct try try;

		(void)snprintf(raw, sizeof(raw), "HTTP/1.1 302 Found\nLocation: %s\nContent-Length: 0\n\n", bad[i]);
		begin(&try, steps, 1);
		assert_int_equal(fetch(&try, NULL, NULL), -1);
		if (try.err.kind != ERR_DENIED) {
			fail_msg("'%s' gave %d '%s'", bad[i], (int)try.err.kind, try.err.text);
		}
		end(&try);
	}
}

static void
web_maps_statuses_to_kinds(void **state)
{
	static const struct {
		const char *raw;
		enum err_kind kind;
	} cases[] = {
	    {"HTTP/1.1 404 Not Found\nContent-Length: 0\n\n", ERR_NOT_FOUND},
	    {"HTTP/1.1 410 Gone\nContent-Length: 0\n\n", ERR_NOT_FOUND},
	    {"HTTP/1.1 401 No\nContent-Length: 0\n\n", ERR_DENIED},
	    {"HTTP/1.1 403 No\nContent-Length: 0\n\n", ERR_DENIED},
	    {"HTTP/1.1 400 No\nContent-Length: 0\n\n", ERR_DENIED},
	    {"HTTP/1.1 302 No\nContent-Length: 0\n\n", ERR_DENIED},
	    {"HTTP/1.1 200 OK\n\nno end", ERR_UNAVAILABLE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct step steps[] = {{.raw = cases[i].raw}};
		struct try try;

		begin(&try, steps, 1);
		assert_int_equal(fetch(&try, NULL, NULL), -1);
		if (try.err.kind != cases[i].kind) {
			fail_msg("'%s' gave %d '%s'", cases[i].raw, (int)try.err.kind, try.err.text);
		}
		assert_null(strstr(try.err.text, "hidden"));
		end(&try);
	}
}

static void
web_retries_5xx_and_resumes_a_cut_body(void **state)
{
	const struct step steps[] = {
	    {.raw = "HTTP/1.1 503 Busy\nContent-Length: 0\n\n"},
	    {.raw = "HTTP/1.1 200 OK\nETag: \"e1\"\nContent-Length: 12\n\nhello"},
	    {.raw = "HTTP/1.1 206 Partial Content\nETag: \"e1\"\nContent-Range: bytes 5-11/12\nContent-Length: 7\n\n "
	            "world!"},
	};
	struct try try;

	(void)state;
	begin(&try, steps, 3);
	if (fetch(&try, NULL, NULL) < 0) {
		fail_msg("%s", try.err.text);
	}
	assert_string_equal(buf_text(&try.body), "hello world!");
	end(&try);
	assert_non_null(strstr(try.lo.requests[2], "\r\nRange: bytes=5-\r\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(web_gives_body_size_and_etag),
	    cmocka_unit_test(web_sends_the_token_to_its_host_and_port_only),
	    cmocka_unit_test(web_wants_a_host_with_a_token),
	    cmocka_unit_test(web_logs_in_by_netrc),
	    cmocka_unit_test(web_follows_five_redirects_and_no_sixth),
	    cmocka_unit_test(web_drops_credentials_when_the_port_changes_for_good),
	    cmocka_unit_test(web_refused_first_address_is_a_setting_and_redirect_a_denial),
	    cmocka_unit_test(web_refuses_bad_first_addresses_before_sending),
	    cmocka_unit_test(web_refuses_redirects_to_link_local_and_dots),
	    cmocka_unit_test(web_maps_statuses_to_kinds),
	    cmocka_unit_test(web_retries_5xx_and_resumes_a_cut_body),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
