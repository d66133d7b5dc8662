/*
 * Signals of a crash: our own become a failed check, others keep their effect. Faults of the processor belong to the sanitizer here; tests/e2e has them.
 */
#include "unit/base/apart.h"

#include <signal.h>

#include "base/check.h"
#include "base/crash.h"

static void
reported(void *self, const char *line)
{
	_exit(self == NULL && strstr(line, "SIGABRT at 0x") != NULL ? 42 : 43);
}

/* As a program has them that nobody touched. */
static struct crash *catch (void)
{
	static const int numbers[] = {SIGILL, SIGABRT, SIGTRAP, SIGSYS};
	static struct crash crash;
	const struct sigaction usual = {.sa_handler = SIG_DFL};

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		(void)sigaction(numbers[i], &usual, NULL);
	}
	check_set_report(reported, NULL);
	crash_catch(&crash);
	return &crash;
}

static void
end_by_abort(void)
{
	(void)catch ();
	abort();
}

static void
release_and_abort(void)
{
	crash_release(catch ());
	abort();
}

static void
ignore_and_raise(void)
{
	static struct crash crash;
	const struct sigaction ignore = {.sa_handler = SIG_IGN};

	(void)sigaction(SIGTRAP, &ignore, NULL);
	crash_catch(&crash);
	(void)raise(SIGTRAP);
	_exit(7);
}

static void
wait_for_another(void)
{
	(void)catch ();
	(void)kill(getppid(), SIGUSR1);
	for (;;) {
		(void)pause();
	}
}

/* The status of a child that does 'what', and gets 'number' from us when it says so. */
static int
status_of(void (*what)(void), int number)
{
	int status = 0;
	int got = 0;
	sigset_t ready;

	(void)sigemptyset(&ready);
	(void)sigaddset(&ready, SIGUSR1);
	(void)sigprocmask(SIG_BLOCK, &ready, NULL);
	pid_t pid = fork();
	if (pid == 0) {
		what();
	}
	if (number != 0) {
		assert_int_equal(sigwait(&ready, &got), 0);
		assert_int_equal(kill(pid, number), 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
abort_is_a_mistake_of_ours(void **state)
{
	(void)state;
	int status = status_of(end_by_abort, 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
}

static void
released_ones_are_as_before(void **state)
{
	(void)state;
	int status = status_of(release_and_abort, 0);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void
signal_of_somebody_else_has_its_default_effect(void **state)
{
	static const int numbers[] = {SIGILL, SIGABRT, SIGTRAP, SIGSYS};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		int status = status_of(wait_for_another, numbers[i]);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), numbers[i]);
	}
}

static void
ignored_signal_stays_ignored(void **state)
{
	(void)state;
	int status = status_of(ignore_and_raise, 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(abort_is_a_mistake_of_ours),
	    cmocka_unit_test(released_ones_are_as_before),
	    cmocka_unit_test(signal_of_somebody_else_has_its_default_effect),
	    cmocka_unit_test(ignored_signal_stays_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
