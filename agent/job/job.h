/*
 * THE HALL: one job from its first line to its exit code. Here the phases stand in their order, here is decided what goes on when
 * something fails, and here every log line is said. The rooms do the work and know nothing of each other.
 *
 *     prepare.c   start, read, tags: what shall run, and may it?
 *     bring.c     fetch, verify, unpack: the code into the workspace (origin.c: where its bytes come from; reuse.c: the cache)
 *     launch.c    link, and everything the pipeline will find: command, environment, folders (layout.c)
 *     execute.c   run: the steps under the supervisor
 *     conclude.c  finish: exit code, failure text, record, cleaning up
 */
#ifndef TRAIN_JOB_JOB_H
#define TRAIN_JOB_JOB_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/budget.h"
#include "base/crash.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mask.h"
#include "base/outcome.h"
#include "config/code_find.h"
#include "config/code_policy.h"
#include "config/command.h"
#include "config/environment.h"
#include "config/opt_ml.h"
#include "config/pipeline.h"
#include "config/settings.h"
#include "files/standin.h"
#include "files/workspace.h"
#include "job/journal.h"
#include "net/context.h"
#include "net/creds.h"
#include "report/failure.h"
#include "report/metrics.h"
#include "report/record.h"
#include "run/relay.h"
#include "run/signals.h"
#include "run/supervisor.h"

enum {
	TAGS_DEADLINE_MS = 60000, /* throttles are retried so long (product §4) */
	RUN_ID_MAX = 40,          /* "20260115T120000Z-1a2b3c4d" */
	CODE_KIND_MAX = 24,       /* "executable zip" */
};

/* What the command line asked for. Everything is borrowed. */
struct job_request {
	char *const *envp;
	const char *const *sets; /* "NAME=VALUE" of --set */
	size_t set_count;
	char *const *command; /* what followed "--", ended by NULL; or NULL */
	const char *root;     /* the job root that `train run` made; NULL: by the settings */
	const char *project;  /* `train run DIR`: the folder whose entries are linked, absolute; or NULL */
	const char *work;     /* `train run`: folder in which 'work' is made, absolute; or NULL */
	const char *run_id;   /* `train run`: the run's id; NULL: one is made */
	int local;            /* `train run` */
};

/* The code as it was used. */
struct job_code {
	char kind[CODE_KIND_MAX]; /* "tar.gz", "folder", "in place"; "" when none was brought */
	char sha256[SHA256_HEX];  /* of the archive; "" when there is none */
	char *version;            /* of the object, or NULL */
	char *etag;               /* or NULL */
	char *address;            /* as it may be shown, or NULL */
	const char *found_by;     /* "environment TRAIN_CODE", "channel code" */
	char origin[SETTING_ORIGIN_MAX];
	int64_t bytes;             /* of the archive, or -1 */
	int cached;                /* it came from the cache */
	char **zip;                /* how to start the executable zip, ended by NULL; or NULL */
	struct record_fetch fetch; /* all zero when no archive came */
};

struct job_step {
	int started;
	int exit_code;
	double seconds;
};

struct job {
	const struct job_request *request;
	struct journal journal;
	struct crash crash;
	int opened; /* signals and relay are; else nothing but the first error is said, straight to stderr */
	struct signals signals;
	struct relay relay;
	struct failure failure;
	int output_off; /* <root>/output is not open yet, or cannot be written: no failure text, record or metric file */
	char run_id[RUN_ID_MAX];
	char *root; /* absolute; NULL before it is chosen */

	struct opt_ml opt_ml;
	struct settings settings;
	size_t warnings_told; /* of settings.warnings */
	struct code_find find;
	struct code_plan plan;
	struct pipeline pipeline;
	struct mask mask;     /* for the agent's own lines, failure text, record */
	struct mask log_mask; /* for the pipeline's log */

	struct net_context net;
	struct net_tally tally; /* of the fetch */
	struct budget budget;   /* of all buffers while code is brought */
	struct creds *creds;
	struct err tags_err; /* why tags could not be asked, where they were the only hope */
	struct workspace workspace;
	struct standin code_link; /* <root>/code in script mode */
	struct job_code code;

	struct command command;
	struct environment environment;
	struct metrics metrics;
	struct job_step steps[STEPS_MAX];
	size_t step_ran;                     /* steps that were begun */
	const struct supervisor *supervisor; /* while there is one: NULL outside of the run */
	struct outcome outcome;
};

/* Does the whole job and returns the exit code, 0-255: what went wrong has been said. 'err' is main's. */
int job_run(const struct job_request *request, struct err *err);

/* A new id: sorts by time, and is another one each time. */
void job_make_run_id(char out[RUN_ID_MAX]);

/* ---- the parts, in their order; each -1 with 'err' ---- */

MUST_CHECK int job_prepare(struct job *job, struct err *err);
MUST_CHECK int job_bring(struct job *job, struct err *err);
MUST_CHECK int job_launch(struct job *job, struct err *err);
MUST_CHECK int job_execute(struct job *job, struct err *err);
int job_conclude(struct job *job, struct err *err);

/* Enters a phase: the journal, the stub of the failure file, err->phase. -1 with ERR_STOPPED when a stop was asked for. */
MUST_CHECK int job_phase(struct job *job, enum phase phase, struct err *err);

/*
 * -1 with ERR_STOPPED when a stop was asked for, 0 when none was. The words and the number are put into an ERR_STOPPED, too, that came from a room which knows
 * only that it was woken.
 */
int job_stopped(struct job *job, struct err *err);

/* Warns about what 'notes' holds from '*told' on. */
void job_tell(struct job *job, const struct notes *notes, size_t *told);

/* Freezes the settings as far as they were offered, tells warnings and mistakes, sets the log's level. -1 with ERR_SETTINGS. */
MUST_CHECK int job_freeze(struct job *job, struct err *err);

/* The credentials chain, made on first use; borrowed. NULL with 'err'. */
struct creds *job_creds(struct job *job, struct err *err);

#endif
