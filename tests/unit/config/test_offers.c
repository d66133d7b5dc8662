#include "unit/config/jobroot.h"

#include "config/offers.h"

#define DIGEST_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* Offers tags given as key, value, key, value. */
static void
offer(struct settings *settings, const char *found, size_t count, const char *const *words)
{
	struct job_tag tags[16] = {{0}};

	for (size_t i = 0; i < count; i++) {
		tags[i].key = strdup(words[2 * i]);
		tags[i].value = strdup(words[2 * i + 1]);
	}
	offers_tags(settings, tags, count, found);
	for (size_t i = 0; i < count; i++) {
		free(tags[i].key);
		free(tags[i].value);
	}
}

#define OFFER(settings, found, ...) \
	offer(settings, found, ARRAY_LEN(((const char *const[]){__VA_ARGS__})) / 2, (const char *const[]){__VA_ARGS__})

static void
offers_tag_names_the_code_when_nothing_else_does(void **state)
{
	CLEAN_SETTINGS settings;
	char origin[SETTING_ORIGIN_MAX];

	(void)state;
	settings_init(&settings);
	OFFER(&settings, NULL, "team", "x", "train:code", "s3://b/k", "train:code-version", "v", "train:code-sha256",
	    DIGEST_A);
	assert_string_equal(settings_text(&settings, SETTING_CODE), "s3://b/k");
	assert_string_equal(settings_text(&settings, SETTING_CODE_VERSION), "v");
	assert_string_equal(settings_text(&settings, SETTING_CODE_SHA256), DIGEST_A);
	assert_string_equal(settings_origin(&settings, SETTING_CODE, origin), "tag train:code");
	assert_int_equal(settings.warnings.count, 0);
	assert_null(settings.tag_trouble);
}

static void
offers_tag_never_replaces_the_request(void **state)
{
	CLEAN_SETTINGS settings;

	(void)state;
	settings_init(&settings);
	settings_offer(&settings, SETTING_CODE, SOURCE_ENVIRONMENT, "s3://b/env", NULL);
	OFFER(&settings, NULL, "train:code", "s3://b/tag", "train:code-sha256", DIGEST_A);
	assert_string_equal(settings_text(&settings, SETTING_CODE), "s3://b/env");
	assert_null(settings_text(&settings, SETTING_CODE_SHA256));
	assert_true(notes_hold(&settings.warnings,
	    "'s3://b/tag' and is ignored: a tag does not change the request, which says 's3://b/env' "
	    "(environment TRAIN_CODE)"));
	assert_int_equal(settings.mistakes.count, 0);
}

static void
offers_tag_never_replaces_code_that_was_found(void **state)
{
	CLEAN_SETTINGS settings;

	(void)state;
	settings_init(&settings);
	OFFER(&settings, "channel:code", "train:code", "s3://b/tag");
	assert_null(settings_text(&settings, SETTING_CODE));
	assert_true(notes_hold(&settings.warnings, "which says 'channel:code' (without a setting)"));
}

static void
offers_tag_beside_other_code_is_one_warning(void **state)
{
	CLEAN_SETTINGS settings;

	(void)state;
	settings_init(&settings);
	settings_offer(&settings, SETTING_CODE, SOURCE_ENVIRONMENT, "s3://b/env", NULL);
	OFFER(&settings, NULL, "train:code", "s3://b/tag", "train:code-sha256", DIGEST_A, "train:code-version", "v");
	assert_int_equal(settings.warnings.count, 1);
}

static void
offers_tag_on_the_same_code_changes_neither_version_nor_digest(void **state)
{
	CLEAN_SETTINGS settings;

	(void)state;
	settings_init(&settings);
	settings_offer(&settings, SETTING_CODE, SOURCE_ENVIRONMENT, "s3://b/k", NULL);
	settings_offer(&settings, SETTING_CODE_VERSION, SOURCE_ENVIRONMENT, "mine", NULL);
	OFFER(&settings, NULL, "train:code", "s3://b/k", "train:code-sha256", DIGEST_A, "train:code-version", "theirs");
	assert_string_equal(settings_text(&settings, SETTING_CODE_VERSION), "mine");
	assert_null(settings_text(&settings, SETTING_CODE_SHA256));
	assert_int_equal(settings.warnings.count, 2);
	assert_true(notes_hold(&settings.warnings,
	    "tag 'train:code-version' is 'theirs' and is ignored: a tag does not change the request, which says 'mine' "
	    "(environment TRAIN_CODE_VERSION)"));
	assert_true(
	    notes_hold(&settings.warnings, "tag 'train:code-sha256' is '" DIGEST_A
	                                   "' and is ignored: a tag does not change the request, which has none"));
}

