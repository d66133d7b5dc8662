#include "config/toolkit_env.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json_read.h"
#include "base/text.h"
#include "config/arguments.h"
#include "config/pytext.h"
#include "config/toolkit_groups.h"
#include "config/variables.h"

enum {
	SM_VALUE_MAX = 4 << 20, /* one value while it is built; what is longer than the kernel takes is left out */
	SM_NAME_MAX = 512,
};

static const char LOG_LEVEL[] = "sagemaker_container_log_level";
static const char LOG_LEVEL_DEFAULT[] = "20"; /* Python's INFO */

/* What the functions that set variables share. */
struct filling {
	struct environment *env;
	const struct environment_facts *facts;
	struct notes *warnings;
	struct err *err;
	struct toolkit_groups groups;
};

/* Hyperparameters that the toolkit keeps for itself; the other sagemaker_ ones are "framework parameters". */
static const char *const TOOLKIT_OWN[] = {
    "sagemaker_program",
    "sagemaker_submit_directory",
    "sagemaker_enable_cloudwatch_metrics",
    "sagemaker_container_log_level",
    "sagemaker_job_name",
    "sagemaker_region",
    "sagemaker_s3_output",
};

/* ---- setting one ---- */

/* Sets NAME=value, or leaves it out with a warning when the kernel would not take it. */
static int
set(struct filling *filling, const char *name, const char *value)
{
	if (strlen(name) + strlen(value) + 2 > ENVIRONMENT_STRING_MAX) {
		notes_add(filling->warnings, "the variable '%s' is too long for the kernel and is left out", name);
		return environment_set(filling->env, name, NULL, filling->err);
	}
	return environment_set(filling->env, name, value, filling->err);
}

/* Sets NAME to what 'out' holds, and empties it for the next one. */
static int
set_buf(struct filling *filling, const char *name, struct buf *out)
{
	int result = 0;

	if (out->full) {
		notes_add(filling->warnings, "the variable '%s' is too long and is left out", name);
	} else {
		result = set(filling, name, buf_text(out));
	}
	buf_reset(out);
	return result;
}

/* "SM_HP_BATCH-SIZE": the toolkit turns letters to upper case and leaves all else, dashes too. */
static int
set_upper(struct filling *filling, const char *prefix, const char *name, const char *value)
{
	char full[SM_NAME_MAX];

	if (strchr(name, '=') != NULL || strlen(prefix) + strlen(name) >= sizeof(full)) {
		return 0; /* no variable can have that name; TRAIN_HYPERPARAMETERS has the value */
	}
	(void)snprintf(full, sizeof(full), "%s%s", prefix, name);
	for (char *c = full; *c != '\0'; c++) {
		*c = (char)toupper((unsigned char)*c);
	}
	return set(filling, full, value);
}

/* ---- JSON pieces ---- */

static void
put_string(struct buf *out, const char *text)
{
	pytext_string(text, strlen(text), out);
}

/* A null where there is no text, as Python's None. */
static void
put_text_or_null(struct buf *out, const char *text)
{
	if (text != NULL) {
		put_string(out, text);
	} else {
		buf_adds(out, "null");
	}
}

static const char *
json_of(const struct environment_facts *facts, const char *name, const char *fallback)
{
	const struct hyperparameter *hp = hyperparameters_find(&facts->job->hyperparameters, name);

	return hp != NULL ? hp->json : fallback;
}

/* ---- values that several variables need ---- */

static void
put_channel_dirs(struct buf *out, const struct channels *channels)
{
	buf_addc(out, '{');
	for (size_t i = 0; i < channels->count; i++) {
		pytext_key(channels->list[i].name, out);
		put_string(out, channels->list[i].path);
	}
	buf_addc(out, '}');
}

static void
put_framework_parameters(struct buf *out, const struct hyperparameters *hps)
{
	buf_addc(out, '{');
	for (size_t i = 0; i < hps->count; i++) {
		int own = hyperparameter_owner(hps->list[i].name) != OWNER_TOOLKIT;

		for (size_t j = 0; j < ARRAY_LEN(TOOLKIT_OWN); j++) {
			own = own || strcmp(TOOLKIT_OWN[j], hps->list[i].name) == 0;
		}
		if (!own) {
			pytext_key(hps->list[i].name, out);
			buf_adds(out, hps->list[i].json);
		}
	}
	buf_addc(out, '}');
}

