#include "unit/config/jobroot.h"

#include "config/offers.h"
#include "config/pipeline.h"
#include "config/settings.h"

#define DIGEST_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define DIGEST_C "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC"

static void
settings_have_their_defaults(void **state)
{
	CLEAN_SETTINGS settings;
	char origin[SETTING_ORIGIN_MAX];

	(void)state;
	settings_init(&settings);
	assert_null(settings_text(&settings, SETTING_CODE));
	assert_null(settings_words(&settings, SETTING_COMMAND));
	assert_true(settings_ms(&settings, SETTING_STOP_GRACE) == 100000);
	assert_true(settings_bytes(&settings, SETTING_FETCH_MEMORY) == (int64_t)48 << 20);
	assert_true(settings_bytes(&settings, SETTING_UNPACK_MAX_BYTES) == (int64_t)64 << 30);
	assert_true(settings_number(&settings, SETTING_STOP_SIGNAL) == 15);
	assert_true(settings_number(&settings, SETTING_RECORD) == 1);
	assert_true(settings_is(&settings, SETTING_TAGS, "auto"));
	assert_string_equal(settings_origin(&settings, SETTING_TAGS, origin), "default");
	settings_default(&settings, SETTING_KEEP_WORKSPACE, "always");
	assert_true(settings_is(&settings, SETTING_KEEP_WORKSPACE, "always"));
	assert_int_equal(settings_source(&settings, SETTING_KEEP_WORKSPACE), SOURCE_DEFAULT);
}

static void
settings_take_the_highest_source(void **state)
{
	CLEAN_SETTINGS settings;
	struct err err = {0};
	char origin[SETTING_ORIGIN_MAX];

	(void)state;
	settings_init(&settings);
	settings_offer(&settings, SETTING_TIMEOUT, SOURCE_PIPELINE, "1", NULL);
	assert_true(settings_number(&settings, SETTING_TIMEOUT) == 1);
	settings_offer(&settings, SETTING_TIMEOUT, SOURCE_HYPERPARAMETER, "3", NULL);
	settings_offer(&settings, SETTING_TIMEOUT, SOURCE_ENVIRONMENT, "2", NULL);
	assert_true(settings_number(&settings, SETTING_TIMEOUT) == 3);
	assert_string_equal(settings_origin(&settings, SETTING_TIMEOUT, origin), "hyperparameter train:timeout");
	settings_offer(&settings, SETTING_TIMEOUT, SOURCE_COMMAND_LINE, "4", NULL);
	settings_offer(&settings, SETTING_TIMEOUT, SOURCE_COMMAND_LINE, "5", NULL);
	assert_true(settings_number(&settings, SETTING_TIMEOUT) == 5);
	assert_string_equal(settings_origin(&settings, SETTING_TIMEOUT, origin), "command line --set timeout");
	assert_int_equal(settings_freeze(&settings, &err), 0);
}

static void
settings_tell_all_mistakes_at_once(void **state)
{
	char *const envp[] = {(char[]){"TRAIN_STOP_GRACE=9x"}, (char[]){"TRAIN_ROOT=/x"}, (char[]){"TRAIN_LOG="}, NULL};
	CLEAN_SETTINGS settings;
	CLEAN_HYPERPARAMETERS hps = {0};
	struct err err = {0};

	(void)state;
	settings_init(&settings);
	assert_int_equal(hyperparameters_set(&hps, "train:code-sha256", "\"abc\"", &err), 0);
	hps.list[0].line = 3;
	hps.list[0].column = 14;
	offers_command_line(&settings, "timeout=-1");
	offers_command_line(&settings, "timeuot=1");
	offers_command_line(&settings, "timeout");
	offers_environment(&settings, envp);
	offers_hyperparameters(&settings, &hps, "/opt/ml/input/config/hyperparameters.json");
	assert_int_equal(settings_freeze(&settings, &err), -1);
	assert_int_equal(err.kind, ERR_SETTINGS);
	assert_int_equal(settings.mistakes.count, 6);
	assert_true(notes_hold(&settings.mistakes,
	    "command line '--set timeout' is '-1': it takes a whole number of seconds from 0 to 2592000"));
	assert_true(notes_hold(&settings.mistakes, "there is no setting 'timeuot'; did you mean '--set timeout'?"));
	assert_true(notes_hold(&settings.mistakes, "'--set timeout' is not of the form NAME=VALUE"));
	assert_true(notes_hold(&settings.mistakes,
	    "environment 'TRAIN_STOP_GRACE' is '9x': it takes a whole number of seconds from 0 to 86400"));
	assert_true(notes_hold(
	    &settings.mistakes, "environment 'TRAIN_ROOT' may not be set here; set it by command line '--set root'"));
	assert_true(notes_hold(&settings.mistakes,
	    "hyperparameter 'train:code-sha256' ('/opt/ml/input/config/hyperparameters.json:3:14') is 'abc': "
	    "it takes 64 hex digits"));
	assert_non_null(strstr(err.text, "6 settings are wrong: 1) "));
}

