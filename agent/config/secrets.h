/*
 * Which values must not be shown (product §10): fills the masks of base/mask.h from the names of variables and hyperparameters.
 */
#ifndef TRAIN_CONFIG_SECRETS_H
#define TRAIN_CONFIG_SECRETS_H

#include "base/attr.h"
#include "base/err.h"
#include "base/mask.h"
#include "config/hyperparameters.h"

/* For the agent's own lines, failure text and record: values under secret names, and those that 'redact' (ended by NULL, or NULL) names. */
MUST_CHECK int secrets_for_agent(
    struct mask *mask, char *const *envp, const struct hyperparameters *hps, char *const *redact, struct err *err);

/* For the pipeline's log: only what 'redact' names. */
MUST_CHECK int secrets_for_log(
    struct mask *mask, char *const *envp, const struct hyperparameters *hps, char *const *redact, struct err *err);

/* 1 when a hyperparameter or variable of this name is left out of the record and named in its list of masked ones. */
int secrets_is_masked(const char *name, char *const *redact);

#endif
