/*
 * The supervisor with real processes: this program started again in a role. What a test does while a step runs, it does in a watch:
 * the loop calls it when the log says the awaited words.
 */
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

static void
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

static void
note(void *self, enum supervisor_notice what, long value)
{
	struct rig *rig = self;

	rig->seen[what]++;
	rig->value[what] = value;
	if (rig->on_notice[what] != 0) {
		assert_int_equal(kill(getpid(), rig->on_notice[what]), 0);
	}
}

static void
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
	    .watches = &rig->watch,
	    .watch_count = 1,
	    .stop_signal = SIGTERM,
	    .grace_ms = 60000,
	    .second_stop_ms = SUPERVISOR_SECOND_STOP_MS,
	    .timeout_at_ms = DEADLINE_NEVER,
	    .last = 1,
	    .notice = note,
	    .notice_self = rig};
}

static void
rig_close(struct rig *rig)
{
	relay_close(&rig->relay);
	fd_close(&rig->read_fd);
	fd_close(&rig->sink_fd);
	buf_release(&rig->got);
}

static int
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
static struct outcome
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

/* ---- ends ---- */

static void
supervisor_tells_the_exit_code(void **state)
{
	struct rig rig;
	struct outcome outcome;

	(void)state;
	rig_open(&rig);
	outcome = play(&rig, "exit", "3");
	assert_int_equal(outcome_exit_code(outcome.status), 3);
	assert_int_equal(outcome.ended_by, ENDED_BY_PIPELINE);
	assert_int_equal(outcome.stop_signal, 0);
	assert_int_equal(outcome.leftovers, 0);
	assert_true(outcome.peak_memory_bytes > 100000);
	assert_int_equal(rig.seen[NOTICE_STARTED], 1);
	outcome = play(&rig, "exit", "0");
	assert_int_equal(outcome_exit_code(outcome.status), 0);
	outcome = play(&rig, "die", "11");
	assert_int_equal(outcome_exit_code(outcome.status), 128 + SIGSEGV);
	rig_close(&rig);
}

static void
supervisor_tells_why_a_command_does_not_start(void **state)
{
	char none[] = "no-such-command-here", passwd[] = "/etc/passwd";
	char *argv[] = {none, NULL};
	struct child_spec spec = {.argv = argv, .envp = environ, .cwd_fd = -1};
	struct outcome outcome;
	struct err err = {0};
	struct rig rig;

	(void)state;
	rig_open(&rig);
	assert_int_equal(supervisor_run(&rig.sup, &spec, &outcome, &err), -1);
	assert_int_equal(err.kind, ERR_NO_COMMAND);
	assert_int_equal(outcome.started, 0);
	argv[0] = passwd;
	assert_int_equal(supervisor_run(&rig.sup, &spec, &outcome, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_EXECUTABLE);
	rig_close(&rig);
}

static void
supervisor_loses_no_last_line(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig);
	(void)play(&rig, "say", "first\nlast without end");
	assert_string_equal(buf_text(&rig.got), "first\nlast without end");
	/* The next step begins on a line of its own. */
	(void)play(&rig, "say", "second step\n");
	assert_string_equal(buf_text(&rig.got), "first\nlast without end\nsecond step\n");
	rig_close(&rig);
}

static void
supervisor_reaps_every_orphan(void **state)
{
	struct rig rig;
	struct outcome outcome;

	(void)state;
	rig_open(&rig);
	outcome = play(&rig, "orphans", "50");
	assert_int_equal(outcome_exit_code(outcome.status), 0);
	rig_close(&rig);
}

/* ---- signals ---- */

static void
supervisor_passes_signals_on_unchanged(void **state)
{
	static const int numbers[] = {SIGUSR1, SIGUSR2, SIGWINCH, SIGCONT, SIGTSTP};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		struct rig rig;
		struct outcome outcome;
		char got[16];

		rig_open(&rig);
		(void)snprintf(got, sizeof(got), "got %d\n", numbers[i]);
		rig.cues[0] = (struct cue){"ready\n", numbers[i]};
		rig.cues[1] = (struct cue){got, SIGTERM};
		outcome = play(&rig, "hear", "15");
		assert_int_equal(outcome_exit_code(outcome.status), 5);
		assert_int_equal(outcome.stop_signal, SIGTERM);
		rig_close(&rig);
	}
}

static void
supervisor_turns_every_request_into_the_stop_signal(void **state)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		struct rig rig;
		struct outcome outcome;

		rig_open(&rig);
		rig.sup.stop_signal = SIGUSR1;
		rig.cues[0] = (struct cue){"ready\n", numbers[i]};
		outcome = play(&rig, "hear", "10");
		assert_string_equal(buf_text(&rig.got), "ready\ngot 10\n");
		assert_int_equal(outcome_exit_code(outcome.status), 5);
		assert_int_equal(outcome.ended_by, ENDED_BY_STOP);
		assert_int_equal(outcome.stop_signal, numbers[i]);
		assert_int_equal(outcome.killed_after_grace, 0);
		assert_int_equal(rig.seen[NOTICE_STOP], 1);
		assert_int_equal(rig.value[NOTICE_STOP], numbers[i]);
		rig_close(&rig);
	}
}