static void
settings_hide_secrets_in_mistakes(void **state)
{
	CLEAN_SETTINGS settings;

	(void)state;
	settings_init(&settings);
	settings_offer(&settings, SETTING_CODE, SOURCE_ENVIRONMENT, "https://user:geheim@host/x?token=geheim", NULL);
	assert_int_equal(settings.mistakes.count, 1);
	settings_offer(&settings, SETTING_CODE, SOURCE_HYPERPARAMETER, "user:geheim@host/x", NULL);
	settings_offer(&settings, SETTING_CODE_FROM, SOURCE_ENVIRONMENT, "https://user:geheim@host/x", NULL);
	assert_int_equal(settings.mistakes.count, 3);
	for (size_t i = 0; i < settings.mistakes.count; i++) {
		assert_null(strstr(settings.mistakes.texts[i], "geheim"));
		assert_non_null(strstr(settings.mistakes.texts[i], "host/x"));
	}
}

static void
settings_keep_code_version_and_digest_together(void **state)
{
	CLEAN_SETTINGS settings;

	(void)state;
	settings_init(&settings);
	settings_offer(&settings, SETTING_CODE, SOURCE_ENVIRONMENT, "s3://b/env", NULL);
	settings_offer(&settings, SETTING_CODE_VERSION, SOURCE_ENVIRONMENT, "v1", NULL);
	settings_offer(&settings, SETTING_CODE_SHA256, SOURCE_ENVIRONMENT, DIGEST_A, NULL);
	assert_string_equal(settings_text(&settings, SETTING_CODE_VERSION), "v1");
	assert_null(settings_binding_sha256(&settings));

	/* A higher source that names only the code takes nothing of the lower one's, whose digest then stands beside its own code. */
	settings_offer(&settings, SETTING_CODE, SOURCE_HYPERPARAMETER, "s3://b/hp", NULL);
	assert_string_equal(settings_text(&settings, SETTING_CODE), "s3://b/hp");
	assert_null(settings_text(&settings, SETTING_CODE_VERSION));
	assert_null(settings_text(&settings, SETTING_CODE_SHA256));
	assert_null(settings_binding_sha256(&settings));

	/* A digest without a code beside it binds whatever is used. */
	settings_offer(&settings, SETTING_CODE_SHA256, SOURCE_COMMAND_LINE, DIGEST_C, NULL);
	assert_null(settings_text(&settings, SETTING_CODE_SHA256));
	assert_string_equal(
	    settings_binding_sha256(&settings), "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc");
}

static void
settings_binding_digest_stands_beside_the_tags_own(void **state)
{
	const struct job_tag tags[] = {
	    {(char[]){"train:code"}, (char[]){"s3://b/tag"}}, {(char[]){"train:code-sha256"}, (char[]){DIGEST_B}}};
	CLEAN_SETTINGS settings;

	(void)state;
	settings_init(&settings);
	settings_offer(&settings, SETTING_CODE_SHA256, SOURCE_ENVIRONMENT, DIGEST_A, NULL);
	offers_tags(&settings, tags, 2, NULL);
	assert_string_equal(settings_text(&settings, SETTING_CODE), "s3://b/tag");
	assert_string_equal(settings_text(&settings, SETTING_CODE_SHA256), DIGEST_B);
	assert_string_equal(settings_binding_sha256(&settings), DIGEST_A);
}

