/* UTF-8 and words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"

static void
utf8_knows_whole_characters(void **state)
{
	(void)state;
	assert_int_equal(utf8_char_len("a", 1), 1);
	assert_int_equal(utf8_char_len("\xc3\xa4", 2), 2);
	assert_int_equal(utf8_char_len("\xc3\xa4", 1), 0);
	assert_int_equal(utf8_char_len("\xe2\x82\xac", 3), 3);
	assert_int_equal(utf8_char_len("\xf0\x9f\x98\x80", 4), 4);
	assert_int_equal(utf8_char_len("\xc0\xaf", 2), 0);
	assert_int_equal(utf8_char_len("\xed\xa0\x80", 3), 0);
	assert_int_equal(utf8_char_len("\xf4\x90\x80\x80", 4), 0);
	assert_int_equal(utf8_char_len("\xff", 1), 0);
}

static void
utf8_cut_keeps_characters_whole(void **state)
{
	(void)state;
	assert_int_equal(utf8_cut("a\xc3\xa4", 3, 2), 1);
	assert_int_equal(utf8_cut("a\xc3\xa4", 3, 3), 3);
	assert_int_equal(utf8_cut("a\xc3\xa4", 3, 9), 3);
}

static void
text_nearest_finds_the_typing_error(void **state)
{
	static const char *const names[] = {"code", "code-version", "tags", NULL};

	(void)state;
	assert_string_equal(text_nearest("cdoe", names, 2), "code");
	assert_string_equal(text_nearest("tag", names, 2), "tags");
	assert_null(text_nearest("workspace", names, 2));
}

static void
text_split_knows_no_quotes(void **state)
{
	size_t count = 0;
	char **words = text_split("  a 'b c'\t$(d) ", &count);

	(void)state;
	assert_non_null(words);
	assert_int_equal(count, 4);
	assert_string_equal(words[1], "'b");
	assert_string_equal(words[3], "$(d)");
	assert_null(words[4]);
	free(words);
	words = text_split("", &count);
	assert_non_null(words);
	assert_int_equal(count, 0);
	free(words);
}

static void
text_split_refuses_too_many_words(void **state)
{
	char *many = calloc(1, 2 * (size_t)COMMAND_WORDS_MAX + 3);
	size_t count = 0;

	(void)state;
	assert_non_null(many);
	for (size_t i = 0; i <= COMMAND_WORDS_MAX; i++) {
		memcpy(many + 2 * i, "a ", 2);
	}
	assert_null(text_split(many, &count));
	assert_int_equal(errno, E2BIG);
	free(many);
}

static void
text_shown_shortens_only_what_is_long(void **state)
{
	char shown[TEXT_SHOWN];
	char name[1000];

	(void)state;
	assert_string_equal(text_shown(shown, ""), "");
	assert_string_equal(text_shown(shown, "a/b"), "a/b");
	memset(name, 'n', sizeof(name));
	name[200] = '\0';
	assert_string_equal(text_shown(shown, name), name);
	name[200] = 'n';
	name[201] = '\0';
	assert_int_equal(strlen(text_shown(shown, name)), 203);
	assert_memory_equal(shown + 199, "n...", 5);
	memcpy(name + 199, "\xe2\x82\xac", 3);
	name[202] = 'n';
	name[203] = '\0';
	assert_memory_equal(text_shown(shown, name) + 198, "n...", 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(utf8_knows_whole_characters),
	    cmocka_unit_test(utf8_cut_keeps_characters_whole),
	    cmocka_unit_test(text_nearest_finds_the_typing_error),
	    cmocka_unit_test(text_split_knows_no_quotes),
	    cmocka_unit_test(text_split_refuses_too_many_words),
	    cmocka_unit_test(text_shown_shortens_only_what_is_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
