/*
 * Hyperparameters as command-line arguments (product §7, C§11), and the growing argument vector they are added to.
 */
#ifndef TRAIN_CONFIG_ARGUMENTS_H
#define TRAIN_CONFIG_ARGUMENTS_H

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "config/hyperparameters.h"
#include "config/pipeline.h"

/* An argument vector that grows; 'words' is always ended by NULL once something was added. */
struct arguments {
	char **words;
	size_t count;
	size_t room; /* words that fit, the NULL included */
	int failed;  /* memory refused or too many: sticky, told by arguments_take */
};

void arguments_add(struct arguments *args, const char *word);
void arguments_add_all(struct arguments *args, char *const *words); /* NULL adds nothing */

/* The user's hyperparameters, sorted by name: never sagemaker_..., train:... nor _tuning_objective_metric. */
void arguments_add_hyperparameters(struct arguments *args, const struct hyperparameters *hps, enum argument_form form);

/* Hands the vector over (free each word and it: arguments_free). NULL with 'err': ERR_SETTINGS for too many, ERR_SYSTEM. */
char **arguments_take(struct arguments *args, struct err *err);
void arguments_free(char **words);
void arguments_release(struct arguments *args);
#define CLEAN_ARGUMENTS CLEANUP(arguments_release) struct arguments

#endif
