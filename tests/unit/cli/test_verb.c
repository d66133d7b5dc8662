/* The table of verbs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cli/verb.h"

static void
verbs_are_found_by_their_whole_name(void **state)
{
	(void)state;
	assert_string_equal(verb_find("pack")->name, "pack");
	assert_ptr_equal(verb_find("train")->run, verb_train);
	assert_null(verb_find("pac"));
	assert_null(verb_find("packs"));
	assert_null(verb_find("PACK"));
	assert_null(verb_find(""));
}

static void
verbs_are_all_described(void **state)
{
	size_t count = 0;

	(void)state;
	for (const struct verb *verb = verbs; verb->name != NULL; verb++) {
		size_t help = strlen(verb->help);

		count++;
		assert_ptr_equal(verb_find(verb->name), verb);
		assert_non_null(verb->run);
		assert_true(strlen(verb->usage) > 0);
		assert_true(strlen(verb->summary) > 0);
		assert_true(verb->summary[strlen(verb->summary) - 1] != '.');
		assert_true(help == 0 || verb->help[help - 1] == '\n');
	}
	assert_true(count >= 7);
}

static void
verbs_that_are_mistyped_are_recognised(void **state)
{
	(void)state;
	assert_string_equal(verb_nearest("pakc"), "pack");
	assert_string_equal(verb_nearest("metric"), "metrics");
	assert_string_equal(verb_nearest("trian"), "train");
	assert_string_equal(verb_nearest("isntall"), "install");
	assert_null(verb_nearest("python3"));
	assert_null(verb_nearest("/opt/program/train.py"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(verbs_are_found_by_their_whole_name),
	    cmocka_unit_test(verbs_are_all_described),
	    cmocka_unit_test(verbs_that_are_mistyped_are_recognised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
