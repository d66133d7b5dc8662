/*
 * An archive on its way from where it lies into the workspace: fetched, hashed, unpacked, proved, settled (product §4, §5).
 */
#ifndef TRAIN_JOB_RECEIVE_H
#define TRAIN_JOB_RECEIVE_H

#include "base/attr.h"
#include "base/err.h"
#include "files/tree.h"

struct job;
struct origin;

/* Brings an archive of any kind into the working folder; fills job->code. -1 with 'err', and only the stage has been written to. */
MUST_CHECK int receive_archive(struct job *job, struct origin *origin, struct err *err);

/*
 * A file on disk that is an executable zip stays where it is, and the working folder is empty: 1; job->code says how to start it. 0: it is something
 * else. -1 with 'err'.
 */
MUST_CHECK int receive_in_place(struct job *job, struct origin *origin, const char *path, struct err *err);

/* Hashes a file from its beginning: its digest and size come into job->code. -1 with 'err'. */
MUST_CHECK int receive_hash(struct job *job, struct origin *origin, struct err *err);

/* The limits of what is unpacked or copied, which also ask at every entry whether the job goes on. */
struct tree_limits receive_limits(struct job *job);

/* The rooms name the entry that is wrong; this says in whose code, and which folder is full. Returns -1. */
int receive_blame(const struct job *job, struct err *err);

#endif
