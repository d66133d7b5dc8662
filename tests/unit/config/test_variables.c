/* Looking into an environment that is an array. */
#include "unit/config/jobroot.h"

#include "config/variables.h"

static void
variables_are_found_by_their_whole_name(void **state)
{
	char *const envp[] = {
	    (char[]){"PATHS=no"}, (char[]){"PAT=no"}, (char[]){"PATH=/bin=x"}, (char[]){"PATH=second"}, NULL};

	(void)state;
	assert_string_equal(variables_get(envp, "PATH"), "/bin=x");
	assert_null(variables_get(envp, "PA"));
	assert_null(variables_get(envp, "path"));
	assert_null(variables_get(envp, "PATH=/bin"));
	assert_null(variables_get(&envp[4], "PATH"));
}

static void
variables_empty_value_counts_as_not_given(void **state)
{
	char *const envp[] = {(char[]){"EMPTY="}, (char[]){"FULL= "}, NULL};

	(void)state;
	assert_string_equal(variables_get(envp, "EMPTY"), "");
	assert_null(variables_given(envp, "EMPTY"));
	assert_string_equal(variables_given(envp, "FULL"), " ");
	assert_null(variables_given(envp, "MISSING"));
}

static void
variables_without_a_name_or_value_are_none(void **state)
{
	char *const envp[] = {(char[]){"NAKED"}, (char[]){"=nameless"}, (char[]){""}, NULL};

	(void)state;
	assert_null(variables_get(envp, "NAKED"));
	assert_int_equal(variables_name_len("NAKED"), 0);
	assert_int_equal(variables_name_len("=nameless"), 0);
	assert_int_equal(variables_name_len("A=b=c"), 1);
	assert_int_equal(variables_name_len(""), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(variables_are_found_by_their_whole_name),
	    cmocka_unit_test(variables_empty_value_counts_as_not_given),
	    cmocka_unit_test(variables_without_a_name_or_value_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
