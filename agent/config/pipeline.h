/*
 * pipeline.json (product §7, docs/pipeline.schema.json): read wholly, every mistake told at once with file:line:column, unknown keys
 * warned about with the nearest known one.
 *
 * Invariants of a parsed one: at most one of 'command', 'call' and 'steps'; step names are unique; everything is owned. A zeroed one is
 * a project without the file.
 */
#ifndef TRAIN_CONFIG_PIPELINE_H
#define TRAIN_CONFIG_PIPELINE_H

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "config/hyperparameters.h"
#include "config/notes.h"
#include "config/settings.h"

#define PIPELINE_FILE "pipeline.json"

enum {
	PIPELINE_NAME_MAX = 128,        /* names of pipelines, steps, folders and links */
	PIPELINE_ENV_MAX = 256,         /* variables in 'env' */
	PIPELINE_ENV_VALUE_MAX = 32768, /* a variable's value: a quarter of what the kernel takes in one string */
	PIPELINE_METRICS_MAX = 256,     /* names in 'metrics'; the service takes 40, which `train metrics` says */
	METRIC_NAME_MAX = 200,          /* product §11 */
};

/* How hyperparameters become arguments. */
enum argument_form {
	ARGUMENTS_UNSET,
	ARGUMENTS_NONE,
	ARGUMENTS_KEY_VALUE /* --key value */,
	ARGUMENTS_KEY_IS_VALUE /* --key=value */,
	ARGUMENTS_PLAIN /* key=value */
};

struct pipeline_step {
	char *name;                   /* NULL for the one unnamed command */
	char **command;               /* ended by NULL, one allocation; or NULL */
	char *call;                   /* "module:function"; or NULL */
	enum argument_form arguments; /* never ARGUMENTS_UNSET once parsed */
};

/* "data": {"folder": "channel"}, "links": {"model": "artifacts"} (NULL for false), "env", "metrics": {"name": {"unit": ...}} (value may be NULL). */
struct pipeline_pair {
	char *name;
	char *value;
};

struct pipeline_pairs {
	struct pipeline_pair *list; /* in the file's order */
	size_t count;
};

struct pipeline {
	int present;
	char *name;
	struct pipeline_step *steps; /* a single command or call is one step without a name */
	size_t step_count;
	struct pipeline_pairs data, links, env, metrics;
	struct hyperparameters defaults;
	char *objective;
};

/*
 * Parses 'len' bytes; 'file' is what messages call it. Settings in it are offered to 'settings'. Mistakes and warnings go to
 * settings->mistakes and settings->warnings: settings_freeze tells them together. -1 with 'err' for what is no JSON object
 * (ERR_SETTINGS) and refused memory. Release it in every case.
 */
MUST_CHECK int pipeline_parse(struct pipeline *pipeline, const char *text, size_t len, const char *file,
    struct settings *settings, struct err *err);
void pipeline_release(struct pipeline *pipeline);
#define CLEAN_PIPELINE CLEANUP(pipeline_release) struct pipeline

/* The value of 'name', borrowed; '*found' (may be NULL) tells a NULL value from a missing one. */
const char *pipeline_pairs_find(const struct pipeline_pairs *pairs, const char *name, int *found);

/* All keys of the top level that are no settings, ended by NULL; of a step; of a metric. For the schema's test and suggestions. */
const char *const *pipeline_keys(void);
const char *const *pipeline_step_keys(void);
const char *const *pipeline_metric_keys(void);

#endif
