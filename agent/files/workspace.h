/*
 * The folders of one run: the working folder that the pipeline sees, and the private one beside it (product §6, §8).
 *
 *     <base>/.train-XXXXXX/           being filled: mode 0700, a name that nobody knows
 *     <base>/train-XXXXXX/            the working folder, once everything in it has passed its checks
 *     <base>/train-XXXXXX-private/    hyperparameters.json, home/, metrics/ with the FIFO
 *
 * Invariants: nothing that was brought stands under the final name before workspace_settle; only what was made here is removed; a
 * zeroed one after workspace_init has made nothing, and every call but workspace_open may follow.
 */
#ifndef TRAIN_FILES_WORKSPACE_H
#define TRAIN_FILES_WORKSPACE_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

enum { WORKSPACE_NAME_MAX = 64 /* ".train-XXXXXXXX" or "work", and "-private" */ };

struct workspace {
	int base_fd;                         /* folder of the private one */
	int place_fd;                        /* folder of the working one: the same, or `train run`'s */
	int stage_fd;                        /* what is being filled, or -1 */
	int dir_fd;                          /* the working folder, or -1: the pipeline runs in place */
	char *path;                          /* its absolute path, or NULL */
	char *private_path;                  /* or NULL before workspace_open */
	char stage_name[WORKSPACE_NAME_MAX]; /* "" when there is none */
	char name[WORKSPACE_NAME_MAX];       /* of the working folder; "" before workspace_settle */
	char private_name[WORKSPACE_NAME_MAX];
};

void workspace_init(struct workspace *ws);

/*
 * Makes the private folder in 'base' (taken descriptor; 'base_path' absolute). 'place' (NULL: the base) is the folder in which `train run` wants
 * the working folder, which is called "work" there. -1 with ERR_WORKSPACE or ERR_DISK_FULL.
 */
MUST_CHECK int workspace_open(
    struct workspace *ws, int base_fd, const char *base_path, const char *place, struct err *err);

/* Makes the fresh folder to be filled, mode 0700, and gives its descriptor, borrowed; one that was made before goes with all that is in it. -1 with 'err'. */
MUST_CHECK int workspace_stage(struct workspace *ws, struct err *err);

/* Gives what was filled its final name; with 'strip' the folder of that name inside it, which holds everything. -1 with 'err'. */
MUST_CHECK int workspace_settle(struct workspace *ws, const char *strip, struct err *err);

/* Makes the working folder reachable for pipelines that drop privileges: exactly 0755. Just before the spawn. -1 with 'err'. */
MUST_CHECK int workspace_show(struct workspace *ws, struct err *err);

/*
 * Removes what was made: the private folder and what is being filled always, the working folder unless 'keep'. What is not gone at 'deadline_ms'
 * stays. -1 with 'err' naming what stays.
 */
MUST_CHECK int workspace_end(struct workspace *ws, int keep, int64_t deadline_ms, struct err *err);

/* Closes and frees; removes nothing. Safe twice. */
void workspace_release(struct workspace *ws);

#endif
