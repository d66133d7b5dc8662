/* The providers that are asked over http: the container endpoint and instance metadata; and how long an answer is kept. */
#include "unit/net/chain.h"

#include "net/provider.h"
#include "net/url.h"

/* The container endpoint on loopback, by FULL_URI. */
static int
ask_container(
    struct loopback *lo, struct environment *env, struct creds **creds, const struct credentials **got, struct err *err)
{
	static struct net_context ctx;
	char uri[128];

	environment(env);
	(void)snprintf(uri, sizeof(uri), "http://localhost:%d/v2/credentials/45724776-d1ca", lo->port);
	set(env, "AWS_CONTAINER_CREDENTIALS_FULL_URI", uri);
	set(env, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "tests/data/aws/credentials/token");
	set(env, "AWS_CONTAINER_AUTHORIZATION_TOKEN", "not-used-the-file-wins");
	set(env, "HTTP_PROXY", "http://127.0.0.1:1");
	set(env, "http_proxy", "http://127.0.0.1:1");
	ctx = loopback_context(env->list);
	return ask(&ctx, creds, got, err);
}

static const char good_container[] =
    "HTTP/1.1 200 OK\nContent-Type: application/json\n\n"
    "{\"RoleArn\":\"arn\",\"AccessKeyId\":\"ASIAIOSFODNN7EXAMPLE\",\"SecretAccessKey\":\"wJalr\",\"Token\":\"FwoG/"
    "=\",\"Expiration\":\"2999-01-15T18:00:00Z\",\"X\":1}";

static void
creds_container_sends_the_token_and_no_proxy_is_used(void **state)
{
	const struct step steps[] = {
	    {.fixture = "credentials/response-503-uninitialized.http"}, {.raw = good_container, .length = 1}};
	struct environment env;
	struct err err = {.kind = ERR_NONE};
	const struct credentials *got;
	CLEAN_CREDS *creds = NULL;
	struct loopback lo;

	(void)state;
	loopback_start(&lo, steps, 2);
	if (ask_container(&lo, &env, &creds, &got, &err) < 0) {
		fail_msg("%s", err.text);
	}
	loopback_stop(&lo);
	assert_secret(&got->access_key, "ASIAIOSFODNN7EXAMPLE");
	assert_secret(&got->token, "FwoG/=");
	assert_string_equal(got->provider, "container");
	assert_non_null(strstr(lo.requests[1], "GET /v2/credentials/45724776-d1ca HTTP/1.1\r\n"));
	assert_non_null(strstr(lo.requests[1], "\r\nAccept: application/json\r\n"));
	assert_non_null(strstr(lo.requests[1], "\r\nAuthorization: Bearer-EXAMPLE.eyJhdWQiOiJwb2RzIn0.c2ln\r\n"));
}

static void
creds_container_failures_end_the_chain_and_hide_the_path(void **state)
{
	static const struct {
		const char *fixture, *text;
		int kind;
	} cases[] = {
	    {"credentials/response-400-invalid-id.http", "answers 400", ERR_CREDENTIALS},
	    {"credentials/response-200-not-json.http", "no JSON object", ERR_CREDENTIALS},
	    {"credentials/response-200-no-token.http", "without Token", ERR_CREDENTIALS},
	    {"credentials/response-200-expired.http", "ended at", ERR_CREDENTIALS},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct step steps[] = {{.fixture = cases[i].fixture}};
		struct environment env;
		struct err err = {.kind = ERR_NONE};
		const struct credentials *got;
		CLEAN_CREDS *creds = NULL;
		struct loopback lo;

		loopback_start(&lo, steps, 1);
		assert_int_equal(ask_container(&lo, &env, &creds, &got, &err), -1);
		loopback_stop(&lo);
		assert_int_equal(err.kind, cases[i].kind);
		if (strstr(err.text, cases[i].text) == NULL || strstr(err.text, "45724776") != NULL) {
			fail_msg("%s gave '%s'", cases[i].fixture, err.text);
		}
	}
}

static void
creds_container_that_is_gone_is_named_without_its_path(void **state)
{
	struct environment env;
	struct err err = {.kind = ERR_NONE};
	const struct credentials *got;
	CLEAN_CREDS *creds = NULL;
	struct loopback lo;

	(void)state;
	loopback_start(&lo, NULL, 0);
	loopback_stop(&lo);
	assert_int_equal(ask_container(&lo, &env, &creds, &got, &err), -1);
	assert_int_equal(err.kind, ERR_CREDENTIALS);
	assert_non_null(strstr(err.text, "localhost"));
	assert_null(strstr(err.text, "45724776"));
}

