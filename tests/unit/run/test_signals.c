#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attr.h"
#include "run/signals.h"

static struct signals signals;

static const struct {
	int number;
	enum signal_class plain;
	enum signal_class terminal;
} rows[] = {
    {SIGTERM, SIGNAL_STOP, SIGNAL_STOP},
    {SIGINT, SIGNAL_STOP, SIGNAL_STOP},
    {SIGQUIT, SIGNAL_STOP, SIGNAL_STOP},
    {SIGHUP, SIGNAL_STOP, SIGNAL_PASS},
    {SIGUSR1, SIGNAL_PASS, SIGNAL_PASS},
    {SIGUSR2, SIGNAL_PASS, SIGNAL_PASS},
    {SIGWINCH, SIGNAL_PASS, SIGNAL_PASS},
    {SIGCONT, SIGNAL_PASS, SIGNAL_PASS},
    {SIGTSTP, SIGNAL_PASS, SIGNAL_SUSPEND},
    {SIGCHLD, SIGNAL_CHILD, SIGNAL_CHILD},
    {SIGPIPE, SIGNAL_FOREIGN, SIGNAL_FOREIGN},
    {SIGSEGV, SIGNAL_FOREIGN, SIGNAL_FOREIGN},
    {SIGALRM, SIGNAL_FOREIGN, SIGNAL_FOREIGN},
    {SIGTTOU, SIGNAL_FOREIGN, SIGNAL_FOREIGN},
    {0, SIGNAL_FOREIGN, SIGNAL_FOREIGN},
    {-1, SIGNAL_FOREIGN, SIGNAL_FOREIGN},
    {64, SIGNAL_FOREIGN, SIGNAL_FOREIGN},
};

static void
signals_mean_what_the_table_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(signals_class(rows[i].number, 0), rows[i].plain);
		assert_int_equal(signals_class(rows[i].number, 1), rows[i].terminal);
	}
}

static void
signals_are_read_one_by_one(void **state)
{
	(void)state;
	assert_int_equal(signals_read(&signals), 0);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].plain != SIGNAL_FOREIGN) {
			assert_int_equal(raise(rows[i].number), 0);
			assert_int_equal(signals_read(&signals), rows[i].number);
		}
	}
	assert_int_equal(signals_read(&signals), 0);
}

static int
is_readable(int fd)
{
	struct pollfd one = {.fd = fd, .events = POLLIN};

	return poll(&one, 1, 0) == 1;
}

static void
signals_lend_a_descriptor_that_only_stops_wake(void **state)
{
	(void)state;
	assert_int_equal(raise(SIGWINCH), 0);
	assert_true(is_readable(signals.fd));
	assert_false(is_readable(signals.stop_fd));
	assert_int_equal(raise(SIGTERM), 0);
	assert_true(is_readable(signals.stop_fd));
	assert_int_equal(signals_stop_pending(&signals), SIGTERM);
	signals.stop = 0;
}

static void
signals_remember_the_first_stop_and_drop_the_rest(void **state)
{
	(void)state;
	assert_int_equal(signals_stop_pending(&signals), 0);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(signals_stop_pending(&signals), 0);
	assert_int_equal(signals_read(&signals), 0);
	assert_int_equal(raise(SIGINT), 0);
	assert_int_equal(signals_stop_pending(&signals), SIGINT);
	assert_int_equal(raise(SIGTERM), 0);
	assert_int_equal(signals_stop_pending(&signals), SIGINT);
	assert_int_equal(signals_stop_pending(&signals), SIGINT);
	signals.stop = 0;
}

static void
signals_ignore_a_broken_pipe_and_give_it_back(void **state)
{
	struct sigaction now;
	sigset_t mask;
	int status;
	pid_t pid;

	(void)state;
	assert_int_equal(sigaction(SIGPIPE, NULL, &now), 0);
	assert_true(now.sa_handler == SIG_IGN);
	pid = fork();
	if (pid == 0) {
		signals_give_back(&signals);
		(void)sigaction(SIGPIPE, NULL, &now);
		(void)sigprocmask(SIG_SETMASK, NULL, &mask);
		_exit(
		    now.sa_handler == SIG_DFL && !sigismember(&mask, SIGTERM) && !sigismember(&mask, SIGCHLD) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	(void)signals_stop_pending(&signals);
}

/* In a process of its own: whether a hangup reaches an agent that was started with it ignored. */
static int
hears_hangup_under_nohup(void)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct signals own;
	struct err err = {0};
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)sigaction(SIGHUP, &ignore, NULL);
	if (signals_open(&own, &err) < 0 || raise(SIGHUP) != 0) {
		return 2;
	}
	return signals_stop_pending(&own) != 0;
}

static void
signals_leave_a_hangup_ignored_under_nohup(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		_exit(hears_hangup_under_nohup());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	(void)signals_stop_pending(&signals);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(signals_mean_what_the_table_says),
	    cmocka_unit_test(signals_are_read_one_by_one),
	    cmocka_unit_test(signals_lend_a_descriptor_that_only_stops_wake),
	    cmocka_unit_test(signals_remember_the_first_stop_and_drop_the_rest),
	    cmocka_unit_test(signals_ignore_a_broken_pipe_and_give_it_back),
	    cmocka_unit_test(signals_leave_a_hangup_ignored_under_nohup),
	};
	struct sigaction usual = {.sa_handler = SIG_DFL};
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct err err = {0};
	sigset_t none;

	/* Whoever started the tests may ignore or block what they need, or have a terminal on stdin. */
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)sigaction(SIGHUP, &usual, NULL);
	(void)sigaction(SIGPIPE, &usual, NULL);
	if (dup2(null_fd, STDIN_FILENO) < 0 || signals_open(&signals, &err) < 0) {
		return 1;
	}

	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	signals_close(&signals);
	return failed;
}
