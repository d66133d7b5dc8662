/* Threads that hand blocks on: the ring between them, and a source read ahead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/stage.h"

enum { BLOCK = 64, BLOCKS = 3, MANY = 1 << 20 };

/* Numbers its bytes, in pieces of changing size, up to 'left'; then an end, or an error. */
struct numbers {
	size_t at, left;
	int fails;
	int hangs_on; /* an eventfd that is waited for instead of an end, or -1 */
	atomic_int reads;
};

static ssize_t
read_numbers(void *self, void *bytes, size_t len, struct err *err)
{
	struct numbers *numbers = self;
	size_t n = numbers->at % 37 + 1;
	uint64_t woken = 0;

	(void)atomic_fetch_add(&numbers->reads, 1);
	n = n < len ? n : len;
	n = n < numbers->left ? n : numbers->left;
	for (size_t i = 0; i < n; i++) {
		((unsigned char *)bytes)[i] = (unsigned char)((numbers->at + i) * 7 % 251);
	}
	numbers->at += n;
	numbers->left -= n;
	if (n == 0 && numbers->hangs_on >= 0) {
		assert_int_equal(read(numbers->hangs_on, &woken, sizeof(woken)), sizeof(woken));
		return err_set(err, ERR_STOPPED, 0, "woken");
	}
	return n == 0 && numbers->fails ? err_set(err, ERR_IO, EIO, "numbers ran out") : (ssize_t)n;
}

static struct source
number_source(struct numbers *numbers, size_t count, int fails)
{
	*numbers = (struct numbers){.left = count, .fails = fails, .hangs_on = -1};
	return (struct source){.read = read_numbers, .self = numbers};
}

static void
check_numbers(const unsigned char *bytes, size_t len, size_t from)
{
	for (size_t i = 0; i < len; i++) {
		assert_int_equal(bytes[i], (from + i) * 7 % 251);
	}
}

static struct stage_plan
plan_of(struct budget *budget)
{
	budget_init(budget, BLOCK * BLOCKS);
	return (struct stage_plan){.budget = budget, .block_bytes = BLOCK, .blocks = BLOCKS};
}

static void
stage_hands_on_every_byte_in_order(void **state)
{
	struct budget budget;
	const struct stage_plan plan = plan_of(&budget);
	struct numbers numbers;
	const struct source from = number_source(&numbers, MANY, 0);
	struct stage stage;
	struct err err = {0};
	unsigned char bytes[100];
	const void *lent = NULL;
	size_t got = 0;
	ssize_t n = 1;

	(void)state;
	assert_int_equal(stage_start(&stage, &plan, &from, &err), 0);
	const struct source ahead = stage_source(&stage);
	for (int turn = 0; n > 0; turn++) {
		if (turn % 3 == 0) {
			n = source_lend(&ahead, NULL, 0, &lent, &err);
			check_numbers(lent, n > 0 ? (size_t)n : 0, got);
		} else {
			n = source_read(&ahead, bytes, (size_t)turn % sizeof(bytes) + 1, &err);
			check_numbers(bytes, n > 0 ? (size_t)n : 0, got);
		}
		got += n > 0 ? (size_t)n : 0;
	}
	assert_int_equal(n, 0);
	assert_int_equal(got, MANY);
	assert_int_equal(err.kind, ERR_NONE);
	stage_end(&stage);
	assert_true(budget_is_whole(&budget));
}

static void
stage_tells_an_error_behind_the_bytes_before_it(void **state)
{
	struct budget budget;
	const struct stage_plan plan = plan_of(&budget);
	struct numbers numbers;
	const struct source from = number_source(&numbers, 1000, 1);
	struct stage stage;
	struct err err = {.phase = PHASE_FETCH};
	unsigned char bytes[2000];

	(void)state;
	assert_int_equal(stage_start(&stage, &plan, &from, &err), 0);
	const struct source ahead = stage_source(&stage);
	assert_int_equal(source_read_full(&ahead, bytes, 1000, &err), 1000);
	check_numbers(bytes, 1000, 0);
	assert_int_equal(source_read(&ahead, bytes, 1, &err), -1);
	assert_int_equal(err.kind, ERR_IO);
	assert_int_equal(err.phase, PHASE_FETCH);
	assert_non_null(strstr(err.text, "numbers ran out"));
	stage_end(&stage);
	assert_true(budget_is_whole(&budget));
}

