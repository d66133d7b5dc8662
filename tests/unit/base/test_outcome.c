/* Exit codes as shells say them, of processes that really ended so. */
#include "unit/base/apart.h"

#include <signal.h>

#include "base/attr.h"
#include "base/outcome.h"

static int
status_of(int exit_code, int sig)
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (sig != 0) {
			struct sigaction usual = {.sa_handler = SIG_DFL};

			(void)sigaction(sig, &usual, NULL);
			(void)kill(getpid(), sig);
		}
		_exit(exit_code);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
outcome_of_an_exit_is_its_code(void **state)
{
	static const int codes[] = {0, 1, 2, 70, 127, 128, 255};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		assert_int_equal(outcome_exit_code(status_of(codes[i], 0)), codes[i]);
	}
}

static void
outcome_of_a_signal_is_128_and_its_number(void **state)
{
	static const int signals[] = {SIGHUP, SIGINT, SIGKILL, SIGUSR1, SIGTERM, SIGXCPU};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
		assert_int_equal(outcome_exit_code(status_of(0, signals[i])), 128 + signals[i]);
	}
}

/* The bit of a core file is no part of it. */
static void
outcome_of_a_core_is_that_of_its_signal(void **state)
{
	(void)state;
	assert_int_equal(outcome_exit_code(SIGSEGV | 0x80), 128 + SIGSEGV);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(outcome_of_an_exit_is_its_code),
	    cmocka_unit_test(outcome_of_a_signal_is_128_and_its_number),
	    cmocka_unit_test(outcome_of_a_core_is_that_of_its_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
