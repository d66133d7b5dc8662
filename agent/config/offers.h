/*
 * What each source says about the settings: finds the names in it, warns about near misses, offers the values to config/settings.h.
 */
#ifndef TRAIN_CONFIG_OFFERS_H
#define TRAIN_CONFIG_OFFERS_H

#include <stddef.h>

#include "config/config_file.h"
#include "config/hyperparameters.h"
#include "config/opt_ml.h"
#include "config/settings.h"

/* One "NAME=VALUE" of --set. An unknown name is a mistake. */
void offers_command_line(struct settings *settings, const char *assignment);

/* "train:NAME" hyperparameters; an unknown one is a warning that names the nearest. 'path' is the file's, for "file:line:column". */
void offers_hyperparameters(struct settings *settings, const struct hyperparameters *hps, const char *path);

/*
 * TRAIN_NAME variables. An unknown one is a warning only within two letters of a setting that E may set, and never for the names of
 * product §5 and §8. An empty value counts as not set.
 */
void offers_environment(struct settings *settings, char *const *envp);

/*
 * "train:NAME" tags: only code, code-version and code-sha256, with code only s3:// or https://. Whatever is wrong is a warning; with tags=off nothing is looked at.
 * 'found' is the address of code that a default found (config/code_find.h), or NULL: like a code that C, H or E name, a tag does not
 * replace it; one warning shows both when they differ.
 */
void offers_tags(struct settings *settings, const struct job_tag *tags, size_t count, const char *found);

/*
 * Is ListTags to be asked? 0 when mistakes were made already, with tags=off, where the job brought its tags in trainingjobconfig.json,
 * without an ARN, and with tags=auto when C, H, E or a default ('found') name the code.
 */
int offers_tags_wanted(const struct settings *settings, const struct opt_ml *job, const char *found);

/* 1 when "TRAIN_..." is a name of product §5, §8 or §12 (TRAIN_CODE_TOKEN, TRAIN_RANK, TRAIN_IMAGE): no setting, no near miss. */
int offers_is_other_variable(const char *name);

#endif
