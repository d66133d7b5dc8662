/* Every provider of the chain, against temporary files and servers on loopback. */
#include "unit/net/loopback.h"

#include "net/creds.h"
#include "net/provider.h"
#include "net/url.h"

enum { ENV_MAX = 16, ENV_TEXT = 1024 };

/* An environment under construction; the home folder is one that does not exist unless the test names it. */
struct environment {
	char text[ENV_MAX][ENV_TEXT];
	char *list[ENV_MAX + 1];
	size_t count;
};

static void
set(struct environment *env, const char *name, const char *value)
{
	assert_true(env->count < ENV_MAX);
	(void)snprintf(env->text[env->count], ENV_TEXT, "%s=%s", name, value);
	env->list[env->count] = env->text[env->count];
	env->list[++env->count] = NULL;
}

static struct environment *
environment(struct environment *env)
{
	memset(env, 0, sizeof(*env));
	set(env, "HOME", "/nonexistent");
	set(env, "AWS_EC2_METADATA_DISABLED", "true");
	return env;
}

/* Walks the chain once. 0 with '*out' owned by 'creds', or -1 with 'err'. */
static int
ask(struct net_context *ctx, struct creds **creds, const struct credentials **out, struct err *err)
{
	*creds = creds_new(ctx, err);
	assert_non_null(*creds);
	return creds_get(*creds, out, err);
}

static void
assert_secret(const struct secret *secret, const char *text)
{
	assert_string_equal(secret_reveal(secret), text);
}

static void
creds_come_from_the_environment_first(void **state)
{
	struct environment env;
	struct err err = {.kind = ERR_NONE};
	const struct credentials *got;
	CLEAN_CREDS *creds = NULL;

	(void)state;
	environment(&env);
	set(&env, "AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE");
	set(&env, "AWS_SECRET_ACCESS_KEY", "secret");
	set(&env, "AWS_SESSION_TOKEN", "token");
	set(&env, "AWS_CREDENTIAL_EXPIRATION", "2999-01-01T00:00:00Z");
	set(&env, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/never/asked");
	struct net_context ctx = loopback_context(env.list);
	assert_int_equal(ask(&ctx, &creds, &got, &err), 0);
	assert_secret(&got->access_key, "AKIAIOSFODNN7EXAMPLE");
	assert_secret(&got->secret_key, "secret");
	assert_secret(&got->token, "token");
	assert_string_equal(got->provider, "environment");
	assert_true(got->expires_s > 0);
}

static void
creds_half_an_environment_is_an_error(void **state)
{
	struct environment env;
	struct err err = {.kind = ERR_NONE};
	const struct credentials *got;
	CLEAN_CREDS *creds = NULL;

	(void)state;
	environment(&env);
	set(&env, "AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE");
	struct net_context ctx = loopback_context(env.list);
	assert_int_equal(ask(&ctx, &creds, &got, &err), -1);
	assert_int_equal(err.kind, ERR_CREDENTIALS);
	assert_string_equal(err.text, "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not");
}

static void
creds_that_have_ended_are_named(void **state)
{
	struct environment env;
	struct err err = {.kind = ERR_NONE};
	const struct credentials *got;
	CLEAN_CREDS *creds = NULL;

	(void)state;
	environment(&env);
	set(&env, "AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE");
	set(&env, "AWS_SECRET_ACCESS_KEY", "secret");
	set(&env, "AWS_CREDENTIAL_EXPIRATION", "2020-01-01T00:00:00+00:00");
	struct net_context ctx = loopback_context(env.list);
	assert_int_equal(ask(&ctx, &creds, &got, &err), -1);
	assert_string_equal(err.text, "the credentials from 'environment' ended at 2020-01-01T00:00:00Z");
}

static void
creds_none_lists_what_was_tried(void **state)
{
	static const char *const names[] = {"environment", "web identity", "profile", "container", "instance metadata"};
	struct environment env;
	struct err err = {.kind = ERR_NONE};
	const struct credentials *got;
	CLEAN_CREDS *creds = NULL;

	(void)state;
	environment(&env);
	struct net_context ctx = loopback_context(env.list);
	assert_int_equal(ask(&ctx, &creds, &got, &err), -1);
	assert_int_equal(err.kind, ERR_CREDENTIALS);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_non_null(strstr(err.text, names[i]));
	}
}

