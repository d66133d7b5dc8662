#include "config/environment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "config/offers.h"
#include "config/toolkit_env.h"
#include "config/variables.h"

/* The agent's own secrets and what belongs to them (product §5): none of the pipeline's business. */
static const char *const KEPT_BACK[] = {
    "TRAIN_CODE_TOKEN", "TRAIN_CODE_TOKEN_FILE", "TRAIN_CODE_TOKEN_HOST", "TRAIN_CODE_INSECURE"};

/* What may go when the set is too large, first to last: the toolkit gives both in pieces, too (product §8). */
static const char *const DUPLICATES[] = {"SM_TRAINING_ENV", "SM_HPS"};

enum { ROOM_STEP = 64 };

static int
no_memory(struct err *err)
{
	return err_set(err, ERR_SYSTEM, ENOMEM, "cannot build the environment");
}

/* ---- one variable ---- */

static size_t
find(const struct environment *env, const char *name, size_t len)
{
	for (size_t i = 0; i < env->count; i++) {
		if (variables_name_len(env->envp[i]) == len && strncmp(env->envp[i], name, len) == 0) {
			return i;
		}
	}
	return env->count;
}

static int
make_room(struct environment *env)
{
	char **envp = NULL;

	if (env->count + 1 < env->room) {
		return 0;
	}
	if (env->count < ENVIRONMENT_NAMES_MAX) {
		envp = realloc(env->envp, (env->room + ROOM_STEP) * sizeof(*envp));
	}
	if (envp == NULL) {
		return -1;
	}
	env->envp = envp;
	env->room += ROOM_STEP;
	return 0;
}

/* Puts an owned "NAME=value" at 'at', or behind the last one; NULL counts as refused memory. */
static int
put(struct environment *env, size_t at, char *entry, struct err *err)
{
	if (entry == NULL || (at == env->count && make_room(env) < 0)) {
		free(entry);
		return no_memory(err);
	}
	if (at < env->count) {
		free(env->envp[at]);
	} else {
		env->count++;
		env->envp[env->count] = NULL;
	}
	env->envp[at] = entry;
	return 0;
}

static void
drop(struct environment *env, size_t at)
{
	if (at < env->count) {
		free(env->envp[at]);
		memmove(&env->envp[at], &env->envp[at + 1], (env->count - at) * sizeof(*env->envp));
		env->count--;
	}
}

int
environment_set(struct environment *env, const char *name, const char *value, struct err *err)
{
	size_t at = find(env, name, strlen(name));

	if (value == NULL) {
		drop(env, at);
		return 0;
	}
	return put(env, at, text_format("%s=%s", name, value), err);
}

static int
set_where_unset(struct environment *env, const char *name, const char *value, struct err *err)
{
	return value == NULL || find(env, name, strlen(name)) < env->count ? 0 : environment_set(env, name, value, err);
}

/* ---- the parts ---- */

static int
is_kept_back(const char *entry, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(KEPT_BACK); i++) {
		if (strlen(KEPT_BACK[i]) == len && strncmp(KEPT_BACK[i], entry, len) == 0) {
			return 1;
		}
	}
	return 0;
}

/* What the container had. Of a name that stands twice the first counts, as getenv has it; what is no "NAME=value" goes. */
static int
add_container(struct environment *env, char *const *envp, struct err *err)
{
	if (make_room(env) < 0) {
		return no_memory(err);
	}
	env->envp[0] = NULL;
	for (; *envp != NULL; envp++) {
		size_t len = variables_name_len(*envp);

		if (len == 0 || is_kept_back(*envp, len) || find(env, *envp, len) < env->count) {
			continue;
		}
		if (put(env, env->count, strdup(*envp), err) < 0) {
			return -1;
		}
	}
	return 0;
}

static char *
join_hosts(const struct cluster *cluster)
{
	CLEAN_BUF out;

	buf_init(&out, ENVIRONMENT_STRING_MAX);
	for (size_t i = 0; i < cluster->host_count; i++) {
		buf_printf(&out, "%s%s", i > 0 ? "," : "", cluster->hosts[i]);
	}
	return buf_take(&out);
}

/* Sets one of our names; if it meant something else before, 'replaced' gets it. */
static int
set_output(struct environment *env, const char *name, const char *value, struct buf *replaced, struct err *err)
{
	const char *old = variables_given(env->envp, name);

	if (old != NULL && (value == NULL || strcmp(old, value) != 0)) {
		buf_printf(replaced, "%s%s", replaced->len > 0 ? ", " : "", name);
	}
	return environment_set(env, name, value, err);
}