/* "train" of "train.py"; owned. */
static char *
module_name(const char *program)
{
	size_t len = program != NULL ? strlen(program) : 0;

	if (program == NULL) {
		return NULL;
	}
	if (len > 3 && strcmp(program + len - 3, ".py") == 0) {
		len -= 3;
	}
	return strndup(program, len);
}

/* Where the toolkit got the code; owned. */
static char *
module_dir(const struct environment_facts *facts)
{
	const struct hyperparameter *hp =
	    hyperparameters_find(&facts->job->hyperparameters, "sagemaker_submit_directory");

	return hp != NULL ? strdup(hp->variable) : text_format("%s/code", facts->job->root);
}

/* ---- SM_TRAINING_ENV ---- */

static void
put_path(struct buf *out, const char *key, const char *root, const char *below)
{
	CLEAN_TEXT *path = text_format("%s/%s", root, below);

	pytext_key(key, out);
	put_text_or_null(out, path);
}

static void
put_text(struct buf *out, const char *key, const char *text)
{
	pytext_key(key, out);
	put_text_or_null(out, text);
}

static void
put_raw(struct buf *out, const char *key, const char *json)
{
	pytext_key(key, out);
	buf_adds(out, json);
}

/* The cluster's part, from "current_host" to "distribution_instance_groups". */
static void
put_training_cluster(struct buf *out, const struct filling *filling)
{
	const struct toolkit_groups *groups = &filling->groups;

	put_text(out, "current_host", groups->cluster->host);
	put_text(out, "current_instance_group", groups->cluster->group_name);
	pytext_key("current_instance_group_hosts", out);
	pytext_words(toolkit_groups_hosts(groups), out);
	put_text(out, "current_instance_type", groups->cluster->instance_type);
	pytext_key("distribution_hosts", out);
	pytext_words(groups->launched, out);
	put_raw(out, "distribution_instance_groups", groups->distribution);
}

static void
put_training_groups(struct buf *out, const struct filling *filling)
{
	const struct toolkit_groups *groups = &filling->groups;

	pytext_key("instance_groups", out);
	toolkit_groups_put_names(groups, out);
	pytext_key("instance_groups_dict", out);
	toolkit_groups_put_all(groups, out);
	put_raw(out, "is_hetero", groups->cluster->group_count > 1 ? "true" : "false");
	put_raw(out, "is_master", strcmp(groups->master, groups->cluster->host) == 0 ? "true" : "false");
	put_raw(out, "is_modelparallel_enabled", "null");
	put_raw(out, "is_smddpmprun_installed", "false");
	put_raw(out, "is_smddprun_installed", "false");
}

static void
put_training_paths(struct buf *out, const struct environment_facts *facts)
{
	const char *root = facts->job->root;
	CLEAN_TEXT *dir = module_dir(facts);
	CLEAN_TEXT *module = module_name(facts->program);

	put_path(out, "model_dir", root, "model");
	put_text(out, "module_dir", dir);
	put_text(out, "module_name", module);
	put_text(out, "network_interface_name", facts->job->cluster.interface);
	pytext_key("num_cpus", out);
	buf_printf(out, "%d", facts->cpus);
	pytext_key("num_gpus", out);
	buf_printf(out, "%d", facts->gpus);
	put_raw(out, "num_neurons", "0");
	put_path(out, "output_data_dir", root, "output/data");
	put_path(out, "output_dir", root, "output");
	put_path(out, "output_intermediate_dir", root, "output/intermediate");
}

/* Null where the file says so; an empty list where it says nothing. */
static void
put_topology(struct buf *out, const struct filling *filling)
{
	int topology = json_member(&filling->groups.resource, 0, "topology");

	pytext_key("topology", out);
	if (topology >= 0) {
		pytext_json(&filling->groups.resource, topology, out);
	} else {
		buf_adds(out, "[]");
	}
}

