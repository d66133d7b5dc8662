/* What the hall remembers: when each phase began and ended, and its warnings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "job/journal.h"

enum { LOG_MAX = 1 << 20, LONG_AGO_MS = 5000 };

/* The log of a test. */
struct heard {
	struct buf text;
};

static void
hear(void *self, const char *line, unsigned long len)
{
	struct heard *heard = self;

	buf_add(&heard->text, line, len);
}

static void
heard_begin(struct heard *heard)
{
	buf_init(&heard->text, LOG_MAX);
	log_set_sink(hear, heard);
}

static void
heard_end(struct heard *heard)
{
	log_set_sink(NULL, NULL);
	buf_release(&heard->text);
}

/* As if the phase that goes on had begun earlier: no test waits. */
static void
make_slow(struct journal *journal, int64_t ms)
{
	journal->phases[journal->phase].begin_ms -= ms;
}

static void
journal_opens_in_the_first_phase(void **state)
{
	struct journal journal;
	double before = clock_wall();

	(void)state;
	journal_open(&journal);
	assert_int_equal(journal.phase, PHASE_START);
	assert_true(journal.started >= before && journal.started <= clock_wall());
	assert_true(journal.phases[PHASE_START].begin_ms == journal.began_ms);
	assert_true(journal.phases[PHASE_START].end_ms == 0);
	assert_int_equal(journal.warning_count, 0);
	journal_release(&journal);
}

static void
journal_keeps_when_each_phase_began_and_ended(void **state)
{
	struct journal journal;

	(void)state;
	journal_open(&journal);
	journal_enter(&journal, PHASE_READ);
	assert_true(journal.phases[PHASE_START].end_ms >= journal.phases[PHASE_START].begin_ms);
	assert_true(journal.phases[PHASE_READ].begin_ms >= journal.phases[PHASE_START].end_ms);
	assert_true(journal.phases[PHASE_READ].end_ms == 0);
	journal_enter(&journal, PHASE_RUN);
	journal_end(&journal);
	assert_true(journal.phases[PHASE_RUN].end_ms >= journal.phases[PHASE_RUN].begin_ms);
	/* Phases that were left out never began. */
	assert_true(journal.phases[PHASE_FETCH].begin_ms == 0);
	assert_true(journal_seconds(&journal, PHASE_FETCH) == 0);
	journal_release(&journal);
}

static void
journal_tells_the_seconds_of_a_phase(void **state)
{
	struct journal journal;
	struct heard heard;

	(void)state;
	heard_begin(&heard);
	journal_open(&journal);
	make_slow(&journal, LONG_AGO_MS);
	assert_true(journal_seconds(&journal, PHASE_START) >= 5); /* while it goes on, too */
	journal_enter(&journal, PHASE_READ);
	journal.phases[PHASE_START].end_ms = journal.phases[PHASE_START].begin_ms + 2500;
	assert_true(journal_seconds(&journal, PHASE_START) == 2.5);
	journal_release(&journal);
	heard_end(&heard);
}

static void
journal_says_when_a_phase_was_slow(void **state)
{
	struct journal journal;
	struct heard heard;

	(void)state;
	heard_begin(&heard);
	journal_open(&journal);
	journal_enter(&journal, PHASE_FETCH);
	assert_int_equal(heard.text.len, 0);
	make_slow(&journal, LONG_AGO_MS);
	journal_enter(&journal, PHASE_RUN);
	assert_non_null(strstr(buf_text(&heard.text), "train: fetch took 5."));
	assert_non_null(strstr(buf_text(&heard.text), " s\n"));
	buf_reset(&heard.text);
	make_slow(&journal, LONG_AGO_MS);
	journal_enter(&journal, PHASE_FINISH);
	assert_int_equal(heard.text.len, 0); /* the run may take as long as it likes */
	make_slow(&journal, LONG_AGO_MS);
	journal_end(&journal);
	assert_non_null(strstr(buf_text(&heard.text), "train: finish took 5."));
	journal_release(&journal);
	heard_end(&heard);
}

static void
journal_entering_the_same_phase_changes_nothing(void **state)
{
	struct journal journal;
	struct heard heard;

	(void)state;
	heard_begin(&heard);
	journal_open(&journal);
	make_slow(&journal, LONG_AGO_MS);
	int64_t begin_ms = journal.phases[PHASE_START].begin_ms;
	journal_enter(&journal, PHASE_START);
	assert_true(journal.phases[PHASE_START].begin_ms == begin_ms);
	assert_true(journal.phases[PHASE_START].end_ms == 0);
	assert_int_equal(heard.text.len, 0);
	journal_release(&journal);
	heard_end(&heard);
}

