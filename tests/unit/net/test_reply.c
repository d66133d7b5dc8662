/* What lies under a transfer: reply heads, header lines, the window, the context, the choice of certificates. */
#include "unit/net/loopback.h"

#include "base/ca_bundle.h"
#include "net/base64.h"
#include "net/lines.h"
#include "net/reply.h"
#include "net/trust.h"
#include "net/window.h"

/* Feeds a whole head; the last verdict. */
static int
feed(struct http_reply *reply, const char *head)
{
	int verdict = 0;

	reply_begin(reply);
	while (*head != '\0' && verdict == 0) {
		size_t len = strcspn(head, "\n") + 1;

		verdict = reply_take_line(reply, head, len);
		head += len;
	}
	return verdict;
}

static void
reply_skips_interim_heads(void **state)
{
	CLEAN_REPLY reply = {.status = 0};
	char text[32];

	(void)state;
	assert_int_equal(
	    feed(&reply, "HTTP/1.1 100 Continue\r\nX-A: 1\r\n\r\nHTTP/1.1 200 OK\r\nX-B:  2 \r\nX-Empty:\r\n\r\n"), 1);
	assert_int_equal(reply.status, 200);
	assert_int_equal(http_header(&reply, "x-a", text, sizeof(text)), 0);
	assert_int_equal(http_header(&reply, "x-b", text, sizeof(text)), 1);
	assert_string_equal(text, "2");
	assert_int_equal(http_header(&reply, "x-empty", text, sizeof(text)), 1);
	assert_string_equal(text, "");
	assert_int_equal(http_header(&reply, "x", text, sizeof(text)), 0);
	assert_int_equal(http_header(&reply, "x-b", text, 1), 0);
}

