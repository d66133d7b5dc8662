#include "run/child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "run/refusal.h"

/* As execvp where the environment names no PATH. */
#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

enum child_failure { FAILED_CWD, FAILED_STDIO, FAILED_EXEC };

/* What a child that could not become the program tells us. */
struct report {
	enum child_failure what;
	int sys;
	char path[PATH_BYTES_MAX];
};

/* All that the child needs, made ready before fork: between fork and exec only the simplest calls are made. */
struct plan {
	const struct child_spec *spec;
	const struct signals *signals;
	const char *search; /* PATH of the child */
	char oom_score[24]; /* "" when it cannot be read */
	int terminal;
	int fds[3]; /* for 0, 1, 2; -1: as they are */
	int report_fd;
};

/* Both ends of a pipe, owned. */
struct ends {
	int read_fd;
	int write_fd;
};

static void
ends_close(struct ends *ends)
{
	fd_close(&ends->read_fd);
	fd_close(&ends->write_fd);
}
#define CLEAN_ENDS CLEANUP(ends_close) struct ends

static int
ends_open(struct ends *ends)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0) {
		return -1;
	}
	*ends = (struct ends){.read_fd = fds[0], .write_fd = fds[1]};
	return 0;
}

void
child_release(struct child *child)
{
	fd_close(&child->out_fd);
	fd_close(&child->err_fd);
}

/* ---- in the child ---- */

static NORETURN void
give_up(const struct plan *plan, struct report *report, enum child_failure what, int sys)
{
	report->what = what;
	report->sys = sys;
	/* If even this fails the parent sees a short report and says so. */
	_exit(fd_write_all(plan->report_fd, report, sizeof(*report)) < 0 ? 126 : 127);
}

/* One candidate. ENOENT of a file that is there means its interpreter: that is worth telling, if nothing better turns up. */
static int
try_exec(const struct plan *plan, const char *path, struct report *report, int *best)
{
	int sys;

	(void)execve(path, plan->spec->argv, plan->spec->envp);
	sys = errno;
	if (sys == ENOTDIR || (sys == ENOENT && faccessat(AT_FDCWD, path, F_OK, 0) < 0)) {
		return 0;
	}
	if (*best == 0) {
		*best = sys;
		memcpy(report->path, path, strlen(path) + 1);
	}
	/* execvp goes on after these, in case a later folder has one that can be executed. */
	return sys != ENOENT && sys != EACCES;
}

/* The folders of PATH in their order; an empty one is the working directory. */
static NORETURN void
search_and_exec(const struct plan *plan, const char *name, struct report *report)
{
	size_t name_len = strlen(name);
	const char *folder = plan->search;
	int best = 0;

	for (;;) {
		size_t len = strcspn(folder, ":");
		char path[PATH_BYTES_MAX];

		if (len + 1 + name_len < sizeof(path)) {
			memcpy(path, folder, len);
			path[len] = '/';
			memcpy(path + (len > 0 ? len + 1 : 0), name, name_len + 1);
			if (try_exec(plan, path, report, &best)) {
				break;
			}
		}
		if (folder[len] == '\0') {
			break;
		}
		folder += len + 1;
	}
	give_up(plan, report, FAILED_EXEC, best != 0 ? best : ENOENT);
}

static void
raise_oom_score(const char *score)
{
	CLEAN_FD fd = score[0] == '\0' ? -1 : open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		/* A kernel that refuses leaves the pipeline as likely to be killed as we are: no reason not to run it. */
		(void)!write(fd, score, strlen(score));
	}
}

/* The terminal's foreground is ours to give: SIGTTOU would stop whoever gives it from the background, so it waits until then. */
static void
take_foreground(void)
{
	sigset_t ttou;

	(void)sigemptyset(&ttou);
	(void)sigaddset(&ttou, SIGTTOU);
	(void)sigprocmask(SIG_BLOCK, &ttou, NULL);
	(void)tcsetpgrp(STDIN_FILENO, getpid());
}

static NORETURN void
become(const struct plan *plan, struct report *report)
{
	const char *name = plan->spec->argv[0];

	(void)setpgid(0, 0);
	if (plan->terminal) {
		take_foreground();
	}
	if (plan->spec->cwd_fd >= 0 && fchdir(plan->spec->cwd_fd) < 0) {
		give_up(plan, report, FAILED_CWD, errno);
	}
	if (plan->fds[0] >= 0) {
		/* Who cannot have the terminal shall not wait for it: /dev/tty would stop a background group for ever. */
		(void)ioctl(STDIN_FILENO, TIOCNOTTY);
	}
	for (int fd = 0; fd < 3; fd++) {
		if (plan->fds[fd] >= 0 && dup2(plan->fds[fd], fd) < 0) {
			give_up(plan, report, FAILED_STDIO, errno);
		}
	}
	raise_oom_score(plan->oom_score);
	(void)prctl(PR_SET_PDEATHSIG, (unsigned long)plan->spec->death_signal, 0UL, 0UL, 0UL);
	signals_give_back(plan->signals);
	if (strchr(name, '/') == NULL && name[0] != '\0') {
		search_and_exec(plan, name, report);
	}
	(void)execve(name, plan->spec->argv, plan->spec->envp);
	give_up(plan, report, FAILED_EXEC, errno);
}

