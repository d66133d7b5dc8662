/*
 * What is looked at once the pipeline has ended badly, before anything is cleaned up, and the failure text that comes of it.
 */
#ifndef TRAIN_JOB_POSTMORTEM_H
#define TRAIN_JOB_POSTMORTEM_H

#include "base/buf.h"
#include "base/evidence.h"
#include "base/limits.h"
#include "report/failure_text.h"

struct job;
struct exitcode;

struct postmortem {
	struct buf tail; /* the last lines of stderr, where failure-tail has them */
	struct volume volumes[VOLUMES_MAX];
	size_t volume_count;
	char output[PATH_BYTES_MAX], model[PATH_BYTES_MAX]; /* names of volumes */
};

/* Must stay where it is until it is released. */
void postmortem_look(struct postmortem *postmortem, const struct job *job);

/* 1 and the name of the exception when the pipeline ended because of one: Python ends with 1 then. Else 0. */
int postmortem_exception(
    const struct postmortem *postmortem, const struct exitcode *exitcode, char name[FAILURE_NAME_MAX]);

/* Appends the failure text, at most FAILURE_BYTES_MAX bytes. */
void postmortem_compose(const struct postmortem *postmortem, const struct job *job, const struct exitcode *exitcode,
    const char *sentence, struct buf *out);

void postmortem_release(struct postmortem *postmortem);
#define CLEAN_POSTMORTEM CLEANUP(postmortem_release) struct postmortem

#endif
