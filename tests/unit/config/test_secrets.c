/* Which values are masked, and where: product §10. */
#include "unit/config/jobroot.h"

#include "base/mask.h"
#include "config/hyperparameters.h"
#include "config/secrets.h"

enum { TEXT_MAX = 65536 };

/* 'text' as it looks behind the mask. */
static void
expect_text(const struct mask *mask, const char *text, const char *expected)
{
	CLEAN_BUF out;

	buf_init(&out, TEXT_MAX);
	mask_text(mask, text, strlen(text), &out);
	assert_string_equal(buf_text(&out), expected);
}

static void
add(struct hyperparameters *hps, const char *name, const char *raw)
{
	struct err err = {0};

	assert_int_equal(hyperparameters_set(hps, name, raw, &err), 0);
}

static void
secrets_are_known_by_their_names(void **state)
{
	char *const envp[] = {(char[]){"AWS_SECRET_ACCESS_KEY=abcdef1234"}, (char[]){"MY_API_KEY=keykey"},
	    (char[]){"DB_PASSWORD=hunter22"}, (char[]){"MAX_TOKENS=4096"}, (char[]){"TOKENIZER=bertbert"},
	    (char[]){"NUM_KEYS=12345"}, (char[]){"PATH=/usr/bin"}, (char[]){"AWS_SESSION_TOKEN=sessions"}, NULL};
	CLEAN_HYPERPARAMETERS hps = {0};
	struct mask mask = {0};
	struct err err = {0};

	(void)state;
	add(&hps, "wandb_token", "wandbwandb");
	add(&hps, "tokenizer", "wordpiece");
	assert_int_equal(secrets_for_agent(&mask, envp, &hps, NULL, &err), 0);
	expect_text(&mask, "abcdef1234 keykey hunter22 sessions wandbwandb", "*** *** *** *** ***");
	expect_text(&mask, "4096 bertbert 12345 /usr/bin wordpiece", "4096 bertbert 12345 /usr/bin wordpiece");
	mask_release(&mask);
}

static void
secrets_that_redact_names_are_masked_too(void **state)
{
	char *const envp[] = {(char[]){"CUSTOMER=acme corp"}, (char[]){"CUSTOMERS=others"}, NULL};
	char *const redact[] = {(char[]){"CUSTOMER"}, (char[]){"project"}, NULL};
	CLEAN_HYPERPARAMETERS hps = {0};
	struct mask mask = {0};
	struct err err = {0};

	(void)state;
	add(&hps, "project", "\"manhattan\"");
	add(&hps, "Project", "hoover");
	assert_int_equal(secrets_for_agent(&mask, envp, &hps, redact, &err), 0);
	expect_text(&mask, "acme corp, manhattan, others, hoover", "***, ***, others, hoover");
	mask_release(&mask);
}

static void
secrets_in_the_pipelines_log_are_only_those_that_redact_names(void **state)
{
	char *const envp[] = {(char[]){"MY_API_KEY=keykey"}, (char[]){"CUSTOMER=acmecorp"}, NULL};
	char *const redact[] = {(char[]){"CUSTOMER"}, (char[]){"pw"}, NULL};
	CLEAN_HYPERPARAMETERS hps = {0};
	struct mask mask = {0};
	struct mask nothing = {0};
	struct err err = {0};

	(void)state;
	add(&hps, "pw", "swordfish");
	add(&hps, "password", "opensesame");
	assert_int_equal(secrets_for_log(&mask, envp, &hps, redact, &err), 0);
	expect_text(&mask, "keykey acmecorp swordfish opensesame", "keykey *** *** opensesame");
	assert_int_equal(secrets_for_log(&nothing, envp, &hps, NULL, &err), 0);
	assert_int_equal(nothing.count, 0);
	mask_release(&mask);
}

static void
secrets_are_masked_in_every_spelling_they_were_given(void **state)
{
	char *const envp[] = {NULL};
	CLEAN_HYPERPARAMETERS hps = {0};
	struct mask mask = {0};
	struct err err = {0};

	(void)state;
	/* As the platform gave it, as an argument, as a variable, and as it stands in the JSON of SM_HPS. */
	add(&hps, "db_password", "\"pa\\\"ss\\u00e9x\"");
	add(&hps, "api_token", "[\"t0ken1\", \"t0ken2\"]");
	assert_int_equal(secrets_for_agent(&mask, envp, &hps, NULL, &err), 0);
	expect_text(&mask, "--db_password pa\"ss\xc3\xa9x", "--db_password ***");
	expect_text(&mask, "{\"db_password\":\"pa\\\"ss\\u00e9x\"}", "{\"db_password\":***}");
	expect_text(&mask, "{\"x\":\"pa\\\"ss\\u00e9x and more\"}", "{\"x\":\"*** and more\"}");
	expect_text(&mask, "['t0ken1', 't0ken2'] [\"t0ken1\",\"t0ken2\"]", "*** ***");
	mask_release(&mask);
}