static void
offers_malformed_tags_do_not_fail_a_job_that_needs_none(void **state)
{
	CLEAN_SETTINGS settings;
	struct err err = {0};

	(void)state;
	settings_init(&settings);
	settings_offer(&settings, SETTING_CODE, SOURCE_ENVIRONMENT, "s3://b/env", NULL);
	OFFER(&settings, NULL, "train:code", "nonsense", "train:code-sha256", "abc", "train:", "x", "train:code-owner",
	    "123456789012");
	assert_string_equal(settings_text(&settings, SETTING_CODE), "s3://b/env");
	assert_null(settings_text(&settings, SETTING_CODE_OWNER));
	assert_int_equal(settings_freeze(&settings, &err), 0);
}

static void
offers_tag_that_agrees_is_not_mentioned(void **state)
{
	CLEAN_SETTINGS settings;

	(void)state;
	settings_init(&settings);
	settings_offer(&settings, SETTING_CODE, SOURCE_HYPERPARAMETER, "s3://b/k", NULL);
	settings_offer(&settings, SETTING_CODE_SHA256, SOURCE_HYPERPARAMETER, DIGEST_A, NULL);
	OFFER(&settings, NULL, "train:code", "s3://b/k", "train:code-sha256", DIGEST_A);
	OFFER(&settings, NULL, "train:code", "s3://b/k", "train:code-sha256",
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
	assert_int_equal(settings.warnings.count, 0);
}

static void
offers_other_tags_are_told_where_to_go(void **state)
{
	CLEAN_SETTINGS settings;
	struct err err = {0};

	(void)state;
	settings_init(&settings);
	OFFER(&settings, NULL, "train:command", "rm -rf /", "train:code-pin", "off", "train:root", "/x", "train:cod",
	    "y", "other", "z");
	assert_int_equal(settings.warnings.count, 4);
	assert_true(notes_hold(&settings.warnings,
	    "tag 'train:command' is ignored; set it by command line '--set command', hyperparameter "
	    "'train:command', environment 'TRAIN_COMMAND', pipeline.json 'command'"));
	assert_true(notes_hold(&settings.warnings, "tag 'train:code-pin' is ignored"));
	assert_true(notes_hold(&settings.warnings, "tag 'train:root' is ignored; set it by command line '--set root'"));
	assert_true(
	    notes_hold(&settings.warnings, "tag 'train:cod' is no setting and is ignored; did you mean 'train:code'?"));
	assert_null(settings_words(&settings, SETTING_COMMAND));
	assert_int_equal(settings_freeze(&settings, &err), 0);
}

static void
offers_malformed_tags_only_warn(void **state)
{
	static const char *const wrong[][2] = {
	    {"channel:code", "a tag takes s3:// or https:// only"},
	    {"/opt/ml/code", "a tag takes s3:// or https:// only"},
	    {"http://host/x", "a tag takes s3:// or https:// only"},
	    {"s3://", "it takes s3://bucket/key"},
	    {"https://host/../x", "it takes s3://bucket/key"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		CLEAN_SETTINGS settings;

		settings_init(&settings);
		OFFER(&settings, NULL, "train:code", wrong[i][0]);
		assert_null(settings_text(&settings, SETTING_CODE));
		assert_int_equal(settings.mistakes.count, 0);
		assert_true(notes_hold(&settings.warnings, wrong[i][1]));
		assert_non_null(strstr(settings.tag_trouble, wrong[i][0]));
	}
}

static void
offers_tag_with_a_wrong_digest_names_no_code(void **state)
{
	CLEAN_SETTINGS settings;

	(void)state;
	settings_init(&settings);
	OFFER(&settings, NULL, "train:code", "s3://b/k", "train:code-sha256", "abc");
	assert_null(settings_text(&settings, SETTING_CODE));
	assert_non_null(strstr(settings.tag_trouble, "64 hex digits"));
	assert_int_equal(settings.mistakes.count, 0);
}

static void
offers_tag_digest_without_tag_code_binds_nothing(void **state)
{
	CLEAN_SETTINGS settings;

	(void)state;
	settings_init(&settings);
	OFFER(&settings, NULL, "train:code-sha256", DIGEST_A);
	assert_null(settings_text(&settings, SETTING_CODE_SHA256));
	assert_null(settings_binding_sha256(&settings));
	assert_true(notes_hold(&settings.warnings, "without a tag 'train:code' beside them"));
}

static void
offers_look_at_no_tag_when_tags_are_off(void **state)
{
	CLEAN_SETTINGS settings;

	(void)state;
	settings_init(&settings);
	offers_command_line(&settings, "tags=off");
	OFFER(&settings, NULL, "train:code", "s3://b/k", "train:root", "/");
	assert_null(settings_text(&settings, SETTING_CODE));
	assert_int_equal(settings.warnings.count, 0);
}

static void
offers_ask_for_tags_by_the_rule(void **state)
{
	static const struct {
		const char *tags, *code, *found;
		int has_arn, has_tags, wanted;
	} cases[] = {
	    {"auto", NULL, NULL, 1, 0, 1},
	    {"auto", "s3://b/k", NULL, 1, 0, 0},
	    {"auto", NULL, "channel:code", 1, 0, 0},
	    {"auto", NULL, NULL, 0, 0, 0},
	    {"auto", NULL, NULL, 1, 1, 0},
	    {"always", "s3://b/k", "channel:code", 1, 0, 1},
	    {"always", NULL, NULL, 0, 0, 0},
	    {"always", NULL, NULL, 1, 1, 0},
	    {"off", NULL, NULL, 1, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_SETTINGS settings;
		struct opt_ml job = {.arn = cases[i].has_arn ? (char[]){"arn"} : NULL, .has_tags = cases[i].has_tags};

		settings_init(&settings);
		settings_offer(&settings, SETTING_TAGS, SOURCE_ENVIRONMENT, cases[i].tags, NULL);
		if (cases[i].code != NULL) {
			settings_offer(&settings, SETTING_CODE, SOURCE_ENVIRONMENT, cases[i].code, NULL);
		}
		assert_int_equal(offers_tags_wanted(&settings, &job, cases[i].found), cases[i].wanted);
	}
}

static void
offers_do_not_ask_for_tags_after_a_mistake(void **state)
{
	CLEAN_SETTINGS settings;
	struct opt_ml job = {.arn = (char[]){"arn"}};

	(void)state;
	settings_init(&settings);
	offers_command_line(&settings, "log=x");
	assert_int_equal(offers_tags_wanted(&settings, &job, NULL), 0);
}

static void
offers_know_which_variables_are_none_of_theirs(void **state)
{
	char *const envp[] = {
	    (char[]){"TRAIN_CODE_TOKEN=t"},
	    (char[]){"TRAIN_CODE_INSECURE=1"},
	    (char[]){"TRAIN_RANK=1"},
	    (char[]){"TRAIN_METRICS=x"},
	    (char[]){"TRAIN_IMAGE=i"},
	    (char[]){"TRAIN_STEP=s"},
	    (char[]){"TRAIN_BATCH_SIZE=1"},
	    (char[]){"TRAIN_CACHE=/x"},
	    (char[]){"TRAIN_CODES=1"},
	    (char[]){"TRAIN_LGO=raw"},
	    (char[]){"TRAIN_TIMEOUT=7"},
	    (char[]){"TRAINING=1"},
	    (char[]){"TRAIN_ROTO=/"},
	    (char[]){"NOT_SET"},
	    NULL,
	};
	CLEAN_SETTINGS settings;

	(void)state;
	settings_init(&settings);
	offers_environment(&settings, envp);
	assert_int_equal(settings.mistakes.count, 0);
	assert_int_equal(settings.warnings.count, 2);
	assert_true(notes_hold(
	    &settings.warnings, "environment 'TRAIN_CODES' is no setting and is ignored; did you mean 'TRAIN_CODE'?"));
	assert_true(notes_hold(&settings.warnings, "did you mean 'TRAIN_LOG'?"));
	assert_true(settings_number(&settings, SETTING_TIMEOUT) == 7);
}

static void
offers_decode_hyperparameters_and_name_near_ones(void **state)
{
	CLEAN_SETTINGS settings;
	CLEAN_HYPERPARAMETERS hps = {0};
	struct err err = {0};

	(void)state;
	settings_init(&settings);
	assert_int_equal(hyperparameters_set(&hps, "train:code", "\"s3://b/k\"", &err), 0);
	assert_int_equal(hyperparameters_set(&hps, "train:stop-grace", "30", &err), 0);
	assert_int_equal(hyperparameters_set(&hps, "train:stop_grace", "31", &err), 0);
	assert_int_equal(hyperparameters_set(&hps, "train:command", "\"[\\\"a b\\\", \\\"c\\\"]\"", &err), 0);
	assert_int_equal(hyperparameters_set(&hps, "train:colour-of-it", "1", &err), 0);
	assert_int_equal(hyperparameters_set(&hps, "epochs", "1", &err), 0);
	offers_hyperparameters(&settings, &hps, NULL);
	assert_string_equal(settings_text(&settings, SETTING_CODE), "s3://b/k");
	assert_true(settings_number(&settings, SETTING_STOP_GRACE) == 30);
	assert_string_equal(settings_words(&settings, SETTING_COMMAND)[0], "a b");
	assert_int_equal(settings.warnings.count, 2);
	assert_true(notes_hold(
	    &settings.warnings, "'train:stop_grace' is no setting and is ignored; did you mean 'train:stop-grace'?"));
	assert_true(notes_hold(&settings.warnings, "'train:colour-of-it' is no setting and is ignored"));
}

static void
offers_take_hyperparameters_that_only_look_like_numbers_as_they_are(void **state)
{
	/* Sixty-four hex digits that JSON reads as a number, too; a version that would become 100000.0. */
	static const char digest[] = "123456789012345678901234567890123456789012345678901234567890e123";
	CLEAN_SETTINGS settings;
	CLEAN_HYPERPARAMETERS hps = {0};
	struct err err = {0};

	(void)state;
	settings_init(&settings);
	assert_int_equal(hyperparameters_set(&hps, "train:code", "s3://b/k", &err), 0);
	assert_int_equal(hyperparameters_set(&hps, "train:code-sha256", digest, &err), 0);
	assert_int_equal(hyperparameters_set(&hps, "train:code-version", "1e5", &err), 0);
	assert_int_equal(hyperparameters_set(&hps, "train:wrapper", "[\"a  b\"]", &err), 0);
	assert_int_equal(hyperparameters_set(&hps, "train:timeout", "null", &err), 0); /* None of the SDK: not set */
	offers_hyperparameters(&settings, &hps, NULL);
	assert_int_equal(settings.mistakes.count, 0);
	assert_string_equal(settings_text(&settings, SETTING_CODE_SHA256), digest);
	assert_string_equal(settings_text(&settings, SETTING_CODE_VERSION), "1e5");
	assert_string_equal(settings_words(&settings, SETTING_WRAPPER)[0], "a  b");
	assert_int_equal(settings_source(&settings, SETTING_TIMEOUT), SOURCE_DEFAULT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(offers_tag_names_the_code_when_nothing_else_does),
	    cmocka_unit_test(offers_tag_never_replaces_the_request),
	    cmocka_unit_test(offers_tag_never_replaces_code_that_was_found),
	    cmocka_unit_test(offers_tag_beside_other_code_is_one_warning),
	    cmocka_unit_test(offers_tag_on_the_same_code_changes_neither_version_nor_digest),
	    cmocka_unit_test(offers_malformed_tags_do_not_fail_a_job_that_needs_none),
	    cmocka_unit_test(offers_tag_that_agrees_is_not_mentioned),
	    cmocka_unit_test(offers_other_tags_are_told_where_to_go),
	    cmocka_unit_test(offers_malformed_tags_only_warn),
	    cmocka_unit_test(offers_tag_with_a_wrong_digest_names_no_code),
	    cmocka_unit_test(offers_tag_digest_without_tag_code_binds_nothing),
	    cmocka_unit_test(offers_look_at_no_tag_when_tags_are_off),
	    cmocka_unit_test(offers_ask_for_tags_by_the_rule),
	    cmocka_unit_test(offers_do_not_ask_for_tags_after_a_mistake),
	    cmocka_unit_test(offers_know_which_variables_are_none_of_theirs),
	    cmocka_unit_test(offers_decode_hyperparameters_and_name_near_ones),
	    cmocka_unit_test(offers_take_hyperparameters_that_only_look_like_numbers_as_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
