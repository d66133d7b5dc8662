/*
 * The environment that the pipeline gets (product §8): what the container had, the TRAIN_ names, the toolkit's SM_ names with the
 * toolkit's values (C§11), and a few variables where they are missing.
 *
 * Invariants: the agent's own secrets are not in it; no name stands twice; 'envp' is ended by NULL and valid until the next change.
 */
#ifndef TRAIN_CONFIG_ENVIRONMENT_H
#define TRAIN_CONFIG_ENVIRONMENT_H

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "config/hyperparameters.h"
#include "config/notes.h"
#include "config/opt_ml.h"
#include "config/pipeline.h"

enum {
	ENVIRONMENT_STRING_MAX = 131072, /* MAX_ARG_STRLEN of Linux: one "NAME=value" with its zero */
	ENVIRONMENT_NAMES_MAX = 8192,    /* variables; the container's and a few a channel and hyperparameter */
};

struct environment {
	char **envp;
	size_t count;
	size_t room;
};

/* What the hall knows. All borrowed; NULL leaves a name out. */
struct environment_facts {
	char *const *envp; /* the container's */
	const struct opt_ml *job;
	const struct pipeline *pipeline;
	const struct hyperparameters *hyperparameters; /* the job's over the pipeline's defaults */
	const char *program;                           /* script mode: "train.py"; else NULL */
	const char *data_dir, *model_dir, *output_dir, *checkpoint_dir;
	const char *metrics;              /* path of the FIFO */
	const char *hyperparameters_file; /* path of the JSON file */
	const char *code_digest;          /* 64 hex digits */
	const char *run_id;
	const char *home; /* used where HOME is unset or "/" */
	int cpus, gpus;   /* config/machine.h */
	size_t bytes_max; /* what the kernel takes for arguments and environment together, less the arguments */
};

/* Makes it. Warnings: names that were replaced, what did not fit. -1 with ERR_SETTINGS (does not fit), ERR_SYSTEM. Release in every case. */
MUST_CHECK int environment_make(
    struct environment *env, const struct environment_facts *facts, struct notes *warnings, struct err *err);

/* Sets or replaces one (TRAIN_STEP); NULL removes it. -1 with ERR_SYSTEM. */
MUST_CHECK int environment_set(struct environment *env, const char *name, const char *value, struct err *err);
void environment_release(struct environment *env);
#define CLEAN_ENVIRONMENT CLEANUP(environment_release) struct environment

#endif
