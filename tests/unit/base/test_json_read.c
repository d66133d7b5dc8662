/* The JSON reader: the grammar and nothing but the grammar, decoded strings, numbers that fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_read.h"

static int
parses(const char *text, struct err *err)
{
	CLEAN_JSON json = {0};

	*err = (struct err){0};
	return json_parse(&json, text, strlen(text), "job.json", err) == 0;
}

static void
json_accepts_what_the_grammar_allows(void **state)
{
	static const char *const good[] = {"{}", "[]", "0", "-0.5e+10", "\"\"",
	    " {\"a\" : [1, {\"b\": null}], \"c\": true}\n", "[[], {}, []]", "\"\\ud83d\\ude00\"",
	    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\xef\xbb\xbf{}", "\"\xc3\xa4\""};
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		if (!parses(good[i], &err)) {
			fail_msg("%s: %s", good[i], err.text);
		}
	}
}

static void
json_refuses_what_the_grammar_forbids(void **state)
{
	static const char *const bad[] = {"", " ", "{\"a\"}", "{} {}", "{\"a\":1,}", "[1,]", "[1 2]", "{\"a\" 1}",
	    "{\"a\":}", "{a:1}", "{1:2}", "'a'", "truee", "nul", "01", "+1", "1.", ".5", "1e", "-", "0x10", "NaN", "[",
	    "]", "[}", "{\"a\":1]", "\"a", "\"\t\"", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\udc00\"",
	    "\"\\ud800\\u0041\"", "\"\xff\"", "\"\xc3\"", "\"\xed\xa0\x80\"", "\"\xc0\xaf\"", "[1]x", ",", "{,}",
	    "[,1]"};
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		if (parses(bad[i], &err)) {
			fail_msg("accepted: %s", bad[i]);
		}
		assert_int_equal(err.kind, ERR_SETTINGS);
	}
}

static void
json_refuses_a_zero_byte(void **state)
{
	CLEAN_JSON json = {0};
	struct err err = {0};

	(void)state;
	assert_int_equal(json_parse(&json, "[1]\0", 4, "x", &err), -1);
	assert_int_equal(json_parse(&json, "\"\0\"", 3, "x", &err), -1);
}

static void
json_names_line_and_column(void **state)
{
	struct err err = {0};

	(void)state;
	assert_false(parses("{\n  \"a\": 1\n  \"b\": 2\n}", &err));
	assert_string_equal(err.text, "'job.json:3:3': expected ',' or '}'");
}

static void
json_refuses_a_key_given_twice_also_in_escapes(void **state)
{
	struct err err = {0};

	(void)state;
	assert_false(parses("{\"a\":1, \"b\":2, \"\\u0061\":3}", &err));
	assert_non_null(strstr(err.text, ":1:16"));
	assert_true(parses("{\"a\":{\"a\":1}, \"b\":{\"a\":1}}", &err));
}

static void
json_refuses_one_level_too_many(void **state)
{
	char text[2 * JSON_DEPTH_MAX + 3] = {0};
	struct err err = {0};

	(void)state;
	memset(text, '[', JSON_DEPTH_MAX);
	memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	assert_true(parses(text, &err));
	memset(text, '[', JSON_DEPTH_MAX + 1);
	memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	assert_false(parses(text, &err));
	assert_non_null(strstr(err.text, "too deep"));
}

static void
json_refuses_more_values_than_the_limit(void **state)
{
	size_t len = 2 * ((size_t)JSON_TOKENS_MAX + 1) + 1;
	char *text = calloc(1, len + 1);
	struct err err = {0};

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < len; i++) {
		text[i] = i % 2 == 1 ? '0' : ',';
	}
	text[0] = '[';
	text[len - 1] = ']';
	assert_false(parses(text, &err));
	assert_non_null(strstr(err.text, "more than"));
	free(text);
}

static void
json_walks_members_and_elements(void **state)
{
	static const char text[] = "{\"a\":[1,[2,3],{\"x\":4}],\"b\":{},\"c\":5}";
	CLEAN_JSON json = {0};
	struct err err = {0};
	int64_t number = 0;

	(void)state;
	assert_int_equal(json_parse(&json, text, strlen(text), "x", &err), 0);
	assert_int_equal(json_size(&json, 0), 3);
	int a = json_member(&json, 0, "a");
	assert_int_equal(json_size(&json, a), 3);
	int first = json_first(&json, a);
	int second = json_next(&json, a, first);
	int third = json_next(&json, a, second);
	assert_int_equal(json_int(&json, first, &number), 0);
	assert_int_equal(number, 1);
	assert_int_equal(json_type(&json, second), JSON_ARRAY);
	assert_int_equal(json_int(&json, json_member(&json, third, "x"), &number), 0);
	assert_int_equal(number, 4);
	assert_int_equal(json_next(&json, a, third), JSON_NONE);
	assert_int_equal(json_first(&json, json_member(&json, 0, "b")), JSON_NONE);
	assert_int_equal(json_member(&json, 0, "d"), JSON_NONE);
	assert_int_equal(json_type(&json, JSON_NONE), JSON_NULL);
}

static void
json_decodes_strings(void **state)
{
	static const char text[] = "[\"a\\n\\u00e4\\ud83d\\ude00\\/\", \"\\u0000\", 7, \"k\\u0065y\"]";
	CLEAN_JSON json = {0};
	struct err err = {0};
	size_t len = 0;

	(void)state;
	assert_int_equal(json_parse(&json, text, strlen(text), "x", &err), 0);
	int value = json_first(&json, 0);
	char *decoded = json_string(&json, value, &len);
	assert_string_equal(decoded, "a\n\xc3\xa4\xf0\x9f\x98\x80/");
	assert_int_equal(len, strlen(decoded));
	free(decoded);
	value = json_next(&json, 0, value);
	assert_null(json_string(&json, value, NULL));
	value = json_next(&json, 0, value);
	assert_null(json_string(&json, value, NULL));
	value = json_next(&json, 0, value);
	assert_true(json_equals(&json, value, "key"));
	assert_false(json_equals(&json, value, "ke"));
	assert_false(json_equals(&json, value, "keys"));
}

static void
json_gives_numbers_only_when_they_fit(void **state)
{
	static const char text[] = "[9223372036854775807, 9223372036854775808, 1.5, 1e3, \"5\", -7]";
	CLEAN_JSON json = {0};
	struct err err = {0};
	int64_t number = 42;
	double real = 0;

	(void)state;
	assert_int_equal(json_parse(&json, text, strlen(text), "x", &err), 0);
	assert_int_equal(json_int(&json, 1, &number), 0);
	assert_true(number == INT64_MAX);
	assert_int_equal(json_int(&json, 2, &number), -1);
	assert_int_equal(json_int(&json, 3, &number), -1);
	assert_int_equal(json_double(&json, 3, &real), 0);
	assert_true(real > 1.49 && real < 1.51);
	assert_int_equal(json_int(&json, 5, &number), -1);
	assert_int_equal(json_int(&json, 6, &number), 0);
	assert_int_equal(number, -7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(json_accepts_what_the_grammar_allows),
	    cmocka_unit_test(json_refuses_what_the_grammar_forbids),
	    cmocka_unit_test(json_refuses_a_zero_byte),
	    cmocka_unit_test(json_names_line_and_column),
	    cmocka_unit_test(json_refuses_a_key_given_twice_also_in_escapes),
	    cmocka_unit_test(json_refuses_one_level_too_many),
	    cmocka_unit_test(json_refuses_more_values_than_the_limit),
	    cmocka_unit_test(json_walks_members_and_elements),
	    cmocka_unit_test(json_decodes_strings),
	    cmocka_unit_test(json_gives_numbers_only_when_they_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