static void
supervisor_kills_after_the_grace(void **state)
{
	struct rig rig;
	struct outcome outcome;

	(void)state;
	rig_open(&rig);
	rig.sup.grace_ms = 50;
	rig.cues[0] = (struct cue){"ready\n", SIGTERM};
	outcome = play(&rig, "deaf", "");
	assert_int_equal(outcome_exit_code(outcome.status), 137);
	assert_int_equal(outcome.killed_after_grace, 1);
	assert_int_equal(outcome.ended_by, ENDED_BY_STOP);
	assert_int_equal(rig.seen[NOTICE_KILL], 1);
	/* What it said last, without an end, is there. */
	assert_string_equal(buf_text(&rig.got), "ready\nlast words");
	rig_close(&rig);
}

static void
supervisor_cuts_the_grace_at_a_second_request(void **state)
{
	struct rig rig;
	struct outcome outcome;

	(void)state;
	rig_open(&rig);
	rig.sup.second_stop_ms = 0;
	rig.cues[0] = (struct cue){"ready\n", SIGTERM};
	rig.on_notice[NOTICE_STOP] = SIGINT;
	outcome = play(&rig, "deaf", "");
	assert_int_equal(outcome_exit_code(outcome.status), 137);
	assert_int_equal(outcome.stop_signal, SIGTERM);
	assert_int_equal(rig.seen[NOTICE_STOP_AGAIN], 1);
	assert_int_equal(rig.value[NOTICE_STOP_AGAIN], 0);
	rig_close(&rig);
}

static void
supervisor_does_not_lengthen_the_grace_at_a_second_request(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig);
	rig.sup.grace_ms = 50;
	rig.cues[0] = (struct cue){"ready\n", SIGTERM};
	rig.on_notice[NOTICE_STOP] = SIGINT;
	(void)play(&rig, "deaf", "");
	assert_true(rig.value[NOTICE_STOP_AGAIN] <= 50);
	rig_close(&rig);
}

static void
supervisor_stops_when_time_is_up(void **state)
{
	struct rig rig;
	struct outcome outcome;

	(void)state;
	rig_open(&rig);
	rig.sup.timeout_at_ms = clock_now_ms();
	rig.sup.grace_ms = 200;
	/* The first request after that is no second one. */
	rig.on_notice[NOTICE_TIMEOUT] = SIGTERM;
	outcome = play(&rig, "deaf", "");
	assert_int_equal(outcome.ended_by, ENDED_BY_TIMEOUT);
	assert_int_equal(outcome.stop_signal, SIGTERM);
	assert_int_equal(rig.seen[NOTICE_TIMEOUT], 1);
	assert_int_equal(rig.seen[NOTICE_STOP] + rig.seen[NOTICE_STOP_AGAIN], 0);
	rig_close(&rig);
}

static void
supervisor_starts_nothing_after_a_stop_request(void **state)
{
	struct rig rig;
	struct outcome outcome;
	struct err err = {0};

	(void)state;
	rig_open(&rig);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(raise(SIGINT), 0);
	assert_int_equal(run_role(&rig, "exit", "0", &outcome, &err), -1);
	assert_int_equal(err.kind, ERR_STOPPED);
	assert_int_equal(err.sys, SIGINT);
	assert_int_equal(outcome.started, 0);
	assert_int_equal(rig.seen[NOTICE_STARTED], 0);
	signals.stop = 0;
	rig_close(&rig);
}

static void
supervisor_drops_what_came_before_the_child(void **state)
{
	struct rig rig;
	struct outcome outcome;

	(void)state;
	rig_open(&rig);
	assert_int_equal(raise(SIGUSR1), 0);
	outcome = play(&rig, "exit", "0");
	assert_int_equal(outcome.status, 0);
	rig_close(&rig);
}

/* ---- what the pipeline leaves behind ---- */

static pid_t
pid_after(const struct rig *rig, const char *words)
{
	const char *at = strstr(buf_text(&rig->got), words);

	assert_non_null(at);
	return (pid_t)strtol(at + strlen(words), NULL, 10);
}