static void
secrets_that_are_short_are_not_looked_for(void **state)
{
	char *const envp[] = {(char[]){"A_PASSWORD=abc"}, (char[]){"B_PASSWORD="}, (char[]){"C_PASSWORD=abcd"}, NULL};
	CLEAN_HYPERPARAMETERS hps = {0};
	struct mask mask = {0};
	struct err err = {0};

	(void)state;
	assert_int_equal(secrets_for_agent(&mask, envp, &hps, NULL, &err), 0);
	expect_text(&mask, "abc abcd", "abc ***");
	mask_release(&mask);
}

static void
secrets_leave_the_host_and_the_file_of_the_token_readable(void **state)
{
	char *const envp[] = {(char[]){"TRAIN_CODE_TOKEN_HOST=artifacts.example"},
	    (char[]){"TRAIN_CODE_TOKEN_FILE=/run/secrets/t"}, (char[]){"TRAIN_CODE_TOKEN=geheim77"}, NULL};
	char *const redact[] = {(char[]){"TRAIN_CODE_TOKEN_HOST"}, NULL};
	CLEAN_HYPERPARAMETERS hps = {0};
	struct mask mask = {0};
	struct mask asked = {0};
	struct err err = {0};

	(void)state;
	assert_int_equal(secrets_for_agent(&mask, envp, &hps, NULL, &err), 0);
	expect_text(&mask, "artifacts.example /run/secrets/t geheim77", "artifacts.example /run/secrets/t ***");
	assert_int_equal(secrets_for_agent(&asked, envp, &hps, redact, &err), 0);
	expect_text(&asked, "artifacts.example", "***");
	mask_release(&mask);
	mask_release(&asked);
}

static void
secrets_under_a_name_too_long_to_read_are_masked(void **state)
{
	char entry[700] = "";
	char *const envp[] = {entry, (char[]){"nameless"}, (char[]){"=x"}, NULL};
	CLEAN_HYPERPARAMETERS hps = {0};
	struct mask mask = {0};
	struct err err = {0};

	(void)state;
	memset(entry, 'N', 600);
	(void)snprintf(entry + 600, sizeof(entry) - 600, "=longlong");
	assert_int_equal(secrets_for_agent(&mask, envp, &hps, NULL, &err), 0);
	expect_text(&mask, "longlong nameless", "*** nameless");
	mask_release(&mask);
}

static void
secrets_name_what_the_record_leaves_out(void **state)
{
	char *const redact[] = {(char[]){"customer"}, NULL};

	(void)state;
	assert_true(secrets_is_masked("db_password", NULL));
	assert_true(secrets_is_masked("apiKey", NULL));
	assert_true(secrets_is_masked("customer", redact));
	assert_false(secrets_is_masked("customer", NULL));
	assert_false(secrets_is_masked("customers", redact));
	assert_false(secrets_is_masked("max_tokens", redact));
}

static void
secrets_over_the_limit_are_told_and_not_shown(void **state)
{
	CLEAN_HYPERPARAMETERS hps = {0};
	struct mask mask = {0};
	struct err err = {0};
	static char text[MASK_VALUES_MAX + 2][32];
	static char *envp[MASK_VALUES_MAX + 3];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(text); i++) {
		(void)snprintf(text[i], sizeof(text[i]), "P%zu_TOKEN=value%zu", i, i);
		envp[i] = text[i];
	}
	assert_int_equal(secrets_for_agent(&mask, envp, &hps, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_SETTINGS);
	assert_non_null(strstr(err.text, "more than 1024 secret values"));
	mask_release(&mask);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(secrets_are_known_by_their_names),
	    cmocka_unit_test(secrets_that_redact_names_are_masked_too),
	    cmocka_unit_test(secrets_in_the_pipelines_log_are_only_those_that_redact_names),
	    cmocka_unit_test(secrets_are_masked_in_every_spelling_they_were_given),
	    cmocka_unit_test(secrets_that_are_short_are_not_looked_for),
	    cmocka_unit_test(secrets_leave_the_host_and_the_file_of_the_token_readable),
	    cmocka_unit_test(secrets_under_a_name_too_long_to_read_are_masked),
	    cmocka_unit_test(secrets_name_what_the_record_leaves_out),
	    cmocka_unit_test(secrets_over_the_limit_are_told_and_not_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