static void
creds_web_identity_trades_a_token_at_sts(void **state)
{
	const struct step steps[] = {{.fixture = "sts/error-400-idpcommunicationerror.http"},
	    {.raw = "HTTP/1.1 200 OK\n\n"
	            "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>"
	            "ASIAIOSFODNN7EXAMPLE</AccessKeyId>"
	            "<SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY</"
	            "SecretAccessKey><SessionToken>AQoEXAMPLEH4aoAH0gNCAPyJxz4BlCFFxWNE1OPTgk5TthT+FvwqnKwRcOIfrRh3c/L\n"
	            "       To6UDdyJwOOvEVPvLXCrrrUtdnniCEXAMPLE/IvU1dYUg2RVAJBanLiHb4IgRmpRV3z\n       "
	            "EXAMPLE</SessionToken>"
	            "<Expiration>2999-01-15T13:00:00.611Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></"
	            "AssumeRoleWithWebIdentityResponse>",
	        .length = 1}};
	struct environment env;
	struct err err = {.kind = ERR_NONE};
	const struct credentials *got;
	CLEAN_CREDS *creds = NULL;
	struct loopback lo;

	(void)state;
	loopback_start(&lo, steps, 2);
	environment(&env);
	set(&env, "AWS_WEB_IDENTITY_TOKEN_FILE", "tests/data/aws/sts/web-identity-token");
	set(&env, "AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/FederatedWebIdentityRole");
	set(&env, "AWS_ROLE_SESSION_NAME", "app1");
	set(&env, "AWS_REGION", "us-east-1");
	set(&env, "AWS_ENDPOINT_URL_STS", lo.url);
	struct net_context ctx = loopback_context(env.list);
	if (ask(&ctx, &creds, &got, &err) < 0) {
		fail_msg("%s", err.text);
	}
	loopback_stop(&lo);
	assert_secret(&got->access_key, "ASIAIOSFODNN7EXAMPLE");
	assert_string_equal(got->provider, "web identity");
	/* A server that wraps the token must not break it. */
	assert_null(strpbrk(secret_reveal(&got->token), " \n"));
	/* The body is the fixture's, byte for byte. */
	assert_non_null(
	    strstr(lo.requests[0], "\r\nContent-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"));
	assert_null(strstr(lo.requests[0], "Authorization"));
	const char *body = strstr(lo.requests[1], "\r\n\r\n");
	struct buf fixture;
	buf_init(&fixture, 65536);
	assert_int_equal(
	    fd_read_file(AT_FDCWD, "tests/data/aws/sts/assume-role-with-web-identity.request.http", &fixture, &err), 0);
	assert_string_equal(body + 4, strstr(buf_text(&fixture), "\n\n") + 2);
	buf_release(&fixture);
}

static void
creds_web_identity_refusal_is_final(void **state)
{
	const struct step steps[] = {{.fixture = "sts/error-403-accessdenied.http"}};
	struct environment env;
	struct err err = {.kind = ERR_NONE};
	const struct credentials *got;
	CLEAN_CREDS *creds = NULL;
	struct loopback lo;

	(void)state;
	loopback_start(&lo, steps, 1);
	environment(&env);
	set(&env, "AWS_WEB_IDENTITY_TOKEN_FILE", "tests/data/aws/sts/web-identity-token");
	set(&env, "AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/R");
	set(&env, "AWS_ENDPOINT_URL_STS", lo.url);
	struct net_context ctx = loopback_context(env.list);
	assert_int_equal(ask(&ctx, &creds, &got, &err), -1);
	loopback_stop(&lo);
	assert_int_equal(lo.served, 1);
	assert_int_equal(err.kind, ERR_CREDENTIALS);
	assert_non_null(strstr(err.text, "AccessDenied"));
	assert_null(strstr(err.text, "eyJ"));
}

