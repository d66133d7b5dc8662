/*
 * The job as the platform wrote it down: <root>/input/config and the variables of the job (C§1.4, C§2), read once. Missing files are
 * tolerated: a container run by hand has only some (C§12.3).
 *
 * Invariants: everything here is owned; nothing is read again later. hyperparameters, resourceconfig, inputdataconfig and
 * checkpointconfig must be right where they exist; what is not documented (trainingjobconfig, init-config) or only used for a hint
 * (metric-definition-regex) never fails a job, but leaves a warning.
 */
#ifndef TRAIN_CONFIG_OPT_ML_H
#define TRAIN_CONFIG_OPT_ML_H

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "config/channels.h"
#include "config/cluster.h"
#include "config/hyperparameters.h"
#include "config/notes.h"

enum {
	JOB_TAGS_MAX = 256,  /* the service allows 50 */
	ARN_BYTES_MAX = 256, /* C§1.5 */
	ARN_PART_MAX = 32,   /* "aws-us-gov", "ap-northeast-1", 12 digits */
};

/* A tag of the job, wherever it was read. */
struct job_tag {
	char *key;
	char *value;
};

struct opt_ml {
	char *root;        /* as given, without a trailing '/' */
	int is_job;        /* TRAINING_JOB_NAME is set */
	int exists;        /* <root> is a folder */
	int is_processing; /* a Processing job's root and no training job: this image only trains */
	char *name;        /* TRAINING_JOB_NAME, or NULL */
	char *arn;         /* TRAINING_JOB_ARN, or NULL; its job part is lower case (C§1.4) */
	char partition[ARN_PART_MAX], region[ARN_PART_MAX], account[ARN_PART_MAX]; /* of the ARN; "" without one */
	struct hyperparameters hyperparameters;
	struct cluster cluster;
	struct channels channels;
	char *checkpoint_dir; /* checkpointconfig.json's LocalPath, else <root>/checkpoints; NULL without the file */
	char *metric_definitions; /* the text of metric-definition-regex.json when it is valid JSON, else NULL */
	int has_tags;             /* trainingjobconfig.json has Tags, maybe none in it */
	struct job_tag *tags;
	size_t tag_count;
	char *s3_output; /* trainingjobconfig.json's S3OutputPath, or NULL */
	struct notes warnings;
};

/*
 * Reads the job under 'root' with the variables of 'envp'. -1 with 'err': ERR_SETTINGS with every mistake that was found (also in
 * 'mistakes', one each, which the caller owns), ERR_IO, ERR_SYSTEM. Release it in every case.
 */
MUST_CHECK int opt_ml_read(
    struct opt_ml *job, const char *root, char *const *envp, struct notes *mistakes, struct err *err);
void opt_ml_release(struct opt_ml *job);
#define CLEAN_OPT_ML CLEANUP(opt_ml_release) struct opt_ml

/* Where the job's files lie when nobody says: SAGEMAKER_BASE_DIR, else /opt/ml (C§12.4). Borrowed from 'envp' or constant. */
const char *opt_ml_default_root(char *const *envp);

#endif
