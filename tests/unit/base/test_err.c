/* The error record: bounded, one line, context in front. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"

static void
err_names_the_system_error(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(err_set(&err, ERR_IO, ENOENT, "cannot open '%s'", "x"), -1);
	assert_string_equal(err.text, "cannot open 'x': No such file or directory");
	assert_int_equal(err_wrap(&err, "step '%s'", "a"), -1);
	assert_string_equal(err.text, "step 'a': cannot open 'x': No such file or directory");
	assert_int_equal(err.sys, ENOENT);
}

static void
err_of_a_full_disk_is_its_own_kind(void **state)
{
	struct err err = {0};

	(void)state;
	err_set(&err, ERR_IO, ENOSPC, "cannot write '%s'", "x");
	assert_int_equal(err.kind, ERR_DISK_FULL);
	err_set(&err, ERR_OUTPUT, ENOSPC, "cannot write '%s'", "x");
	assert_int_equal(err.kind, ERR_OUTPUT);
}

static void
err_cuts_long_text_at_a_character_and_keeps_one_line(void **state)
{
	struct err err = {0};
	char longer[2 * ERR_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(longer); i += 2) {
		memcpy(longer + i, "\xc3\xa4", 2);
	}
	longer[sizeof(longer) - 2] = '\0';
	err_set(&err, ERR_IO, 0, "x%s", longer);
	size_t len = strlen(err.text);
	assert_true(len < ERR_TEXT_MAX);
	assert_int_equal(utf8_cut(err.text, len, len), len);
	assert_string_equal(err.text + len - 3, "...");
	err_set(&err, ERR_IO, 0, "a\nb\x1b[31m");
	assert_string_equal(err.text, "a?b?[31m");
}

/* Names in archives and on disk are any bytes; what outsiders read is UTF-8. */
static void
err_replaces_what_is_no_utf8(void **state)
{
	struct err err = {0};

	(void)state;
	err_set(&err, ERR_ARCHIVE, 0, "entry '%s'",
	    "\xff"
	    "a\xc3\xa9\xc3"
	    "b\xed\xa0\x80\xf0\x9f\x98\x80\xe2\x82z");
	assert_string_equal(err.text, "entry '?a\xc3\xa9?b???\xf0\x9f\x98\x80??z'");
	err_wrap(&err, "in '%s'", "\x80");
	assert_string_equal(err.text, "in '?': entry '?a\xc3\xa9?b???\xf0\x9f\x98\x80??z'");
}

static void
err_clear_keeps_the_phase(void **state)
{
	struct err err = {.phase = PHASE_FETCH};

	(void)state;
	err_set(&err, ERR_DENIED, 0, "no");
	err_clear(&err);
	assert_int_equal(err.kind, ERR_NONE);
	assert_int_equal(err.phase, PHASE_FETCH);
	assert_string_equal(phase_name(err.phase), "fetch");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(err_names_the_system_error),
	    cmocka_unit_test(err_of_a_full_disk_is_its_own_kind),
	    cmocka_unit_test(err_cuts_long_text_at_a_character_and_keeps_one_line),
	    cmocka_unit_test(err_replaces_what_is_no_utf8),
	    cmocka_unit_test(err_clear_keeps_the_phase),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
