/* The agent's own lines: prefixed, readable, masked, bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mask.h"

static void
collect(void *self, const char *line, unsigned long len)
{
	buf_add(self, line, len);
}

static void
log_lines_cannot_be_forged(void **state)
{
	CLEAN_BUF got = {0};

	(void)state;
	buf_init(&got, 65536);
	log_set_sink(collect, &got);
	log_info("name '%s'", "a\ntrain: all is well\x1b[2J\xff");
	log_debug("not shown");
	log_set_sink(NULL, NULL);
	assert_string_equal(buf_text(&got), "train: name 'a\\x0atrain: all is well\\x1b[2J\\xff'\n");
}

static void
log_lines_are_masked(void **state)
{
	struct mask mask = {0};
	CLEAN_BUF got = {0};

	(void)state;
	buf_init(&got, 65536);
	assert_int_equal(mask_add(&mask, "hunter22", 8), 0);
	mask_set_global(&mask);
	log_set_sink(collect, &got);
	log_warn("password is %s", "hunter22");
	log_set_sink(NULL, NULL);
	mask_set_global(NULL);
	mask_release(&mask);
	assert_string_equal(buf_text(&got), "train: warning: password is ***\n");
}

static void
log_lines_are_bounded_at_a_character(void **state)
{
	CLEAN_BUF got = {0};
	char *text = calloc(1, 3 * (size_t)LOG_LINE_MAX);

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < LOG_LINE_MAX; i++) {
		memcpy(text + 2 * i, "\xc3\xa4", 2);
	}
	buf_init(&got, 65536);
	log_set_sink(collect, &got);
	log_error("x%s", text);
	log_set_sink(NULL, NULL);
	assert_true(got.len <= LOG_LINE_MAX && got.len > LOG_LINE_MAX - 4);
	assert_int_equal(got.data[got.len - 1], '\n');
	assert_int_equal((unsigned char)got.data[got.len - 2], 0xa4);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(log_lines_cannot_be_forged),
	    cmocka_unit_test(log_lines_are_masked),
	    cmocka_unit_test(log_lines_are_bounded_at_a_character),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
