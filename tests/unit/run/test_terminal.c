/*
 * Supervision on a terminal: each test gives a process of its own a new session with a pseudo-terminal, and plays the shell and the
 * person at the keyboard from outside.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>

#include "base/clock.h"
#include "base/fd.h"
#include "run/supervisor.h"
#include "run/terminal.h"
#include "unit/run/roles.h"

extern char **environ;

enum { LIMIT_MS = 20000, FAILED = 90, SAME_TERMINAL = 64 };

/* What the agent's process is to do. */
struct act {
	const char *role;
	const char *value;
	int raw;
};

/* The world around it. */
struct desk {
	pid_t agent;
	int keyboard; /* the terminal's other side */
	int log;      /* what the pipeline says; with raw the terminal itself */
	char said[4096];
	size_t said_len;
};

/* In the agent's process: the exit code is the pipeline's, with SAME_TERMINAL added when we have the terminal again. */
static int
supervise(const struct act *act, int log_fd)
{
	char self[] = "/proc/self/exe", role[] = "role", words[2][32];
	char *argv[] = {self, role, words[0], words[1], NULL};
	struct child_spec spec = {.argv = argv, .envp = environ, .cwd_fd = -1};
	static struct relay relay;
	struct signals signals;
	struct outcome outcome;
	struct err err = {0};
	struct supervisor sup = {.signals = &signals,
	    .relay = &relay,
	    .stop_signal = SIGUSR2,
	    .grace_ms = LIMIT_MS,
	    .timeout_at_ms = DEADLINE_NEVER,
	    .raw = act->raw,
	    .last = 1};

	(void)snprintf(words[0], sizeof(words[0]), "%s", act->role);
	(void)snprintf(words[1], sizeof(words[1]), "%s", act->value);
	if (signals_open(&signals, &err) < 0 || relay_open(&relay, log_fd, log_fd, NULL, &err) < 0 ||
	    supervisor_run(&sup, &spec, &outcome, &err) < 0) {
		return FAILED;
	}
	relay_close(&relay);
	return (outcome_exit_code(outcome.status) & 63) + (terminal_is_ours() ? SAME_TERMINAL : 0);
}

static void
desk_open(struct desk *desk, const struct act *act)
{
	int fds[2], slave;

	memset(desk, 0, sizeof(*desk));
	desk->keyboard = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(desk->keyboard >= 0);
	assert_int_equal(grantpt(desk->keyboard) | unlockpt(desk->keyboard), 0);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	desk->agent = fork();
	if (desk->agent == 0) {
		(void)setsid();
		slave = open(ptsname(desk->keyboard), O_RDWR);
		if (slave < 0 || ioctl(slave, TIOCSCTTY, 0) < 0 || dup2(slave, STDIN_FILENO) < 0 ||
		    (act->raw && dup2(fds[1], STDOUT_FILENO) < 0)) {
			_exit(FAILED);
		}
		_exit(supervise(act, fds[1]));
	}
	(void)close(fds[1]);
	desk->log = fds[0];
}

/* Reads the log until it holds 'words'. */
static void
hear(struct desk *desk, const char *words)
{
	while (strstr(desk->said, words) == NULL) {
		struct pollfd one = {.fd = desk->log, .events = POLLIN};
		ssize_t n;

		assert_int_equal(poll(&one, 1, LIMIT_MS), 1);
		n = read(desk->log, desk->said + desk->said_len, sizeof(desk->said) - 1 - desk->said_len);
		assert_true(n > 0);
		desk->said_len += (size_t)n;
	}
}

static void
type(const struct desk *desk, char key)
{
	assert_int_equal(write(desk->keyboard, &key, 1), 1);
}

/* Waits until the agent has stopped itself. */
static void
see_stopped(const struct desk *desk)
{
	int status;

	assert_int_equal(waitpid(desk->agent, &status, WUNTRACED), desk->agent);
	assert_true(WIFSTOPPED(status));
	assert_int_equal(WSTOPSIG(status), SIGSTOP);
}