static void
reply_reads_lengths_strictly(void **state)
{
	static const struct {
		const char *head;
		int64_t length;
		int has_end;
	} cases[] = {
	    {"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n", 12, 1},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 12a\r\n\r\n", -1, 0},
	    {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", -1, 0},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 9999999999999999999\r\n\r\n", -1, 0},
	    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", -1, 1},
	    {"HTTP/1.1 304 Same\r\n\r\n", 0, 1},
	    {"HTTP/1.0 200 OK\r\n\r\n", -1, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_REPLY reply = {.status = 0};

		assert_int_equal(feed(&reply, cases[i].head), 1);
		assert_int_equal(reply.length, cases[i].length);
		assert_int_equal(reply.has_end, cases[i].has_end);
	}
}

static void
base64_goes_both_ways(void **state)
{
	static const struct {
		const char *plain, *coded;
	} cases[] = {
	    {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"\xff\xfe\xfd", "//79"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t len = strlen(cases[i].plain);
		char coded[BASE64_SIZE(8)];
		unsigned char plain[8];

		base64_encode(coded, cases[i].plain, len);
		assert_string_equal(coded, cases[i].coded);
		assert_int_equal(base64_decode(plain, len, coded), 1);
		assert_memory_equal(plain, cases[i].plain, len);
		assert_int_equal(base64_decode(plain, len + 1, coded), 0);
	}
	assert_int_equal(base64_decode((unsigned char[8]){0}, 3, "Zm 9"), 0);
	assert_int_equal(base64_decode((unsigned char[8]){0}, 2, "Zm8x"), 0);
}

static void
lines_refuse_a_forged_header(void **state)
{
	CLEAN_LINES lines = {.count = 0};

	(void)state;
	lines_add(&lines, "X-A", "1");
	assert_int_equal(lines.failed, 0);
	assert_string_equal(lines.list[0], "X-A: 1");
	lines_add(&lines, "X-B", "2\r\nX-C: 3");
	assert_int_equal(lines.failed, 1);
	assert_int_equal(lines.count, 1);
}

static void
window_takes_all_or_nothing(void **state)
{
	static struct window window;
	static char bytes[WINDOW_BYTES + 10];
	char into[10];

	(void)state;
	memset(bytes, 'b', sizeof(bytes));
	window.into = into;
	window.into_len = sizeof(into);
	assert_int_equal(window_put(&window, bytes, sizeof(bytes)), 0);
	assert_int_equal(window.into_got, 10);
	assert_int_equal(window_put(&window, bytes, 1), -1);
	assert_int_equal(window_take(&window, into, 4), 4);
	/* Room comes back only when all was taken: bytes are not moved about. */
	assert_int_equal(window_put(&window, bytes, 1), -1);
	assert_int_equal(window_take(&window, bytes, sizeof(bytes)), WINDOW_BYTES - 4);
	assert_int_equal(window_take(&window, bytes, sizeof(bytes)), 0);
	window.into = NULL;
	assert_int_equal(window_put(&window, bytes, WINDOW_BYTES), 0);
}

static void
context_reads_switches_as_sdks_do(void **state)
{
	char yes[] = "A=True", no[] = "B=0", empty[] = "C=", longer[] = "AB=1";
	char *envp[] = {longer, yes, no, empty, NULL};

	(void)state;
	assert_string_equal(net_env(envp, "A"), "True");
	assert_null(net_env(envp, "C"));
	assert_null(net_env(envp, "D"));
	assert_null(net_env(NULL, "A"));
	assert_int_equal(net_env_is_true(envp, "A"), 1);
	assert_int_equal(net_env_is_true(envp, "B"), 0);
	assert_int_equal(net_env_is_true(envp, "D"), 0);
}

static void
context_waits_end_by_time_deadline_and_stop(void **state)
{
	struct net_context ctx = {.wake_fd = -1, .cancel_fd = -1, .deadline_ms = DEADLINE_NEVER};
	struct err err = {.kind = ERR_NONE};

	(void)state;
	assert_int_equal(net_check(&ctx, &err), 0);
	assert_int_equal(net_wait(&ctx, clock_now_ms() + 5, &err), 0);
	ctx.deadline_ms = clock_now_ms();
	assert_int_equal(net_wait(&ctx, DEADLINE_NEVER, &err), -1);
	assert_int_equal(err.kind, ERR_DEADLINE);
}

static void
trust_takes_the_named_file_and_refuses_a_missing_one(void **state)
{
	char good[] = "AWS_CA_BUNDLE=tests/data/aws/README.md", bad[] = "AWS_CA_BUNDLE=/nonexistent.pem";
	char *with_good[] = {good, NULL}, *with_bad[] = {bad, NULL};
	struct trust trust = {.file = NULL};
	struct err err = {.kind = ERR_NONE};

	(void)state;
	assert_int_equal(trust_choose(&trust, with_good, &err), 0);
	assert_string_equal(trust.file, "tests/data/aws/README.md");
	assert_string_equal(trust.name, "AWS_CA_BUNDLE 'tests/data/aws/README.md'");
	/* What someone named is never silently replaced. */
	assert_int_equal(trust_fall_back(&trust), 0);
	trust_release(&trust);
	assert_int_equal(trust_choose(&trust, with_bad, &err), -1);
	assert_int_equal(err.kind, ERR_SETTINGS);
	trust_release(&trust);
}

static void
trust_unfolds_the_inner_bundle_as_pem(void **state)
{
	struct trust trust = {.chosen = 1, .system = 1};
	const char *at;
	size_t count = 0;

	(void)state;
	assert_true(ca_bundle_der_bytes > 4);
	assert_int_equal(trust_fall_back(&trust), 1);
	assert_null(trust.file);
	assert_non_null(strstr(trust.name, ca_bundle_version));
	for (at = buf_text(&trust.pem); (at = strstr(at, "-----BEGIN CERTIFICATE-----\n")) != NULL; at++) {
		const char *line = at + strlen("-----BEGIN CERTIFICATE-----\n");

		assert_true(strcspn(line, "\n") <= 64);
		count++;
	}
	assert_true(count > 0);
	assert_int_equal(trust_fall_back(&trust), 0);
	trust_release(&trust);
}

static void
trust_explains_a_server_with_no_tls_in_common(void **state)
{
	static const char *const texts[] = {
	    "BearSSL: connection error 0x0146", /* protocol_version */
	    "BearSSL: connection error 0x0128", /* handshake_failure */
	    "BearSSL: connection error 0x0147", /* insufficient_security */
	    "TLS connect error: error:0A00042E:SSL routines::tlsv1 alert protocol version",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		assert_non_null(strstr(trust_explain(texts[i]), "speaks TLS 1.2"));
	}
	assert_null(trust_explain("BearSSL: connection error 0x0001"));
	assert_null(trust_explain("BearSSL: connection error 0x0150")); /* internal_error: may be better next time */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reply_skips_interim_heads),
	    cmocka_unit_test(reply_reads_lengths_strictly),
	    cmocka_unit_test(base64_goes_both_ways),
	    cmocka_unit_test(lines_refuse_a_forged_header),
	    cmocka_unit_test(window_takes_all_or_nothing),
	    cmocka_unit_test(context_reads_switches_as_sdks_do),
	    cmocka_unit_test(context_waits_end_by_time_deadline_and_stop),
	    cmocka_unit_test(trust_takes_the_named_file_and_refuses_a_missing_one),
	    cmocka_unit_test(trust_unfolds_the_inner_bundle_as_pem),
	    cmocka_unit_test(trust_explains_a_server_with_no_tls_in_common),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
