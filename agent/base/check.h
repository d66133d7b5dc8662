/*
 * What happens when we have made a mistake. Assertions for our own mistakes only, which stay on in release; input from outside never reaches one. And
 * the crashes that show a mistake all the same: a bad address, a failed assertion of a library.
 *
 * Either way: the line goes to stderr, the report is called, and the process ends with CHECK_EXIT within CHECK_REPORT_S seconds, whatever the report comes
 * to, and whoever holds stderr.
 */
#ifndef TRAIN_BASE_CHECK_H
#define TRAIN_BASE_CHECK_H

#include "base/attr.h"

enum {
	CHECK_EXIT = 70, /* EX_SOFTWARE of sysexits (product §12, reason `agent-bug`) */
	CHECK_REPORT_S =
	    12, /* for the report: a pipeline has 5 s to end by itself (run/abandon.h), then it is killed */
	CHECK_STDERR_MS = 500 /* for a reader of the log to make room */
};

/*
 * 'report' is called once with 'self' and one line without newline when a check fails or a crash is caught in this process; not in one that it has forked.
 * It may do only what a signal handler may, or what may hang and crash: that ends the process, too. NULL takes it back.
 */
void check_set_report(void (*report)(void *self, const char *line), void *self);

/* Says where on stderr, calls the report, ends the process. */
NORETURN void check_failed(const char *file, int line, const char *what);

/* The same for what is no assertion: 'what' and where. Async-signal-safe as far as the report is. */
NORETURN void check_crashed(const char *what);

#define CHECK(condition) ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition))

#endif
