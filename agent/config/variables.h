/*
 * Looking into an environment that was handed over as an array. The config room never asks the process for its own.
 */
#ifndef TRAIN_CONFIG_VARIABLES_H
#define TRAIN_CONFIG_VARIABLES_H

#include <stddef.h>

/* The value of the first "NAME=value" in 'envp' (ended by NULL), borrowed, or NULL. */
const char *variables_get(char *const *envp, const char *name);

/* The same, but an empty value counts as absent: "NAME=" in a Dockerfile or compose file means "not set". */
const char *variables_given(char *const *envp, const char *name);

/* Length of the name in "NAME=value"; 0 when it is no such string. */
size_t variables_name_len(const char *entry);

#endif
