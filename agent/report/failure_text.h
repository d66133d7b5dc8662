/*
 * Composes the failure text: a line "[REASON] host: sentence.", what to do about it, the last lines of stderr. Masked,
 * valid UTF-8, no control characters but newlines, and readable when each newline has become a blank. Stateless.
 */
#ifndef TRAIN_REPORT_FAILURE_TEXT_H
#define TRAIN_REPORT_FAILURE_TEXT_H

#include <stddef.h>

#include "base/buf.h"
#include "base/evidence.h"

/* How much of the tail is looked at: enough for a deep Python traceback, whose exception line is what people want. */
enum { FAILURE_TAIL_MAX = 16384 };

struct failure_facts {
	const char *reason;                 /* "exit-1" */
	const char *host;                   /* NULL unless there are several */
	const char *sentence;               /* what happened; a full stop is added */
	const char *advice;                 /* whole sentences, or NULL */
	const struct kernel_counts *counts; /* or NULL */
	int kills_told;                     /* the sentence tells of memory_kills already */
	const struct volume *volumes;
	int shm; /* tell about /dev/shm however it is */
	size_t volume_count;
	const char *tail; /* the end of stderr from the beginning of a line on, any bytes; NULL for none */
	size_t tail_len;  /* of these the last FAILURE_TAIL_MAX are used */
};

/*
 * Appends at most FAILURE_BYTES_MAX bytes to 'out'. When there is no room for all, the oldest lines of stderr go first,
 * then the ends of the advice and the sentence. In a tail that holds a Python traceback the last exception's own line
 * comes first.
 */
void failure_compose(const struct failure_facts *facts, struct buf *out);

#endif
