/*
 * Tells the job as the record wants it: plain rows made from what the rooms hold. Only conclude.c calls it.
 */
#ifndef TRAIN_JOB_RECOUNT_H
#define TRAIN_JOB_RECOUNT_H

#include "base/attr.h"
#include "base/err.h"
#include "job/job.h"
#include "report/exitcode.h"

/* Writes the record; its path comes out in 'path' (PATH_BYTES_MAX). 'failure' is the first line of the failure text, or NULL. -1 with 'err'. */
MUST_CHECK int recount_write(const struct job *job, const struct exitcode *exitcode, const char *ended_by,
    const char *failure, char *path, struct err *err);

#endif
