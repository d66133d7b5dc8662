/*
 * The job root that `train run` makes (product §13), so that a run at home goes the same way as a job:
 *
 *     <folder>/.train/.gitignore             "*"
 *     <folder>/.train/latest                 -> runs/<id>
 *     <folder>/.train/runs/<id>/input/config/hyperparameters.json inputdataconfig.json checkpointconfig.json
 *                              input/data/<channel>                -> the channel's folder
 *                              model/ output/data/ checkpoints/ work/
 *
 * Invariants: nothing else is written; of runs before only their working folders are ever removed, and never one that still goes on.
 */
#ifndef TRAIN_CLI_JOBROOT_H
#define TRAIN_CLI_JOBROOT_H

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "job/job.h"

enum { JOBROOT_WORK_KEPT = 10 /* runs whose working folders are kept: links cost little, unpacked archives do */ };

/* All borrowed. */
struct jobroot_wish {
	const char *folder;     /* where .train stands, absolute: the project, or the caller's folder for an archive */
	const char *const *hps; /* "NAME=VALUE" */
	size_t hp_count;
	const char *const *channels; /* "NAME=PATH", over the folders under data/ */
	size_t channel_count;
};

#define JOBROOT_ARCHIVE "code.tar.zst" /* what --packed packs, beside work/ and as long-lived */

struct jobroot {
	char run_id[RUN_ID_MAX];
	char *path;  /* <folder>/.train/runs/<id> */
	int lock_fd; /* held as long as the run goes on */
};

/* Makes it. -1 with ERR_USAGE (an --hp or --channel that is none), ERR_WORKSPACE, ERR_IO, ERR_SETTINGS (pipeline.json). Release it in every case. */
MUST_CHECK int jobroot_make(struct jobroot *root, const struct jobroot_wish *wish, struct err *err);
void jobroot_release(struct jobroot *root);
#define CLEAN_JOBROOT CLEANUP(jobroot_release) struct jobroot
#define JOBROOT_NONE ((struct jobroot){.lock_fd = -1})

#endif
