/*
 * The pipeline's numbers (product §11): records read from a FIFO, counted, kept in a file, and handed on as lines for
 * stdout.
 *
 * Life: metrics_init; metrics_listen once there is a folder for the FIFO; metrics_pump whenever 'fd' is readable or
 * 'due_ms' has come; metrics_add_own at any time in between; metrics_finish at the end, after the last pump;
 * metrics_release.
 *
 * When the agent dies a writer that has the FIFO open gets EPIPE, and an open with O_NONBLOCK ENXIO; an open without it waits, as
 * on every FIFO that nobody reads, but for the signal that the kernel then sends to the pipeline (run/child.h).
 *
 * Invariants: never blocks, neither on a writer nor on a reader nor on stdout; never holds more than one line of input
 * and the bounded table of names; a failure to write the file stops the file, not the metrics, and comes out at
 * metrics_finish; stdout gets at most PACE_LINES lines a second and name (report/pace.h), a value that had to wait for
 * that within a second if none newer took its place, and the last one of each name always.
 */
#ifndef TRAIN_REPORT_METRICS_H
#define TRAIN_REPORT_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mask.h"
#include "report/pace.h"

enum {
	METRICS_LINE_MAX = 4096,  /* a record with its newline: PIPE_BUF, so that writers do not tear each other's */
	METRICS_NAME_MAX = 200,   /* with every byte escaped a definition's regex stays under 500 (C§6.1) */
	METRICS_NAMES_MAX = 1000, /* a pipeline that makes a name a step must not take our memory */
	METRICS_RECORD_VALUES_MAX = 512, /* values in one record: a line of 4,096 bytes holds few more */
	METRICS_PUMP_BYTES = 1 << 18,    /* in one call: a flood of metrics cannot starve signals and log */
	METRICS_FILE_BUFFER = 1 << 16,   /* bytes gathered for the file before a write */
	METRICS_LINE_OUT = 384,          /* "#metric ", a name, a number, three labels */
	METRICS_SHOWN_MAX = 256,         /* of the first bad record */
	METRICS_TABLE = 4096,            /* places for names, a power of two above 2 * METRICS_NAMES_MAX */
};

/* Labels of a record, in the order in which they are printed. */
enum metric_label { LABEL_STEP, LABEL_EPOCH, LABEL_TIME, LABELS };

struct metric_labels {
	double value[LABELS];
	int given[LABELS];
};

/* One name and what came for it. */
struct metric {
	char *name;
	int own;     /* the agent's, not the pipeline's */
	int waiting; /* the last value has not been taken for stdout yet */
	int refused; /* because there was no room: once another one replaces it, its line is a dropped one */
	struct pace pace;
	uint64_t count;
	double last, min, max;
	struct metric_labels labels; /* of the last value */
	double time;                 /* of the last value, seconds since the epoch: its label, or when it came */
	uint64_t record;             /* in which it came, counted from 1 */
	int in_batch;                /* it goes into the next document */
};

struct metrics_setup {
	const char *root; /* the file is <root>/output/data/_train/metrics-<host>.jsonl; NULL for no file */
	const char *host;
	int publish;             /* 0: this host only keeps its file (metrics-hosts=first) */
	const struct mask *mask; /* a name that holds one of these values is refused; may be NULL */

	const char
	    *emf_namespace; /* documents for CloudWatch (report/emf.h), too; NULL for none. Needs no escape in JSON */
	const char *job;    /* its name, for the documents; or NULL */
	/* The unit of a metric, one of CloudWatch's, borrowed; or NULL. May itself be NULL. */
	const char *(*unit_of)(const void *units, const char *name);
	const void *units;

	/* Takes one whole line with its newline for stdout, copying it: 0, or -1 when there is no room, and the line is
	 * dropped. */
	int (*emit)(void *self, const char *line, size_t len);
	void *self;
};

struct metrics {
	struct metrics_setup setup; /* its texts are borrowed */
	int fd;                     /* the FIFO for poll(2), or -1 before metrics_listen */
	char path[PATH_BYTES_MAX];  /* of the FIFO: TRAIN_METRICS; "" before metrics_listen */
	int only_reads;             /* 'fd' is no writer any more */
	int at_end;                 /* and there is no other */
	int64_t due_ms; /* metrics_pump has something to say then, even if nothing comes; or DEADLINE_NEVER */

	struct metric *names;
	size_t name_count;
	short table[METRICS_TABLE];     /* index into names + 1, by hash */
	short batch[METRICS_NAMES_MAX]; /* indices of what was said and has no document yet */
	size_t batch_count;
	uint64_t records; /* so far */

	uint64_t nonfinite;                /* NaN and infinite values: never published */
	uint64_t bad;                      /* records that could not be read */
	uint64_t overlong;                 /* lines over METRICS_LINE_MAX */
	uint64_t dropped;                  /* lines for which stdout had no room, and that were never said later */
	uint64_t undocumented;             /* values that no document may hold: report/emf.h */
	uint64_t names_over;               /* values of names beyond METRICS_NAMES_MAX: in the file only */
	char first_bad[METRICS_SHOWN_MAX]; /* "why: the record", printable; "" when there was none */

	int file_fd;
	int file_off;        /* no file was asked for, or writing it failed */
	struct buf file;     /* waits to be written */
	struct err file_err; /* the first failure to write the file */
	size_t line_len;
	int skipping; /* inside a line that is too long */
	char line[METRICS_LINE_MAX];
};

/* Takes a copy of 'setup' (not of its texts). Opens nothing. */
void metrics_init(struct metrics *metrics, const struct metrics_setup *setup);

/*
 * Makes the FIFO 'metrics' with mode 0622 in the folder 'dir', which the caller made reachable for the pipeline's user,
 * and opens it for reading and writing, so that writers never wait for us and we never see an end. 0, or -1 with 'err'
 * (ERR_WORKSPACE).
 */
MUST_CHECK int metrics_listen(struct metrics *metrics, const char *dir, struct err *err);

/*
 * Reads what is there, at most METRICS_PUMP_BYTES, and says what had to wait and is due. 1 when there may be more, 0 when
 * the FIFO is empty.
 */
int metrics_pump(struct metrics *metrics);

/*
 * Asked when nothing of the pipeline lives: reads what is there, and says 1 when nobody has the FIFO open for writing, so that nothing can come any
 * more; 0 as long as somebody may write, or where that cannot be known. From the first call on, new writers find no reader that waits for them.
 */
int metrics_ended(struct metrics *metrics);

/*
 * Adds a value of the agent's: "agent:" and 'name' ("startup_seconds", "step_seconds:train"); bytes of the name that
 * are not allowed become '_'.
 */
void metrics_add_own(struct metrics *metrics, const char *name, double value);

/*
 * Hands on the last value of every name that still waits, ends the file, closes and removes the FIFO. A rest of a
 * line without newline counts as bad: it may be half a number. 0, or -1 with 'err' (ERR_DISK_FULL or ERR_OUTPUT) when
 * the file is not whole.
 */
MUST_CHECK int metrics_finish(struct metrics *metrics, struct err *err);

/* Safe on one that was initialised, at any stage, and twice; removes the FIFO if it is still there. */
void metrics_release(struct metrics *metrics);

#endif
