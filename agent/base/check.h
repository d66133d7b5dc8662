/*
 * Assertions for our own mistakes only; they stay on in release. Input from outside never reaches one.
 */
#ifndef TRAIN_BASE_CHECK_H
#define TRAIN_BASE_CHECK_H

#include "base/attr.h"

/* Exit code of a failed check: EX_SOFTWARE of sysexits (product §12, reason `agent-bug`). */
enum { CHECK_EXIT = 70 };

/* 'report' is called once with one line without newline when a check fails: it may only write and kill. NULL takes it back. */
void check_set_report(void (*report)(const char *line));

/* Says where on stderr, calls the report, ends the process with CHECK_EXIT. */
NORETURN void check_failed(const char *file, int line, const char *what);

#define CHECK(condition) ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition))

#endif