/* All keys in alphabetical order, as the toolkit's own line has them. */
static void
put_training_env(struct buf *out, const struct filling *filling)
{
	const struct environment_facts *facts = filling->facts;
	const struct opt_ml *job = facts->job;

	buf_addc(out, '{');
	pytext_key("additional_framework_parameters", out);
	put_framework_parameters(out, &job->hyperparameters);
	pytext_key("channel_input_dirs", out);
	put_channel_dirs(out, &job->channels);
	put_training_cluster(out, filling);
	put_text(out, "framework_module", variables_given(facts->envp, "SAGEMAKER_TRAINING_MODULE"));
	pytext_key("hosts", out);
	pytext_words(job->cluster.hosts, out);
	pytext_key("hyperparameters", out);
	hyperparameters_write_user(facts->hyperparameters, out);
	put_path(out, "input_config_dir", job->root, "input/config");
	put_raw(out, "input_data_config", job->channels.json);
	put_path(out, "input_dir", job->root, "input");
	put_training_groups(out, filling);
	put_text(out, "job_name", job->name);
	put_raw(out, "log_level", json_of(facts, LOG_LEVEL, LOG_LEVEL_DEFAULT));
	put_text(out, "master_hostname", filling->groups.master);
	put_training_paths(out, facts);
	put_raw(out, "resource_config", job->cluster.json);
	put_topology(out, filling);
	put_text(out, "user_entry_point", facts->program);
	buf_addc(out, '}');
}

/* ---- the variables ---- */

/* A value that is JSON: a string's own text, all else as it is. */
static const char *
distribution_text(const struct filling *filling)
{
	const struct hyperparameter *named =
	    hyperparameters_find(&filling->facts->job->hyperparameters, "sagemaker_distribution_instance_groups");

	return named != NULL ? named->variable : filling->groups.distribution;
}

static int
add_cluster(struct filling *filling, struct buf *out)
{
	const struct toolkit_groups *groups = &filling->groups;
	const struct cluster *cluster = groups->cluster;
	int result = 0;

	pytext_words(cluster->hosts, out);
	result |= set_buf(filling, "SM_HOSTS", out);
	result |= set(filling, "SM_CURRENT_HOST", cluster->host);
	result |= set(filling, "SM_NETWORK_INTERFACE_NAME", cluster->interface);
	result |= set(filling, "SM_CURRENT_INSTANCE_TYPE", cluster->instance_type);
	result |= set(filling, "SM_CURRENT_INSTANCE_GROUP", cluster->group_name);
	pytext_words(toolkit_groups_hosts(groups), out);
	result |= set_buf(filling, "SM_CURRENT_INSTANCE_GROUP_HOSTS", out);
	toolkit_groups_put_names(groups, out);
	result |= set_buf(filling, "SM_INSTANCE_GROUPS", out);
	toolkit_groups_put_all(groups, out);
	result |= set_buf(filling, "SM_INSTANCE_GROUPS_DICT", out);
	result |= set(filling, "SM_DISTRIBUTION_INSTANCE_GROUPS", distribution_text(filling));
	result |= set(filling, "SM_IS_HETERO", cluster->group_count > 1 ? "true" : "false");
	return result | set(filling, "SM_RESOURCE_CONFIG", cluster->json);
}

/* Only UltraServers have a topology (C§2.2); elsewhere it is missing, null or empty. */
static int
add_topology(struct filling *filling, struct buf *out)
{
	int topology = json_member(&filling->groups.resource, 0, "topology");

	if (json_type(&filling->groups.resource, topology) == JSON_NULL ||
	    json_size(&filling->groups.resource, topology) == 0) {
		return 0;
	}
	pytext_json(&filling->groups.resource, topology, out);
	return set_buf(filling, "SM_TOPOLOGY", out);
}

static int
add_channels(struct filling *filling, struct buf *out)
{
	const struct channels *channels = &filling->facts->job->channels;
	int result = 0;

	buf_addc(out, '[');
	for (size_t i = 0; i < channels->count; i++) {
		buf_adds(out, i > 0 ? "," : "");
		put_string(out, channels->list[i].name);
		result |= set_upper(filling, "SM_CHANNEL_", channels->list[i].name, channels->list[i].path);
	}
	buf_addc(out, ']');
	result |= set_buf(filling, "SM_CHANNELS", out);
	return result | set(filling, "SM_INPUT_DATA_CONFIG", channels->json);
}

