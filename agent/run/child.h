/*
 * One child: fork, the few calls that must happen in between, exec. Never through a shell (product §9).
 *
 * The child gets its own process group, the signal mask and dispositions that the agent was started with, a raised OOM score and
 * nothing else of ours: every descriptor of the agent is close-on-exec. When the agent is gone the kernel sends it 'death_signal', unless it has
 * changed its user since or is a set-user-ID program: then the kernel forgets about that (prctl(2), PR_SET_PDEATHSIG). A failed exec is told through a pipe that a successful one
 * closes, so child_spawn knows which it was before it returns. Descriptors 0-2 are open: main sees to that.
 */
#ifndef TRAIN_RUN_CHILD_H
#define TRAIN_RUN_CHILD_H

#include <sys/types.h>

#include "base/attr.h"
#include "base/err.h"
#include "run/signals.h"

enum {
	CHILD_OOM_SCORE_ADD =
	    500, /* of 1000: when memory ends the kernel takes the pipeline, and the agent lives to tell */
	CHILD_OOM_SCORE_MAX = 1000,
	CHILD_PIPE_BYTES =
	    256 << 10, /* wished size of the log pipes: fewer turns of the loop at full speed; a refusal is harmless */
};

/* What to run. All borrowed. */
struct child_spec {
	char *const *argv; /* ends with NULL; argv[0] is looked up in the PATH of 'envp' when it holds no '/' */
	char *const *envp; /* ends with NULL: the whole environment */
	int cwd_fd;        /* directory to run in, or -1 to stay */
	int death_signal;  /* what it gets when the agent is killed and can do nothing more; 0: nothing */
};

/* Where its descriptors 0-2 lead. */
struct child_stdio {
	int null_stdin; /* 1: /dev/null, and no controlling terminal; 0: inherited */
	int pipes;      /* 1: stdout and stderr are pipes to us; 0: inherited */
	int terminal;   /* 1: its group becomes the foreground group of the terminal on stdin */
};

/* A zeroed one owns descriptor 0: start from CHILD_NONE. */
struct child {
	pid_t pid;  /* also its process group */
	int out_fd; /* reading ends, non-blocking, or -1 */
	int err_fd;
};
#define CHILD_NONE ((struct child){.pid = -1, .out_fd = -1, .err_fd = -1})

/*
 * Starts it; returns when exec has succeeded or failed. 0 and 'child' (the caller closes its descriptors and waits for it), or -1:
 * ERR_NO_COMMAND (127), ERR_NOT_EXECUTABLE (126), both with the likely reason, or ERR_SYSTEM; then no process is left.
 */
MUST_CHECK int child_spawn(const struct child_spec *spec, const struct child_stdio *stdio,
    const struct signals *signals, struct child *child, struct err *err);

/* Closes the descriptors; does not wait. Safe twice. */
void child_release(struct child *child);
#define CLEAN_CHILD CLEANUP(child_release) struct child

#endif