static void
creds_profile_gives_static_keys(void **state)
{
	static const char *const names[] = {"credentials", NULL};
	struct environment env;
	struct err err = {.kind = ERR_NONE};
	const struct credentials *got;
	CLEAN_CREDS *creds = NULL;
	char dir[256], path[300];

	(void)state;
	loopback_scratch(dir);
	loopback_write(dir, "credentials",
	    "[default]\naws_access_key_id = AKIDEFAULT\naws_secret_access_key=s0\n# comment\n[ other "
	    "]\r\nAWS_ACCESS_KEY_ID = AKIOTHER\r\n"
	    "aws_secret_access_key = s1/+=\r\naws_session_token = t1\r\n",
	    0600);
	(void)snprintf(path, sizeof(path), "%s/credentials", dir);
	environment(&env);
	set(&env, "AWS_SHARED_CREDENTIALS_FILE", path);
	set(&env, "AWS_PROFILE", "other");
	struct net_context ctx = loopback_context(env.list);
	assert_int_equal(ask(&ctx, &creds, &got, &err), 0);
	assert_secret(&got->access_key, "AKIOTHER");
	assert_secret(&got->secret_key, "s1/+=");
	assert_secret(&got->token, "t1");
	assert_string_equal(got->provider, "profile");
	loopback_remove(dir, names);
}

static void
creds_profile_that_needs_a_login_names_the_way_out(void **state)
{
	static const char *const names[] = {"config", NULL};
	static const char *const profiles[] = {"sso", "role"};
	char dir[256], path[300];

	(void)state;
	loopback_scratch(dir);
	loopback_write(dir, "config",
	    "[profile sso]\nsso_session = x\nsso_account_id = 1\n[profile  role]\nrole_arn = "
	    "arn:aws:iam::1:role/x\nsource_profile = y\n",
	    0600);
	(void)snprintf(path, sizeof(path), "%s/config", dir);
	for (size_t i = 0; i < ARRAY_LEN(profiles); i++) {
		struct environment env;
		struct err err = {.kind = ERR_NONE};
		const struct credentials *got;
		CLEAN_CREDS *creds = NULL;

		environment(&env);
		set(&env, "AWS_CONFIG_FILE", path);
		set(&env, "AWS_PROFILE", profiles[i]);
		struct net_context ctx = loopback_context(env.list);
		assert_int_equal(ask(&ctx, &creds, &got, &err), -1);
		assert_int_equal(err.kind, ERR_CREDENTIALS);
		assert_non_null(strstr(err.text, "eval \"$(aws configure export-credentials --format env)\""));
	}
	loopback_remove(dir, names);
}

static void
creds_profile_that_is_missing_is_an_error_when_named(void **state)
{
	struct environment env;
	struct err err = {.kind = ERR_NONE};
	const struct credentials *got;
	CLEAN_CREDS *creds = NULL;

	(void)state;
	environment(&env);
	set(&env, "AWS_PROFILE", "nobody");
	struct net_context ctx = loopback_context(env.list);
	assert_int_equal(ask(&ctx, &creds, &got, &err), -1);
	assert_non_null(strstr(err.text, "'nobody'"));
}

