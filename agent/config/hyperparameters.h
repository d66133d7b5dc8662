/*
 * Hyperparameters: the job's (hyperparameters.json, C§2.1) over the defaults of pipeline.json, each with its decoded value.
 *
 * Invariants: sorted by name, every name once. Values that SDK estimators JSON-encoded are decoded once; what is no JSON is a string.
 * Names that begin with "sagemaker_" steer the toolkit, names that begin with "train:" steer the agent: neither is the user's.
 */
#ifndef TRAIN_CONFIG_HYPERPARAMETERS_H
#define TRAIN_CONFIG_HYPERPARAMETERS_H

#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json_read.h"
#include "config/notes.h"

enum {
	HYPERPARAMETER_NAME_MAX = 256,    /* C§1.5 */
	HYPERPARAMETER_VALUE_MAX = 65536, /* C§1.5 says 2,500 bytes; a hand-made file may hold more */
};

struct hyperparameter {
	char *name;
	char *raw;        /* the string as the platform gave it; for a value that was no string, its JSON text */
	char *json;       /* the decoded value as compact JSON with sorted keys, ASCII only */
	char *argument;   /* the decoded value as the toolkit puts it into argv */
	char *variable;   /* the decoded value as the toolkit puts it into the environment; for a string its own text */
	int line, column; /* of the value in hyperparameters.json, from 1; 0 for one given otherwise */
	int is_default;   /* 1: from pipeline.json */
};

struct hyperparameters {
	struct hyperparameter *list;
	size_t count;
};

/* Who a name belongs to. */
enum hyperparameter_owner {
	OWNER_USER,
	OWNER_TOOLKIT /* sagemaker_... */,
	OWNER_AGENT /* train:... */,
	OWNER_TUNER /* _tuning_objective_metric */
};
enum hyperparameter_owner hyperparameter_owner(const char *name);

/*
 * Adds every member of the object 'value'. Strings of the job's file are decoded; not those of pipeline.json ('is_default' 1), where a
 * string is a string. A name that is there already keeps its value: the job comes first. Mistakes (too many, too long, \u0000) go to
 * 'mistakes' with "'file:line:column'". -1 with 'err' only when memory is refused.
 */
MUST_CHECK int hyperparameters_add(struct hyperparameters *hps, const struct json *json, int value, const char *file,
    int is_default, struct notes *mistakes, struct err *err);

/* Adds or replaces one, as if the platform had given the string 'raw' (train run --hp K=V). -1 with 'err': ERR_SETTINGS or ERR_SYSTEM. */
MUST_CHECK int hyperparameters_set(struct hyperparameters *hps, const char *name, const char *raw, struct err *err);

/* Copies what 'defaults' (of pipeline.json) has and 'hps' has not. -1 with ERR_SYSTEM. */
MUST_CHECK int hyperparameters_merge(
    struct hyperparameters *hps, const struct hyperparameters *defaults, struct err *err);

/* The one called 'name', or NULL. */
const struct hyperparameter *hyperparameters_find(const struct hyperparameters *hps, const char *name);

/* Appends one JSON object with the decoded values of the user's and the tuner's names, for TRAIN_HYPERPARAMETERS. */
void hyperparameters_write(const struct hyperparameters *hps, struct buf *out);

/* The same without the tuner's, which the toolkit keeps for itself: SM_HPS. */
void hyperparameters_write_user(const struct hyperparameters *hps, struct buf *out);

void hyperparameters_release(struct hyperparameters *hps);
#define CLEAN_HYPERPARAMETERS CLEANUP(hyperparameters_release) struct hyperparameters

#endif