static void
creds_container_token_with_a_line_end_is_refused(void **state)
{
	struct environment env;
	struct err err = {.kind = ERR_NONE};
	const struct credentials *got;
	CLEAN_CREDS *creds = NULL;

	(void)state;
	environment(&env);
	set(&env, "AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/");
	set(&env, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "tests/data/aws/credentials/token-trailing-newline");
	struct net_context ctx = loopback_context(env.list);
	assert_int_equal(ask(&ctx, &creds, &got, &err), -1);
	assert_non_null(strstr(err.text, "line end"));
}

static void
creds_container_allows_plain_http_to_known_hosts_only(void **state)
{
	struct buf text;
	struct err err = {.kind = ERR_NONE};
	int lines = 0;

	(void)state;
	buf_init(&text, 65536);
	assert_int_equal(fd_read_file(AT_FDCWD, "tests/data/aws/credentials/full-uri-hosts.txt", &text, &err), 0);
	for (char *save = NULL, *line = strtok_r(text.data, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		char verdict[16], address[128];
		struct url url;

		if (line[0] == '#') {
			continue;
		}
		assert_int_equal(sscanf(line, "%15s %127s", verdict, address), 2);
		assert_int_equal(url_parse(&url, address, &err), 0);
		int allowed = strcmp(url.scheme, "https") == 0 || provider_allows_plain(url.host);
		if (allowed != (strcmp(verdict, "allow") == 0)) {
			fail_msg("%s", line);
		}
		lines++;
	}
	assert_true(lines >= 10);
	buf_release(&text);
}

static int
ask_instance(
    struct loopback *lo, struct environment *env, struct creds **creds, const struct credentials **got, struct err *err)
{
	static struct net_context ctx;

	memset(env, 0, sizeof(*env));
	set(env, "HOME", "/nonexistent");
	set(env, "AWS_EC2_METADATA_SERVICE_ENDPOINT", lo->url);
	ctx = loopback_context(env->list);
	return ask(&ctx, creds, got, err);
}

static void
creds_instance_metadata_speaks_version_two(void **state)
{
	const struct step steps[] = {{.fixture = "imds/1-token.response-200.http"},
	    {.fixture = "imds/2-role.response-200.http"},
	    {.raw = "HTTP/1.1 200 "
	            "OK\n\n{\"Code\":\"Success\",\"AccessKeyId\":\"ASIAIOSFODNN7EXAMPLE\",\"SecretAccessKey\":\"s\","
	            "\"Token\":\"t\",\"Expiration\":\"2999-01-15T18:00:00Z\"}",
	        .length = 1}};
	struct environment env;
	struct err err = {.kind = ERR_NONE};
	const struct credentials *got;
	CLEAN_CREDS *creds = NULL;
	struct loopback lo;

	(void)state;
	loopback_start(&lo, steps, 3);
	if (ask_instance(&lo, &env, &creds, &got, &err) < 0) {
		fail_msg("%s", err.text);
	}
	loopback_stop(&lo);
	assert_string_equal(got->provider, "instance metadata");
	assert_non_null(strstr(lo.requests[0], "PUT /latest/api/token HTTP/1.1\r\n"));
	assert_non_null(strstr(lo.requests[0], "\r\nx-aws-ec2-metadata-token-ttl-seconds: 21600\r\n"));
	assert_non_null(strstr(lo.requests[1], "GET /latest/meta-data/iam/security-credentials/ HTTP/1.1\r\n"));
	assert_non_null(
	    strstr(lo.requests[1], "\r\nx-aws-ec2-metadata-token: AQAEAEXAMPLETOKEN_f6DvsEXAMPLEt-EXAMPLE7yKQ==\r\n"));
	assert_non_null(
	    strstr(lo.requests[2], "GET /latest/meta-data/iam/security-credentials/role-name HTTP/1.1\r\n"));
}

static void
creds_instance_without_a_role_or_token_is_no_provider(void **state)
{
	static const struct {
		struct step steps[2];
		size_t count;
		const char *text;
	} cases[] = {
	    {{{.fixture = "imds/1-token.response-403.http"}}, 1, "answers 403"},
	    {{{.fixture = "imds/1-token.response-404.http"}}, 1, "answers 404"},
	    {{{.fixture = "imds/1-token.response-200.http"}, {.fixture = "imds/2-role.response-404.http"}}, 2,
	        "has no role"},
	    {{{.fixture = "imds/1-token.response-200.http"}, {.fixture = "imds/2-role.response-200-empty.http"}}, 2,
	        "has no role"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct environment env;
		struct err err = {.kind = ERR_NONE};
		const struct credentials *got;
		CLEAN_CREDS *creds = NULL;
		struct loopback lo;

		loopback_start(&lo, cases[i].steps, cases[i].count);
		assert_int_equal(ask_instance(&lo, &env, &creds, &got, &err), -1);
		loopback_stop(&lo);
		assert_non_null(strstr(err.text, "no AWS credentials found"));
		if (strstr(err.text, cases[i].text) == NULL) {
			fail_msg("case %zu gave '%s'", i, err.text);
		}
	}
}

static void
creds_instance_error_document_is_an_error(void **state)
{
	const struct step steps[] = {{.fixture = "imds/1-token.response-200.http"},
	    {.fixture = "imds/2-role.response-200.http"}, {.fixture = "imds/3-credentials.response-200-error.http"}};
	struct environment env;
	struct err err = {.kind = ERR_NONE};
	const struct credentials *got;
	CLEAN_CREDS *creds = NULL;
	struct loopback lo;

	(void)state;
	loopback_start(&lo, steps, 3);
	assert_int_equal(ask_instance(&lo, &env, &creds, &got, &err), -1);
	loopback_stop(&lo);
	assert_non_null(strstr(err.text, "AssumeRoleUnauthorizedAccess"));
}

static void
creds_are_kept_until_they_are_renewed(void **state)
{
	const struct step steps[] = {{.raw = good_container, .length = 1}, {.raw = good_container, .length = 1}};
	struct environment env;
	struct err err = {.kind = ERR_NONE};
	const struct credentials *got;
	CLEAN_CREDS *creds = NULL;
	struct loopback lo;

	(void)state;
	loopback_start(&lo, steps, 2);
	assert_int_equal(ask_container(&lo, &env, &creds, &got, &err), 0);
	assert_int_equal(creds_get(creds, &got, &err), 0);
	creds_renew(creds, got->serial - 1);
	assert_int_equal(creds_get(creds, &got, &err), 0);
	creds_renew(creds, got->serial);
	assert_int_equal(creds_get(creds, &got, &err), 0);
	loopback_stop(&lo);
	assert_int_equal(lo.served, 2);
}

/* "2026-..." a number of seconds from now. */
static void
credentials_until(char *raw, size_t size, int64_t seconds)
{
	char when[CLOCK_TEXT];

	clock_format_utc(when, (int64_t)clock_wall() + seconds, 0);
	(void)snprintf(raw, size,
	    "HTTP/1.1 200 "
	    "OK\n\n{\"AccessKeyId\":\"ASIAOLD\",\"SecretAccessKey\":\"s\",\"Token\":\"t\",\"Expiration\":\"%s\"}",
	    when);
}

static void
creds_near_their_end_are_renewed_and_outlive_a_hiccup(void **state)
{
	char raw[512];
	const struct step steps[] = {{.raw = raw, .length = 1}, {.fixture = "credentials/response-400-invalid-id.http"},
	    {.raw = good_container, .length = 1}};
	struct environment env;
	struct err err = {.kind = ERR_NONE};
	const struct credentials *got;
	CLEAN_CREDS *creds = NULL;
	struct loopback lo;

	(void)state;
	credentials_until(raw, sizeof(raw), 200);
	loopback_start(&lo, steps, 3);
	assert_int_equal(ask_container(&lo, &env, &creds, &got, &err), 0);
	assert_int_equal(creds_get(creds, &got, &err), 0);
	assert_secret(&got->access_key, "ASIAOLD");
	assert_int_equal(err.kind, ERR_NONE);
	assert_int_equal(creds_get(creds, &got, &err), 0);
	assert_secret(&got->access_key, "ASIAIOSFODNN7EXAMPLE");
	loopback_stop(&lo);
	assert_int_equal(lo.served, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(creds_container_sends_the_token_and_no_proxy_is_used),
	    cmocka_unit_test(creds_container_failures_end_the_chain_and_hide_the_path),
	    cmocka_unit_test(creds_container_that_is_gone_is_named_without_its_path),
	    cmocka_unit_test(creds_container_token_with_a_line_end_is_refused),
	    cmocka_unit_test(creds_container_allows_plain_http_to_known_hosts_only),
	    cmocka_unit_test(creds_instance_metadata_speaks_version_two),
	    cmocka_unit_test(creds_instance_without_a_role_or_token_is_no_provider),
	    cmocka_unit_test(creds_instance_error_document_is_an_error),
	    cmocka_unit_test(creds_are_kept_until_they_are_renewed),
	    cmocka_unit_test(creds_near_their_end_are_renewed_and_outlive_a_hiccup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
