#include "jobroot.h"

#include "config/offers.h"
#include "config/settings.h"

#define DIGEST_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define DIGEST_C "CCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCCC"

static void
setting_table_follows_the_published_one(void **state)
{
	/* Name, sources and default of product §3. */
	static const struct {
		const char *name, *from, *fallback;
	} rows[] = {
	    {"code", "CHET", NULL},
	    {"code-version", "CHET", NULL},
	    {"code-sha256", "CHET", NULL},
	    {"code-pin", "CHE", NULL},
	    {"code-from", "CHE", NULL},
	    {"code-owner", "CHE", NULL},
	    {"tags", "CHE", "auto"},
	    {"command", "CHEP", NULL},
	    {"wrapper", "CHEP", NULL},
	    {"python", "CHEP", NULL},
	    {"workspace", "CHE", NULL},
	    {"keep-workspace", "CHE", "never"},
	    {"fetch-timeout", "CHE", "600"},
	    {"fetch-memory", "CHE", "48"},
	    {"unpack-max-bytes", "CHE", "64GiB"},
	    {"unpack-max-entries", "CHE", "2000000"},
	    {"stop-signal", "CHEP", "SIGTERM"},
	    {"stop-grace", "CHEP", "100"},
	    {"timeout", "CHEP", "0"},
	    {"log", "CHEP", "lines"},
	    {"log-level", "CHEP", "info"},
	    {"redact", "CHEP", NULL},
	    {"failure-tail", "CHEP", "on"},
	    {"metrics-hosts", "CHEP", "first"},
	    {"record", "CHEP", "on"},
	    {"root", "C", NULL},
	};
	static const struct {
		char letter;
		unsigned bit;
	} letters[] = {{'C', FROM_C}, {'H', FROM_H}, {'E', FROM_E}, {'T', FROM_T}, {'P', FROM_P}};

	(void)state;
	assert_int_equal(ARRAY_LEN(rows), SETTINGS);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct setting_row *row = setting_row((enum setting)i);
		unsigned from = 0;

		for (size_t j = 0; j < ARRAY_LEN(letters); j++) {
			from |= strchr(rows[i].from, letters[j].letter) != NULL ? letters[j].bit : 0;
		}
		assert_string_equal(row->name, rows[i].name);
		assert_int_equal(row->from, from);
		assert_true(row->fallback == rows[i].fallback || strcmp(row->fallback, rows[i].fallback) == 0);
		assert_non_null(row->meaning);
	}
}

static void
setting_names_are_spelled_by_source(void **state)
{
	char out[SETTING_NAME_MAX];

	(void)state;
	assert_string_equal(setting_spelling(SETTING_STOP_GRACE, SOURCE_HYPERPARAMETER, out), "train:stop-grace");
	assert_string_equal(setting_spelling(SETTING_STOP_GRACE, SOURCE_TAG, out), "train:stop-grace");
	assert_string_equal(setting_spelling(SETTING_STOP_GRACE, SOURCE_ENVIRONMENT, out), "TRAIN_STOP_GRACE");
	assert_string_equal(setting_spelling(SETTING_STOP_GRACE, SOURCE_PIPELINE, out), "stop_grace");
	assert_string_equal(setting_spelling(SETTING_STOP_GRACE, SOURCE_COMMAND_LINE, out), "--set stop-grace");
	assert_int_equal(setting_find("TRAIN_CODE_SHA256", SOURCE_ENVIRONMENT), SETTING_CODE_SHA256);
	assert_int_equal(setting_find("train:cache", SOURCE_HYPERPARAMETER), SETTING_NONE);
	assert_string_equal(setting_nearest("train:cod", SOURCE_HYPERPARAMETER, 2, out), "train:code");
	assert_null(setting_nearest("train:workspace", SOURCE_TAG, 2, out));
}

/* Does the setting take this text? */
static int
takes(enum setting setting, const char *text)
{
	struct setting_value value;
	int result = setting_value_read(&value, setting, text);

	if (result == 0) {
		setting_value_release(&value);
	}
	return result == 0;
}

static int64_t
number(enum setting setting, const char *text)
{
	struct setting_value value;

	assert_int_equal(setting_value_read(&value, setting, text), 0);
	int64_t out = value.number;
	setting_value_release(&value);
	return out;
}

