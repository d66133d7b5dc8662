/* The end of a pipeline whose agent has crashed. Each agent here is a process of its own: what is below it is ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "run/abandon.h"

enum { HEARD_MAX = 64 };

static const struct proc_list nobody;

/* Says "ready", then each signal it gets, and ends after 'last'; 0: never. */
static NORETURN void
hear(int out, int last)
{
	sigset_t set;
	int number = -1;

	(void)sigfillset(&set);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	for (int ended = 0; !ended;) {
		(void)dprintf(out, number < 0 ? "ready " : "%d ", number);
		ended = sigwait(&set, &number) != 0 || number == last;
	}
	(void)dprintf(out, "%d ends", number);
	_exit(0);
}

/* The pipeline's main process, and one that has left its group. */
static pid_t
start_pipeline(int out, int last)
{
	int ready[2];
	char text[8];

	if (pipe2(ready, O_CLOEXEC) < 0) {
		_exit(99);
	}
	pid_t leader = fork();
	if (leader == 0) {
		(void)setpgid(0, 0);
		if (fork() == 0) {
			(void)setsid();
			hear(ready[1], 0);
		}
		if (fd_read_full(ready[0], text, 6) != 6) {
			_exit(99);
		}
		hear(out, last);
	}
	return leader;
}

/* What the main process said until nobody below an agent that crashed was left to say anything. */
static void
abandoned(int stop_signal, int64_t grace_ms, int last, char heard[HEARD_MAX])
{
	int out[2];
	int status = 0;

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid_t agent = fork();
	if (agent == 0) {
		struct supervisor supervisor = {.stop_signal = stop_signal, .grace_ms = grace_ms, .strangers = &nobody};

		(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
		supervisor.pid = start_pipeline(out[1], last);
		if (fd_read_full(out[0], heard, 6) != 6) {
			_exit(99);
		}
		abandon(&supervisor);
		_exit(0);
	}
	fd_close(&out[1]);
	assert_int_equal(waitpid(agent, &status, 0), agent);
	assert_int_equal(status, 0);
	ssize_t n = fd_read_full(out[0], heard, HEARD_MAX - 1);
	assert_true(n >= 0);
	heard[n] = '\0';
	fd_close(&out[0]);
}

static void
pipeline_is_asked_to_end_by_its_stop_signal(void **state)
{
	char heard[HEARD_MAX], wanted[HEARD_MAX];

	(void)state;
	(void)snprintf(wanted, sizeof(wanted), "%d ends", SIGUSR1);
	abandoned(SIGUSR1, 3600000, SIGUSR1, heard);
	assert_string_equal(heard, wanted);
}

static void
pipeline_that_does_not_end_is_killed(void **state)
{
	char heard[HEARD_MAX];

	(void)state;
	abandoned(SIGTERM, 0, 0, heard);
	assert_true(strcmp(heard, "") == 0 || strcmp(heard, "15 ") == 0); /* it need not have had the time to say so */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pipeline_is_asked_to_end_by_its_stop_signal),
	    cmocka_unit_test(pipeline_that_does_not_end_is_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
