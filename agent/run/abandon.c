#include "run/abandon.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "run/proc.h"
#include "run/terminal.h"

/* Only so long nobody else can have its number. */
static int
is_our_child(pid_t pid)
{
	return waitpid(pid, NULL, WNOHANG) == 0;
}

void
abandon(const struct supervisor *supervisor)
{
	CLEAN_PROCS list = {0};
	pid_t pid = supervisor->pid;
	int64_t grace_ms = supervisor->grace_ms;
	int64_t until_ms = clock_now_ms() + (grace_ms < ABANDON_GRACE_MS ? grace_ms : ABANDON_GRACE_MS);
	int lives = is_our_child(pid);

	if (lives) {
		(void)kill(-pid, supervisor->stop_signal);
	}
	while (lives && clock_now_ms() < until_ms) {
		(void)poll(NULL, 0, ABANDON_LOOK_MS);
		lives = is_our_child(pid);
	}
	if (lives) {
		(void)kill(-pid, SIGKILL);
	}
	if (tcgetpgrp(STDIN_FILENO) == pid) {
		terminal_take_back(); /* it was lent: whoever started us may read from it again */
	}
	(void)proc_kill_tree(&list, getpid(), 0, supervisor->strangers);
}
