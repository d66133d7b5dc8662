/* Patterns over names; tests/e2e/test_pack_ignore.py compares them with git's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "files/glob.h"

struct row {
	const char *pattern;
	const char *matched[5];
	const char *other[5];
};

/* The pattern lies in memory that ends with it, so that the sanitizer sees a look behind its end. */
static int
match(const char *pattern, size_t len, const char *text)
{
	char *copy = malloc(len + (len == 0));

	assert_non_null(copy);
	memcpy(copy, pattern, len);
	int result = glob_match(copy, len, text);
	free(copy);
	return result;
}

static void
check(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *pattern = rows[i].pattern;

		for (int at = 0; at < 5 && rows[i].matched[at] != NULL; at++) {
			if (!match(pattern, strlen(pattern), rows[i].matched[at])) {
				fail_msg("'%s' should match '%s'", pattern, rows[i].matched[at]);
			}
		}
		for (int at = 0; at < 5 && rows[i].other[at] != NULL; at++) {
			if (match(pattern, strlen(pattern), rows[i].other[at])) {
				fail_msg("'%s' should not match '%s'", pattern, rows[i].other[at]);
			}
		}
	}
}

static void
stars_and_question_marks_stop_at_slashes(void **state)
{
	static const struct row rows[] = {
	    {"", {""}, {"a"}},
	    {"a", {"a"}, {"", "b", "aa"}},
	    {"*", {"a", "ab", ""}, {"a/b"}},
	    {"a*c", {"ac", "abc", "acc"}, {"ab", "a/c", "acd"}},
	    {"?", {"a"}, {"", "/", "ab"}},
	    {"a/*", {"a/b"}, {"a/b/c", "ab"}},
	    {"*/b", {"a/b"}, {"b", "a/a/b"}},
	    {"a**b", {"ab", "axb"}, {"a/b"}},
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void
two_stars_between_slashes_are_any_number_of_folders(void **state)
{
	static const struct row rows[] = {
	    {"**", {"a", "a/b"}, {NULL}},
	    {"**/a", {"a", "b/a", "b/c/a"}, {"ba", "a/b", "b/ca"}},
	    {"a/**", {"a/b", "a/b/c"}, {"a", "ab"}},
	    {"a/**/b", {"a/b", "a/x/b", "a/x/y/b"}, {"ab", "a/xb", "a/b/x"}},
	    {"**/**/a", {"a", "b/a", "b/c/d/a"}, {"ba"}},
	    {"a/**\\/b", {"a/x/b"}, {"a/b"}},
	    {"***/a", {"a", "b/c/a"}, {"ba"}},
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void
sets_hold_bytes_ranges_and_classes(void **state)
{
	static const struct row rows[] = {
	    {"[ab]", {"a", "b"}, {"c", "", "ab"}},
	    {"[a-c]x", {"ax", "cx"}, {"dx", "-x"}},
	    {"[!a-c]", {"d", "-"}, {"b", "/"}},
	    {"[^a]", {"b"}, {"a"}},
	    {"[]a]", {"]", "a"}, {"b"}},
	    {"[!]a]", {"b"}, {"]", "a"}},
	    {"[a-]", {"a", "-"}, {"b"}},
	    {"[-a]", {"a", "-"}, {"b"}},
	    {"[a-c-e]", {"b", "-", "e"}, {"d"}},
	    {"[\\]]", {"]"}, {"\\"}},
	    {"[a-\\c]", {"b"}, {"d", "\\"}},
	    {"[a/]b", {"ab"}, {"/b"}},
	    {"[[:digit:]_]", {"1", "_"}, {"a", ":"}},
	    {"[[:alpha:][:space:]]", {"a", "Z", " "}, {"1", "\xc3"}},
	    {"[[:xdigit:]][[:punct:]][[:cntrl:]]", {"f!\x01"}, {"g!\x01", "f!a"}},
	    {"[[:a]", {"[", ":", "a"}, {"b"}},
	    {"[[:]", {"[", ":"}, {"b"}},
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void
malformed_patterns_match_nothing(void **state)
{
	static const struct row rows[] = {
	    {"[", {NULL}, {"[", "", "a"}},
	    {"[a", {NULL}, {"[a", "a"}},
	    {"[]", {NULL}, {"[]", "]"}},
	    {"[!", {NULL}, {"[!", "a"}},
	    {"[a-", {NULL}, {"a", "-"}},
	    {"[a\\", {NULL}, {"a"}},
	    {"[[:nope:]]", {NULL}, {"n", "["}},
	    {"[[:alpha:", {NULL}, {"a"}},
	    {"a\\", {NULL}, {"a", "a\\"}},
	    {"*[", {NULL}, {"a", "["}},
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
}

static void
a_backslash_takes_the_next_byte_as_it_is(void **state)
{
	static const struct row rows[] = {
	    {"\\*", {"*"}, {"a"}},
	    {"\\a", {"a"}, {"\\a"}},
	    {"\\\\", {"\\"}, {"\\\\"}},
	    {"\\[a]", {"[a]"}, {"a"}},
	    {"\\**", {"*", "*a"}, {"a"}},
	};

	(void)state;
	check(rows, ARRAY_LEN(rows));
	assert_int_equal(glob_plain("ab*", 3), 2);
	assert_int_equal(glob_plain("ab", 2), 2);
	assert_int_equal(glob_plain("\\a", 2), 0);
}

/* 4,096 bytes of pattern over 4,095 of text: 16 million steps, where backtracking would take more than there are atoms. */
static void
the_longest_hostile_patterns_end(void **state)
{
	static const char *const pieces[] = {"*a", "**/", "*?", "a*", "[a-z]*"};
	static char pattern[GLOB_MAX];
	static char text[GLOB_MAX];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		size_t len = strlen(pieces[i]);

		for (size_t at = 0; at < sizeof(pattern); at++) {
			pattern[at] = pieces[i][at % len];
		}
		pattern[sizeof(pattern) - 1] = 'b';
		assert_int_equal(match(pattern, sizeof(pattern), text), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(stars_and_question_marks_stop_at_slashes),
	    cmocka_unit_test(two_stars_between_slashes_are_any_number_of_folders),
	    cmocka_unit_test(sets_hold_bytes_ranges_and_classes),
	    cmocka_unit_test(malformed_patterns_match_nothing),
	    cmocka_unit_test(a_backslash_takes_the_next_byte_as_it_is),
	    cmocka_unit_test(the_longest_hostile_patterns_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
