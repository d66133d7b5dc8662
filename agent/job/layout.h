/*
 * The working folder as the pipeline finds it (product §6): which links it gets, where they lead, and the four folders by their names.
 */
#ifndef TRAIN_JOB_LAYOUT_H
#define TRAIN_JOB_LAYOUT_H

#include "base/attr.h"
#include "base/err.h"

struct job;

/* Absolute paths, owned. */
struct layout {
	char *data, *model, *output, *checkpoints;
};

/*
 * Makes <root>/model and <root>/output/data where they are missing, the working folder of `train run`, and all links; says in one line each
 * what was replaced and what was left alone. 'project_fd' is the folder of the project's own files. -1 with 'err'. Release it in every case.
 */
MUST_CHECK int layout_make(struct layout *layout, struct job *job, int project_fd, struct err *err);

/*
 * Script mode: makes the working folder reachable as <root>/code, too, where that is absent or empty (product §8); the job's code_link gives it back. What keeps it
 * from being made is a warning.
 */
void layout_link_code(struct job *job);
void layout_release(struct layout *layout);

#endif
