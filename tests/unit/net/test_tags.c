/* ListTags over real sockets, with the wire fixtures. */
#include "unit/net/loopback.h"

#include "net/tags.h"

static const char arn[] = "arn:aws:sagemaker:us-east-1:123456789012:training-job/my-job";

struct
try {
	struct loopback lo;
	char endpoint[128];
	char *envp[8];
	struct net_context ctx;
	struct creds *creds;
	struct tags tags;
	struct err err;
};

static void
begin(struct try *try, const struct step *steps, size_t count)
{
	static char home[] = "HOME=/nonexistent", key[] = "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE",
	            secret[] = "AWS_SECRET_ACCESS_KEY=s3cr3t";
	static char token[] = "AWS_SESSION_TOKEN=t0ken", region[] = "AWS_REGION=eu-west-1";

	memset(try, 0, sizeof(*try));
	loopback_start(&try->lo, steps, count);
	(void)snprintf(try->endpoint, sizeof(try->endpoint), "AWS_ENDPOINT_URL_SAGEMAKER=%s", try->lo.url);
	char *envp[] = {home, key, secret, token, region, try->endpoint, NULL};
	memcpy(try->envp, envp, sizeof(envp));
	try->ctx = loopback_context(try->envp);
	try->creds = creds_new(&try->ctx, &try->err);
	assert_non_null(try->creds);
}

static int
list(struct try *try)
{
	return tags_list(&try->ctx, try->creds, arn, &try->tags, &try->err);
}

static void
end(struct try *try)
{
	tags_release(&try->tags);
	creds_free(try->creds);
	loopback_stop(&try->lo);
}

/* The body of a request fixture. */
static void
assert_body_is(const char *request, const char *fixture)
{
	struct err err = {.kind = ERR_NONE};
	struct buf text;

	buf_init(&text, 65536);
	assert_int_equal(fd_read_file(AT_FDCWD, fixture, &text, &err), 0);
	assert_string_equal(strstr(request, "\r\n\r\n") + 4, strstr(buf_text(&text), "\n\n") + 2);
	buf_release(&text);
}

static void
tags_ask_in_the_documented_form(void **state)
{
	const struct step steps[] = {{.fixture = "listtags/response-200.http"}};
	struct try try;

	(void)state;
	begin(&try, steps, 1);
	if (list(&try) < 0) {
		fail_msg("%s", try.err.text);
	}
	assert_true(try.tags.count > 0);
	assert_string_equal(tags_find(&try.tags, try.tags.list[0].key), try.tags.list[0].value);
	assert_null(tags_find(&try.tags, "absent"));
	end(&try);
	assert_non_null(strstr(try.lo.requests[0], "POST / HTTP/1.1\r\n"));
	assert_non_null(strstr(try.lo.requests[0], "\r\nContent-Type: application/x-amz-json-1.1\r\n"));
	assert_non_null(strstr(try.lo.requests[0], "\r\nX-Amz-Target: SageMaker.ListTags\r\n"));
	/* The ARN's region signs, not AWS_REGION. */
	assert_non_null(strstr(try.lo.requests[0],
	    "/us-east-1/sagemaker/aws4_request, "
	    "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target,"));
	assert_body_is(try.lo.requests[0], "tests/data/aws/listtags/request.http");
}

static void
tags_follow_pages(void **state)
{
	const struct step steps[] = {
	    {.fixture = "listtags/response-200-page1.http"}, {.fixture = "listtags/response-200-page2.http"}};
	struct try try;

	(void)state;
	begin(&try, steps, 2);
	assert_int_equal(list(&try), 0);
	assert_true(try.tags.count >= 2);
	end(&try);
	assert_int_equal(try.lo.served, 2);
	assert_body_is(try.lo.requests[1], "tests/data/aws/listtags/request-page2.http");
}

static void
tags_read_every_good_reply(void **state)
{
	static const struct {
		const char *fixture;
		size_t count;
	} cases[] = {
	    {"listtags/response-200-empty.http", 0},
	    {"listtags/response-200-no-members.http", 0},
	    {"listtags/response-200-50-tags.http", 50},
	    {"listtags/response-200-page2-null-token.http", 3},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct step steps[] = {{.fixture = cases[i].fixture}};
		struct try try;

		begin(&try, steps, 1);
		if (list(&try) < 0 || try.tags.count != cases[i].count) {
			fail_msg("%s: %zu tags, '%s'", cases[i].fixture, try.tags.count, try.err.text);
		}
		end(&try);
	}
}

static void
tags_decode_escapes(void **state)
{
	const struct step steps[] = {
	    {.raw = "HTTP/1.1 200 OK\n\n{\"Tags\":[{\"Key\":\"train:code\",\"Value\":\"s3:\\/\\/b\\/\\u00e9\"}]}",
	        .length = 1}};
	struct try try;

	(void)state;
	begin(&try, steps, 1);
	assert_int_equal(list(&try), 0);
	assert_string_equal(tags_find(&try.tags, "train:code"), "s3://b/\xc3\xa9");
	end(&try);
}

