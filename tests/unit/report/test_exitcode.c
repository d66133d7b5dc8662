/* The published codes and reasons, cell by cell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "report/exitcode.h"

/* The second copy of the published list. It only ever grows at its end: a change of a line here breaks somebody's
 * alarm. */
static const struct {
	const char *text;
	int code;
} published[] = {
    {"", 0},
    {"usage", 64},
    {"code-digest", 65},
    {"code-archive", 65},
    {"code-not-found", 66},
    {"fetch-failed", 69},
    {"tags-failed", 69},
    {"agent-bug", 70},
    {"system", 71},
    {"disk-full", 73},
    {"output-write", 73},
    {"workspace", 73},
    {"io", 74},
    {"fetch-timeout", 75},
    {"code-denied", 77},
    {"tags-denied", 77},
    {"credentials", 77},
    {"settings", 78},
    {"timeout", 124},
    {"command", -1},
    {"stopped", -1},
    {"exit-N", -1},
    {"signal-NAME", -1},
    {"agent-killed", -1},
    {"silence", 124},
    {"memory-kill", -1},
    {"python-EXCEPTION", -1},
};

_Static_assert(ARRAY_LEN(published) == REASONS, "the list of the test and the list of the code");

static void
reasons_are_as_published(void **state)
{
	(void)state;
	for (size_t i = 0; i < REASONS; i++) {
		int code;

		assert_string_equal(exitcode_reason((enum reason)i, &code), published[i].text);
		assert_int_equal(code, published[i].code);
	}
}

/* 's' start read link run finish; 't' tags; 'f' fetch verify unpack. */
static char
class_of(enum phase phase)
{
	if (phase == PHASE_TAGS) {
		return 't';
	}
	return phase == PHASE_FETCH || phase == PHASE_VERIFY || phase == PHASE_UNPACK ? 'f' : 's';
}

static const struct cell {
	const char *s, *t, *f;
	int code_s, code_t, code_f;
} cells[ERR_KINDS] = {
    [ERR_NONE] = {"agent-bug", "agent-bug", "agent-bug", 70, 70, 70},
    [ERR_USAGE] = {"usage", "usage", "usage", 64, 64, 64},
    [ERR_SETTINGS] = {"settings", "settings", "settings", 78, 78, 78},
    [ERR_DIGEST] = {"code-digest", "code-digest", "code-digest", 65, 65, 65},
    [ERR_ARCHIVE] = {"code-archive", "code-archive", "code-archive", 65, 65, 65},
    [ERR_NOT_FOUND] = {"code-not-found", "tags-failed", "code-not-found", 66, 69, 66},
    [ERR_DENIED] = {"code-denied", "tags-denied", "code-denied", 77, 77, 77},
    [ERR_UNTRUSTED] = {"code-denied", "tags-denied", "code-denied", 77, 77, 77},
    [ERR_CREDENTIALS] = {"credentials", "credentials", "credentials", 77, 77, 77},
    [ERR_UNAVAILABLE] = {"fetch-failed", "tags-failed", "fetch-failed", 69, 69, 69},
    [ERR_DEADLINE] = {"io", "tags-failed", "fetch-timeout", 74, 69, 75},
    [ERR_DISK_FULL] = {"disk-full", "disk-full", "disk-full", 73, 73, 73},
    [ERR_OUTPUT] = {"output-write", "output-write", "output-write", 73, 73, 73},
    [ERR_WORKSPACE] = {"workspace", "workspace", "workspace", 73, 73, 73},
    [ERR_IO] = {"io", "io", "io", 74, 74, 74},
    [ERR_NOT_EXECUTABLE] = {"command", "command", "command", 126, 126, 126},
    [ERR_NO_COMMAND] = {"command", "command", "command", 127, 127, 127},
    [ERR_STOPPED] = {"stopped", "stopped", "stopped", 143, 143, 143},
    [ERR_SYSTEM] = {"system", "system", "system", 71, 71, 71},
    [ERR_BUG] = {"agent-bug", "agent-bug", "agent-bug", 70, 70, 70},
};

