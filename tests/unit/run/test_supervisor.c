/* How steps end: exit codes, signals and stops, and what they leave behind. */
#include "unit/run/rig.h"

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

/* What was told of the silence: who was there, in what state, and for how long. */
struct hush {
	struct rig rig; /* first: notices go there */
	size_t count;
	char state;
	int64_t for_ms;
	int stopped_before;
};

static void
note_silence(void *self, const struct proc_list *processes, int64_t for_ms)
{
	struct hush *hush = self;

	hush->count = processes->count;
	hush->state = processes->count > 0 ? processes->items[0].state : '?';
	hush->for_ms = for_ms;
	hush->stopped_before = strstr(buf_text(&hush->rig.got), "got") != NULL;
}

static void
supervisor_tells_who_is_silent_and_stops_it(void **state)
{
	struct hush hush = {.count = 0};
	struct outcome outcome;

	(void)state;
	rig_open(&hush.rig);
	hush.rig.sup.silence_ms = 1000;
	hush.rig.sup.silent = note_silence;
	/* The first request after that is no second one. */
	hush.rig.cues[0] = (struct cue){"got 15\n", SIGINT};
	outcome = play(&hush.rig, "hear", "15");
	assert_int_equal(outcome.ended_by, ENDED_BY_SILENCE);
	assert_int_equal(outcome_exit_code(outcome.status), 5);
	assert_int_equal(hush.count, 1);
	assert_int_equal(hush.state, 'S');
	assert_true(hush.for_ms >= 1000);
	assert_int_equal(outcome.silent_ms, hush.for_ms);
	assert_false(hush.stopped_before);
	assert_non_null(strstr(outcome.waits, ") waits in "));
	assert_int_equal(
	    hush.rig.seen[NOTICE_STOP] + hush.rig.seen[NOTICE_STOP_AGAIN] + hush.rig.seen[NOTICE_TIMEOUT], 0);
	rig_close(&hush.rig);
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
	    cmocka_unit_test(supervisor_tells_who_is_silent_and_stops_it),
	    cmocka_unit_test(supervisor_starts_nothing_after_a_stop_request),
	    cmocka_unit_test(supervisor_drops_what_came_before_the_child),
	    cmocka_unit_test(supervisor_ends_what_the_pipeline_left_behind),
	    cmocka_unit_test(supervisor_kills_what_was_left_behind_and_is_deaf),
	    cmocka_unit_test(supervisor_kills_those_who_left_the_group_after_the_grace),
	    cmocka_unit_test(supervisor_keeps_a_request_that_comes_after_the_end),
	    cmocka_unit_test(supervisor_leaves_children_of_others_alone),
	};

	return rig_main(argc, argv, tests, ARRAY_LEN(tests));
}
