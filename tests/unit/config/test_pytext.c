/* JSON in the toolkit's spelling. The expectations are what SageMaker's training toolkit 5.1.4 itself makes of these values. */
#include "unit/config/jobroot.h"

#include "base/json_read.h"
#include "config/pytext.h"

enum { TEXT_MAX = 4096 };

struct spelling {
	const char *text, *json, *argument, *variable;
};

static const struct spelling scalars[] = {
    {"0", "0", "0", "0"},
    {"-0", "0", "0", "0"},
    {"5", "5", "5", "5"},
    {"-17", "-17", "-17", "-17"},
    {"123456789012345678901234567890", "123456789012345678901234567890", "123456789012345678901234567890",
        "123456789012345678901234567890"},
    {"0.0", "0.0", "0.0", "0.0"},
    {"-0.0", "-0.0", "-0.0", "-0.0"},
    {"1.0", "1.0", "1.0", "1.0"},
    {"100.0", "100.0", "100.0", "100.0"},
    {"0.1", "0.1", "0.1", "0.1"},
    {"-0.5", "-0.5", "-0.5", "-0.5"},
    {"1e3", "1000.0", "1000.0", "1000.0"},
    {"1E3", "1000.0", "1000.0", "1000.0"},
    {"1e+3", "1000.0", "1000.0", "1000.0"},
    {"1e-3", "0.001", "0.001", "0.001"},
    {"0.0001", "0.0001", "0.0001", "0.0001"},
    {"0.00001", "1e-05", "1e-05", "1e-05"},
    {"1e-05", "1e-05", "1e-05", "1e-05"},
    {"1.5e-7", "1.5e-07", "1.5e-07", "1.5e-07"},
    {"1e15", "1000000000000000.0", "1000000000000000.0", "1000000000000000.0"},
    {"1e16", "1e+16", "1e+16", "1e+16"},
    {"1.2e16", "1.2e+16", "1.2e+16", "1.2e+16"},
    {"9007199254740993.0", "9007199254740992.0", "9007199254740992.0", "9007199254740992.0"},
    {"123456789.123456789", "123456789.12345679", "123456789.12345679", "123456789.12345679"},
    {"1e22", "1e+22", "1e+22", "1e+22"},
    {"1e23", "1e+23", "1e+23", "1e+23"},
    {"1.7976931348623157e308", "1.7976931348623157e+308", "1.7976931348623157e+308", "1.7976931348623157e+308"},
    {"5e-324", "5e-324", "5e-324", "5e-324"},
    {"2.5e-8", "2.5e-08", "2.5e-08", "2.5e-08"},
    {"0.30000000000000004", "0.30000000000000004", "0.30000000000000004", "0.30000000000000004"},
    {"99999999999999990.0", "9.999999999999998e+16", "9.999999999999998e+16", "9.999999999999998e+16"},
    {"1e-10", "1e-10", "1e-10", "1e-10"},
};

