/*
 * <root>/output/failure, the 1,024 characters that SageMaker shows (product §12, C§4.1), from the first moment to the
 * last.
 *
 * Life: failure_open puts a stub there ("[agent-killed] train was killed in phase PHASE") that failure_phase keeps
 * true; at the spawn failure_spawned renames it to .failure.reserved, so that a pipeline finds no file and may write
 * its own; failure_end overwrites those 4 KiB in place and renames them back, which needs no disk space; failure_clear
 * removes them after success.
 *
 * Invariants: one file, one descriptor, open from start to end; a non-empty 'failure' that is not ours is never
 * overwritten; a struct failure whose open failed, or a zeroed and released one, is off: every call on it does nothing
 * and succeeds.
 */
#ifndef TRAIN_REPORT_FAILURE_H
#define TRAIN_REPORT_FAILURE_H

#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

enum {
	FAILURE_BYTES_MAX = 960,      /* SageMaker cuts at 1,024 and puts words of its own around ours (C§4.1) */
	FAILURE_RESERVE_BYTES = 4096, /* a block of every common file system */
	FAILURE_NOTICES_MAX = 4,      /* each step of a life can leave one at most */
	FAILURE_NOTICE_BYTES = 192,   /* a sentence with a short name in it */
};

enum failure_state { FAILURE_OFF, FAILURE_STUB, FAILURE_RESERVED };

struct failure {
	enum failure_state state;
	int dir_fd;  /* <root>/output */
	int file_fd; /* the stub, then the reserve */
	int notice_count;
	char notices[FAILURE_NOTICES_MAX]
	            [FAILURE_NOTICE_BYTES]; /* what was noticed on the way: log lines for the hall */
};

/*
 * Makes <root>/output where it is missing, puts an earlier failure away as failure.previous and writes the stub of
 * PHASE_START. A 'failure' that is a link or a folder stays, with a notice; the reserve is made all the same, as proof
 * that one can write there. 0, or -1 with 'err' of kind ERR_OUTPUT; 'failure' is then off.
 */
MUST_CHECK int failure_open(struct failure *failure, const char *root, struct err *err);

/* Names the phase in the stub: one write, no more. Nothing after the spawn. A write that fails leaves the old name
 * there. */
void failure_phase(struct failure *failure, enum phase phase);

/* Just before the pipeline is spawned: the stub becomes the reserve. 0, or -1 with 'err' of kind ERR_OUTPUT. */
MUST_CHECK int failure_spawned(struct failure *failure, struct err *err);

/*
 * The job failed: 'text' (at most FAILURE_BYTES_MAX are taken, cut at a character border) becomes 'failure'. 0; 1 when
 * a failure of the pipeline's own, or a link or folder, stands there and stays, with a notice; -1 with 'err'
 * (ERR_OUTPUT or ERR_DISK_FULL).
 */
MUST_CHECK int failure_end(struct failure *failure, const char *text, size_t len, struct err *err);

/* The job succeeded: stub or reserve are removed. What the pipeline wrote stays. A name that cannot be removed becomes
 * a notice. */
void failure_clear(struct failure *failure);

/* Closes, leaves the files as they are. Safe on a zeroed one and twice. */
void failure_release(struct failure *failure);

/*
 * For a failed check or a crash: "[agent-bug] LINE", the phase and which build this is, in place of the stub or the reserve. A failure that the pipeline wrote
 * stays. Async-signal-safe, and uses no heap.
 */
void failure_emergency(const struct failure *failure, enum phase phase, const char *line);

#endif
