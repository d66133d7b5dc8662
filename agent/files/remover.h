/*
 * Removes a folder that we made, with everything the pipeline put into it, and nothing else.
 *
 * Invariants: never follows a link, never enters or touches a mount (what is mounted inside stays, and so do the folders above it), never
 * goes deeper than a bounded number of descriptors however deep the folders are.
 */
#ifndef TRAIN_FILES_REMOVER_H
#define TRAIN_FILES_REMOVER_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

/* Removes 'name' in the folder 'dir_fd'. 0, also when it was not there; -1 with 'err' (ERR_IO) naming what stays. */
MUST_CHECK int remover_remove(int dir_fd, const char *name, struct err *err);

/* The same, but what is not gone at 'deadline_ms' stays, and is named: who filled the folder must not decide how long a job takes to end. */
MUST_CHECK int remover_remove_until(int dir_fd, const char *name, int64_t deadline_ms, struct err *err);

#endif
