/* S3 over real sockets, with the wire fixtures. */
#include "unit/net/loopback.h"

#include "net/s3.h"

/* One download from the scripted server. */
struct
try {
	struct loopback lo;
	char endpoint[128];
	char *envp[8];
	struct net_context ctx;
	struct creds *creds;
	struct s3 *s3;
	struct s3_meta meta;
	struct buf body;
	struct err err;
};

static void
begin(struct try *try, const struct step *steps, size_t count)
{
	static char home[] = "HOME=/nonexistent", key[] = "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE",
	            secret[] = "AWS_SECRET_ACCESS_KEY=s3cr3t";
	static char token[] = "AWS_SESSION_TOKEN=t0ken", region[] = "AWS_REGION=us-west-2";

	memset(&try->err, 0, sizeof(try->err));
	loopback_start(&try->lo, steps, count);
	(void)snprintf(try->endpoint, sizeof(try->endpoint), "AWS_ENDPOINT_URL_S3=%s", try->lo.url);
	char *envp[] = {home, key, secret, token, region, try->endpoint, NULL};
	memcpy(try->envp, envp, sizeof(envp));
	try->ctx = loopback_context(try->envp);
	try->creds = creds_new(&try->ctx, &try->err);
	assert_non_null(try->creds);
	buf_init(&try->body, 1 << 20);
	try->s3 = NULL;
}

/* Opens and reads all. 0, or -1 with try->err. */
static int
fetch(struct try *try, const struct s3_request *request)
{
	try->s3 = s3_open(&try->ctx, try->creds, request, &try->meta, &try->err);
	return try->s3 == NULL ? -1 : loopback_drain(s3_source(try->s3), &try->body, &try->err);
}

static int
fetch_plainly(struct try *try)
{
	const struct s3_request request = {.url = "s3://my-bucket/app/app-1.2.tar.gz"};

	return fetch(try, &request);
}

static void
end(struct try *try)
{
	s3_close(try->s3);
	creds_free(try->creds);
	buf_release(&try->body);
	loopback_stop(&try->lo);
}

static void
s3_gives_body_size_version_etag_and_checksum(void **state)
{
	static const unsigned char first_bytes[] = {0x75, 0x09, 0xe5, 0xbd, 0xa0, 0xc7, 0x62, 0xd2};
	const struct step steps[] = {{.fixture = "s3/get-object-200.http"}};
	const struct s3_request request = {
	    .url = "s3://my-bucket/app//../odd +\xc3\xa9", .version_id = "3/L4", .owner = "123456789012"};
	struct try try;

	(void)state;
	begin(&try, steps, 1);
	if (fetch(&try, &request) < 0) {
		fail_msg("%s", try.err.text);
	}
	assert_string_equal(buf_text(&try.body), "hello world!");
	assert_int_equal(try.meta.size, 12);
	assert_string_equal(try.meta.etag, "\"fc3ff98e8c6a0d3087d515c0473f8677\"");
	assert_string_equal(try.meta.version_id, "3/L4kqtJl40Nr8X8gdRqBpUMLUo");
	assert_int_equal(try.meta.stored.kind, CHECKSUM_SHA256);
	assert_memory_equal(try.meta.stored.bytes, first_bytes, sizeof(first_bytes));
	end(&try);
	assert_non_null(
	    strstr(try.lo.requests[0], "GET /my-bucket/app//../odd%20%2B%C3%A9?versionId=3%2FL4 HTTP/1.1\r\n"));
	assert_non_null(strstr(try.lo.requests[0], "\r\nx-amz-expected-bucket-owner: 123456789012\r\n"));
	assert_non_null(strstr(try.lo.requests[0], "\r\nx-amz-checksum-mode: ENABLED\r\n"));
	assert_non_null(strstr(try.lo.requests[0], "\r\nx-amz-security-token: t0ken\r\n"));
	assert_non_null(
	    strstr(try.lo.requests[0], "SignedHeaders=host;x-amz-checksum-mode;x-amz-content-sha256;x-amz-date;"
	                               "x-amz-expected-bucket-owner;x-amz-security-token,"));
	assert_null(strstr(try.lo.requests[0], "Range:"));
}