static void
stage_reads_ahead_no_further_than_its_blocks(void **state)
{
	struct budget budget;
	const struct stage_plan plan = plan_of(&budget);
	struct numbers numbers;
	const struct source from = number_source(&numbers, MANY, 0);
	struct stage stage;
	struct err err = {0};
	unsigned char byte;

	(void)state;
	assert_int_equal(stage_start(&stage, &plan, &from, &err), 0);
	const struct source ahead = stage_source(&stage);
	assert_int_equal(source_read(&ahead, &byte, 1, &err), 1);
	stage_end(&stage);
	assert_true(numbers.at <= BLOCK * (BLOCKS + 1));
	assert_true(budget_is_whole(&budget));
}

static void
wake(void *self)
{
	const struct numbers *numbers = self;
	const uint64_t one = 1;

	assert_int_equal(write(numbers->hangs_on, &one, sizeof(one)), sizeof(one));
}

static void
stage_end_wakes_a_source_that_waits(void **state)
{
	struct budget budget;
	struct stage_plan plan = plan_of(&budget);
	struct numbers numbers;
	const struct source from = number_source(&numbers, 10, 0);
	struct stage stage;
	struct err err = {0};

	(void)state;
	numbers.hangs_on = eventfd(0, EFD_CLOEXEC);
	plan.wake = wake;
	plan.self = &numbers;
	assert_int_equal(stage_start(&stage, &plan, &from, &err), 0);
	/* Pieces of 1, 2, 4 and 3 bytes, and the read that waits. */
	while (atomic_load(&numbers.reads) < 5) {
		(void)sched_yield();
	}
	stage_end(&stage);
	assert_int_equal(numbers.at, 10);
	assert_int_equal(close(numbers.hangs_on), 0);
	assert_true(budget_is_whole(&budget));
}

static void
stage_without_memory_starts_nothing(void **state)
{
	struct budget budget;
	struct stage_plan plan = plan_of(&budget);
	struct numbers numbers;
	const struct source from = number_source(&numbers, 10, 0);
	struct stage stage;
	struct err err = {0};

	(void)state;
	plan.blocks++;
	assert_int_equal(stage_start(&stage, &plan, &from, &err), -1);
	assert_int_equal(err.kind, ERR_SYSTEM);
	stage_end(&stage);
	stage_end(&stage);
	assert_int_equal(numbers.reads, 0);
	assert_true(budget_is_whole(&budget));
}

static void
stages_behind_each_other_work_as_one(void **state)
{
	struct budget budget;
	struct numbers numbers;
	const struct source from = number_source(&numbers, MANY, 0);
	struct stage stages[4];
	struct source at = from;
	struct err err = {0};
	const void *lent = NULL;
	size_t got = 0;
	ssize_t n = 1;

	(void)state;
	budget_init(&budget, sizeof(stages) / sizeof(stages[0]) * BLOCK * BLOCKS);
	const struct stage_plan plan = {.budget = &budget, .block_bytes = BLOCK, .blocks = BLOCKS};
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(stage_start(&stages[i], &plan, &at, &err), 0);
		at = stage_source(&stages[i]);
	}
	while ((n = source_lend(&at, NULL, 0, &lent, &err)) > 0) {
		check_numbers(lent, (size_t)n, got);
		got += (size_t)n;
	}
	assert_int_equal(got, MANY);
	for (size_t i = 4; i-- > 0;) {
		stage_end(&stages[i]);
	}
	assert_true(budget_is_whole(&budget));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(stage_hands_on_every_byte_in_order),
	    cmocka_unit_test(stage_tells_an_error_behind_the_bytes_before_it),
	    cmocka_unit_test(stage_reads_ahead_no_further_than_its_blocks),
	    cmocka_unit_test(stage_end_wakes_a_source_that_waits),
	    cmocka_unit_test(stage_without_memory_starts_nothing),
	    cmocka_unit_test(stages_behind_each_other_work_as_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
