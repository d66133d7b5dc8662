/*
 * What the processes do that the tests supervise. Each role says "ready" when it has set itself up, so nobody has to guess.
 */
#ifndef TRAIN_TESTS_UNIT_RUN_ROLES_H
#define TRAIN_TESTS_UNIT_RUN_ROLES_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The tests' own surroundings, whoever started them: no terminal on stdin, nothing ignored or blocked, no leak report of roles. */
static inline void
role_stage(void)
{
	struct sigaction usual = {.sa_handler = SIG_DFL};
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	for (int number = 1; number < 32; number++) {
		(void)sigaction(number, &usual, NULL);
	}
	(void)dup2(null_fd, STDIN_FILENO);
	(void)close(null_fd);
	(void)setenv("ASAN_OPTIONS", "detect_leaks=0:handle_segv=0", 1);
}

static inline void
role_say(const char *text)
{
	if (write(STDOUT_FILENO, text, strlen(text)) < 0) {
		_exit(99);
	}
}

/* Says which signals come; ends with 5 after 'last'. */
static inline int
role_hear(int last)
{
	char text[32];
	sigset_t all;
	int number = 0;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, NULL);
	role_say("ready\n");
	while (number != last) {
		if (sigwait(&all, &number) != 0) {
			return 98;
		}
		(void)snprintf(text, sizeof(text), "got %d\n", number);
		role_say(text);
	}
	return 5;
}

static inline void
role_ignore_requests(void)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	(void)sigaction(SIGTERM, &ignore, NULL);
	(void)sigaction(SIGINT, &ignore, NULL);
	(void)sigaction(SIGQUIT, &ignore, NULL);
	(void)sigaction(SIGHUP, &ignore, NULL);
}

static inline void
role_wait_for_ever(void)
{
	for (;;) {
		(void)pause();
	}
}

/* A child that leaves session and group and keeps stdout; returns when it has. */
static inline void
role_leave(int deaf)
{
	char text[32];
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0) {
		_exit(97);
	}
	if (fork() == 0) {
		(void)setsid();
		if (deaf) {
			role_ignore_requests();
		}
		(void)snprintf(text, sizeof(text), "left %d\n", (int)getpid());
		role_say(text);
		(void)close(fds[1]);
		role_wait_for_ever();
	}
	(void)close(fds[1]);
	while (read(fds[0], text, 1) < 0 && errno == EINTR) {
	}
}

static inline int
role_deaf(const char *value)
{
	role_ignore_requests();
	if (strcmp(value, "family") == 0) {
		role_leave(1);
	}
	role_say("ready\nlast words");
	role_wait_for_ever();
	return 0;
}

/* Children of children that have ended: all come to the supervisor. */
static inline int
role_orphans(int count)
{
	for (int i = 0; i < count; i++) {
		if (fork() == 0) {
			_exit(fork() == 0 ? 0 : 1);
		}
	}
	while (wait(NULL) > 0) {
	}
	return 0;
}

/* Fills stdout until nobody has read for a second, says so on stderr and goes on. */
static inline int
role_flood(void)
{
	static const char line[] = "a line of the flood that nobody reads\n";
	struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};

	(void)fcntl(STDOUT_FILENO, F_SETFL, O_NONBLOCK);
	while (poll(&out, 1, 1000) > 0) {
		if (write(STDOUT_FILENO, line, sizeof(line) - 1) < 0 && errno != EAGAIN) {
			return 96;
		}
	}
	if (write(STDERR_FILENO, "stalled\n", 8) != 8) {
		return 95;
	}
	role_wait_for_ever();
	return 0;
}

static inline int
role_metrics(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	for (int i = 0; i < 1000; i++) {
		if (write(fd, "loss=0.5\n", 9) != 9) {
			return 94;
		}
	}
	return 0;
}

/* What a role finds on its stdin, as an exit code: 1 for a terminal, 2 for one of which it is the foreground, 0 for an empty file. */
static inline int
role_stdin(void)
{
	char byte;

	if (isatty(STDIN_FILENO)) {
		return tcgetpgrp(STDIN_FILENO) == getpgrp() ? 2 : 1;
	}
	return read(STDIN_FILENO, &byte, 1) == 0 ? 0 : 93;
}

static inline int
role_play(const char *name, const char *value)
{
	if (strcmp(name, "exit") == 0) {
		return (int)strtol(value, NULL, 10);
	}
	if (strcmp(name, "die") == 0) {
		(void)raise((int)strtol(value, NULL, 10));
	}
	if (strcmp(name, "say") == 0) {
		role_say(value);
		return 0;
	}
	if (strcmp(name, "hear") == 0) {
		return role_hear((int)strtol(value, NULL, 10));
	}
	if (strcmp(name, "deaf") == 0) {
		return role_deaf(value);
	}
	if (strcmp(name, "leave") == 0) {
		role_leave(strcmp(value, "deaf") == 0);
		return 0;
	}
	if (strcmp(name, "orphans") == 0) {
		return role_orphans((int)strtol(value, NULL, 10));
	}
	if (strcmp(name, "flood") == 0) {
		return role_flood();
	}
	if (strcmp(name, "metrics") == 0) {
		return role_metrics(value);
	}
	if (strcmp(name, "stdin") == 0) {
		return role_stdin();
	}
	if (strcmp(name, "wait") == 0) {
		role_say("ready\n");
		role_wait_for_ever();
	}
	return 92;
}

#endif