static void
every_kind_in_every_phase_has_its_code_and_reason(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < ERR_KINDS; kind++) {
		const struct cell *cell = &cells[kind];

		for (size_t phase = 0; phase < PHASES; phase++) {
			struct err err = {.kind = (enum err_kind)kind, .phase = (enum phase)phase, .sys = SIGTERM};
			struct exitcode got;
			char class = class_of(err.phase);

			exitcode_of_err(&err, &got);
			assert_string_equal(got.text, class == 's' ? cell->s : class == 't' ? cell->t : cell->f);
			assert_int_equal(got.code, class == 's'   ? cell->code_s
			                           : class == 't' ? cell->code_t
			                                          : cell->code_f);
			assert_true(got.code != 0);
			assert_true(got.reason == REASON_STOPPED || exitcode_advice(&got) != NULL);
		}
	}
}

static void
certificate_that_does_not_hold_has_its_own_advice(void **state)
{
	struct err err = {.kind = ERR_UNTRUSTED, .phase = PHASE_FETCH};
	struct exitcode got;

	(void)state;
	exitcode_of_err(&err, &got);
	assert_non_null(strstr(exitcode_advice(&got), "AWS_CA_BUNDLE"));
	err.phase = PHASE_TAGS;
	exitcode_of_err(&err, &got);
	assert_non_null(strstr(exitcode_advice(&got), "AWS_CA_BUNDLE"));
	err.kind = ERR_DENIED;
	exitcode_of_err(&err, &got);
	assert_null(strstr(exitcode_advice(&got), "AWS_CA_BUNDLE"));
}

static int
exited(int code)
{
	return code << 8;
}

static void
outcome_keeps_the_pipelines_own_code(void **state)
{
	struct outcome outcome = {.ended_by = ENDED_BY_PIPELINE, .started = 1, .status = exited(0)};
	struct exitcode got;

	(void)state;
	exitcode_of_outcome(&outcome, &got);
	assert_int_equal(got.code, 0);
	assert_int_equal(got.reason, REASON_NONE);
	assert_null(exitcode_advice(&got));
	for (int code = 1; code < 256; code++) {
		char want[16];

		outcome.status = exited(code);
		exitcode_of_outcome(&outcome, &got);
		(void)snprintf(want, sizeof(want), "exit-%d", code);
		assert_int_equal(got.code, code);
		assert_string_equal(got.text, want);
		assert_non_null(exitcode_advice(&got));
	}
}

static void
outcome_names_the_signal(void **state)
{
	struct outcome outcome = {.ended_by = ENDED_BY_PIPELINE, .started = 1, .status = SIGSEGV};
	struct exitcode got;

	(void)state;
	exitcode_of_outcome(&outcome, &got);
	assert_int_equal(got.code, 139);
	assert_string_equal(got.text, "signal-SIGSEGV");
	assert_non_null(strstr(exitcode_advice(&got), "PYTHONFAULTHANDLER"));
	outcome.status = SIGILL | 0x80; /* with a core dump */
	exitcode_of_outcome(&outcome, &got);
	assert_int_equal(got.code, 132);
	assert_string_equal(got.text, "signal-SIGILL");
	outcome.status = 40;
	exitcode_of_outcome(&outcome, &got);
	assert_string_equal(got.text, "signal-SIGRTMIN+8");
}

static void
advice_for_a_shells_128_and_n_is_the_signals(void **state)
{
	struct outcome outcome = {.ended_by = ENDED_BY_PIPELINE, .started = 1, .status = exited(137)};
	struct exitcode got;

	(void)state;
	exitcode_of_outcome(&outcome, &got);
	assert_string_equal(got.text, "exit-137");
	assert_non_null(strstr(exitcode_advice(&got), "memory"));
}

static void
outcome_of_a_stop_keeps_its_code_also_zero(void **state)
{
	struct outcome outcome = {.ended_by = ENDED_BY_STOP, .started = 1, .status = exited(0), .stop_signal = SIGTERM};
	struct exitcode got;

	(void)state;
	exitcode_of_outcome(&outcome, &got);
	assert_int_equal(got.code, 0);
	assert_string_equal(got.text, "stopped");
	outcome.status = exited(3);
	exitcode_of_outcome(&outcome, &got);
	assert_int_equal(got.code, 3);
	assert_string_equal(got.text, "stopped");
	outcome.status = SIGTERM;
	exitcode_of_outcome(&outcome, &got);
	assert_int_equal(got.code, 143);
	outcome.ended_by = ENDED_BY_PIPELINE; /* it ended by itself after it was asked */
	exitcode_of_outcome(&outcome, &got);
	assert_string_equal(got.text, "stopped");
	outcome.killed_after_grace = 1;
	outcome.status = exited(5);
	exitcode_of_outcome(&outcome, &got);
	assert_int_equal(got.code, 137);
	assert_string_equal(got.text, "stopped");
}

