/*
 * The supervisor with real processes: the test program started again in a role. What a test does while a step runs, it does in a
 * watch: the loop calls it when the log says the awaited words.
 */
#ifndef TRAIN_UNIT_RUN_RIG_H
#define TRAIN_UNIT_RUN_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "run/proc.h"
#include "run/supervisor.h"
#include "unit/run/roles.h"

extern char **environ;

static struct signals signals;

/* When the log holds 'words', 'signal' is sent to ourselves. */
struct cue {
	const char *words;
	int signal;
};

enum { CUES_MAX = 4 };

struct rig {
	struct relay relay;
	struct supervisor sup;
	struct watch watch;
	int read_fd, sink_fd;
	struct buf got;
	struct cue cues[CUES_MAX];
	size_t next_cue;
	int on_notice[SUPERVISOR_NOTICES]; /* signal to send then */
	int seen[SUPERVISOR_NOTICES];
	long value[SUPERVISOR_NOTICES];
};

static inline void
read_log(void *self)
{
	struct rig *rig = self;
	char block[4096];
	ssize_t n;

	while ((n = read(rig->read_fd, block, sizeof(block))) > 0) {
		assert_int_equal(buf_add(&rig->got, block, (size_t)n), 0);
	}
	while (rig->next_cue < CUES_MAX && rig->cues[rig->next_cue].words != NULL &&
	       strstr(buf_text(&rig->got), rig->cues[rig->next_cue].words) != NULL) {
		assert_int_equal(kill(getpid(), rig->cues[rig->next_cue].signal), 0);
		rig->next_cue++;
	}
}

static inline void
note(void *self, enum supervisor_notice what, long value)
{
	struct rig *rig = self;

	rig->seen[what]++;
	rig->value[what] = value;
	if (rig->on_notice[what] != 0) {
		assert_int_equal(kill(getpid(), rig->on_notice[what]), 0);
	}
}

static inline void
rig_open(struct rig *rig)
{
	struct err err = {0};
	int fds[2];

	memset(rig, 0, sizeof(*rig));
	buf_init(&rig->got, 64 << 20);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	rig->read_fd = fds[0];
	rig->sink_fd = fds[1];
	assert_int_equal(relay_open(&rig->relay, fds[1], fds[1], NULL, &err), 0);
	rig->watch = (struct watch){.fd = fds[0], .events = POLLIN, .ready = read_log, .self = rig};
	rig->sup = (struct supervisor){.signals = &signals,
	    .relay = &rig->relay,
	    .watches = {.list = &rig->watch, .count = 1},
	    .stop_signal = SIGTERM,
	    .grace_ms = 60000,
	    .second_stop_ms = SUPERVISOR_SECOND_STOP_MS,
	    .timeout_at_ms = DEADLINE_NEVER,
	    .last = 1,
	    .notice = note,
	    .notice_self = rig};
}

static inline void
rig_close(struct rig *rig)
{
	relay_close(&rig->relay);
	fd_close(&rig->read_fd);
	fd_close(&rig->sink_fd);
	buf_release(&rig->got);
}

static inline int
run_role(struct rig *rig, const char *name, const char *value, struct outcome *outcome, struct err *err)
{
	char self[] = "/proc/self/exe", role[] = "role", words[2][64];
	char *argv[] = {self, role, words[0], words[1], NULL};
	struct child_spec spec = {.argv = argv, .envp = environ, .cwd_fd = -1};

	(void)snprintf(words[0], sizeof(words[0]), "%s", name);
	(void)snprintf(words[1], sizeof(words[1]), "%s", value);
	return supervisor_run(&rig->sup, &spec, outcome, err);
}

/* The role runs to its end; afterwards no process is left. */
static inline struct outcome
play(struct rig *rig, const char *name, const char *value)
{
	struct outcome outcome;
	struct err err = {0};

	if (run_role(rig, name, value, &outcome, &err) < 0) {
		fail_msg("%s", err.text);
	}
	read_log(rig);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_true(outcome.started);
	assert_true(outcome.ended_ms >= outcome.started_ms);
	return outcome;
}

/* What main does: plays the role it was started in, or runs the tests where no signal comes from elsewhere. */
static inline int
rig_main(int argc, char **argv, const struct CMUnitTest *tests, size_t count)
{
	struct err err = {0};

	if (argc > 3 && strcmp(argv[1], "role") == 0) {
		return role_play(argv[2], argv[3]);
	}
	role_stage();
	if (signals_open(&signals, &err) < 0) {
		return 1;
	}
	int failed = _cmocka_run_group_tests("supervisor", tests, count, NULL, NULL);
	signals_close(&signals);
	return failed;
}

#endif