static const struct spelling words[] = {
    {"true", "true", "True", "true"},
    {"false", "false", "False", "false"},
    {"null", "null", "", ""},
    {"\"\"", "\"\"", "", ""},
    {"\"a\"", "\"a\"", "a", "a"},
    {"\"5\"", "\"5\"", "5", "5"},
    {"\"true\"", "\"true\"", "true", "true"},
    {"\"a b\"", "\"a b\"", "a b", "a b"},
    {"\"\\u00e9\"", "\"\\u00e9\"", "\xc3\xa9", "\xc3\xa9"},
    {"\"\\u2713\"", "\"\\u2713\"", "\xe2\x9c\x93", "\xe2\x9c\x93"},
    {"\"\\ud83d\\ude00\"", "\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
    {"\"\\n\\t\\r\\b\\f\"", "\"\\n\\t\\r\\b\\f\"", "\n\t\r\x08\x0c", "\n\t\r\x08\x0c"},
    {"\"\\\\\"", "\"\\\\\"", "\\", "\\"},
    {"\"/\"", "\"/\"", "/", "/"},
    {"\"\\/\"", "\"/\"", "/", "/"},
    {"\"\\u007f\"", "\"\\u007f\"", "\x7f", "\x7f"},
    {"\"\\u0001\"", "\"\\u0001\"", "\x01", "\x01"},
    {"\"say \\\"hi\\\"\"", "\"say \\\"hi\\\"\"", "say \"hi\"", "say \"hi\""},
};

static const struct spelling trees[] = {
    {"[]", "[]", "[]", "[]"},
    {"[1]", "[1]", "[1]", "[1]"},
    {"[1, 2.50, \"a\", true, false, null]", "[1,2.5,\"a\",true,false,null]", "[1, 2.5, 'a', True, False, None]",
        "[1,2.5,\"a\",true,false,null]"},
    {"[[1],[]]", "[[1],[]]", "[[1], []]", "[[1],[]]"},
    {"[\"it's\"]", "[\"it's\"]", "[\"it's\"]", "[\"it's\"]"},
    {"[\"\\\"\"]", "[\"\\\"\"]", "['\"']", "[\"\\\"\"]"},
    {"[\"it's \\\"x\\\"\"]", "[\"it's \\\"x\\\"\"]", "['it\\'s \"x\"']", "[\"it's \\\"x\\\"\"]"},
    {"[\"\\\\\"]", "[\"\\\\\"]", "['\\\\']", "[\"\\\\\"]"},
    {"[\"\\n\\t\\r\"]", "[\"\\n\\t\\r\"]", "['\\n\\t\\r']", "[\"\\n\\t\\r\"]"},
    {"[\"\\u0001\\u007f\\u0080\\u00a0\\u00ad\"]", "[\"\\u0001\\u007f\\u0080\\u00a0\\u00ad\"]",
        "['\\x01\\x7f\\x80\\xa0\\xad']", "[\"\\u0001\\u007f\\u0080\\u00a0\\u00ad\"]"},
    {"[\"\\u00e9\\u2713\"]", "[\"\\u00e9\\u2713\"]", "['\xc3\xa9\xe2\x9c\x93']", "[\"\\u00e9\\u2713\"]"},
    {"[1e16, 1e-5]", "[1e+16,1e-05]", "[1e+16, 1e-05]", "[1e+16,1e-05]"},
    {"[{\"b\": 1, \"a\": [2]}]", "[{\"a\":[2],\"b\":1}]", "[{'b': 1, 'a': [2]}]", "[{\"a\":[2],\"b\":1}]"},
    {"{}", "{}", "", "{}"},
    {"{\"a\": 1}", "{\"a\":1}", "a=1", "{\"a\":1}"},
    {"{\"b\": 1, \"a\": 2}", "{\"a\":2,\"b\":1}", "a=2,b=1", "{\"a\":2,\"b\":1}"},
    {"{\"b\": {\"y\": 1, \"x\": \"s\"}, \"a\": [1, \"t\"]}", "{\"a\":[1,\"t\"],\"b\":{\"x\":\"s\",\"y\":1}}",
        "a=[1, 't'],b={'y': 1, 'x': 's'}", "{\"a\":[1,\"t\"],\"b\":{\"x\":\"s\",\"y\":1}}"},
    {"{\"a\": \"plain text\", \"b\": true, \"c\": null}", "{\"a\":\"plain text\",\"b\":true,\"c\":null}",
        "a=plain text,b=True,c=None", "{\"a\":\"plain text\",\"b\":true,\"c\":null}"},
    {"{\"\\u00e9\": 1, \"z\": 2}", "{\"z\":2,\"\\u00e9\":1}", "z=2,\xc3\xa9=1", "{\"z\":2,\"\\u00e9\":1}"},
    {"{\"a b\": \"c d\"}", "{\"a b\":\"c d\"}", "a b=c d", "{\"a b\":\"c d\"}"},
    {"{\" \": \"\"}", "{\" \":\"\"}", " =", "{\" \":\"\"}"},
    {"{\"10\": 1, \"9\": 2}", "{\"10\":1,\"9\":2}", "10=1,9=2", "{\"10\":1,\"9\":2}"},
    {"{\"a\": {}}", "{\"a\":{}}", "a={}", "{\"a\":{}}"},
};

static void
check(const struct spelling *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		CLEAN_JSON json = {0};
		CLEAN_BUF out;
		struct err err = {0};

		buf_init(&out, TEXT_MAX);
		assert_int_equal(json_parse(&json, cases[i].text, strlen(cases[i].text), "case", &err), 0);
		pytext_json(&json, 0, &out);
		assert_string_equal(buf_text(&out), cases[i].json);
		buf_reset(&out);
		pytext_argument(&json, 0, &out);
		assert_string_equal(buf_text(&out), cases[i].argument);
		buf_reset(&out);
		pytext_variable(&json, 0, &out);
		assert_string_equal(buf_text(&out), cases[i].variable);
	}
}

