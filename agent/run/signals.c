#include "run/signals.h"

#include <errno.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/fd.h"

/* What a signal means without a terminal on stdin, and with one. What is not listed keeps its default effect. */
static const struct rule {
	enum signal_class plain;
	enum signal_class terminal;
} rules[] = {
    [SIGTERM] = {SIGNAL_STOP, SIGNAL_STOP},
    [SIGINT] = {SIGNAL_STOP, SIGNAL_STOP},
    [SIGQUIT] = {SIGNAL_STOP, SIGNAL_STOP},
    [SIGHUP] = {SIGNAL_STOP, SIGNAL_PASS},
    [SIGUSR1] = {SIGNAL_PASS, SIGNAL_PASS},
    [SIGUSR2] = {SIGNAL_PASS, SIGNAL_PASS},
    [SIGWINCH] = {SIGNAL_PASS, SIGNAL_PASS},
    [SIGCONT] = {SIGNAL_PASS, SIGNAL_PASS},
    [SIGTSTP] = {SIGNAL_PASS, SIGNAL_SUSPEND},
    [SIGCHLD] = {SIGNAL_CHILD, SIGNAL_CHILD},
};

_Static_assert(SIGNAL_FOREIGN == 0, "a signal without a row is foreign");
_Static_assert(ARRAY_LEN(rules) <= 32, "only the classic signals are handled; real-time ones are the pipeline's own");

enum signal_class
signals_class(int number, int terminal)
{
	if (number < 0 || (size_t)number >= ARRAY_LEN(rules)) {
		return SIGNAL_FOREIGN;
	}
	return terminal ? rules[number].terminal : rules[number].plain;
}

/* nohup's wish counts: a SIGHUP that nobody was to hear is left where it is. */
static int
is_silenced(int number)
{
	struct sigaction old;

	return number == SIGHUP && sigaction(number, NULL, &old) == 0 && old.sa_handler == SIG_IGN;
}

/* The signals of one class, or with SIGNAL_FOREIGN all that have one. */
static sigset_t
set_of(enum signal_class wanted, int terminal)
{
	sigset_t set;

	(void)sigemptyset(&set);
	for (int number = 1; (size_t)number < ARRAY_LEN(rules); number++) {
		enum signal_class class = signals_class(number, terminal);

		if (class != SIGNAL_FOREIGN && (wanted == SIGNAL_FOREIGN || class == wanted) && !is_silenced(number)) {
			(void)sigaddset(&set, number);
		}
	}
	return set;
}

/* SIGPIPE is an errno to us. An ignored SIGCHLD, which exec hands on, would take the exit status of every child. */
static int
set_dispositions(struct signals *signals)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct sigaction usual = {.sa_handler = SIG_DFL};

	return sigaction(SIGPIPE, &ignore, &signals->old_pipe) < 0 ||
	               sigaction(SIGCHLD, &usual, &signals->old_child) < 0
	           ? -1
	           : 0;
}

int
signals_open(struct signals *signals, struct err *err)
{
	int terminal = isatty(STDIN_FILENO);
	sigset_t all = set_of(SIGNAL_FOREIGN, terminal);
	sigset_t stops = set_of(SIGNAL_STOP, terminal);

	*signals = (struct signals){.fd = -1, .stop_fd = -1, .terminal = terminal};
	if (sigprocmask(SIG_BLOCK, &all, &signals->old_mask) < 0 || set_dispositions(signals) < 0) {
		return err_set(err, ERR_SYSTEM, errno, "cannot block signals");
	}
	signals->fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	signals->stop_fd = signalfd(-1, &stops, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals->fd < 0 || signals->stop_fd < 0) {
		return err_set(err, ERR_SYSTEM, errno, "cannot open a signal descriptor");
	}
	return 0;
}

int
signals_read(struct signals *signals)
{
	struct signalfd_siginfo info;
	ssize_t n;

	do {
		n = read(signals->fd, &info, sizeof(info));
	} while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(info) ? (int)info.ssi_signo : 0;
}

int
signals_stop_pending(struct signals *signals)
{
	int number;

	while ((number = signals_read(signals)) != 0) {
		if (signals->stop == 0 && signals_class(number, signals->terminal) == SIGNAL_STOP) {
			signals->stop = number;
		}
	}
	return signals->stop;
}

void
signals_give_back(const struct signals *signals)
{
	(void)sigaction(SIGPIPE, &signals->old_pipe, NULL);
	(void)sigaction(SIGCHLD, &signals->old_child, NULL);
	(void)sigprocmask(SIG_SETMASK, &signals->old_mask, NULL);
}

void
signals_close(struct signals *signals)
{
	/* A zeroed one does not own descriptor 0. */
	if (signals->fd > 0) {
		fd_close(&signals->fd);
	}
	if (signals->stop_fd > 0) {
		fd_close(&signals->stop_fd);
	}
	signals->fd = signals->stop_fd = -1;
}
