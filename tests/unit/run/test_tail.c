#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "run/tail.h"

static void
tail_keeps_a_short_text_whole(void **state)
{
	static struct tail tail;
	CLEAN_BUF out;

	(void)state;
	buf_init(&out, TAIL_BYTES);
	tail_reset(&tail);
	tail_add(&tail, "one\n", 4);
	tail_add(&tail, "two", 3);
	tail_text(&tail, &out);
	assert_string_equal(buf_text(&out), "one\ntwo");
}

static void
tail_begins_at_a_line_when_it_was_cut(void **state)
{
	static struct tail tail;
	CLEAN_BUF out;
	char line[100];

	(void)state;
	buf_init(&out, TAIL_BYTES);
	tail_reset(&tail);
	memset(line, 'x', sizeof(line));
	memcpy(line, "begin", 5);
	line[sizeof(line) - 1] = '\n';
	for (int i = 0; i < 1000; i++) {
		tail_add(&tail, line, sizeof(line));
	}
	tail_text(&tail, &out);
	assert_int_equal(out.len, TAIL_BYTES / sizeof(line) * sizeof(line));
	assert_memory_equal(out.data, "begin", 5);
}

static void
tail_keeps_the_end_of_one_huge_line(void **state)
{
	static struct tail tail;
	static char big[3 * TAIL_BYTES + 7];
	CLEAN_BUF out;

	(void)state;
	buf_init(&out, TAIL_BYTES);
	tail_reset(&tail);
	memset(big, 'a', sizeof(big));
	memcpy(big + sizeof(big) - 4, "end\n", 4);
	tail_add(&tail, "before\n", 7);
	tail_add(&tail, big, sizeof(big));
	tail_text(&tail, &out);
	assert_int_equal(out.len, TAIL_BYTES);
	assert_memory_equal(out.data + out.len - 5, "aend\n", 5);
}

static void
tail_shows_no_escape_sequences(void **state)
{
	static struct tail tail;
	CLEAN_BUF out;

	(void)state;
	buf_init(&out, TAIL_BYTES);
	tail_reset(&tail);
	tail_add(&tail, "\033[31mred\033[0m\n", 13);
	tail_text(&tail, &out);
	assert_string_equal(buf_text(&out), "red\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tail_keeps_a_short_text_whole),
	    cmocka_unit_test(tail_begins_at_a_line_when_it_was_cut),
	    cmocka_unit_test(tail_keeps_the_end_of_one_huge_line),
	    cmocka_unit_test(tail_shows_no_escape_sequences),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
