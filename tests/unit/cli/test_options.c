/* The words of a command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cli/options.h"

/* A verb with an option that takes a value, a short one, and a flag. */
struct verb_words {
	struct words set, out, json;
	struct option table[4];
	struct options options;
	struct err err;
};

static int
parse(struct verb_words *words, char *const *argv)
{
	*words = (struct verb_words){0};
	words->table[0] = (struct option){"--set", "NAME=VALUE", &words->set};
	words->table[1] = (struct option){"-o", "FILE", &words->out};
	words->table[2] = (struct option){"--json", NULL, &words->json};
	words->options.table = words->table;
	return options_parse(&words->options, argv, &words->err);
}

#define WORDS(...) ((char *const[]){(char[]){"verb"}, __VA_ARGS__, NULL})
#define WORD(text) ((char[]){text})

static void
assert_refused(char *const *argv, const char *text)
{
	struct verb_words words;

	assert_int_equal(parse(&words, argv), -1);
	assert_int_equal(words.err.kind, ERR_USAGE);
	if (strstr(words.err.text, text) == NULL) {
		fail_msg("'%s' should say '%s'", words.err.text, text);
	}
}

static void
options_and_plain_words_may_be_mixed(void **state)
{
	struct verb_words words;
	char *const *argv = WORDS(WORD("dir"), WORD("--set"), WORD("a=1"), WORD("-o"), WORD("file"), WORD("--json"),
	    WORD("more"), WORD("--set=b=2"), WORD("-"));

	(void)state;
	assert_int_equal(parse(&words, argv), 0);
	assert_int_equal(words.options.plain.count, 3);
	assert_string_equal(words.options.plain.items[0], "dir");
	assert_string_equal(words.options.plain.items[1], "more");
	assert_string_equal(words.options.plain.items[2], "-");
	assert_int_equal(words.set.count, 2);
	assert_string_equal(words.set.items[0], "a=1");
	assert_string_equal(words.set.items[1], "b=2");
	assert_int_equal(words.out.count, 1);
	assert_string_equal(words.out.items[0], "file");
	assert_int_equal(words.json.count, 1);
	assert_null(words.options.command);
}

static void
options_end_at_two_dashes(void **state)
{
	struct verb_words words;
	char *const *argv = WORDS(WORD("dir"), WORD("--"), WORD("--set"), WORD("--"), WORD("x"));
	char *const *none = WORDS(WORD("--"));

	(void)state;
	assert_int_equal(parse(&words, argv), 0);
	assert_int_equal(words.options.plain.count, 1);
	assert_ptr_equal(words.options.command, argv + 3);
	assert_string_equal(words.options.command[0], "--set");
	assert_string_equal(words.options.command[1], "--");
	assert_int_equal(parse(&words, none), 0);
	assert_non_null(words.options.command);
	assert_null(words.options.command[0]);
}

static void
options_take_the_next_word_whatever_it_is(void **state)
{
	struct verb_words words;

	(void)state;
	assert_int_equal(parse(&words, WORDS(WORD("--set"), WORD("--json"), WORD("-o"), WORD(""))), 0);
	assert_string_equal(words.set.items[0], "--json");
	assert_string_equal(words.out.items[0], "");
	assert_int_equal(words.json.count, 0);
	assert_int_equal(parse(&words, WORDS(WORD("--set="))), 0);
	assert_string_equal(words.set.items[0], "");
}

static void
options_of_a_job_end_at_the_first_plain_word(void **state)
{
	struct verb_words words = {0};
	char *const *argv = WORDS(WORD("--json"), WORD("python3"), WORD("--json"), WORD("--unknown"));

	(void)state;
	words.table[0] = (struct option){"--json", NULL, &words.json};
	words.options = (struct options){.table = words.table, .first_plain_ends = 1};
	assert_int_equal(options_parse(&words.options, argv, &words.err), 0);
	assert_int_equal(words.json.count, 1);
	assert_int_equal(words.options.plain.count, 0);
	assert_ptr_equal(words.options.command, argv + 2);
}

static void
options_that_are_unknown_name_the_nearest(void **state)
{
	(void)state;
	assert_refused(WORDS(WORD("--jsno")), "unknown option '--jsno': did you mean '--json'?");
	assert_refused(WORDS(WORD("--sets"), WORD("a=1")), "did you mean '--set'?");
	assert_refused(WORDS(WORD("--frobnicate")), "unknown option '--frobnicate'");
	assert_refused(WORDS(WORD("--js")), "unknown option '--js'");
	assert_refused(WORDS(WORD("-ofile")), "unknown option '-ofile'");
}

static void
options_miss_or_refuse_values(void **state)
{
	(void)state;
	assert_refused(WORDS(WORD("--set")), "'--set' wants NAME=VALUE behind it");
	assert_refused(WORDS(WORD("dir"), WORD("-o")), "'-o' wants FILE behind it");
	assert_refused(WORDS(WORD("--json=yes")), "'--json' takes no value");
}

static void
options_are_bounded(void **state)
{
	char *argv[2 * WORDS_MAX + 4] = {NULL};
	char plain[] = "plain";
	struct verb_words words;

	(void)state;
	argv[0] = plain;
	for (int i = 0; i < WORDS_MAX; i++) {
		argv[1 + i] = plain;
	}
	assert_int_equal(parse(&words, argv), 0);
	assert_int_equal(words.options.plain.count, WORDS_MAX);
	argv[1 + WORDS_MAX] = plain;
	assert_refused(argv, "more than 128 times");
}

static void
options_of_nothing_are_nothing(void **state)
{
	struct verb_words words;
	char *const empty[] = {NULL};

	(void)state;
	assert_int_equal(parse(&words, empty), 0);
	assert_int_equal(parse(&words, (char *const[]){WORD("verb"), NULL}), 0);
	assert_int_equal(words.options.plain.count, 0);
	assert_null(words.options.command);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(options_and_plain_words_may_be_mixed),
	    cmocka_unit_test(options_end_at_two_dashes),
	    cmocka_unit_test(options_take_the_next_word_whatever_it_is),
	    cmocka_unit_test(options_of_a_job_end_at_the_first_plain_word),
	    cmocka_unit_test(options_that_are_unknown_name_the_nearest),
	    cmocka_unit_test(options_miss_or_refuse_values),
	    cmocka_unit_test(options_are_bounded),
	    cmocka_unit_test(options_of_nothing_are_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
