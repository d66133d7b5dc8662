/* Names and likely causes of signals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>

#include "report/sigword.h"

static void
sigword_names_common_signals(void **state)
{
	static const struct {
		int sig;
		const char *name;
	} cases[] = {{SIGSEGV, "SIGSEGV"}, {SIGKILL, "SIGKILL"}, {SIGTERM, "SIGTERM"}, {SIGILL, "SIGILL"},
	    {SIGBUS, "SIGBUS"}, {SIGABRT, "SIGABRT"}, {SIGSYS, "SIGSYS"}, {SIGPIPE, "SIGPIPE"}, {32, "SIGRTMIN+0"},
	    {64, "SIGRTMIN+32"}, {0, "SIG0"}, {-1, "SIG-1"}, {500, "SIG500"}};
	char name[SIGWORD_NAME];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		sigword_name(name, cases[i].sig);
		assert_string_equal(name, cases[i].name);
	}
}

static void
sigword_names_every_number_below_32_once(void **state)
{
	char names[32][SIGWORD_NAME];

	(void)state;
	for (int sig = 1; sig < 32; sig++) {
		sigword_name(names[sig], sig);
		for (int other = 1; other < sig; other++) {
			assert_string_not_equal(names[sig], names[other]);
		}
	}
}

static void
sigword_tells_the_likely_cause(void **state)
{
	(void)state;
	assert_non_null(strstr(sigword_cause(SIGILL), "CPU and a library"));
	assert_non_null(strstr(sigword_cause(SIGBUS), "/dev/shm"));
	assert_non_null(strstr(sigword_cause(SIGKILL), "memory"));
	assert_non_null(sigword_cause(SIGHUP));
	assert_non_null(sigword_cause(-7));
	assert_non_null(sigword_cause(9999));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sigword_names_common_signals),
	    cmocka_unit_test(sigword_names_every_number_below_32_once),
	    cmocka_unit_test(sigword_tells_the_likely_cause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
