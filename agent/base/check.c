#include "base/check.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

#define BEFORE "train: error: "
#define MISTAKE "a mistake in train itself, not in the job: "

enum { LINE_BYTES = 240 /* a file, a line and a condition; with BEFORE it is one write */ };

static struct {
	void (*report)(void *self, const char *line);
	void *self;
	pid_t pid; /* whose report it is */
} armed;

void
check_set_report(void (*report)(void *self, const char *line), void *self)
{
	armed.report = report;
	armed.self = self;
	armed.pid = getpid();
}

static NORETURN void
end_now(void)
{
	_exit(CHECK_EXIT);
}

static void
time_is_up(int number)
{
	(void)number;
	end_now();
}

/* A mistake within the report, too. */
static void
report_no_more(void *self, const char *line)
{
	(void)self;
	(void)line;
	end_now();
}

/* A handler, and not what an alarm does by itself: that has no effect on PID 1. */
static void
set_alarm(void)
{
	struct sigaction action = {.sa_handler = time_is_up};
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGALRM);
	(void)sigaction(SIGALRM, &action, NULL);
	(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
	(void)alarm(CHECK_REPORT_S);
}

/* Nobody may read stderr any more, or somebody who has stopped. */
static void
say(const char *line)
{
	char text[sizeof(BEFORE) + LINE_BYTES];
	struct pollfd wait = {.fd = STDERR_FILENO, .events = POLLOUT};
	int len = snprintf(text, sizeof(text), BEFORE "%s\n", line);

	if (poll(&wait, 1, CHECK_STDERR_MS) > 0 && fd_write_all(STDERR_FILENO, text, (size_t)len) < 0) {
		return; /* the report still says it */
	}
}

static NORETURN void
end(const char *line)
{
	void (*report)(void *, const char *) = armed.report;

	armed.report = report_no_more;
	set_alarm();
	say(line);
	if (report != NULL && armed.pid == getpid()) {
		report(armed.self, line);
	}
	end_now();
}

void
check_failed(const char *file, int line, const char *what)
{
	char text[LINE_BYTES];

	(void)snprintf(text, sizeof(text), MISTAKE "%s:%d: %s", file, line, what);
	end(text);
}

void
check_crashed(const char *what)
{
	char text[LINE_BYTES];

	(void)snprintf(text, sizeof(text), MISTAKE "%s", what);
	end(text);
}
