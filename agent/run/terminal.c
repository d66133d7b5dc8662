#include "run/terminal.h"

#include <signal.h>
#include <unistd.h>

int
terminal_is_ours(void)
{
	return isatty(STDIN_FILENO) && tcgetpgrp(STDIN_FILENO) == getpgrp();
}

void
terminal_lend(pid_t group)
{
	sigset_t ttou, old;

	/* Whoever sets it from the background is stopped by SIGTTOU, unless that is blocked. */
	(void)sigemptyset(&ttou);
	(void)sigaddset(&ttou, SIGTTOU);
	(void)sigprocmask(SIG_BLOCK, &ttou, &old);
	(void)tcsetpgrp(STDIN_FILENO, group);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
}

void
terminal_take_back(void)
{
	terminal_lend(getpgrp());
}

void
loan_begin(struct loan *loan, pid_t group)
{
	if (loan->wanted && !loan->lent && terminal_is_ours()) {
		terminal_lend(group);
		loan->lent = 1;
	}
}

void
loan_end(struct loan *loan)
{
	if (loan->lent) {
		terminal_take_back();
		loan->lent = 0;
	}
}
