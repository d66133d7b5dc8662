#include "report/sigword.h"

#include <signal.h>
#include <stdio.h>

#include "base/attr.h"

/* The kernel's first real-time signal; the C libraries keep the first two or three for themselves, so SIGRTMIN differs.
 */
enum { FIRST_REALTIME = 32, LAST_SIGNAL = 64 };

/* Without "SIG"; the kernel's names, all shorter than eight bytes. */
static const char NAMES[][8] = {
    [SIGHUP] = "HUP",
    [SIGINT] = "INT",
    [SIGQUIT] = "QUIT",
    [SIGILL] = "ILL",
    [SIGTRAP] = "TRAP",
    [SIGABRT] = "ABRT",
    [SIGBUS] = "BUS",
    [SIGFPE] = "FPE",
    [SIGKILL] = "KILL",
    [SIGUSR1] = "USR1",
    [SIGSEGV] = "SEGV",
    [SIGUSR2] = "USR2",
    [SIGPIPE] = "PIPE",
    [SIGALRM] = "ALRM",
    [SIGTERM] = "TERM",
    [SIGSTKFLT] = "STKFLT",
    [SIGCHLD] = "CHLD",
    [SIGCONT] = "CONT",
    [SIGSTOP] = "STOP",
    [SIGTSTP] = "TSTP",
    [SIGTTIN] = "TTIN",
    [SIGTTOU] = "TTOU",
    [SIGURG] = "URG",
    [SIGXCPU] = "XCPU",
    [SIGXFSZ] = "XFSZ",
    [SIGVTALRM] = "VTALRM",
    [SIGPROF] = "PROF",
    [SIGWINCH] = "WINCH",
    [SIGIO] = "IO",
    [SIGPWR] = "PWR",
    [SIGSYS] = "SYS",
};

void
sigword_name(char out[SIGWORD_NAME], int sig)
{
	if (sig > 0 && (size_t)sig < ARRAY_LEN(NAMES)) {
		(void)snprintf(out, SIGWORD_NAME, "SIG%s", NAMES[sig]);
	} else if (sig >= FIRST_REALTIME && sig <= LAST_SIGNAL) {
		(void)snprintf(out, SIGWORD_NAME, "SIGRTMIN+%d", sig - FIRST_REALTIME);
	} else {
		(void)snprintf(out, SIGWORD_NAME, "SIG%d", sig);
	}
}

const char *
sigword_cause(int sig)
{
	switch (sig) {
	case SIGINT:
		return "Someone or something interrupted it, as Ctrl-C does.";
	case SIGILL:
		return "Likely the CPU and a library do not match: this instance type lacks its instructions (AVX-512, AMX). Use another one, or "
		       "a portable build.";
	case SIGTRAP:
		return "A debugger's breakpoint, or an assertion that a compiler turned into one.";
	case SIGABRT:
		return "It ended itself: a failed assertion, an uncaught C++ exception, damaged memory. Its last lines say which.";
	case SIGBUS:
		return "Likely /dev/shm is too small for the data loader's workers, or a mapped file became shorter. Use fewer workers, or give "
		       "the container more of it.";
	case SIGFPE:
		return "An integer division by zero or an overflow in native code.";
	case SIGKILL:
		return "Likely the kernel ended it for want of memory, or somebody killed it. Use more memory, smaller batches or fewer workers.";
	case SIGSEGV:
		return "Native code used memory that is not its own: libraries that do not fit each other, endless recursion, or a bug. For "
		       "Python, PYTHONFAULTHANDLER=1 shows where.";
	case SIGPIPE:
		return "It wrote to a pipe or socket whose reader had gone.";
	case SIGTERM:
		return "Something in the container asked it to end; no stop of the job was asked for.";
	case SIGXCPU:
		return "It used more CPU time than its limit (ulimit -t) allows.";
	case SIGXFSZ:
		return "It wrote a larger file than its limit (ulimit -f) allows.";
	case SIGSYS:
		return "It made a system call that the container's seccomp profile forbids.";
	default:
		return "It was sent a signal that it does not handle.";
	}
}
