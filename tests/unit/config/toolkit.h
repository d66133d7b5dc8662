/*
 * Our SM_ variables beside those of SageMaker's training toolkit: fixtures, what the toolkit itself made of them (the files
 * toolkit-5.1.4 there), and what a real job had (environment.*.as-captured).
 */
#ifndef TRAIN_TESTS_CONFIG_TOOLKIT_H
#define TRAIN_TESTS_CONFIG_TOOLKIT_H

#include "unit/config/jobroot.h"

#include "base/text.h"
#include "config/command.h"
#include "config/environment.h"
#include "config/variables.h"

enum { VALUE_MAX = 65536 };

/* A job and the environment that we make for its pipeline. */
struct toolkit {
	char root[256];
	struct fixture_env env;
	struct opt_ml job;
	struct pipeline pipeline;
	struct environment made;
	struct notes warnings;
};

static inline void
toolkit_release(struct toolkit *toolkit)
{
	opt_ml_release(&toolkit->job);
	pipeline_release(&toolkit->pipeline);
	environment_release(&toolkit->made);
	notes_release(&toolkit->warnings);
	if (toolkit->root[0] != '\0') {
		scratch_drop(toolkit->root);
	}
}

#define CLEAN_TOOLKIT CLEANUP(toolkit_release) struct toolkit

/* Copies a fixture's config files into a scratch root; 'resource' and 'input' are files of variants/ that replace one, or NULL. */
static inline void
toolkit_copy(
    struct toolkit *toolkit, const char *fixture, const char *environment, const char *resource, const char *input)
{
	static const char *const names[] = {"hyperparameters", "resourceconfig", "inputdataconfig", "checkpointconfig",
	    "trainingjobconfig", "init-config", "metric-definition-regex"};
	char to[128];
	char from[512];

	scratch_make(toolkit->root);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *variant = i == 1 ? resource : i == 2 ? input : NULL;

		(void)snprintf(to, sizeof(to), "input/config/%s.json", names[i]);
		if (variant != NULL) {
			(void)snprintf(from, sizeof(from), FIXTURES "/%s/variants/%s", fixture, variant);
		} else {
			(void)snprintf(from, sizeof(from), FIXTURES "/%s/opt-ml/%s", fixture, to);
		}
		if (access(from, F_OK) == 0) {
			scratch_copy(toolkit->root, to, from);
		}
	}
	fixture_env_read(&toolkit->env, fixture, environment);
	scratch_read(&toolkit->job, toolkit->root, toolkit->env.lines);
}

/* Makes the environment as for a machine with so many processors. */
static inline void
toolkit_make(struct toolkit *toolkit, int cpus, int gpus)
{
	struct environment_facts facts = {
	    .envp = toolkit->env.lines,
	    .job = &toolkit->job,
	    .pipeline = &toolkit->pipeline,
	    .hyperparameters = &toolkit->job.hyperparameters,
	    .program = command_program(&toolkit->job, toolkit->env.lines),
	    .cpus = cpus,
	    .gpus = gpus,
	    .bytes_max = 1 << 20,
	};
	struct err err = {0};

	if (environment_make(&toolkit->made, &facts, &toolkit->warnings, &err) < 0) {
		fail_msg("%s", err.text);
	}
	assert_int_equal(toolkit->warnings.count, 0);
}

/* Our value of 'name' with the root as /opt/ml, or NULL. 'out' holds it. */
static inline const char *
toolkit_value(const struct toolkit *toolkit, const char *name, char out[VALUE_MAX])
{
	const char *value = variables_get(toolkit->made.envp, name);
	size_t len = strlen(toolkit->root);
	size_t used = 0;

	out[0] = '\0';
	for (const char *at; value != NULL && (at = strstr(value, toolkit->root)) != NULL; value = at + len) {
		used += (size_t)snprintf(out + used, VALUE_MAX - used, "%.*s/opt/ml", (int)(at - value), value);
		assert_true(used < VALUE_MAX);
	}
	if (value == NULL) {
		return NULL;
	}
	(void)snprintf(out + used, VALUE_MAX - used, "%s", value);
	return out;
}

/* 1 when 'name' is in 'names', which end with NULL. */
static inline int
toolkit_is_in(const char *name, const char *const *names)
{
	for (; *names != NULL; names++) {
		if (strcmp(*names, name) == 0) {
			return 1;
		}
	}
	return 0;
}

#endif
