/*
 * The SM_ variables of SageMaker's training toolkit, spelled as the toolkit spells them (C§11).
 */
#ifndef TRAIN_CONFIG_TOOLKIT_ENV_H
#define TRAIN_CONFIG_TOOLKIT_ENV_H

#include "base/attr.h"
#include "base/err.h"
#include "config/environment.h"

/* Sets them all in 'env' over what stands there. -1 with ERR_SYSTEM. */
MUST_CHECK int toolkit_env_add(
    struct environment *env, const struct environment_facts *facts, struct notes *warnings, struct err *err);

#endif