static void
s3_takes_no_composite_checksum_for_the_objects(void **state)
{
	const struct step steps[] = {{.fixture = "s3/get-object-200-composite.http"}};
	struct try try;

	(void)state;
	begin(&try, steps, 1);
	assert_int_equal(fetch_plainly(&try), 0);
	assert_int_equal(try.meta.stored.kind, CHECKSUM_NONE);
	end(&try);
}

static void
s3_resumes_a_cut_body_by_range_and_if_match(void **state)
{
	const struct step steps[] = {
	    {.fixture = "s3/get-object-200-truncated.http"},
	    {.raw = "HTTP/1.1 206 Partial Content\nETag: \"fc3ff98e8c6a0d3087d515c0473f8677\"\nContent-Range: bytes "
	            "7-11/12\nContent-Length: 5\n\norld!"},
	};
	struct try try;

	(void)state;
	begin(&try, steps, 2);
	if (fetch_plainly(&try) < 0) {
		fail_msg("%s", try.err.text);
	}
	assert_string_equal(buf_text(&try.body), "hello world!");
	end(&try);
	assert_non_null(strstr(try.lo.requests[1], "\r\nRange: bytes=7-\r\n"));
	assert_non_null(strstr(try.lo.requests[1], "\r\nIf-Match: \"fc3ff98e8c6a0d3087d515c0473f8677\"\r\n"));
	assert_null(strstr(try.lo.requests[1], "checksum-mode"));
}

static void
s3_resume_survives_a_busy_server(void **state)
{
	const struct step steps[] = {
	    {.fixture = "s3/get-object-200-truncated.http"},
	    {.fixture = "s3/error-503-slowdown.http"},
	    {.raw = "HTTP/1.1 206 Partial Content\nContent-Range: bytes 7-11/12\nContent-Length: 5\n\norld!"},
	};
	struct try try;

	(void)state;
	begin(&try, steps, 3);
	assert_int_equal(fetch_plainly(&try), 0);
	assert_string_equal(buf_text(&try.body), "hello world!");
	end(&try);
}