static void
supervisor_ends_what_the_pipeline_left_behind(void **state)
{
	struct rig rig;
	struct outcome outcome;

	(void)state;
	rig_open(&rig);
	outcome = play(&rig, "leave", "");
	assert_int_equal(outcome_exit_code(outcome.status), 0);
	assert_int_equal(outcome.leftovers, 1);
	assert_int_equal(rig.value[NOTICE_LEFTOVERS], 1);
	assert_int_equal(outcome.killed_after_grace, 0);
	assert_int_equal(kill(pid_after(&rig, "left "), 0), -1);
	rig_close(&rig);
}

static void
supervisor_kills_what_was_left_behind_and_is_deaf(void **state)
{
	struct rig rig;
	struct outcome outcome;

	(void)state;
	rig_open(&rig);
	outcome = play(&rig, "leave", "deaf");
	assert_int_equal(outcome_exit_code(outcome.status), 0);
	assert_int_equal(outcome.leftovers, 1);
	assert_int_equal(outcome.unkillable, 0);
	assert_string_equal(rig.sup.survivors, "");
	assert_int_equal(kill(pid_after(&rig, "left "), 0), -1);
	rig_close(&rig);
}

static void
supervisor_kills_those_who_left_the_group_after_the_grace(void **state)
{
	struct rig rig;
	struct outcome outcome;

	(void)state;
	rig_open(&rig);
	rig.sup.grace_ms = 50;
	rig.cues[0] = (struct cue){"ready\n", SIGTERM};
	outcome = play(&rig, "deaf", "family");
	assert_int_equal(outcome_exit_code(outcome.status), 137);
	assert_int_equal(rig.value[NOTICE_KILL], 2);
	assert_int_equal(outcome.leftovers, 0);
	assert_int_equal(kill(pid_after(&rig, "left "), 0), -1);
	rig_close(&rig);
}

static void
supervisor_keeps_a_request_that_comes_after_the_end(void **state)
{
	struct rig rig;
	struct outcome outcome;

	(void)state;
	rig_open(&rig);
	rig.sup.last = 0;
	rig.on_notice[NOTICE_LEFTOVERS] = SIGTERM;
	outcome = play(&rig, "leave", "");
	assert_int_equal(outcome.ended_by, ENDED_BY_PIPELINE);
	assert_int_equal(outcome.stop_signal, 0);
	assert_int_equal(signals_stop_pending(&signals), SIGTERM);
	signals.stop = 0;
	rig_close(&rig);
}

static void
supervisor_leaves_children_of_others_alone(void **state)
{
	struct outcome outcome;
	struct err err = {0};
	struct rig rig;
	int status;
	pid_t stranger = fork();

	(void)state;
	if (stranger == 0) {
		for (;;) {
			(void)pause();
		}
	}
	rig_open(&rig);
	assert_int_equal(run_role(&rig, "leave", "", &outcome, &err), 0);
	assert_int_equal(outcome.leftovers, 1);
	assert_int_equal(waitpid(stranger, &status, WNOHANG), 0);
	assert_int_equal(kill(stranger, SIGKILL), 0);
	assert_int_equal(waitpid(stranger, &status, 0), stranger);
	rig_close(&rig);
}

/* ---- log and watches ---- */

/* A reader of stdout that begins to read only when told. */
struct late_reader {
	struct rig *rig;
	int fd;
	int *begun;
	size_t bytes;
};

static void
read_late(void *self)
{
	struct late_reader *reader = self;
	char block[65536];
	ssize_t n;

	while (*reader->begun > 0 && (n = read(reader->fd, block, sizeof(block))) > 0) {
		reader->bytes += (size_t)n;
	}
}

static void
supervisor_stops_at_once_while_the_reader_is_stalled(void **state)
{
	struct rig rig;
	struct late_reader late;
	struct watch watches[2];
	struct outcome outcome;
	uint64_t lines, bytes;
	struct err err = {0};
	int fds[2];

	(void)state;
	rig_open(&rig);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	relay_close(&rig.relay);
	assert_int_equal(relay_open(&rig.relay, fds[1], rig.sink_fd, NULL, &err), 0);
	late = (struct late_reader){.rig = &rig, .fd = fds[0], .begun = &rig.seen[NOTICE_STOP]};
	watches[0] = rig.watch;
	watches[1] = (struct watch){.fd = fds[0], .events = POLLIN, .ready = read_late, .self = &late};
	rig.sup.watches = watches;
	rig.sup.watch_count = 2;
	rig.cues[0] = (struct cue){"stalled\n", SIGTERM};
	outcome = play(&rig, "flood", "");
	assert_int_equal(outcome_exit_code(outcome.status), 128 + SIGTERM);
	relay_lost(&rig.relay, &lines, &bytes);
	assert_true(lines == 0 && bytes == 0);
	assert_true(late.bytes > 2 * 65536);
	(void)close(fds[0]);
	(void)close(fds[1]);
	rig_close(&rig);
}