static void
settings_read_words_in_both_forms(void **state)
{
	CLEAN_SETTINGS settings;

	(void)state;
	settings_init(&settings);
	settings_offer(&settings, SETTING_COMMAND, SOURCE_ENVIRONMENT, "  nsys\tprofile  --x=1 ", NULL);
	char *const *words = settings_words(&settings, SETTING_COMMAND);
	assert_string_equal(words[0], "nsys");
	assert_string_equal(words[2], "--x=1");
	assert_null(words[3]);
	settings_offer(&settings, SETTING_COMMAND, SOURCE_COMMAND_LINE, " [\"sh\", \"-c\", \"a  b; c\", \"\"]", NULL);
	words = settings_words(&settings, SETTING_COMMAND);
	assert_string_equal(words[2], "a  b; c");
	assert_string_equal(words[3], "");
	assert_null(words[4]);
}

static void
settings_freeze_twice_and_tell_the_files_mistakes_then(void **state)
{
	static const char text[] = "{\n  \"stop_grace\": \"soon\",\n  \"timeout\": 1.5,\n  \"workspace\": \"/x\",\n"
	                           "  \"log\": \"loud\", \"record\": 1, \"redact\": [1]}";
	CLEAN_SETTINGS settings;
	CLEAN_PIPELINE pipeline = {0};
	struct err err = {0};

	(void)state;
	settings_init(&settings);
	settings_offer(&settings, SETTING_STOP_GRACE, SOURCE_ENVIRONMENT, "30", NULL);
	assert_int_equal(settings_freeze(&settings, &err), 0);
	assert_int_equal(settings.frozen, 1);
	assert_int_equal(pipeline_parse(&pipeline, text, strlen(text), "pipeline.json", &settings, &err), 0);
	assert_int_equal(settings_freeze(&settings, &err), -1);
	assert_int_equal(settings.frozen, 2);
	assert_int_equal(err.kind, ERR_SETTINGS);
	assert_non_null(strstr(err.text, "6 settings are wrong: 1) "));
	/* The accepted form, the place and the key, each of them in one sentence; also where a higher source stands. */
	assert_true(notes_hold(&settings.mistakes,
	    "setting 'stop_grace' ('pipeline.json:2:17') is 'soon': it takes a whole number of seconds from 0 to 86400"));
	assert_true(notes_hold(&settings.mistakes, "setting 'timeout' ('pipeline.json:3:14') is '1.5'"));
	assert_true(notes_hold(&settings.mistakes,
	    "setting 'workspace' ('pipeline.json:4:16') may not be set here; set it by command line '--set workspace', "
	    "hyperparameter 'train:workspace', environment 'TRAIN_WORKSPACE'"));
	assert_true(
	    notes_hold(&settings.mistakes, "setting 'log' ('pipeline.json:5:10') is 'loud': it takes one of 'lines'"));
	assert_true(
	    notes_hold(&settings.mistakes, "setting 'record' ('pipeline.json:5:28') is '1': it takes 'on' or 'off'"));
	assert_true(notes_hold(&settings.mistakes, "setting 'redact' ('pipeline.json:5:41') is '[1]': it takes words"));
}

static void
settings_of_the_project_stand_below_the_request(void **state)
{
	static const char text[] = "{\"stop_grace\": 90, \"timeout\": 7, \"failure_tail\": false, \"redact\": \"A b\"}";
	CLEAN_SETTINGS settings;
	CLEAN_PIPELINE pipeline = {0};
	struct err err = {0};
	char origin[SETTING_ORIGIN_MAX];

	(void)state;
	settings_init(&settings);
	settings_offer(&settings, SETTING_STOP_GRACE, SOURCE_ENVIRONMENT, "30", NULL);
	assert_int_equal(settings_freeze(&settings, &err), 0);
	assert_int_equal(pipeline_parse(&pipeline, text, strlen(text), "pipeline.json", &settings, &err), 0);
	assert_int_equal(settings_freeze(&settings, &err), 0);
	assert_true(settings_number(&settings, SETTING_STOP_GRACE) == 30);
	assert_true(settings_ms(&settings, SETTING_TIMEOUT) == 7000);
	assert_string_equal(settings_origin(&settings, SETTING_TIMEOUT, origin), "pipeline.json timeout");
	assert_true(settings_number(&settings, SETTING_FAILURE_TAIL) == 0);
	assert_string_equal(settings_words(&settings, SETTING_REDACT)[1], "b");
}

