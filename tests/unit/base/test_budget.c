/* Memory with one ceiling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/budget.h"

static void
budget_refuses_what_passes_its_ceiling(void **state)
{
	struct budget budget;

	(void)state;
	budget_init(&budget, 100);
	void *most = budget_take(&budget, 90);
	assert_non_null(most);
	assert_null(budget_take(&budget, 11));
	void *rest = budget_take(&budget, 10);
	assert_non_null(rest);
	assert_int_equal(budget_left(&budget), 0);
	assert_null(budget_take(&budget, 1));
	budget_give(&budget, rest, 10);
	assert_int_equal(budget_left(&budget), 10);
	budget_give(&budget, most, 90);
	assert_true(budget_is_whole(&budget));
}

static void
budget_remembers_the_most_that_was_used(void **state)
{
	struct budget budget;

	(void)state;
	budget_init(&budget, 100);
	void *first = budget_take(&budget, 60);
	budget_give(&budget, first, 60);
	void *second = budget_take(&budget, 20);
	budget_give(&budget, second, 20);
	assert_int_equal(budget.peak, 60);
	budget_give(&budget, NULL, 5);
	assert_true(budget_is_whole(&budget));
}

static void
budget_counts_what_a_library_allocates(void **state)
{
	struct budget budget;

	(void)state;
	budget_init(&budget, 100);
	assert_int_equal(budget_reserve(&budget, 60), 0);
	assert_int_equal(budget_left(&budget), 40);
	assert_null(budget_take(&budget, 41));
	assert_int_equal(budget_reserve(&budget, 41), -1);
	assert_int_equal(budget_left(&budget), 40);
	assert_false(budget_is_whole(&budget));
	budget_return(&budget, 60);
	assert_true(budget_is_whole(&budget));
	assert_int_equal(budget.peak, 60);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(budget_refuses_what_passes_its_ceiling),
	    cmocka_unit_test(budget_remembers_the_most_that_was_used),
	    cmocka_unit_test(budget_counts_what_a_library_allocates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
