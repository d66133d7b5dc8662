/*
 * The agent's own lines: "train: ..." on stderr, one write each, masked (base/mask.h). Only main, cli and job call log_error,
 * log_warn and log_info; rooms may call log_debug. Control characters in what is printed come out as \xNN, so that a hostile name cannot forge a line.
 */
#ifndef TRAIN_BASE_LOG_H
#define TRAIN_BASE_LOG_H

#include "base/attr.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Lines above 'level' are dropped. The default is LOG_INFO. */
void log_set_level(enum log_level level);

/*
 * Sends the finished lines (with prefix and newline) elsewhere, so that they do not tear the pipeline's (run/relay.c).
 * 'write' gets 'self' back; NULL returns to stderr. Borrowed until replaced.
 */
void log_set_sink(void (*write)(void *self, const char *line, unsigned long len), void *self);

void log_error(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_info(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_debug(const char *fmt, ...) PRINTF_LIKE(1, 2);

#endif
