#include "report/sigword.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"

/* The kernel's first real-time signal; the C libraries keep the first two or three for themselves, so SIGRTMIN differs.
 */
enum { FIRST_REALTIME = 32, LAST_SIGNAL = 64 };

struct word {
	const char *name;
	const char *cause; /* NULL: the general sentence */
};

static const struct word words[] = {
    [SIGHUP] = {"SIGHUP", NULL},
    [SIGINT] = {"SIGINT", "Someone or something interrupted it, as Ctrl-C does."},
    [SIGQUIT] = {"SIGQUIT", NULL},
    [SIGILL] = {"SIGILL",
        "Likely the CPU and a library do not match: a build for newer instructions (AVX-512, AMX) than this "
        "instance type has. Use another instance type or a portable build."},
    [SIGTRAP] = {"SIGTRAP", "A debugger's breakpoint, or an assertion that a compiler turned into one."},
    [SIGABRT] = {"SIGABRT",
        "It ended itself: a failed assertion, an uncaught C++ exception, or damaged memory that the C "
        "library found. The lines on stderr before it say which."},
    [SIGBUS] = {"SIGBUS", "Likely /dev/shm is full or too small for the data loader's workers, or a mapped file became "
                          "shorter. Use fewer workers, or give the container more shared memory."},
    [SIGFPE] = {"SIGFPE", "An integer division by zero or an overflow in native code."},
    [SIGKILL] = {"SIGKILL",
        "Likely the kernel ended it for want of memory, or somebody killed it. Use an instance with more "
        "memory, smaller batches or fewer workers."},
    [SIGUSR1] = {"SIGUSR1", "It was sent a signal that it does not handle."},
    [SIGSEGV] = {"SIGSEGV",
        "A bad memory access in native code: libraries that do not fit each other, a recursion that is "
        "too deep for the stack, or a bug. For Python, PYTHONFAULTHANDLER=1 shows where."},
    [SIGUSR2] = {"SIGUSR2", "It was sent a signal that it does not handle."},
    [SIGPIPE] = {"SIGPIPE", "It wrote to a pipe or socket whose reader had gone."},
    [SIGALRM] = {"SIGALRM", "Its own alarm clock rang and it does not handle that."},
    [SIGTERM] = {"SIGTERM", "It was asked to end by something inside the container; no stop of the job was asked for."},
    [SIGSTKFLT] = {"SIGSTKFLT", NULL},
    [SIGCHLD] = {"SIGCHLD", NULL},
    [SIGCONT] = {"SIGCONT", NULL},
    [SIGSTOP] = {"SIGSTOP", NULL},
    [SIGTSTP] = {"SIGTSTP", NULL},
    [SIGTTIN] = {"SIGTTIN", NULL},
    [SIGTTOU] = {"SIGTTOU", NULL},
    [SIGURG] = {"SIGURG", NULL},
    [SIGXCPU] = {"SIGXCPU", "It used more CPU time than its limit (ulimit -t) allows."},
    [SIGXFSZ] = {"SIGXFSZ", "It wrote a file larger than its limit (ulimit -f) allows."},
    [SIGVTALRM] = {"SIGVTALRM", NULL},
    [SIGPROF] = {"SIGPROF", "A profiler's timer rang in a program that does not handle it."},
    [SIGWINCH] = {"SIGWINCH", NULL},
    [SIGIO] = {"SIGIO", NULL},
    [SIGPWR] = {"SIGPWR", NULL},
    [SIGSYS] = {"SIGSYS", "It made a system call that the container's seccomp profile forbids."},
};

void
sigword_name(char out[SIGWORD_NAME], int sig)
{
	if (sig > 0 && (size_t)sig < ARRAY_LEN(words) && words[sig].name != NULL) {
		(void)snprintf(out, SIGWORD_NAME, "%s", words[sig].name);
	} else if (sig >= FIRST_REALTIME && sig <= LAST_SIGNAL) {
		(void)snprintf(out, SIGWORD_NAME, "SIGRTMIN+%d", sig - FIRST_REALTIME);
	} else {
		(void)snprintf(out, SIGWORD_NAME, "SIG%d", sig);
	}
}

const char *
sigword_cause(int sig)
{
	if (sig > 0 && (size_t)sig < ARRAY_LEN(words) && words[sig].cause != NULL) {
		return words[sig].cause;
	}
	return "It was sent a signal that it does not handle.";
}