static void
settings_refuse_addresses_by_name(void **state)
{
	static const char *const cases[][2] = {
	    {"s3://arn:aws:s3:us-east-1:123456789012:accesspoint/ap/object/k", "S3 access points are not supported"},
	    {"s3://name--use1-az5--x-s3/k", "S3 Express buckets are not supported"},
	    {"https://host/a/%2e%2e/b", "no '..' in its path"},
	    {"s3://bucket", "a key of 1 to 1024 bytes follows the bucket"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_SETTINGS settings;

		settings_init(&settings);
		settings_offer(&settings, SETTING_CODE, SOURCE_ENVIRONMENT, cases[i][0], NULL);
		assert_int_equal(settings.mistakes.count, 1);
		assert_true(notes_hold(&settings.mistakes, "environment 'TRAIN_CODE'"));
		assert_true(notes_hold(&settings.mistakes, cases[i][0]));
		assert_true(notes_hold(&settings.mistakes, cases[i][1]));
		assert_true(notes_hold(&settings.mistakes, "it takes s3://bucket/key, https://host/path"));
	}
}

static void
settings_first_offer_of_a_source_stands_but_on_the_command_line(void **state)
{
	CLEAN_SETTINGS settings;

	(void)state;
	settings_init(&settings);
	for (int i = 0; i < 2; i++) {
		settings_offer(&settings, SETTING_LOG, SOURCE_ENVIRONMENT, i == 0 ? "raw" : "lines", NULL);
		settings_offer(&settings, SETTING_TIMEOUT, SOURCE_COMMAND_LINE, i == 0 ? "1" : "2", NULL);
	}
	assert_true(settings_is(&settings, SETTING_LOG, "raw"));
	assert_true(settings_number(&settings, SETTING_TIMEOUT) == 2);
	assert_int_equal(settings.mistakes.count, 0);
}

static void
settings_refuse_every_source_outside_the_table(void **state)
{
	(void)state;
	for (int i = 0; i < SETTINGS; i++) {
		const struct setting_row *row = setting_row((enum setting)i);

		for (int source = SOURCE_PIPELINE; source < SETTING_SOURCES; source++) {
			CLEAN_SETTINGS settings = {0};

			if ((row->from & 1U << source) != 0) {
				continue;
			}
			settings_init(&settings);
			settings_offer(&settings, (enum setting)i, (enum setting_source)source, "x", NULL);
			assert_false(settings.offers[i][source].given);
			assert_int_equal(settings.mistakes.count, source != SOURCE_TAG);
			assert_int_equal(settings.warnings.count, source == SOURCE_TAG);
			assert_true(
			    notes_hold(source == SOURCE_TAG ? &settings.warnings : &settings.mistakes, "; set it by "));
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(settings_have_their_defaults),
	    cmocka_unit_test(settings_take_the_highest_source),
	    cmocka_unit_test(settings_tell_all_mistakes_at_once),
	    cmocka_unit_test(settings_hide_secrets_in_mistakes),
	    cmocka_unit_test(settings_keep_code_version_and_digest_together),
	    cmocka_unit_test(settings_binding_digest_stands_beside_the_tags_own),
	    cmocka_unit_test(settings_read_words_in_both_forms),
	    cmocka_unit_test(settings_freeze_twice_and_tell_the_files_mistakes_then),
	    cmocka_unit_test(settings_of_the_project_stand_below_the_request),
	    cmocka_unit_test(settings_refuse_addresses_by_name),
	    cmocka_unit_test(settings_first_offer_of_a_source_stands_but_on_the_command_line),
	    cmocka_unit_test(settings_refuse_every_source_outside_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