static void
tags_retry_throttles_and_server_errors(void **state)
{
	static const char *const passing[] = {"listtags/response-400-throttling.http",
	    "listtags/response-500-internal.http", "listtags/response-503-not-json.http"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(passing); i++) {
		const struct step steps[] = {{.fixture = passing[i]}, {.fixture = "listtags/response-200.http"}};
		struct try try;

		begin(&try, steps, 2);
		if (list(&try) < 0) {
			fail_msg("%s: %s", passing[i], try.err.text);
		}
		end(&try);
	}
}

static void
tags_end_unavailable_when_the_time_for_retries_is_over(void **state)
{
	const struct step steps[] = {{.raw = "HTTP/1.1 503 Busy\nRetry-After: 20\nContent-Length: 0\n\n"}};
	struct try try;

	(void)state;
	begin(&try, steps, 1);
	try.ctx.deadline_ms = clock_now_ms() + 10000;
	assert_int_equal(list(&try), -1);
	assert_int_equal(try.err.kind, ERR_UNAVAILABLE);
	assert_int_equal(try.err.http, 503);
	end(&try);
}

static void
tags_denial_names_action_and_arn(void **state)
{
	static const char *const denied[] = {
	    "listtags/response-400-accessdenied.http", "listtags/response-400-accessdenied-explicit-deny.http"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(denied); i++) {
		const struct step steps[] = {{.fixture = denied[i]}};
		struct try try;

		begin(&try, steps, 1);
		assert_int_equal(list(&try), -1);
		assert_int_equal(try.err.kind, ERR_DENIED);
		assert_non_null(strstr(try.err.text, "sagemaker:ListTags"));
		assert_non_null(strstr(try.err.text, arn));
		end(&try);
	}
}

static void
tags_other_refusals_are_final(void **state)
{
	static const char *const refused[] = {"listtags/response-400-validation.http",
	    "listtags/response-400-not-json.http", "listtags/response-400-empty-body.http",
	    "listtags/response-400-type-with-uri.http"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		const struct step steps[] = {{.fixture = refused[i]}};
		struct try try;

		begin(&try, steps, 1);
		assert_int_equal(list(&try), -1);
		assert_int_equal(try.err.kind, ERR_DENIED);
		assert_int_equal(try.err.http, 400);
		end(&try);
		assert_int_equal(try.lo.served, 1);
	}
}

static void
tags_renew_expired_credentials_once(void **state)
{
	const struct step steps[] = {{.fixture = "listtags/response-400-expiredtoken.http"},
	    {.fixture = "listtags/response-400-unrecognizedclient-namespaced.http"}};
	struct try try;

	(void)state;
	begin(&try, steps, 2);
	assert_int_equal(list(&try), -1);
	assert_int_equal(try.err.kind, ERR_CREDENTIALS);
	end(&try);
	assert_int_equal(try.lo.served, 2);
}

static void
tags_refuse_what_is_no_sagemaker_arn(void **state)
{
	static const char *const bad[] = {"", "x", "arn:aws:s3:us-east-1:123456789012:b",
	    "arn:aws:sagemaker:us-east-1:1234:training-job/x", "arn:aws:sagemaker:us east:123456789012:training-job/x"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct try try;

		begin(&try, NULL, 0);
		try.envp[5] = NULL;
		assert_int_equal(tags_list(&try.ctx, try.creds, bad[i], &try.tags, &try.err), -1);
		assert_int_equal(try.err.kind, ERR_SETTINGS);
		end(&try);
	}
}

static void
tags_refuse_a_reply_that_is_none(void **state)
{
	static const char *const bad[] = {
	    "HTTP/1.1 200 OK\n\n<html>", "HTTP/1.1 200 OK\n\n[]", "HTTP/1.1 200 OK\n\n{\"Tags\":[{\"Key\":\"a\"}]}"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const struct step steps[] = {{.raw = bad[i], .length = 1}};
		struct try try;

		begin(&try, steps, 1);
		assert_int_equal(list(&try), -1);
		assert_int_equal(try.err.kind, ERR_UNAVAILABLE);
		end(&try);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tags_ask_in_the_documented_form),
	    cmocka_unit_test(tags_follow_pages),
	    cmocka_unit_test(tags_read_every_good_reply),
	    cmocka_unit_test(tags_decode_escapes),
	    cmocka_unit_test(tags_retry_throttles_and_server_errors),
	    cmocka_unit_test(tags_end_unavailable_when_the_time_for_retries_is_over),
	    cmocka_unit_test(tags_denial_names_action_and_arn),
	    cmocka_unit_test(tags_other_refusals_are_final),
	    cmocka_unit_test(tags_renew_expired_credentials_once),
	    cmocka_unit_test(tags_refuse_what_is_no_sagemaker_arn),
	    cmocka_unit_test(tags_refuse_a_reply_that_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
