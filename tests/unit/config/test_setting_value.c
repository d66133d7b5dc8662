/* What each kind of setting takes, and how a value is shown. */
#include "unit/config/jobroot.h"

#include <signal.h>

#include "base/limits.h"
#include "config/setting_value.h"

#define DIGEST_LOW "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789"
#define DIGEST_UP "ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789"

enum { LONG_TEXT = 2 * SETTING_TEXT_MAX };

/* Does the setting take this text? */
static int
takes(enum setting setting, const char *text)
{
	struct setting_value value;
	int result = setting_value_read(&value, setting, text);

	if (result == 0) {
		setting_value_release(&value);
	}
	assert_null(value.text);
	assert_null(value.words);
	return result == 0;
}

/* Fails unless the setting takes all of 'good' and none of 'bad'; both end with NULL. */
static void
expect_takes(enum setting setting, const char *const *good, const char *const *bad)
{
	for (; *good != NULL; good++) {
		if (!takes(setting, *good)) {
			fail_msg("'%s' does not take '%s'", setting_row(setting)->name, *good);
		}
	}
	for (; *bad != NULL; bad++) {
		if (takes(setting, *bad)) {
			fail_msg("'%s' takes '%s'", setting_row(setting)->name, *bad);
		}
	}
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static int64_t
number(enum setting setting, const char *text)
{
	struct setting_value value;

	assert_int_equal(setting_value_read(&value, setting, text), 0);
	int64_t out = value.number;
	setting_value_release(&value);
	return out;
}

/* 'count' times the letter 'c'. */
static const char *
run_of(char c, size_t count)
{
	static char text[LONG_TEXT + 1];

	assert_true(count <= LONG_TEXT);
	memset(text, c, count);
	text[count] = '\0';
	return text;
}

static void
setting_value_of_an_address(void **state)
{
	(void)state;
	expect_takes(SETTING_CODE,
	    LIST("s3://bucket/key", "/opt/x.pex", "channel:code", "channel:code/a.zip", "https://h/x", "http://h/x",
	        "file:///x"),
	    LIST("bucket/key", "", "ftp://x/y", "s3://b", "https://h/../x", "https://u:p@h/x", "x.tar.gz"));
}

static void
setting_value_of_a_digest_is_kept_in_lower_case(void **state)
{
	struct setting_value value;

	(void)state;
	expect_takes(SETTING_CODE_SHA256, LIST(DIGEST_LOW, DIGEST_UP),
	    LIST(DIGEST_LOW "0", "abc", "", "z" DIGEST_LOW, " " DIGEST_LOW, "sha256:" DIGEST_LOW));
	assert_int_equal(setting_value_read(&value, SETTING_CODE_SHA256, DIGEST_UP), 0);
	assert_string_equal(value.text, DIGEST_LOW);
	setting_value_release(&value);
}

static void
setting_value_of_text_is_one_bounded_line(void **state)
{
	(void)state;
	expect_takes(SETTING_CODE_VERSION, LIST("v", "3HL4kqtJlvBr40Nrjfkd", run_of('v', 1024)),
	    LIST("", "a\nb", "a\tb", "\x7f"));
	assert_false(takes(SETTING_CODE_VERSION, run_of('v', 1025)));
	assert_true(takes(SETTING_PYTHON, "/opt/my env/bin/python"));
}

static void
setting_value_of_a_choice_is_one_word_of_its_list(void **state)
{
	(void)state;
	expect_takes(SETTING_CODE_PIN, LIST("required", "warn", "off"), LIST("Required", "", "required ", "on"));
	expect_takes(SETTING_TAGS, LIST("auto", "always", "off"), LIST("never", "AUTO"));
	expect_takes(SETTING_KEEP_WORKSPACE, LIST("never", "on-failure", "always"), LIST("on_failure", "yes"));
	expect_takes(SETTING_LOG, LIST("lines", "raw"), LIST("line", ""));
	expect_takes(SETTING_METRICS_HOSTS, LIST("first", "all"), LIST("none", "0"));
	expect_takes(SETTING_LOG_LEVEL, LIST("error", "warn", "info", "debug"), LIST("warning", "3"));
	assert_true(number(SETTING_LOG_LEVEL, "error") == 0 && number(SETTING_LOG_LEVEL, "debug") == 3);
}

static void
setting_value_of_a_namespace_is_what_cloudwatch_takes(void **state)
{
	char longest[257];

	(void)state;
	memset(longest, 'n', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_false(takes(SETTING_METRICS_EMF, longest));
	longest[255] = '\0';
	assert_true(takes(SETTING_METRICS_EMF, longest));
	expect_takes(SETTING_METRICS_EMF, LIST("off", "Churn", "team/churn_v1.2-x#a:b", "two words", "AWSome/x"),
	    LIST("", " ", ":x", "AWS/SageMaker", "a\"b", "a\\b", "a\nb", "\xc3\xa4", "a,b"));
}

static void
setting_value_of_a_switch_is_on_or_off(void **state)
{
	(void)state;
	expect_takes(SETTING_FAILURE_TAIL, LIST("on", "off"), LIST("no", "yes", "true", "1", "", "ON"));
	assert_true(number(SETTING_RECORD, "on") == 1 && number(SETTING_RECORD, "off") == 0);
}

static void
setting_value_of_prefixes_is_a_list_of_addresses_begun(void **state)
{
	struct setting_value value;

	(void)state;
	expect_takes(SETTING_CODE_FROM,
	    LIST("s3://a https://host/x  channel:code", "s3://a/", "/opt", "https://h:8443"),
	    LIST("s3://a nonsense", "s3://", "https://"));
	assert_int_equal(setting_value_read(&value, SETTING_CODE_FROM, " s3://a\ts3://b "), 0);
	assert_string_equal(value.words[0], "s3://a");
	assert_string_equal(value.words[1], "s3://b");
	assert_null(value.words[2]);
	setting_value_release(&value);
}

static void
setting_value_of_an_account_has_twelve_digits(void **state)
{
	(void)state;
	expect_takes(SETTING_CODE_OWNER, LIST("123456789012", "000000000000"),
	    LIST("12345678901", "1234567890123", "12345678901x", ""));
}

static void
setting_value_of_a_path_is_absolute(void **state)
{
	(void)state;
	expect_takes(SETTING_WORKSPACE, LIST("/tmp", "/", "/a b"), LIST("tmp", "", "./x", "~/x", "/a\nb"));
	assert_true(takes(SETTING_ROOT, "/opt/ml"));
	assert_false(takes(SETTING_ROOT, "opt/ml"));
}

static void
setting_value_of_numbers_is_whole_and_in_range(void **state)
{
	static const struct {
		enum setting setting;
		const char *least, *most, *below, *above;
	} cases[] = {
	    {SETTING_FETCH_TIMEOUT, "1", "86400", "0", "86401"},
	    {SETTING_FETCH_MEMORY, "8", "65536", "7", "65537"},
	    {SETTING_UNPACK_MAX_ENTRIES, "1", "100000000", "0", "100000001"},
	    {SETTING_STOP_GRACE, "0", "86400", "-1", "86401"},
	    {SETTING_TIMEOUT, "0", "2592000", "-1", "2592001"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		expect_takes(cases[i].setting, LIST(cases[i].least, cases[i].most, "00100"),
		    LIST(cases[i].below, cases[i].above, "1s", " 10", "10 ", "+10", "1e2", "10.0", "0x10", "",
		        "99999999999999999999"));
		assert_true(number(cases[i].setting, cases[i].most) == strtoll(cases[i].most, NULL, 10));
	}
}

static void
setting_value_of_bytes_may_have_a_unit(void **state)
{
	(void)state;
	assert_true(number(SETTING_UNPACK_MAX_BYTES, "64GiB") == (int64_t)64 << 30);
	assert_true(number(SETTING_UNPACK_MAX_BYTES, "10 KiB") == 10240);
	assert_true(number(SETTING_UNPACK_MAX_BYTES, "3MiB") == 3 << 20);
	assert_true(number(SETTING_UNPACK_MAX_BYTES, "1TiB") == (int64_t)1 << 40);
	assert_true(number(SETTING_UNPACK_MAX_BYTES, "64TiB") == (int64_t)64 << 40);
	assert_true(number(SETTING_UNPACK_MAX_BYTES, "7") == 7);
	expect_takes(SETTING_UNPACK_MAX_BYTES, LIST("1"),
	    LIST("9223372036854775807KiB", "65TiB", "0", "1GB", "GiB", "", "-1", "1  KiB", "1 KiB ", "1.5GiB"));
}

static void
setting_value_of_a_signal_has_a_name_or_a_number(void **state)
{
	(void)state;
	assert_true(number(SETTING_STOP_SIGNAL, "SIGINT") == SIGINT);
	assert_true(number(SETTING_STOP_SIGNAL, "term") == SIGTERM);
	assert_true(number(SETTING_STOP_SIGNAL, "15") == SIGTERM);
	assert_true(number(SETTING_STOP_SIGNAL, "SIGUSR1") == SIGUSR1);
	/* What cannot be caught would kill the pipeline before its grace. */
	expect_takes(SETTING_STOP_SIGNAL, LIST("SIGQUIT", "hup", "SigUsr2"),
	    LIST("SIGKILL", "9", "SIGSTOP", "SIG", "", "15x", "0", "-15", "SIGSEGV", "TERMINATE"));
}

/* ---- words ---- */

static void
setting_words_are_split_at_blanks_or_given_as_a_list(void **state)
{
	static const struct {
		const char *text;
		const char *words[4];
	} cases[] = {
	    {"python3 train.py", {"python3", "train.py"}},
	    {"  a\t b ", {"a", "b"}},
	    {"echo \"a b\" $HOME", {"echo", "\"a", "b\"", "$HOME"}}, /* no shell: no quotes, no variables */
	    {"[\"a b\", \"\", \"c\"]", {"a b", "", "c"}},
	    {" \n[\"caf\\u00e9\"]\n", {"caf\xc3\xa9"}},
	    {"[]", {NULL}},
	    {"", {NULL}},
	    {"x[\"a\"]", {"x[\"a\"]"}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char **words = setting_words(cases[i].text);

		assert_non_null(words);
		for (size_t j = 0; j < 4 && cases[i].words[j] != NULL; j++) {
			assert_non_null(words[j]);
			assert_string_equal(words[j], cases[i].words[j]);
		}
		size_t count = 0;
		while (count < 4 && cases[i].words[count] != NULL) {
			count++;
		}
		assert_null(words[count]);
		free(words);
	}
}

static void
setting_words_of_a_broken_list_are_none(void **state)
{
	static const char *const broken[] = {
	    "[\"a\"", "[\"a\", 1]", "[null]", "[[\"a\"]]", "[\"a\"] b", "['a']", "[\"a\\u0000b\"]", "[a]"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		char **words = setting_words(broken[i]);

		if (words != NULL) {
			fail_msg("'%s' gave words", broken[i]);
		}
	}
}

static void
setting_words_are_bounded(void **state)
{
	CLEAN_BUF list;
	CLEAN_BUF text;

	(void)state;
	buf_init(&list, 65536);
	buf_init(&text, 65536);
	for (int i = 0; i <= COMMAND_WORDS_MAX; i++) {
		buf_printf(&list, "%s\"w\"", i == 0 ? "[" : ",");
		buf_adds(&text, "w ");
	}
	buf_addc(&list, ']');
	assert_false(takes(SETTING_COMMAND, buf_text(&list)));
	assert_false(takes(SETTING_COMMAND, buf_text(&text)));
	assert_true(takes(SETTING_COMMAND, buf_text(&text) + 2)); /* a word less */
	assert_true(takes(SETTING_COMMAND, run_of('w', SETTING_TEXT_MAX)));
	assert_false(takes(SETTING_COMMAND, run_of('w', SETTING_TEXT_MAX + 1)));
}

static void
setting_value_of_a_command_has_a_first_word(void **state)
{
	(void)state;
	expect_takes(SETTING_COMMAND, LIST("python3 train.py", "[\"a b\", \"\"]", "x"),
	    LIST("", "  ", "[]", "[\"\"]", "[\"\", \"x\"]", "[\"a\", 1]", "[\"a\""));
	expect_takes(SETTING_WRAPPER, LIST("", "nsys profile", "[]"), LIST("[", "[1]"));
	expect_takes(SETTING_REDACT, LIST("", "MY_NAME other"), LIST("[1]"));
}

/* ---- for people ---- */

static void
setting_value_form_says_what_is_taken(void **state)
{
	static const struct {
		enum setting setting;
		const char *form;
	} cases[] = {
	    {SETTING_STOP_GRACE, "a whole number of seconds from 0 to 86400"},
	    {SETTING_FETCH_MEMORY, "a whole number of MiB from 8 to 65536"},
	    {SETTING_UNPACK_MAX_ENTRIES, "a whole number from 1 to 100000000"},
	    {SETTING_TAGS, "one of 'auto', 'always', 'off'"},
	    {SETTING_RECORD, "'on' or 'off'"},
	    {SETTING_CODE_SHA256, "64 hex digits"},
	    {SETTING_CODE_OWNER, "the 12 digits of an AWS account"},
	    {SETTING_WORKSPACE, "an absolute path"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_BUF out;

		buf_init(&out, 1024);
		setting_value_form(cases[i].setting, &out);
		assert_string_equal(buf_text(&out), cases[i].form);
	}
	for (int i = 0; i < SETTINGS; i++) {
		CLEAN_BUF out;

		buf_init(&out, 1024);
		setting_value_form((enum setting)i, &out);
		assert_true(out.len > 5 && !out.full);
	}
}

static void
setting_value_is_shown_short_and_without_secrets(void **state)
{
	static const struct {
		enum setting setting;
		const char *text, *shown;
	} cases[] = {
	    {SETTING_CODE, "https://u:geheim@h/x?X-Amz-Signature=geheim", "https://***@h/x?***"},
	    {SETTING_CODE_FROM, "https://u:geheim@h/x", "https://***@h/x"},
	    {SETTING_COMMAND, "run --key AKIAIOSFODNN7EXAMPLE", "run --key ***"},
	    {SETTING_STOP_GRACE, "9x", "9x"},
	    {SETTING_CODE, "", ""},
	};
	CLEAN_BUF out;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		buf_init(&out, 1024);
		setting_value_show(cases[i].setting, cases[i].text, &out);
		assert_null(strstr(buf_text(&out), "geheim"));
		assert_string_equal(buf_text(&out), cases[i].shown);
		buf_release(&out);
	}
	buf_init(&out, 1024);
	setting_value_show(SETTING_CODE_VERSION, run_of('v', 101), &out);
	assert_int_equal(out.len, 103);
	assert_string_equal(out.data + 100, "...");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(setting_value_of_an_address),
	    cmocka_unit_test(setting_value_of_a_digest_is_kept_in_lower_case),
	    cmocka_unit_test(setting_value_of_text_is_one_bounded_line),
	    cmocka_unit_test(setting_value_of_a_choice_is_one_word_of_its_list),
	    cmocka_unit_test(setting_value_of_a_namespace_is_what_cloudwatch_takes),
	    cmocka_unit_test(setting_value_of_a_switch_is_on_or_off),
	    cmocka_unit_test(setting_value_of_prefixes_is_a_list_of_addresses_begun),
	    cmocka_unit_test(setting_value_of_an_account_has_twelve_digits),
	    cmocka_unit_test(setting_value_of_a_path_is_absolute),
	    cmocka_unit_test(setting_value_of_numbers_is_whole_and_in_range),
	    cmocka_unit_test(setting_value_of_bytes_may_have_a_unit),
	    cmocka_unit_test(setting_value_of_a_signal_has_a_name_or_a_number),
	    cmocka_unit_test(setting_words_are_split_at_blanks_or_given_as_a_list),
	    cmocka_unit_test(setting_words_of_a_broken_list_are_none),
	    cmocka_unit_test(setting_words_are_bounded),
	    cmocka_unit_test(setting_value_of_a_command_has_a_first_word),
	    cmocka_unit_test(setting_value_form_says_what_is_taken),
	    cmocka_unit_test(setting_value_is_shown_short_and_without_secrets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
