/*
 * Composes the failure text: a line "[REASON] host: sentence.", what to do about it, what the machine shows, the last
 * lines of stderr. Masked,
 * valid UTF-8, no control characters but newlines, and readable when each newline has become a blank. Stateless.
 */
#ifndef TRAIN_REPORT_FAILURE_TEXT_H
#define TRAIN_REPORT_FAILURE_TEXT_H

#include <stddef.h>

#include "base/buf.h"
#include "base/evidence.h"

enum {
	/* How much of the tail is looked at: 64 lines of 515 bytes, more than the run keeps of a deep traceback. */
	FAILURE_TAIL_MAX = 33024,
	FAILURE_NAME_MAX = 48, /* "ModuleNotFoundError" and longer ones; cut beyond */
};

struct failure_facts {
	const char *reason;          /* "exit-1" */
	const char *host;            /* NULL unless there are several */
	const char *sentence;        /* what happened; a full stop is added */
	const char *advice;          /* whole sentences, or NULL */
	int clues;                   /* an error in the tail that is known gives better advice */
	const char *const *channels; /* of the job, ended by NULL: a clue may name the one that is missing; or NULL */
	struct kernel_counts counts; /* while the pipeline ran; all 0 where it did not */
	int kills_told;              /* the sentence tells of memory_kills already */
	const struct volume *volumes;
	size_t volume_count;
	const char
	    *tail; /* the end of stderr from the beginning of a line on, without escape sequences; NULL for none */
	size_t tail_len; /* of these the last FAILURE_TAIL_MAX are used */
};

/*
 * Appends at most FAILURE_BYTES_MAX bytes to 'out'. When there is no room for all, the oldest lines of stderr go first,
 * then the ends of the advice and the sentence. Lines of the tail that say what went wrong (report/traceback.h) come before the others.
 */
void failure_compose(const struct failure_facts *facts, struct buf *out);

/* The name of the Python exception that the tail tells of, without its modules; "" when there is none. */
void failure_exception(const char *tail, size_t len, char name[FAILURE_NAME_MAX]);

#endif