static void
supervisor_lets_the_pipeline_run_when_the_reader_is_gone(void **state)
{
	struct rig rig;
	struct outcome outcome;
	uint64_t lines, bytes;

	(void)state;
	rig_open(&rig);
	rig.sup.watch_count = 0;
	fd_close(&rig.read_fd);
	outcome = play(&rig, "say", "nobody\nhears\n");
	assert_int_equal(outcome_exit_code(outcome.status), 0);
	relay_lost(&rig.relay, &lines, &bytes);
	assert_true(lines == 2 && bytes == 13);
	rig_close(&rig);
}

static void
supervisor_serves_watches_until_they_are_empty(void **state)
{
	char path[] = "/tmp/supervisor-fifo-XXXXXX";
	struct rig rig;
	struct rig fifo;
	struct watch watches[2];

	(void)state;
	assert_non_null(mkdtemp(path));
	rig_open(&rig);
	memset(&fifo, 0, sizeof(fifo));
	buf_init(&fifo.got, 1 << 20);

	char name[64];

	(void)snprintf(name, sizeof(name), "%s/fifo", path);
	assert_int_equal(mkfifo(name, 0600), 0);
	fifo.read_fd = open(name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	assert_true(fifo.read_fd >= 0);
	watches[0] = rig.watch;
	watches[1] = (struct watch){.fd = fifo.read_fd, .events = POLLIN, .ready = read_log, .self = &fifo};
	rig.sup.watches = watches;
	rig.sup.watch_count = 2;
	(void)play(&rig, "metrics", name);
	assert_int_equal(fifo.got.len, 1000 * strlen("loss=0.5\n"));
	fd_close(&fifo.read_fd);
	buf_release(&fifo.got);
	(void)unlink(name);
	(void)rmdir(path);
	rig_close(&rig);
}

static int64_t
soon(void *self)
{
	const struct rig *rig = self;

	return rig->seen[NOTICE_KILL] > 0 ? DEADLINE_NEVER : 0;
}

static void
stop_once(void *self)
{
	struct rig *rig = self;

	if (strstr(buf_text(&rig->got), "ready") != NULL && rig->next_cue == 0) {
		rig->next_cue = 1;
		(void)raise(SIGTERM);
	}
}

static void
supervisor_calls_a_watch_at_its_deadline(void **state)
{
	struct rig rig;
	struct watch watches[2];
	struct outcome outcome;

	(void)state;
	rig_open(&rig);
	watches[0] = rig.watch;
	watches[1] = (struct watch){.fd = -1, .ready = stop_once, .deadline_ms = soon, .self = &rig};
	rig.sup.watches = watches;
	rig.sup.watch_count = 2;
	rig.sup.grace_ms = 0;
	outcome = play(&rig, "deaf", "");
	assert_int_equal(outcome_exit_code(outcome.status), 137);
	rig_close(&rig);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(supervisor_tells_the_exit_code),
	    cmocka_unit_test(supervisor_tells_why_a_command_does_not_start),
	    cmocka_unit_test(supervisor_loses_no_last_line),
	    cmocka_unit_test(supervisor_reaps_every_orphan),
	    cmocka_unit_test(supervisor_passes_signals_on_unchanged),
	    cmocka_unit_test(supervisor_turns_every_request_into_the_stop_signal),
	    cmocka_unit_test(supervisor_kills_after_the_grace),
	    cmocka_unit_test(supervisor_cuts_the_grace_at_a_second_request),
	    cmocka_unit_test(supervisor_does_not_lengthen_the_grace_at_a_second_request),
	    cmocka_unit_test(supervisor_stops_when_time_is_up),
	    cmocka_unit_test(supervisor_starts_nothing_after_a_stop_request),
	    cmocka_unit_test(supervisor_drops_what_came_before_the_child),
	    cmocka_unit_test(supervisor_ends_what_the_pipeline_left_behind),
	    cmocka_unit_test(supervisor_kills_what_was_left_behind_and_is_deaf),
	    cmocka_unit_test(supervisor_kills_those_who_left_the_group_after_the_grace),
	    cmocka_unit_test(supervisor_keeps_a_request_that_comes_after_the_end),
	    cmocka_unit_test(supervisor_leaves_children_of_others_alone),
	    cmocka_unit_test(supervisor_stops_at_once_while_the_reader_is_stalled),
	    cmocka_unit_test(supervisor_lets_the_pipeline_run_when_the_reader_is_gone),
	    cmocka_unit_test(supervisor_serves_watches_until_they_are_empty),
	    cmocka_unit_test(supervisor_calls_a_watch_at_its_deadline),
	};
	struct err err = {0};

	if (argc > 3 && strcmp(argv[1], "role") == 0) {
		return role_play(argv[2], argv[3]);
	}
	role_stage();
	if (signals_open(&signals, &err) < 0) {
		return 1;
	}

	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	signals_close(&signals);
	return failed;
}