static void
s3_never_splices_two_objects(void **state)
{
	static const struct {
		struct step second;
		const char *text;
	} cases[] = {
	    {{.fixture = "s3/error-412-preconditionfailed.http"}, "replaced meanwhile"},
	    {{.raw = "HTTP/1.1 206 Partial Content\nETag: \"other\"\nContent-Range: bytes 7-11/12\nContent-Length: "
	             "5\n\norld!"},
	        "replaced meanwhile"},
	    {{.raw = "HTTP/1.1 206 Partial Content\nContent-Range: bytes 6-11/12\nContent-Length: 6\n\nworld!"},
	        "another part"},
	    {{.raw = "HTTP/1.1 206 Partial Content\nContent-Range: bytes 7-19/20\nContent-Length: 5\n\norld!"},
	        "another part"},
	    {{.fixture = "s3/get-object-200.http"}, "does not send parts"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct step steps[] = {{.fixture = "s3/get-object-200-truncated.http"}, cases[i].second};
		struct try try;

		begin(&try, steps, 2);
		assert_int_equal(fetch_plainly(&try), -1);
		assert_int_equal(try.err.kind, ERR_UNAVAILABLE);
		if (strstr(try.err.text, cases[i].text) == NULL) {
			fail_msg("case %zu gave '%s'", i, try.err.text);
		}
		end(&try);
		assert_int_equal(try.lo.served, 2);
	}
}

static void
s3_does_not_resume_on_a_weak_etag(void **state)
{
	const struct step steps[] = {{.raw = "HTTP/1.1 200 OK\nETag: W/\"x\"\nContent-Length: 9\n\nabc"}};
	struct try try;

	(void)state;
	begin(&try, steps, 1);
	assert_int_equal(fetch_plainly(&try), -1);
	assert_int_equal(try.err.kind, ERR_UNAVAILABLE);
	assert_non_null(strstr(try.err.text, "cut after 3 bytes"));
	end(&try);
}

static void
s3_retries_what_passes(void **state)
{
	static const char *const passing[] = {"s3/error-503-slowdown.http", "s3/error-500-internalerror.http",
	    "s3/error-503-not-xml.http", "s3/error-200-slowdown-in-body.http"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(passing); i++) {
		const struct step steps[] = {{.fixture = passing[i]}, {.fixture = "s3/get-object-200.http"}};
		struct try try;

		begin(&try, steps, 2);
		if (fetch_plainly(&try) < 0) {
			fail_msg("%s: %s", passing[i], try.err.text);
		}
		assert_string_equal(buf_text(&try.body), "hello world!");
		end(&try);
	}
}

static void
s3_fails_at_once_on_what_does_not(void **state)
{
	static const struct {
		const char *fixture;
		enum err_kind kind;
		const char *text;
	} cases[] = {
	    {"s3/error-404-nosuchkey.http", ERR_NOT_FOUND, "does not exist (NoSuchKey"},
	    {"s3/error-405-methodnotallowed-deletemarker.http", ERR_NOT_FOUND, "delete marker"},
	    {"s3/error-403-accessdenied.http", ERR_DENIED, "kms:Decrypt"},
	    {"s3/error-403-accessdenied-detailed.http", ERR_DENIED, "without s3:ListBucket"},
	    {"s3/error-403-requesttimetooskewed.http", ERR_DENIED, "clock"},
	    {"s3/error-400-illegallocationconstraint.http", ERR_DENIED, "set AWS_REGION"},
	    {"s3/error-301-permanentredirect-bare.http", ERR_DENIED, "set AWS_REGION"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct step steps[] = {{.fixture = cases[i].fixture}};
		struct try try;

		begin(&try, steps, 1);
		assert_int_equal(fetch_plainly(&try), -1);
		if (try.err.kind != cases[i].kind || strstr(try.err.text, cases[i].text) == NULL) {
			fail_msg("%s gave %d '%s'", cases[i].fixture, (int)try.err.kind, try.err.text);
		}
		assert_true(try.err.http >= 300);
		end(&try);
		assert_int_equal(try.lo.served, 1);
	}
}

static void
s3_denial_names_version_and_owner(void **state)
{
	const struct step steps[] = {{.fixture = "s3/error-403-accessdenied.http"}};
	const struct s3_request request = {.url = "s3://my-bucket/k", .version_id = "v", .owner = "123456789012"};
	struct try try;

	(void)state;
	begin(&try, steps, 1);
	assert_int_equal(fetch(&try, &request), -1);
	assert_non_null(strstr(try.err.text, "s3:GetObjectVersion"));
	assert_non_null(strstr(try.err.text, "TRAIN_CODE_OWNER"));
	assert_null(strstr(try.err.text, "t0ken"));
	end(&try);
}

static void
s3_follows_a_wrong_region_once_and_signs_anew(void **state)
{
	static const char *const wrong[] = {"s3/error-400-authorizationheadermalformed.http",
	    "s3/error-400-authorizationheadermalformed-no-header.http",
	    "s3/error-301-permanentredirect-region-header.http", "s3/error-307-temporaryredirect.http",
	    "s3/error-301-permanentredirect-location.http"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		const char *region = strstr(wrong[i], "malformed") != NULL ? "/us-east-1/s3/" : "/eu-central-1/s3/";
		const struct step steps[] = {{.fixture = wrong[i]}, {.fixture = "s3/get-object-200.http"}};
		struct try try;

		begin(&try, steps, 2);
		if (fetch_plainly(&try) < 0) {
			fail_msg("%s: %s", wrong[i], try.err.text);
		}
		end(&try);
		assert_non_null(strstr(try.lo.requests[0], "/us-west-2/s3/"));
		assert_non_null(strstr(try.lo.requests[1], region));
	}
}

static void
s3_follows_no_second_region(void **state)
{
	const struct step steps[] = {{.fixture = "s3/error-301-permanentredirect-region-header.http"},
	    {.fixture = "s3/error-400-authorizationheadermalformed.http"}};
	struct try try;

	(void)state;
	begin(&try, steps, 2);
	assert_int_equal(fetch_plainly(&try), -1);
	assert_int_equal(try.err.kind, ERR_DENIED);
	end(&try);
	assert_int_equal(try.lo.served, 2);
}

static void
s3_renews_expired_credentials_once(void **state)
{
	const struct step good[] = {
	    {.fixture = "s3/error-400-expiredtoken.http"}, {.fixture = "s3/get-object-200.http"}};
	const struct step bad[] = {
	    {.fixture = "s3/error-400-expiredtoken.http"}, {.fixture = "s3/error-400-expiredtoken.http"}};
	struct try try;

	(void)state;
	begin(&try, good, 2);
	assert_int_equal(fetch_plainly(&try), 0);
	end(&try);
	begin(&try, bad, 2);
	assert_int_equal(fetch_plainly(&try), -1);
	assert_int_equal(try.err.kind, ERR_CREDENTIALS);
	assert_null(strstr(try.err.text, "FwoGZX"));
	end(&try);
	assert_int_equal(try.lo.served, 2);
}

static void
s3_refuses_addresses_it_cannot_serve(void **state)
{
	static const struct {
		const char *url, *text;
	} cases[] = {
	    {"s3://bucket", "no s3://bucket/key"},
	    {"s3://bucket/", "no s3://bucket/key"},
	    {"s3:///key", "no s3://bucket/key"},
	    {"s3://arn:aws:s3:us-east-1:1:accesspoint/x/key", "access point"},
	    {"s3://name--usw2-az1--x-s3/key", "S3 Express"},
	    {"https://h/k", "no s3://bucket/key"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char bucket[S3_BUCKET_MAX];
		struct err err = {.kind = ERR_NONE};
		const char *key;

		assert_int_equal(s3_split(cases[i].url, bucket, &key, &err), -1);
		assert_int_equal(err.kind, ERR_SETTINGS);
		assert_non_null(strstr(err.text, cases[i].text));
	}
}

static void
s3_plain_http_beyond_loopback_is_a_settings_error(void **state)
{
	const struct s3_request request = {.url = "s3://my-bucket/k"};
	struct try try;

	(void)state;
	begin(&try, NULL, 0);
	(void)snprintf(try.endpoint, sizeof(try.endpoint), "AWS_ENDPOINT_URL_S3=http://192.0.2.1:9000");
	assert_int_equal(fetch(&try, &request), -1);
	assert_int_equal(try.err.kind, ERR_SETTINGS);
	assert_non_null(strstr(try.err.text, "TRAIN_CODE_INSECURE"));
	end(&try);
}

static void
s3_link_local_endpoint_is_refused_even_when_plain_http_is_allowed(void **state)
{
	const struct s3_request request = {.url = "s3://my-bucket/k"};
	struct try try;

	(void)state;
	begin(&try, NULL, 0);
	try.ctx.plain_http = 1;
	(void)snprintf(try.endpoint, sizeof(try.endpoint), "AWS_ENDPOINT_URL_S3=http://169.254.169.254");
	assert_int_equal(fetch(&try, &request), -1);
	assert_int_equal(try.err.kind, ERR_SETTINGS);
	end(&try);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(s3_gives_body_size_version_etag_and_checksum),
	    cmocka_unit_test(s3_takes_no_composite_checksum_for_the_objects),
	    cmocka_unit_test(s3_resumes_a_cut_body_by_range_and_if_match),
	    cmocka_unit_test(s3_resume_survives_a_busy_server),
	    cmocka_unit_test(s3_never_splices_two_objects),
	    cmocka_unit_test(s3_does_not_resume_on_a_weak_etag),
	    cmocka_unit_test(s3_retries_what_passes),
	    cmocka_unit_test(s3_fails_at_once_on_what_does_not),
	    cmocka_unit_test(s3_denial_names_version_and_owner),
	    cmocka_unit_test(s3_follows_a_wrong_region_once_and_signs_anew),
	    cmocka_unit_test(s3_follows_no_second_region),
	    cmocka_unit_test(s3_renews_expired_credentials_once),
	    cmocka_unit_test(s3_refuses_addresses_it_cannot_serve),
	    cmocka_unit_test(s3_plain_http_beyond_loopback_is_a_settings_error),
	    cmocka_unit_test(s3_link_local_endpoint_is_refused_even_when_plain_http_is_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
