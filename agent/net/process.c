#include "net/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/secret.h"
#include "base/text.h"

enum { REAP_STEP_MS = 10 }; /* between two looks at a process that closed its output and still runs */

/*
 * Splits in place: 'words' gets pointers into 'text', ended by NULL. The count, or -1 for too many or an open
 * quote.
 */
static int
split(char *text, char *words[PROCESS_WORDS_MAX + 1])
{
	char *to = text, quote = '\0';
	int count = 0, inside = 0;

	for (char *c = text; *c != '\0'; c++) {
		int blank = quote == '\0' && strchr(" \t\r\n", *c) != NULL;

		if (blank) {
			*to = '\0';
			to += inside;
			inside = 0;
			continue;
		}
		if (!inside) {
			if (count == PROCESS_WORDS_MAX) {
				return -1;
			}
			words[count++] = to;
			inside = 1;
		}
		if (quote == '\0' ? *c == '"' || *c == '\'' : *c == quote) {
			quote = quote == '\0' ? *c : '\0';
		} else {
			c += *c == '\\' && quote != '\'' && c[1] != '\0';
			*to++ = *c;
		}
	}
	*to = '\0';
	words[count] = NULL;
	return quote == '\0' ? count : -1;
}

/* The child has none of our signal settings: all are blocked here from the first line of main on. */
static int
set_attributes(posix_spawnattr_t *attributes)
{
	sigset_t none, ignored;
	short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP;

	(void)sigemptyset(&none);
	(void)sigemptyset(&ignored);
	(void)sigaddset(&ignored, SIGPIPE);
	if (posix_spawnattr_setsigmask(attributes, &none) != 0 ||
	    posix_spawnattr_setsigdefault(attributes, &ignored) != 0 || posix_spawnattr_setpgroup(attributes, 0) != 0) {
		return -1;
	}
	return posix_spawnattr_setflags(attributes, flags) != 0 ? -1 : 0;
}

static int
spawn(char *const *words, char *const *envp, int out_fd, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int failed;

	if (posix_spawn_file_actions_init(&actions) != 0) {
		return ENOMEM;
	}
	if (posix_spawnattr_init(&attributes) != 0) {
		(void)posix_spawn_file_actions_destroy(&actions);
		return ENOMEM;
	}
	failed = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	failed = failed != 0 ? failed : posix_spawn_file_actions_adddup2(&actions, out_fd, 1);
	failed = failed != 0 ? failed : posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	failed = failed != 0 ? failed : (set_attributes(&attributes) < 0 ? ENOMEM : 0);
	failed = failed != 0 ? failed : posix_spawnp(pid, words[0], &actions, &attributes, words, envp);
	(void)posix_spawnattr_destroy(&attributes);
	(void)posix_spawn_file_actions_destroy(&actions);
	return failed;
}

/* 1 when 'fd' can be read, 0 when the time is up, -1 with ERR_STOPPED. */
static int
wait_readable(const struct net_context *ctx, int fd, int64_t until_ms, struct err *err)
{
	struct pollfd fds[NET_WAKES + 1];
	int wakes = net_wakes(ctx, fds);

	fds[wakes] = (struct pollfd){.fd = fd, .events = POLLIN};
	while (clock_now_ms() < until_ms) {
		if (poll(fds, (nfds_t)wakes + 1, clock_poll_ms(until_ms)) < 0 && errno != EINTR) {
			return err_set(err, ERR_SYSTEM, errno, "cannot wait for credential_process");
		}
		if (net_check(ctx, err) < 0) {
			return -1;
		}
		if (fds[wakes].revents != 0) {
			return 1;
		}
	}
	return 0;
}

static int
fail_slow(const struct net_context *ctx, struct err *err)
{
	return net_check(ctx, err) < 0 ? -1
	                               : err_set(err, ERR_CREDENTIALS, 0, "credential_process does not end in time");
}

static int
collect(const struct net_context *ctx, int fd, int64_t until_ms, struct buf *out, struct err *err)
{
	char piece[4096];
	ssize_t n;
	int ready;

	while ((ready = wait_readable(ctx, fd, until_ms, err)) > 0) {
		n = read(fd, piece, sizeof(piece));
		if (n == 0) {
			return 0;
		}
		if (n < 0 && errno != EINTR && errno != EAGAIN) {
			return err_set(err, ERR_SYSTEM, errno, "cannot read from credential_process");
		}
		if (n > 0 && buf_add(out, piece, (size_t)n) < 0) {
			return err_set(
			    err, ERR_CREDENTIALS, 0, "credential_process prints more than %zu bytes", out->max);
		}
		secret_wipe(piece, n > 0 ? (size_t)n : 0);
	}
	return ready < 0 ? -1 : fail_slow(ctx, err);
}

/* Its output has ended; it may still run. */
static int
reap(const struct net_context *ctx, pid_t *pid, int64_t until_ms, struct err *err)
{
	int status = 0;
	pid_t got;

	while ((got = waitpid(*pid, &status, WNOHANG)) == 0 || (got < 0 && errno == EINTR)) {
		if (clock_now_ms() >= until_ms) {
			return fail_slow(ctx, err);
		}
		if (net_wait(ctx, clock_earlier(until_ms, clock_now_ms() + REAP_STEP_MS), err) < 0) {
			return -1;
		}
	}
	*pid = -1;
	if (got < 0) {
		return err_set(err, ERR_SYSTEM, errno, "cannot wait for credential_process");
	}
	if (WIFSIGNALED(status)) {
		return err_set(err, ERR_CREDENTIALS, 0, "credential_process was ended by signal %d", WTERMSIG(status));
	}
	return WEXITSTATUS(status) == 0
	           ? 0
	           : err_set(err, ERR_CREDENTIALS, 0, "credential_process ends with exit code %d", WEXITSTATUS(status));
}

/* Nothing of it may outlive us. A killed process ends at once, so this wait is short. */
static void
destroy(pid_t pid)
{
	if (pid > 0) {
		(void)kill(-pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
		}
	}
}

int
process_run(const struct net_context *ctx, const char *command, int within_ms, struct buf *out, struct err *err)
{
	CLEAN_TEXT *text = text_format("%s", command);
	char *words[PROCESS_WORDS_MAX + 1];
	int ends[2], failed, done;
	int64_t until_ms = clock_earlier(ctx->deadline_ms, clock_now_ms() + within_ms);
	pid_t pid = -1;

	if (text == NULL || pipe2(ends, O_CLOEXEC) < 0) {
		return err_set(err, ERR_SYSTEM, text == NULL ? ENOMEM : errno, "cannot run credential_process");
	}

	CLEAN_FD from = ends[0];
	CLEAN_FD to = ends[1];

	if (split(text, words) <= 0) {
		return err_set(err, ERR_CREDENTIALS, 0,
		    "credential_process is empty, has an open quote or over %d words", PROCESS_WORDS_MAX);
	}
	failed = spawn(words, ctx->envp, to, &pid);
	if (failed != 0) {
		return err_set(err, ERR_CREDENTIALS, failed, "cannot run credential_process '%.100s'", words[0]);
	}
	fd_close(&to);
	done = collect(ctx, from, until_ms, out, err);
	if (done == 0) {
		done = reap(ctx, &pid, until_ms, err);
	}
	destroy(pid);
	return done;
}
