/* Python's regular expressions said in POSIX. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <regex.h>
#include <string.h>

#include "base/attr.h"
#include "report/pattern.h"

/* 1 when it matches, 0 when not, -1 when it cannot be said. */
static int
matches(const char *python, const char *line)
{
	regex_t compiled;
	int result;
	CLEAN_BUF posix = {0};

	buf_init(&posix, 1024);
	if (pattern_translate(python, &posix) < 0 ||
	    regcomp(&compiled, buf_text(&posix), REG_EXTENDED | REG_NOSUB) != 0) {
		return -1;
	}
	result = regexec(&compiled, line, 0, NULL, 0) == 0;
	regfree(&compiled);
	return result;
}

static void
expressions_that_jobs_use_match_as_in_python(void **state)
{
	static const struct {
		const char *python, *line;
		int want;
	} cases[] = {
	    {"#metric train:loss=([-+]?[0-9][-+0-9.eE]*);", "#metric train:loss=0.25; step=1", 1},
	    {"#metric val\\.acc=([-+]?[0-9][-+0-9.eE]*);", "#metric val.acc=1;", 1},
	    {"#metric val\\.acc=([-+]?[0-9][-+0-9.eE]*);", "#metric valXacc=1;", 0},
	    {"Train_error=(.*?);", "Train_error=0.138;", 1},
	    {"loss: (\\d+\\.\\d+)", "loss: 0.25", 1},
	    {"loss: (\\d+\\.\\d+)", "loss: 1", 0},
	    {"loss:\\s+(\\S+)", "loss:   0.25", 1},
	    {"loss=([\\d.]+)", "loss=12", 1},
	    {"loss=([\\d\\.eE+\\-]+)", "loss=1e-5", 1},
	    {"(?:train|val)_loss=(\\w+?)$", "val_loss=x1", 1},
	    {"\\Wx", " x", 1},
	    {"a{2,3}?b", "aaab", 1},
	    {"\\=\\#\\:", "=#:", 1},
	    {"[^\\s]+x[]]", "ax]", 1},
	    {"\\(\\[\\{\\|\\^\\$\\*\\?\\+\\\\", "([{|^$*?+\\", 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(matches(cases[i].python, cases[i].line), cases[i].want);
	}
}

static void
expressions_without_a_posix_form_are_refused(void **state)
{
	static const char *const cases[] = {
	    "(?P<loss>.*)",
	    "(?i)loss",
	    "(?=x)",
	    "(?!x)",
	    "(?<=x)y",
	    "\\bloss",
	    "(a)\\1",
	    "loss\\n",
	    "x*+",
	    "[\\]]",
	    "[a",
	    "[[:d:]",
	    "[\\S]",
	    "[a\\-z]",
	    "x\\",
	    "(",
	    "\\x41",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(matches(cases[i], "loss"), -1);
	}
}

static void
expression_that_does_not_fit_is_refused(void **state)
{
	CLEAN_BUF posix = {0};

	(void)state;
	buf_init(&posix, 8);
	assert_int_equal(pattern_translate("\\d\\d", &posix), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(expressions_that_jobs_use_match_as_in_python),
	    cmocka_unit_test(expressions_without_a_posix_form_are_refused),
	    cmocka_unit_test(expression_that_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
