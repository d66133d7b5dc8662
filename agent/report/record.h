/*
 * <root>/output/data/_train/run-<host>.json: what ran, with what, and how it ended (product §12;
 * docs/record.schema.json). The hall fills plain values; this composes and writes.
 *
 * Invariants: every text is masked on its way out (base/mask.h); the file is written whole or not at all; all pointers
 * are borrowed. A NULL text is written as null, a count of 0 as an empty array.
 */
#ifndef TRAIN_REPORT_RECORD_H
#define TRAIN_REPORT_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "report/metrics.h"

enum {
	RECORD_SCHEMA = 1,           /* "schema" in the file: grows when a member changes its meaning */
	RECORD_BYTES_MAX = 16 << 20, /* hyperparameters may have 3 MB; text of control characters grows sixfold */
};

struct record_setting {
	const char *name, *value, *source; /* source as plan prints it: "hyperparameter train:code", "default" */
};

/* How the archive came. */
struct record_fetch {
	double seconds; /* all of it, unpacking too */
	double network, hash, inflate,
	    write;                      /* how long each stage was at work, or waited for the far side; they overlap */
	int connections;                /* at most; 0 for a file */
	unsigned cut, slow, refused;    /* retries by cause */
	size_t memory_max, memory_peak; /* bytes of buffers: what they may take together, and the most that they took */
};

struct record_code {
	const char *address, *version, *etag, *sha256; /* the version, ETag and digest that were used, or NULL */
	int64_t size;                                  /* bytes of the archive, or -1 */
	const char *kind;                              /* "tar.gz", "folder" and so on */
	const char *found_by;                          /* the source that named it */
	int cached;                                    /* it came from the cache, not over the network */
	const struct record_fetch *fetch;              /* NULL: no archive came */
};

struct record_channel {
	const char *name, *mode, *s3_uri;
};

struct record_value {
	const char *name;
	const char *json; /* the decoded value as JSON; what is no JSON is written as a string */
};

struct record_tag {
	const char *key, *value;
};

struct record_phase {
	const char *name;
	double start; /* seconds since the beginning of the record */
	double seconds;
};

struct record_step {
	const char *name;         /* NULL for the one unnamed command */
	const char *const *words; /* ended by NULL */
	int exit_code;            /* -1 when it did not run */
	double seconds;
};

struct record {
	struct {
		const char *version, *commit, *build_id, *sha256;
	} agent;
	struct {
		const char *name, *arn, *run_id, *root, *host;
		const char *const *hosts;
		size_t host_count;
		int rank;
	} job;
	const char *image;
	double started, ended; /* seconds since the epoch */

	const struct record_setting *settings;
	size_t setting_count;
	const struct record_code *code; /* NULL: none was used */
	const struct record_channel *channels;
	size_t channel_count;
	const struct record_value *hyperparameters; /* without the masked ones */
	size_t hyperparameter_count;
	const char *const *masked; /* names of hyperparameters that are left out */
	size_t masked_count;
	const char *const *variables; /* names only */
	size_t variable_count;
	const struct record_tag *tags; /* what ListTags or trainingjobconfig.json said, where asked */
	size_t tag_count;
	const struct record_phase *phases;
	size_t phase_count;
	const struct record_step *steps;
	size_t step_count;
	const struct metrics *metrics; /* never NULL */

	int exit_code;
	const char *outcome;  /* "completed", "failed", "stopped" */
	const char *reason;   /* report/exitcode.h; NULL when all went well */
	const char *ended_by; /* "pipeline", "agent", "stop", "timeout", "silence" */
	const char *failure;  /* first line of the failure text, or NULL */
	int64_t peak_memory_bytes;
	uint64_t log_bytes_lost; /* that nobody read */
	const char *const *warnings;
	size_t warning_count;
};

/* Appends the JSON text. 0, or -1 with 'err' of kind ERR_OUTPUT when it does not fit into 'out'. */
MUST_CHECK int record_compose(const struct record *record, struct buf *out, struct err *err);

/*
 * Composes and writes run-<host>.json below 'root'; its path comes out in 'path' (PATH_BYTES_MAX). 0, or -1 with 'err'
 * (ERR_OUTPUT or ERR_DISK_FULL), nothing left behind.
 */
MUST_CHECK int record_write(const struct record *record, char *path, struct err *err);

#endif