/* The TRAIN_ names (product §8). TRAIN_STEP is set for each step; until then it must not say another's. */
static int
add_outputs(struct environment *env, const struct environment_facts *facts, struct notes *warnings, struct err *err)
{
	const struct opt_ml *job = facts->job;
	CLEAN_TEXT *hosts = join_hosts(&job->cluster);
	CLEAN_TEXT *rank = text_format("%zu", job->cluster.rank);
	CLEAN_BUF replaced;
	const struct {
		const char *name;
		const char *value;
	} outputs[] = {
	    {"TRAIN_JOB_NAME", job->name},
	    {"TRAIN_JOB_ARN", job->arn},
	    {"TRAIN_HOST", job->cluster.host},
	    {"TRAIN_HOSTS", hosts},
	    {"TRAIN_RANK", rank},
	    {"TRAIN_MASTER", job->cluster.hosts[0]},
	    {"TRAIN_DATA_DIR", facts->data_dir},
	    {"TRAIN_MODEL_DIR", facts->model_dir},
	    {"TRAIN_OUTPUT_DIR", facts->output_dir},
	    {"TRAIN_CHECKPOINT_DIR", facts->checkpoint_dir},
	    {"TRAIN_METRICS", facts->metrics},
	    {"TRAIN_HYPERPARAMETERS", facts->hyperparameters_file},
	    {"TRAIN_CODE_DIGEST", facts->code_digest},
	    {"TRAIN_RUN_ID", facts->run_id},
	    {"TRAIN_STEP", NULL},
	};

	buf_init(&replaced, NOTE_BYTES_MAX);
	if (hosts == NULL || rank == NULL) {
		return no_memory(err);
	}
	for (size_t i = 0; i < ARRAY_LEN(outputs); i++) {
		if (set_output(env, outputs[i].name, outputs[i].value, &replaced, err) < 0) {
			return -1;
		}
	}
	if (replaced.len > 0) {
		notes_add(warnings, "variables that were set to something else are replaced for the pipeline: %s",
		    buf_text(&replaced));
	}
	return 0;
}

static const char *
region_of(const struct environment_facts *facts)
{
	const char *region = variables_given(facts->envp, "AWS_REGION");

	if (region == NULL) {
		region = variables_given(facts->envp, "SAGEMAKER_REGION");
	}
	if (region == NULL && facts->job->region[0] != '\0') {
		region = facts->job->region;
	}
	return region;
}

/* The project's own wishes. Names of the agent's are not among them: where they are unset, that says something, too. */
static int
add_project(struct environment *env, const struct environment_facts *facts, struct notes *warnings, struct err *err)
{
	const struct pipeline_pairs *pairs = &facts->pipeline->env;
	CLEAN_BUF refused;

	buf_init(&refused, NOTE_BYTES_MAX);
	for (size_t i = 0; i < pairs->count; i++) {
		const char *name = pairs->list[i].name;

		if (offers_is_other_variable(name)) {
			buf_printf(&refused, "%s%s", refused.len > 0 ? ", " : "", name);
		} else if (set_where_unset(env, name, pairs->list[i].value, err) < 0) {
			return -1;
		}
	}
	if (refused.len > 0) {
		notes_add(
		    warnings, "'env' of pipeline.json cannot set these, which are the agent's: %s", buf_text(&refused));
	}
	return 0;
}

/* What is set only where nobody set it; the project's wishes come before ours. */
static int
add_defaults(struct environment *env, const struct environment_facts *facts, struct notes *warnings, struct err *err)
{
	size_t home = find(env, "HOME", strlen("HOME"));

	if (home < env->count && strcmp(env->envp[home], "HOME=/") == 0 && facts->home != NULL) {
		drop(env, home);
	}
	if (add_project(env, facts, warnings, err) < 0) {
		return -1;
	}
	if (set_where_unset(env, "AWS_DEFAULT_REGION", region_of(facts), err) < 0 ||
	    set_where_unset(env, "PYTHONUNBUFFERED", "1", err) < 0) {
		return -1;
	}
	return set_where_unset(env, "HOME", facts->home, err);
}

/* What the kernel counts: every string with its zero, and the pointer to it (execve(2)). */
static size_t
bytes_of(const struct environment *env)
{
	size_t bytes = sizeof(char *);

	for (size_t i = 0; i < env->count; i++) {
		bytes += strlen(env->envp[i]) + 1 + sizeof(char *);
	}
	return bytes;
}

static int
make_fit(struct environment *env, size_t bytes_max, struct notes *warnings, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(DUPLICATES) && bytes_of(env) > bytes_max; i++) {
		size_t at = find(env, DUPLICATES[i], strlen(DUPLICATES[i]));

		if (at < env->count) {
			notes_add(
			    warnings, "the environment is too large for the kernel: '%s' is left out", DUPLICATES[i]);
			drop(env, at);
		}
	}
	if (bytes_of(env) > bytes_max) {
		return err_set(err, ERR_SETTINGS, 0,
		    "the environment of the pipeline has %zu bytes, the kernel takes %zu", bytes_of(env), bytes_max);
	}
	return 0;
}

int
environment_make(
    struct environment *env, const struct environment_facts *facts, struct notes *warnings, struct err *err)
{
	*env = (struct environment){0};
	if (add_container(env, facts->envp, err) < 0 || add_outputs(env, facts, warnings, err) < 0 ||
	    toolkit_env_add(env, facts, warnings, err) < 0 || add_defaults(env, facts, warnings, err) < 0) {
		return -1;
	}
	return make_fit(env, facts->bytes_max, warnings, err);
}

void
environment_release(struct environment *env)
{
	for (size_t i = 0; i < env->count; i++) {
		free(env->envp[i]);
	}
	free(env->envp);
	*env = (struct environment){0};
}