/* One credential_process of the default profile. 0, or -1 with 'err'. */
static int
run_process(const char *command, struct net_context *ctx, struct environment *env, struct creds **creds,
    const struct credentials **got, struct err *err)
{
	static const char *const names[] = {"config", "keys.sh", NULL};
	char dir[256], path[300], config[2048];
	int done;

	loopback_scratch(dir);
	loopback_write(dir, "keys.sh",
	    "#!/bin/sh\nprintf '{\"Version\": 1, \"AccessKeyId\": \"%s\", \"SecretAccessKey\": \"%s\", \"SessionToken\": "
	    "\"t\", "
	    "\"Expiration\": \"2999-01-01T00:00:00+00:00\"}' \"$1\" \"$2\"\n",
	    0700);
	(void)snprintf(
	    config, sizeof(config), "[default]\ncredential_process = %s/%s\n", command[0] == '/' ? "" : dir, command);
	if (command[0] == '/') {
		(void)snprintf(config, sizeof(config), "[default]\ncredential_process = %s\n", command);
	}
	loopback_write(dir, "config", config, 0600);
	(void)snprintf(path, sizeof(path), "%s/config", dir);
	environment(env);
	set(env, "AWS_CONFIG_FILE", path);
	set(env, "PATH", "/usr/bin:/bin");
	ctx->envp = env->list;
	done = ask(ctx, creds, got, err);
	loopback_remove(dir, names);
	return done;
}

static void
creds_process_is_run_without_a_shell(void **state)
{
	struct net_context ctx = loopback_context(NULL);
	struct environment env;
	struct err err = {.kind = ERR_NONE};
	const struct credentials *got;
	CLEAN_CREDS *creds = NULL;

	(void)state;
	if (run_process("keys.sh \"A K\" '$(id);`id`'", &ctx, &env, &creds, &got, &err) < 0) {
		fail_msg("%s", err.text);
	}
	assert_secret(&got->access_key, "A K");
	assert_secret(&got->secret_key, "$(id);`id`");
	assert_secret(&got->token, "t");
	assert_true(got->expires_s > 0);
	assert_string_equal(got->provider, "credential process");
}

static void
creds_process_failures_are_told_apart(void **state)
{
	static const struct {
		const char *command, *text;
	} cases[] = {
	    {"/bin/false", "exit code 1"},
	    {"/nonexistent/x", "cannot run"},
	    {"/bin/echo hello", "no JSON object"},
	    {"/bin/cat /dev/zero", "prints more than"},
	    {"/bin/echo '{\"Version\":1}'", "without AccessKeyId"},
	    {"/bin/echo \"open", "open quote"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct net_context ctx = loopback_context(NULL);
		struct environment env;
		struct err err = {.kind = ERR_NONE};
		const struct credentials *got;
		CLEAN_CREDS *creds = NULL;

		assert_int_equal(run_process(cases[i].command, &ctx, &env, &creds, &got, &err), -1);
		assert_int_equal(err.kind, ERR_CREDENTIALS);
		if (strstr(err.text, cases[i].text) == NULL) {
			fail_msg("'%s' gave '%s'", cases[i].command, err.text);
		}
	}
}

static void
creds_process_that_hangs_ends_with_the_phase(void **state)
{
	struct net_context ctx = {.wake_fd = -1, .cancel_fd = -1, .deadline_ms = clock_now_ms() + 100};
	struct environment env;
	struct err err = {.kind = ERR_NONE};
	const struct credentials *got;
	CLEAN_CREDS *creds = NULL;

	(void)state;
	assert_int_equal(run_process("/bin/sleep 1000", &ctx, &env, &creds, &got, &err), -1);
	assert_int_equal(err.kind, ERR_DEADLINE);
}

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
	creds_renew(creds);
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
	    cmocka_unit_test(creds_come_from_the_environment_first),
	    cmocka_unit_test(creds_half_an_environment_is_an_error),
	    cmocka_unit_test(creds_that_have_ended_are_named),
	    cmocka_unit_test(creds_none_lists_what_was_tried),
	    cmocka_unit_test(creds_web_identity_trades_a_token_at_sts),
	    cmocka_unit_test(creds_web_identity_refusal_is_final),
	    cmocka_unit_test(creds_profile_gives_static_keys),
	    cmocka_unit_test(creds_profile_that_needs_a_login_names_the_way_out),
	    cmocka_unit_test(creds_profile_that_is_missing_is_an_error_when_named),
	    cmocka_unit_test(creds_process_is_run_without_a_shell),
	    cmocka_unit_test(creds_process_failures_are_told_apart),
	    cmocka_unit_test(creds_process_that_hangs_ends_with_the_phase),
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
