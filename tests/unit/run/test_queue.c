#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "run/queue.h"

static void
queue_gives_whole_lines_only(void **state)
{
	struct queue queue;
	const char *lines;

	(void)state;
	assert_int_equal(queue_init(&queue, 64), 0);
	assert_int_equal(queue_add(&queue, "one\n", 4), 0);
	assert_int_equal(queue_add(&queue, "two\n", 4), 0);
	assert_int_equal(queue_peek(&queue, 7, &lines), 4);
	assert_memory_equal(lines, "one\n", 4);
	assert_int_equal(queue_peek(&queue, 8, &lines), 8);
	assert_int_equal(queue_peek(&queue, 3, &lines), 0);
	queue_release(&queue);
}

static void
queue_refuses_what_does_not_fit_and_takes_it_later(void **state)
{
	struct queue queue;
	const char *lines;

	(void)state;
	assert_int_equal(queue_init(&queue, 8), 0);
	assert_int_equal(queue_add(&queue, "12345\n", 6), 0);
	assert_int_equal(queue_add(&queue, "678\n", 4), -1);
	queue_take(&queue, 6);
	assert_int_equal(queue_add(&queue, "678\n", 4), 0);
	assert_int_equal(queue_add(&queue, "9ab\n", 4), 0);
	queue_take(&queue, 4);
	/* The room is at the front now. */
	assert_int_equal(queue_add(&queue, "cde\n", 4), 0);
	assert_int_equal(queue_peek(&queue, 100, &lines), 8);
	assert_memory_equal(lines, "9ab\ncde\n", 8);
	queue_release(&queue);
}

static void
queue_that_never_was_refuses(void **state)
{
	struct queue queue = {0};

	(void)state;
	assert_int_equal(queue_add(&queue, "x\n", 2), -1);
	queue_release(&queue);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(queue_gives_whole_lines_only),
	    cmocka_unit_test(queue_refuses_what_does_not_fit_and_takes_it_later),
	    cmocka_unit_test(queue_that_never_was_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
