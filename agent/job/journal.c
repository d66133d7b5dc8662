#include "job/journal.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"

void
journal_open(struct journal *journal)
{
	*journal = (struct journal){.started = clock_wall(), .began_ms = clock_now_ms(), .phase = PHASE_START};
	journal->phases[PHASE_START].begin_ms = journal->began_ms;
}

static void
end_at(struct journal *journal, int64_t now_ms)
{
	int64_t took = now_ms - journal->phases[journal->phase].begin_ms;

	journal->phases[journal->phase].end_ms = now_ms;
	if (took > JOURNAL_SLOW_MS && journal->phase != PHASE_RUN) {
		log_info("%s took %.1f s", phase_name(journal->phase), (double)took / 1000);
	}
}

void
journal_end(struct journal *journal)
{
	end_at(journal, clock_now_ms());
}

void
journal_enter_at(struct journal *journal, enum phase phase, int64_t now_ms)
{
	if (phase == journal->phase) {
		return;
	}
	end_at(journal, now_ms);
	journal->phase = phase;
	if (journal->phases[phase].end_ms == 0) {
		journal->phases[phase].begin_ms = now_ms;
	}
	journal->phases[phase].end_ms = 0; /* one that comes again goes on */
}

void
journal_enter(struct journal *journal, enum phase phase)
{
	journal_enter_at(journal, phase, clock_now_ms());
}

double
journal_seconds(const struct journal *journal, enum phase phase)
{
	int64_t begin = journal->phases[phase].begin_ms;
	int64_t end = journal->phases[phase].end_ms;

	return begin == 0 ? 0 : (double)((end != 0 ? end : clock_now_ms()) - begin) / 1000;
}

void
journal_warn(struct journal *journal, const char *fmt, ...)
{
	CLEAN_BUF text = {0};
	va_list args;

	buf_init(&text, 16 * LOG_LINE_MAX);
	va_start(args, fmt);
	buf_vprintf(&text, fmt, args);
	va_end(args);
	log_warn("%s", buf_text(&text));
	if (journal->warning_count < JOURNAL_WARNINGS_MAX) {
		char *kept = buf_take(&text);

		if (kept != NULL) {
			journal->warnings[journal->warning_count++] = kept;
		}
	}
}

void
journal_release(struct journal *journal)
{
	for (size_t i = 0; i < journal->warning_count; i++) {
		free(journal->warnings[i]);
	}
	*journal = (struct journal){0};
}