static void
rise_of_the_kernels_count_is_a_memory_kill_whatever_the_code(void **state)
{
	static const int statuses[] = {0, SIGKILL, SIGTERM, 1 << 8, 137 << 8, 255 << 8};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		struct outcome outcome = {
		    .started = 1, .status = statuses[i], .counts = {.memory_kills = 1, .memory_limit = 64 << 20}};
		struct exitcode got;
		char text[ERR_TEXT_MAX];

		exitcode_of_outcome(&outcome, &got);
		assert_string_equal(got.text, "memory-kill");
		assert_int_equal(got.code, outcome_exit_code(statuses[i]));
		assert_non_null(strstr(exitcode_advice(&got), "memory"));
		exitcode_sentence(text, &outcome, NULL);
		assert_non_null(strstr(text, "for want of memory (the container's limit is 64 MiB)"));
		outcome.stop_signal = SIGTERM;
		exitcode_of_outcome(&outcome, &got);
		assert_string_equal(got.text, "stopped");
		outcome.ended_by = ENDED_BY_TIMEOUT;
		exitcode_of_outcome(&outcome, &got);
		assert_string_equal(got.text, "timeout");
	}
}

static void
kernel_that_does_not_count_kills_is_believed_when_the_limit_was_hit(void **state)
{
	struct outcome outcome = {
	    .started = 1, .status = SIGKILL, .counts = {.memory_kills = -1, .memory_refusals = 3}};
	struct exitcode got;

	(void)state;
	exitcode_of_outcome(&outcome, &got);
	assert_string_equal(got.text, "memory-kill");
	outcome.status = exited(1);
	exitcode_of_outcome(&outcome, &got);
	assert_string_equal(got.text, "exit-1");
	outcome = (struct outcome){.started = 1, .status = SIGKILL, .counts = {.memory_kills = -1}};
	exitcode_of_outcome(&outcome, &got);
	assert_string_equal(got.text, "signal-SIGKILL");
	assert_non_null(strstr(exitcode_advice(&got), "want of memory, or"));
	outcome.counts.memory_kills = 0;
	exitcode_of_outcome(&outcome, &got);
	assert_non_null(strstr(exitcode_advice(&got), "it was not for want of memory"));
}

static void
exception_is_named_in_reason_and_sentence(void **state)
{
	struct outcome outcome = {.started = 1, .status = exited(1)};
	struct exitcode got;
	char text[ERR_TEXT_MAX];

	(void)state;
	exitcode_of_outcome(&outcome, &got);
	exitcode_sentence(text, &outcome, NULL);
	exitcode_add_exception(&got, text, "ValueError");
	assert_int_equal(got.code, 1);
	assert_string_equal(got.text, "python-ValueError");
	assert_string_equal(text, "the pipeline ended with exit code 1 because of the Python exception ValueError");
	assert_non_null(exitcode_advice(&got));
}

static void
outcome_of_a_timeout_is_124_however_it_ended(void **state)
{
	static const int statuses[] = {0, SIGTERM, SIGKILL, 7 << 8};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		struct outcome outcome = {.ended_by = ENDED_BY_TIMEOUT,
		    .started = 1,
		    .status = statuses[i],
		    .killed_after_grace = (int)(i & 1)};
		struct exitcode got;

		exitcode_of_outcome(&outcome, &got);
		assert_int_equal(got.code, 124);
		assert_string_equal(got.text, "timeout");
		outcome.ended_by = ENDED_BY_SILENCE;
		exitcode_of_outcome(&outcome, &got);
		assert_int_equal(got.code, 124);
		assert_string_equal(got.text, "silence");
	}
}