static void
journal_phase_that_comes_again_goes_on(void **state)
{
	struct journal journal;
	struct heard heard;

	(void)state;
	/* Bytes are fetched, verified and unpacked in one stream, and a phase may be entered again: it lasts from its first moment to its last. */
	heard_begin(&heard);
	journal_open(&journal);
	journal_enter(&journal, PHASE_FETCH);
	make_slow(&journal, LONG_AGO_MS);
	int64_t begin_ms = journal.phases[PHASE_FETCH].begin_ms;
	journal_enter(&journal, PHASE_VERIFY);
	journal.phases[PHASE_FETCH].end_ms = begin_ms + 1000;
	journal_enter(&journal, PHASE_FETCH);
	assert_true(journal.phases[PHASE_FETCH].begin_ms == begin_ms);
	assert_true(journal_seconds(&journal, PHASE_FETCH) >= 5); /* and not the one second until it was left */
	journal_end(&journal);
	assert_true(journal.phases[PHASE_FETCH].end_ms >= begin_ms + LONG_AGO_MS);
	journal_release(&journal);
	heard_end(&heard);
}

static void
journal_phase_may_begin_at_a_moment_that_was(void **state)
{
	struct journal journal;
	struct heard heard;

	(void)state;
	/* One stream is two phases: the time is shared out afterwards. */
	heard_begin(&heard);
	journal_open(&journal);
	journal_enter(&journal, PHASE_FETCH);
	make_slow(&journal, LONG_AGO_MS);
	int64_t begin_ms = journal.phases[PHASE_FETCH].begin_ms;
	journal_enter_at(&journal, PHASE_UNPACK, begin_ms + 400);
	assert_true(journal_seconds(&journal, PHASE_FETCH) == 0.4);
	assert_true(journal.phases[PHASE_UNPACK].begin_ms == begin_ms + 400);
	assert_int_equal(heard.text.len, 0); /* 0.4 s are not slow */
	journal_end(&journal);
	assert_non_null(strstr(buf_text(&heard.text), "train: unpack took 4."));
	journal_release(&journal);
	heard_end(&heard);
}

static void
journal_logs_warnings_and_keeps_them(void **state)
{
	struct journal journal;
	struct heard heard;

	(void)state;
	heard_begin(&heard);
	journal_open(&journal);
	journal_warn(&journal, "%d of %s", 3, "them");
	journal_warn(&journal, "two");
	assert_int_equal(journal.warning_count, 2);
	assert_string_equal(journal.warnings[0], "3 of them");
	assert_string_equal(journal.warnings[1], "two");
	assert_string_equal(buf_text(&heard.text), "train: warning: 3 of them\ntrain: warning: two\n");
	journal_release(&journal);
	assert_int_equal(journal.warning_count, 0);
	heard_end(&heard);
}

static void
journal_logs_more_warnings_than_it_keeps(void **state)
{
	struct journal journal;
	struct heard heard;
	size_t lines = 0;

	(void)state;
	heard_begin(&heard);
	journal_open(&journal);
	for (int i = 0; i < JOURNAL_WARNINGS_MAX + 3; i++) {
		journal_warn(&journal, "number %d", i);
	}
	for (const char *c = buf_text(&heard.text); *c != '\0'; c++) {
		lines += *c == '\n';
	}
	assert_int_equal(journal.warning_count, JOURNAL_WARNINGS_MAX);
	assert_int_equal(lines, JOURNAL_WARNINGS_MAX + 3);
	assert_string_equal(journal.warnings[JOURNAL_WARNINGS_MAX - 1], "number 63");
	journal_release(&journal);
	heard_end(&heard);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(journal_opens_in_the_first_phase),
	    cmocka_unit_test(journal_keeps_when_each_phase_began_and_ended),
	    cmocka_unit_test(journal_tells_the_seconds_of_a_phase),
	    cmocka_unit_test(journal_says_when_a_phase_was_slow),
	    cmocka_unit_test(journal_entering_the_same_phase_changes_nothing),
	    cmocka_unit_test(journal_phase_that_comes_again_goes_on),
	    cmocka_unit_test(journal_phase_may_begin_at_a_moment_that_was),
	    cmocka_unit_test(journal_logs_warnings_and_keeps_them),
	    cmocka_unit_test(journal_logs_more_warnings_than_it_keeps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