static void
setting_values_are_checked_by_kind(void **state)
{
	(void)state;
	assert_true(takes(SETTING_CODE, "s3://bucket/key") && takes(SETTING_CODE, "/opt/x.pex") &&
	            takes(SETTING_CODE, "channel:code"));
	assert_false(takes(SETTING_CODE, "bucket/key") || takes(SETTING_CODE, "") || takes(SETTING_CODE, "ftp://x/y"));
	assert_true(takes(SETTING_CODE_SHA256, DIGEST_C));
	assert_false(takes(SETTING_CODE_SHA256, DIGEST_A "0") || takes(SETTING_CODE_SHA256, "abc") ||
	             takes(SETTING_CODE_SHA256, "z" DIGEST_A));
	assert_false(takes(SETTING_CODE_VERSION, "") || takes(SETTING_CODE_VERSION, "a\nb"));
	assert_true(takes(SETTING_CODE_PIN, "required"));
	assert_false(takes(SETTING_CODE_PIN, "Required") || takes(SETTING_CODE_PIN, ""));
	assert_true(takes(SETTING_CODE_FROM, "s3://a https://host/x  channel:code"));
	assert_false(takes(SETTING_CODE_FROM, "s3://a nonsense"));
	assert_true(takes(SETTING_CODE_OWNER, "123456789012"));
	assert_false(takes(SETTING_CODE_OWNER, "12345678901") || takes(SETTING_CODE_OWNER, "12345678901x"));
	assert_true(takes(SETTING_COMMAND, "python3 train.py") && takes(SETTING_COMMAND, "[\"a b\", \"c\"]"));
	assert_false(takes(SETTING_COMMAND, "") || takes(SETTING_COMMAND, "[\"a\", 1]") ||
	             takes(SETTING_COMMAND, "[\"a\"") || takes(SETTING_COMMAND, "  "));
	assert_true(takes(SETTING_WRAPPER, ""));
	assert_true(takes(SETTING_WORKSPACE, "/tmp"));
	assert_false(takes(SETTING_WORKSPACE, "tmp") || takes(SETTING_WORKSPACE, ""));
	assert_true(takes(SETTING_FAILURE_TAIL, "off"));
	assert_false(takes(SETTING_FAILURE_TAIL, "no"));
	assert_true(takes(SETTING_FETCH_TIMEOUT, "1") && takes(SETTING_FETCH_TIMEOUT, "86400"));
	assert_false(takes(SETTING_FETCH_TIMEOUT, "0") || takes(SETTING_FETCH_TIMEOUT, "86401") ||
	             takes(SETTING_FETCH_TIMEOUT, "1s") || takes(SETTING_FETCH_TIMEOUT, "-1") ||
	             takes(SETTING_FETCH_TIMEOUT, " 1") || takes(SETTING_FETCH_TIMEOUT, "") ||
	             takes(SETTING_FETCH_TIMEOUT, "99999999999999999999"));
	assert_true(number(SETTING_UNPACK_MAX_BYTES, "64GiB") == (int64_t)64 << 30);
	assert_true(number(SETTING_UNPACK_MAX_BYTES, "10 KiB") == 10240);
	assert_true(number(SETTING_UNPACK_MAX_BYTES, "7") == 7);
	assert_false(takes(SETTING_UNPACK_MAX_BYTES, "9223372036854775807KiB") ||
	             takes(SETTING_UNPACK_MAX_BYTES, "0") || takes(SETTING_UNPACK_MAX_BYTES, "1GB") ||
	             takes(SETTING_UNPACK_MAX_BYTES, "GiB"));
	assert_true(number(SETTING_STOP_SIGNAL, "SIGINT") == 2 && number(SETTING_STOP_SIGNAL, "term") == 15 &&
	            number(SETTING_STOP_SIGNAL, "15") == 15);
	assert_false(takes(SETTING_STOP_SIGNAL, "SIGKILL") || takes(SETTING_STOP_SIGNAL, "9") ||
	             takes(SETTING_STOP_SIGNAL, "SIG") || takes(SETTING_STOP_SIGNAL, "15x"));
	assert_true(number(SETTING_LOG_LEVEL, "error") == 0 && number(SETTING_LOG_LEVEL, "debug") == 3);
}

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
	assert_true(notes_hold(&settings.mistakes, "'--set timeout' lacks a name and '='"));
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
	assert_null(strstr(settings.mistakes.texts[0], "geheim"));
	assert_non_null(strstr(settings.mistakes.texts[0], "host/x"));
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(setting_table_follows_the_published_one),
	    cmocka_unit_test(setting_names_are_spelled_by_source),
	    cmocka_unit_test(setting_values_are_checked_by_kind),
	    cmocka_unit_test(settings_have_their_defaults),
	    cmocka_unit_test(settings_take_the_highest_source),
	    cmocka_unit_test(settings_tell_all_mistakes_at_once),
	    cmocka_unit_test(settings_hide_secrets_in_mistakes),
	    cmocka_unit_test(settings_keep_code_version_and_digest_together),
	    cmocka_unit_test(settings_binding_digest_stands_beside_the_tags_own),
	    cmocka_unit_test(settings_read_words_in_both_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