static int
desk_close(struct desk *desk)
{
	int status;

	assert_int_equal(waitpid(desk->agent, &status, 0), desk->agent);
	(void)close(desk->keyboard);
	(void)close(desk->log);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Waits until another group than 'group' is the terminal's foreground. */
static void
see_foreground_leave(const struct desk *desk, pid_t group)
{
	int64_t end_ms = clock_now_ms() + LIMIT_MS;

	while (tcgetpgrp(desk->keyboard) == group) {
		assert_true(clock_now_ms() < end_ms);
		(void)sched_yield();
	}
}

static void
terminal_is_kept_from_the_pipeline_with_lines(void **state)
{
	struct desk desk;

	(void)state;
	desk_open(&desk, &(struct act){.role = "stdin", .value = ""});
	assert_int_equal(desk_close(&desk), 0 + SAME_TERMINAL);
}

static void
terminal_is_lent_to_the_pipeline_with_raw_and_taken_back(void **state)
{
	struct desk desk;

	(void)state;
	desk_open(&desk, &(struct act){.role = "stdin", .value = "", .raw = 1});
	assert_int_equal(desk_close(&desk), 2 + SAME_TERMINAL);
}

static void
terminal_interrupt_is_a_stop_request_with_lines(void **state)
{
	struct desk desk;

	(void)state;
	desk_open(&desk, &(struct act){.role = "hear", .value = "12"});
	hear(&desk, "ready\n");
	type(&desk, '\003');
	hear(&desk, "got 12\n");
	assert_int_equal(desk_close(&desk), 5 + SAME_TERMINAL);
}

static void
terminal_interrupt_goes_to_the_pipeline_alone_with_raw(void **state)
{
	struct desk desk;

	(void)state;
	desk_open(&desk, &(struct act){.role = "hear", .value = "2", .raw = 1});
	hear(&desk, "ready\n");
	type(&desk, '\003');
	hear(&desk, "got 2\n");
	assert_int_equal(desk_close(&desk), 5 + SAME_TERMINAL);
}

static void
terminal_hangup_signal_is_passed_on(void **state)
{
	struct desk desk;

	(void)state;
	desk_open(&desk, &(struct act){.role = "hear", .value = "1"});
	hear(&desk, "ready\n");
	assert_int_equal(kill(desk.agent, SIGHUP), 0);
	hear(&desk, "got 1\n");
	assert_int_equal(desk_close(&desk), 5 + SAME_TERMINAL);
}

static void
terminal_suspend_stops_group_and_agent_with_lines(void **state)
{
	struct desk desk;

	(void)state;
	desk_open(&desk, &(struct act){.role = "hear", .value = "18"});
	hear(&desk, "ready\n");
	type(&desk, '\032');
	see_stopped(&desk);
	assert_int_equal(kill(desk.agent, SIGCONT), 0);
	/* SIGTSTP came, too, but may still wait behind this one: it ends the role. */
	hear(&desk, "got 18\n");
	assert_int_equal(desk_close(&desk), 5 + SAME_TERMINAL);
}

static void
terminal_suspend_of_the_pipeline_stops_the_agent_with_raw(void **state)
{
	struct desk desk;

	(void)state;
	desk_open(&desk, &(struct act){.role = "wait", .value = "", .raw = 1});
	hear(&desk, "ready\n");
	type(&desk, '\032');
	see_stopped(&desk);
	/* The shell would now read from the terminal. */
	assert_int_equal(tcgetpgrp(desk.keyboard), desk.agent);
	assert_int_equal(kill(desk.agent, SIGCONT), 0);
	see_foreground_leave(&desk, desk.agent);
	type(&desk, '\003');
	assert_int_equal(desk_close(&desk), ((128 + SIGINT) & 63) + SAME_TERMINAL);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(terminal_is_kept_from_the_pipeline_with_lines),
	    cmocka_unit_test(terminal_is_lent_to_the_pipeline_with_raw_and_taken_back),
	    cmocka_unit_test(terminal_interrupt_is_a_stop_request_with_lines),
	    cmocka_unit_test(terminal_interrupt_goes_to_the_pipeline_alone_with_raw),
	    cmocka_unit_test(terminal_hangup_signal_is_passed_on),
	    cmocka_unit_test(terminal_suspend_stops_group_and_agent_with_lines),
	    cmocka_unit_test(terminal_suspend_of_the_pipeline_stops_the_agent_with_raw),
	};

	if (argc > 3 && strcmp(argv[1], "role") == 0) {
		return role_play(argv[2], argv[3]);
	}
	role_stage();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
