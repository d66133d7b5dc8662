/* The providers of the chain that are found on this machine, or by a token at STS. */
#include "unit/net/chain.h"

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