static int
add_folders(struct filling *filling)
{
	static const struct {
		const char *name;
		const char *below;
	} folders[] = {
	    {"SM_INPUT_DIR", "input"},
	    {"SM_INPUT_CONFIG_DIR", "input/config"},
	    {"SM_MODEL_DIR", "model"},
	    {"SM_OUTPUT_DIR", "output"},
	    {"SM_OUTPUT_DATA_DIR", "output/data"},
	    {"SM_OUTPUT_INTERMEDIATE_DIR", "output/intermediate"},
	};

	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		CLEAN_TEXT *path = text_format("%s/%s", filling->facts->job->root, folders[i].below);

		if (path == NULL) {
			return err_set(filling->err, ERR_SYSTEM, ENOMEM, "cannot build the environment");
		}
		if (set(filling, folders[i].name, path) < 0) {
			return -1;
		}
	}
	return 0;
}

static int
add_hyperparameters(struct filling *filling, struct buf *out)
{
	const struct hyperparameters *hps = filling->facts->hyperparameters;
	CLEAN_ARGUMENTS args = {0};
	int result = 0;

	hyperparameters_write_user(hps, out);
	result |= set_buf(filling, "SM_HPS", out);
	for (size_t i = 0; i < hps->count; i++) {
		if (hyperparameter_owner(hps->list[i].name) == OWNER_USER) {
			result |= set_upper(filling, "SM_HP_", hps->list[i].name, hps->list[i].variable);
		}
	}
	arguments_add_hyperparameters(&args, hps, ARGUMENTS_KEY_VALUE);
	pytext_words(args.words, out);
	result |= set_buf(filling, "SM_USER_ARGS", out);
	put_framework_parameters(out, &filling->facts->job->hyperparameters);
	return result | set_buf(filling, "SM_FRAMEWORK_PARAMS", out);
}

static int
add_machine(struct filling *filling)
{
	const struct environment_facts *facts = filling->facts;
	char number[32];
	int result = 0;

	(void)snprintf(number, sizeof(number), "%d", facts->cpus);
	result |= set(filling, "SM_NUM_CPUS", number);
	(void)snprintf(number, sizeof(number), "%d", facts->gpus);
	result |= set(filling, "SM_NUM_GPUS", number);
	return result | set(filling, "SM_NUM_NEURONS", "0");
}

/* What belongs to the toolkit's way of running a program; the names stay away where no program runs. */
static int
add_program(struct filling *filling, struct buf *out)
{
	const struct environment_facts *facts = filling->facts;
	const char *framework = variables_given(facts->envp, "SAGEMAKER_TRAINING_MODULE");
	const struct hyperparameter *level = hyperparameters_find(&facts->job->hyperparameters, LOG_LEVEL);
	CLEAN_TEXT *dir = module_dir(facts);
	CLEAN_TEXT *module = module_name(facts->program);
	int result = 0;

	if (dir == NULL || (facts->program != NULL && module == NULL)) {
		return err_set(filling->err, ERR_SYSTEM, ENOMEM, "cannot build the environment");
	}
	result |= set(filling, "SM_LOG_LEVEL", level != NULL ? level->variable : LOG_LEVEL_DEFAULT);
	result |= set(filling, "SM_FRAMEWORK_MODULE", framework != NULL ? framework : "");
	result |= set(filling, "SM_MODULE_DIR", dir);
	if (facts->program != NULL) {
		result |= set(filling, "SM_USER_ENTRY_POINT", facts->program);
		result |= set(filling, "SM_MODULE_NAME", module);
	}
	put_training_env(out, filling);
	return result | set_buf(filling, "SM_TRAINING_ENV", out);
}

static int
add_all(struct filling *filling)
{
	CLEAN_BUF out;

	buf_init(&out, SM_VALUE_MAX);
	if (add_cluster(filling, &out) < 0 || add_topology(filling, &out) < 0 || add_channels(filling, &out) < 0 ||
	    add_folders(filling) < 0 || add_hyperparameters(filling, &out) < 0 || add_machine(filling) < 0) {
		return -1;
	}
	return add_program(filling, &out);
}

int
toolkit_env_add(struct environment *env, const struct environment_facts *facts, struct notes *warnings, struct err *err)
{
	struct filling filling = {.env = env, .facts = facts, .warnings = warnings, .err = err};
	int result = toolkit_groups_read(&filling.groups, facts->job, err) < 0 ? -1 : add_all(&filling);

	toolkit_groups_release(&filling.groups);
	return result;
}
