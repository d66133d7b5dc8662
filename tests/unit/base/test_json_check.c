/* The grammar of JSON, and the byte where a text leaves it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/json_check.h"
#include "base/json_read.h"

/* In memory that ends where the text ends, so that a look beyond it is seen. */
static int
check(const char *text, size_t len, size_t *at, const char **what)
{
	char *exact = malloc(len > 0 ? len : 1);

	assert_non_null(exact);
	memcpy(exact, text, len);
	*what = NULL;
	int result = json_check(exact, len, at, what);
	free(exact);
	assert_true(*at <= len);
	assert_int_equal(result < 0, *what != NULL);
	return result;
}

static const char whole[] =
    " {\"a\\n\\u00e9\": [1, -2.5e+3, {\"b\": null}, \"\\ud83d\\ude00 \xc3\xa9\"], \"c\": {}, \"d\": [], "
    "\"e\": true, \"f\": false}\n";

static void
every_cut_of_a_document_is_seen_at_its_end(void **state)
{
	size_t at = 0;
	const char *what = NULL;

	(void)state;
	assert_int_equal(check(whole, sizeof(whole) - 1, &at, &what), 0);
	assert_int_equal(check(whole, sizeof(whole) - 2, &at, &what), 0); /* without the last newline */
	for (size_t len = 0; len < sizeof(whole) - 2; len++) {
		assert_int_equal(check(whole, len, &at, &what), -1);
	}
}

static void
mistakes_are_told_with_their_place(void **state)
{
	static const struct {
		const char *text;
		size_t at;
		const char *what;
	} cases[] = {
	    {"", 0, "the document ends too early"},
	    {"  ", 2, "the document ends too early"},
	    {"[1, 2", 5, "expected ',' or ']'"},
	    {"{\"a\": 1", 7, "expected ',' or '}'"},
	    {"{\"a\" 1}", 5, "expected ':' after the key"},
	    {"{a: 1}", 1, "expected a key in double quotes"},
	    {"{\"a\": 1,}", 8, "expected a key in double quotes"},
	    {"[1,]", 3, "expected a value"},
	    {"[1 2]", 3, "expected ',' or ']'"},
	    {"[1}", 2, "expected ',' or ']'"},
	    {"{\"a\":1]", 6, "expected ',' or '}'"},
	    {"[]]", 2, "something follows the document"},
	    {"{} {}", 3, "something follows the document"},
	    {"tru", 0, "expected a value"},
	    {"truex", 4, "something follows the document"},
	    {"-", 1, "expected a digit"},
	    {"-x", 1, "expected a digit"},
	    {"01", 1, "something follows the document"},
	    {"1.", 2, "expected a digit after the point"},
	    {"1e", 2, "expected a digit in the exponent"},
	    {"1e+", 3, "expected a digit in the exponent"},
	    {"\"abc", 4, "the string has no end"},
	    {"\"a\tb\"", 2, "a control character in a string must be escaped"},
	    {"\"a\\xb\"", 2, "no such escape"},
	    {"\"\\", 1, "no such escape"},
	    {"\"\\u12g4\"", 1, "expected four hex digits after \\u"},
	    {"\"\\u12", 1, "expected four hex digits after \\u"},
	    {"\"\\ud800\"", 1, "half of a surrogate pair"},
	    {"\"\\udc00\"", 1, "half of a surrogate pair"},
	    {"\"\\ud800\\n\"", 1, "half of a surrogate pair"},
	    {"\"\\ud800\\u0041\"", 1, "half of a surrogate pair"},
	    {"\"\xc3\"", 1, "not valid UTF-8"},
	    {"\"\xed\xa0\x80\"", 1, "not valid UTF-8"},
	    {"\"\xff\"", 1, "not valid UTF-8"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t at = 0;
		const char *what = NULL;

		assert_int_equal(check(cases[i].text, strlen(cases[i].text), &at, &what), -1);
		if (at != cases[i].at || strcmp(what, cases[i].what) != 0) {
			fail_msg("%s: %zu, %s", cases[i].text, at, what);
		}
	}
}

static void
zero_bytes_stand_nowhere(void **state)
{
	size_t at = 0;
	const char *what = NULL;

	(void)state;
	for (size_t place = 0; place < sizeof(whole); place++) {
		char text[sizeof(whole)];

		memcpy(text, whole, place);
		text[place] = '\0';
		memcpy(text + place + 1, whole + place, sizeof(whole) - 1 - place);
		assert_int_equal(check(text, sizeof(whole), &at, &what), -1);
	}
}

/* The reader, which cuts the text by another program's rules, never takes what the grammar forbids, nor fails on what it allows. */
static void
changed_bytes_are_judged_alike_by_the_reader(void **state)
{
	static const char others[] = "\"\\{}[],:0 9.eE-+ntfu\x01\x7f\xc3\xff";

	(void)state;
	for (size_t place = 0; place < sizeof(whole) - 1; place++) {
		for (size_t i = 0; i < sizeof(others); i++) {
			CLEAN_JSON json = {0};
			struct err err = {0};
			char text[sizeof(whole)];
			size_t at = 0;
			const char *what = NULL;

			memcpy(text, whole, sizeof(whole));
			text[place] = others[i];
			int result = check(text, sizeof(whole) - 1, &at, &what);
			if (json_parse(&json, text, sizeof(whole) - 1, "x", &err) != result) {
				/* only the reader knows that a key is given twice */
				assert_int_equal(result, 0);
				assert_non_null(strstr(err.text, "this key stands here twice"));
			}
		}
	}
}

static void
depth_has_a_bound(void **state)
{
	char text[2 * JSON_DEPTH_MAX + 2];
	size_t at = 0;
	const char *what = NULL;

	(void)state;
	memset(text, '[', JSON_DEPTH_MAX);
	memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	assert_int_equal(check(text, (size_t)2 * JSON_DEPTH_MAX, &at, &what), 0);
	memset(text, '[', JSON_DEPTH_MAX + 1);
	memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	assert_int_equal(check(text, sizeof(text), &at, &what), -1);
	assert_int_equal(at, JSON_DEPTH_MAX);
	assert_string_equal(what, "nested too deep");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_cut_of_a_document_is_seen_at_its_end),
	    cmocka_unit_test(mistakes_are_told_with_their_place),
	    cmocka_unit_test(zero_bytes_stand_nowhere),
	    cmocka_unit_test(changed_bytes_are_judged_alike_by_the_reader),
	    cmocka_unit_test(depth_has_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