static void
pytext_spells_numbers_as_the_toolkit_does(void **state)
{
	(void)state;
	check(scalars, ARRAY_LEN(scalars));
}

static void
pytext_spells_words_as_the_toolkit_does(void **state)
{
	(void)state;
	check(words, ARRAY_LEN(words));
}

static void
pytext_spells_lists_and_objects_as_the_toolkit_does(void **state)
{
	(void)state;
	check(trees, ARRAY_LEN(trees));
}

static void
pytext_numbers_that_no_double_holds_stay_as_they_are(void **state)
{
	static const char *const numbers[] = {"1e999", "-1e999"};

	(void)state;
	/* Python would make "inf" of it, which is no JSON: whoever reads SM_HPS could not. */
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		CLEAN_JSON json = {0};
		CLEAN_BUF out;
		struct err err = {0};

		buf_init(&out, TEXT_MAX);
		assert_int_equal(json_parse(&json, numbers[i], strlen(numbers[i]), "case", &err), 0);
		pytext_json(&json, 0, &out);
		assert_string_equal(buf_text(&out), numbers[i]);
	}
}

static void
pytext_string_is_ascii_whatever_comes(void **state)
{
	CLEAN_BUF out;

	(void)state;
	buf_init(&out, TEXT_MAX);
	pytext_string("a\xff\xc3", 3, &out);
	assert_string_equal(buf_text(&out), "\"a\\u00ff\\u00c3\"");
	buf_reset(&out);
	pytext_string("", 0, &out);
	assert_string_equal(buf_text(&out), "\"\"");
	buf_reset(&out);
	pytext_string("a\0b", 3, &out);
	assert_string_equal(buf_text(&out), "\"a\\u0000b\"");
}

static void
pytext_passes_keys_that_c_strings_cannot_hold(void **state)
{
	static const char text[] = "{\"b\": \"\\u0000\", \"a\\u0000\": 1}";
	CLEAN_JSON json = {0};
	CLEAN_BUF out;
	struct err err = {0};

	(void)state;
	assert_int_equal(json_parse(&json, text, strlen(text), "x", &err), 0);
	buf_init(&out, TEXT_MAX);
	pytext_json(&json, 0, &out);
	assert_string_equal(buf_text(&out), "{\"a\\u0000\":1,\"b\":\"\\u0000\"}");
}

static void
pytext_that_does_not_fit_says_so(void **state)
{
	static const char text[] = "{\"key\": [1, 2, 3]}";
	static void (*const spellings[])(const struct json *, int, struct buf *) = {
	    pytext_json, pytext_argument, pytext_variable};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
		CLEAN_JSON json = {0};
		CLEAN_BUF out;
		struct err err = {0};

		buf_init(&out, 8);
		assert_int_equal(json_parse(&json, text, strlen(text), "x", &err), 0);
		spellings[i](&json, 0, &out);
		assert_true(out.full);
		assert_true(out.len <= 8);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pytext_spells_numbers_as_the_toolkit_does),
	    cmocka_unit_test(pytext_spells_words_as_the_toolkit_does),
	    cmocka_unit_test(pytext_spells_lists_and_objects_as_the_toolkit_does),
	    cmocka_unit_test(pytext_numbers_that_no_double_holds_stay_as_they_are),
	    cmocka_unit_test(pytext_string_is_ascii_whatever_comes),
	    cmocka_unit_test(pytext_passes_keys_that_c_strings_cannot_hold),
	    cmocka_unit_test(pytext_that_does_not_fit_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
