/*
 * What the hall remembers while a job goes on: when each phase began and ended, and every warning it logged. The record is made of it.
 */
#ifndef TRAIN_JOB_JOURNAL_H
#define TRAIN_JOB_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

enum {
	JOURNAL_WARNINGS_MAX = 64, /* more are logged but not recorded */
	JOURNAL_SLOW_MS = 1000,    /* a phase that took longer gets a log line (product §4) */
};

struct journal {
	double started;   /* wall clock, seconds since the epoch */
	int64_t began_ms; /* monotonic */
	enum phase phase;
	struct {
		int64_t begin_ms; /* monotonic; 0: the phase never began */
		int64_t end_ms;
	} phases[PHASES];
	char *warnings[JOURNAL_WARNINGS_MAX];
	size_t warning_count;
};

void journal_open(struct journal *journal);

/* Ends the phase that goes on and begins the next. Says so when the old one was slow; the run may take as long as it likes. */
void journal_enter(struct journal *journal, enum phase phase);

/* The same for a moment that has passed: two phases that went on together are told one after the other. */
void journal_enter_at(struct journal *journal, enum phase phase, int64_t now_ms);

/* Ends the last phase. */
void journal_end(struct journal *journal);

/* Seconds that a phase took; 0 when it never began. */
double journal_seconds(const struct journal *journal, enum phase phase);

/* Logs a warning and keeps it for the record. */
void journal_warn(struct journal *journal, const char *fmt, ...) PRINTF_LIKE(2, 3);

void journal_release(struct journal *journal);

#endif