static void
outcome_that_never_started_is_the_stop_or_a_mistake(void **state)
{
	struct outcome outcome = {.ended_by = ENDED_BY_STOP, .stop_signal = SIGINT};
	struct exitcode got;

	(void)state;
	exitcode_of_outcome(&outcome, &got);
	assert_int_equal(got.code, 130);
	assert_string_equal(got.text, "stopped");
	outcome = (struct outcome){0};
	exitcode_of_outcome(&outcome, &got);
	assert_int_equal(got.code, 70);
	assert_string_equal(got.text, "agent-bug");
}

static void
sentence_says_who_and_how(void **state)
{
	struct outcome outcome = {.ended_by = ENDED_BY_PIPELINE, .started = 1, .status = exited(3)};
	char text[ERR_TEXT_MAX];

	(void)state;
	exitcode_sentence(text, &outcome, "train");
	assert_string_equal(text, "step 'train' ended with exit code 3");
	outcome.status = SIGKILL;
	exitcode_sentence(text, &outcome, NULL);
	assert_string_equal(text, "the pipeline was killed by SIGKILL (signal 9)");
	outcome.counts.memory_kills = 1;
	exitcode_sentence(text, &outcome, "train");
	assert_string_equal(text, "step 'train' was killed by the kernel for want of memory");
	outcome.status = exited(1);
	exitcode_sentence(text, &outcome, NULL);
	assert_string_equal(text,
	    "the kernel killed a process of the pipeline for want of memory; the pipeline then ended with exit code 1");
	outcome.counts.memory_kills = 0;
	outcome.status = exited(139);
	exitcode_sentence(text, &outcome, NULL);
	assert_string_equal(text, "the pipeline ended with exit code 139, by custom: killed by SIGSEGV");
	outcome.status = SIGKILL;
	outcome.ended_by = ENDED_BY_TIMEOUT;
	outcome.timeout_ms = 3600000;
	exitcode_sentence(text, &outcome, NULL);
	assert_string_equal(text, "the pipeline ran into the timeout of 3600 s and was killed by SIGKILL (signal 9)");
	outcome.ended_by = ENDED_BY_SILENCE;
	outcome.silent_ms = 61500;
	(void)snprintf(outcome.waits, sizeof(outcome.waits), "python3 (12) waits in futex_wait_queue");
	exitcode_sentence(text, &outcome, NULL);
	assert_string_equal(text, "the pipeline was silent for 61 s (python3 (12) waits in futex_wait_queue) and was "
	                          "killed by SIGKILL (signal 9)");
	outcome =
	    (struct outcome){.ended_by = ENDED_BY_STOP, .started = 1, .stop_signal = SIGTERM, .status = exited(1)};
	exitcode_sentence(text, &outcome, NULL);
	assert_string_equal(text, "a stop was asked for by SIGTERM and the pipeline ended with exit code 1");
	outcome.killed_after_grace = 1;
	exitcode_sentence(text, &outcome, NULL);
	assert_string_equal(text, "a stop was asked for by SIGTERM and the pipeline had to be killed after the grace");
	outcome.started = 0;
	exitcode_sentence(text, &outcome, NULL);
	assert_string_equal(text, "a stop was asked for by SIGTERM before the pipeline began");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reasons_are_as_published),
	    cmocka_unit_test(every_kind_in_every_phase_has_its_code_and_reason),
	    cmocka_unit_test(certificate_that_does_not_hold_has_its_own_advice),
	    cmocka_unit_test(outcome_keeps_the_pipelines_own_code),
	    cmocka_unit_test(outcome_names_the_signal),
	    cmocka_unit_test(advice_for_a_shells_128_and_n_is_the_signals),
	    cmocka_unit_test(outcome_of_a_stop_keeps_its_code_also_zero),
	    cmocka_unit_test(rise_of_the_kernels_count_is_a_memory_kill_whatever_the_code),
	    cmocka_unit_test(kernel_that_does_not_count_kills_is_believed_when_the_limit_was_hit),
	    cmocka_unit_test(exception_is_named_in_reason_and_sentence),
	    cmocka_unit_test(outcome_of_a_timeout_is_124_however_it_ended),
	    cmocka_unit_test(outcome_that_never_started_is_the_stop_or_a_mistake),
	    cmocka_unit_test(sentence_says_who_and_how),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