/* ---- in the parent ---- */

static const char *
search_path(char *const *envp)
{
	for (; *envp != NULL; envp++) {
		if (strncmp(*envp, "PATH=", 5) == 0) {
			return *envp + 5;
		}
	}
	return DEFAULT_PATH;
}

/* Raised from where we are, never lowered: the platform may have set one for the whole container. */
static void
plan_oom_score(struct plan *plan)
{
	CLEAN_FD fd = open("/proc/self/oom_score_adj", O_RDONLY | O_CLOEXEC);
	char text[16] = "";
	long score;

	if (fd < 0 || fd_read_full(fd, text, sizeof(text) - 1) <= 0) {
		return;
	}
	score = strtol(text, NULL, 10) + CHILD_OOM_SCORE_ADD;
	score = score > CHILD_OOM_SCORE_MAX ? CHILD_OOM_SCORE_MAX : score;
	(void)snprintf(plan->oom_score, sizeof(plan->oom_score), "%ld", score);
}

/* A log pipe: its reading end becomes ours and never blocks, its writing end the child's. */
static int
open_log_pipe(struct ends *ends)
{
	if (ends_open(ends) < 0 || fcntl(ends->read_fd, F_SETFL, O_NONBLOCK) < 0) {
		return -1;
	}
	/* Above the user's share of pipe memory the kernel refuses: then it stays small. */
	(void)fcntl(ends->read_fd, F_SETPIPE_SZ, CHILD_PIPE_BYTES);
	return 0;
}

static int
explain(const struct plan *plan, const struct report *report, struct err *err)
{
	const char *name = plan->spec->argv[0];

	if (report->what == FAILED_CWD) {
		return err_set(err, ERR_SYSTEM, report->sys, "cannot enter the working directory for '%s'", name);
	}
	if (report->what == FAILED_STDIO) {
		return err_set(err, ERR_SYSTEM, report->sys, "cannot set up the output of '%s'", name);
	}
	if (report->path[0] != '\0') {
		return refusal_explain(plan->spec->cwd_fd, report->path, report->sys, err);
	}
	if (strchr(name, '/') != NULL || name[0] == '\0') {
		return refusal_explain(plan->spec->cwd_fd, name, report->sys, err);
	}
	return err_set(err, ERR_NO_COMMAND, 0, "cannot run '%s': no folder of PATH ('%s') has it", name, plan->search);
}

/* Waits for exec or for the report that it failed. */
static int
await_exec(const struct plan *plan, pid_t pid, int report_fd, struct report *report, struct err *err)
{
	ssize_t n = fd_read_full(report_fd, report, sizeof(*report));

	if (n == 0) {
		return 0;
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
	}
	if (n != (ssize_t)sizeof(*report)) {
		return err_set(err, ERR_SYSTEM, n < 0 ? errno : EPROTO, "cannot learn why '%s' did not start",
		    plan->spec->argv[0]);
	}
	return explain(plan, report, err);
}

static int
fork_and_await(struct plan *plan, struct child *child, struct err *err)
{
	CLEAN_ENDS news = {-1, -1};
	struct report report = {.sys = 0};
	pid_t pid;

	if (ends_open(&news) < 0) {
		return err_set(err, ERR_SYSTEM, errno, "cannot open a pipe");
	}
	plan->report_fd = news.write_fd;
	pid = fork();
	if (pid < 0) {
		return err_set(err, ERR_SYSTEM, errno, "cannot fork for '%s'", plan->spec->argv[0]);
	}
	if (pid == 0) {
		become(plan, &report);
	}
	/* Both sides do it, so neither has to wait for the other; after exec this one is refused and no longer needed. */
	(void)setpgid(pid, pid);
	fd_close(&news.write_fd);
	if (await_exec(plan, pid, news.read_fd, &report, err) < 0) {
		return -1;
	}
	child->pid = pid;
	return 0;
}

int
child_spawn(const struct child_spec *spec, const struct child_stdio *stdio, const struct signals *signals,
    struct child *child, struct err *err)
{
	CLEAN_FD null_fd = -1;
	CLEAN_ENDS out = {-1, -1};
	CLEAN_ENDS error = {-1, -1};
	struct plan plan = {.spec = spec,
	    .signals = signals,
	    .search = search_path(spec->envp),
	    .terminal = stdio->terminal,
	    .fds = {-1, -1, -1}};

	*child = CHILD_NONE;
	if (stdio->null_stdin) {
		null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	if (stdio->null_stdin && null_fd < 0) {
		return err_set(err, ERR_SYSTEM, errno, "cannot open '/dev/null'");
	}
	if (stdio->pipes && (open_log_pipe(&out) < 0 || open_log_pipe(&error) < 0)) {
		return err_set(err, ERR_SYSTEM, errno, "cannot open a pipe");
	}
	plan.fds[0] = null_fd;
	plan.fds[1] = out.write_fd;
	plan.fds[2] = error.write_fd;
	plan_oom_score(&plan);
	if (fork_and_await(&plan, child, err) < 0) {
		return -1;
	}
	child->out_fd = fd_take(&out.read_fd);
	child->err_fd = fd_take(&error.read_fd);
	return 0;
}
