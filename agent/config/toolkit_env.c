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
#include "config/variables.h"

enum {
	SM_VALUE_MAX = 4 << 20, /* one value while it is built; what is longer than the kernel takes is left out */
	SM_NAME_MAX = 512,
};

/* What the functions that set variables share. */
struct filling {
	struct environment *env;
	const struct environment_facts *facts;
	struct notes *warnings;
	struct err *err;
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
    "sagemaker_distribution_instance_groups",
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

static void
put_key(struct buf *out, const char *key)
{
	buf_adds(out, out->len > 0 && out->data[out->len - 1] != '{' ? "," : "");
	put_string(out, key);
	buf_addc(out, ':');
}

static void
put_list(struct buf *out, char *const *words)
{
	buf_addc(out, '[');
	for (size_t i = 0; words != NULL && words[i] != NULL; i++) {
		buf_adds(out, i > 0 ? "," : "");
		put_string(out, words[i]);
	}
	buf_addc(out, ']');
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

/* ---- groups of hosts ---- */

/* The hosts of this host's group; without groups all of them. */
static char *const *
group_hosts(const struct cluster *cluster)
{
	for (size_t i = 0; i < cluster->group_count; i++) {
		if (strcmp(cluster->groups[i].name, cluster->group_name) == 0) {
			return cluster->groups[i].hosts;
		}
	}
	return cluster->hosts;
}

static void
put_group(struct buf *out, const char *name, const char *type, char *const *hosts)
{
	put_key(out, name);
	buf_addc(out, '{');
	put_key(out, "hosts");
	put_list(out, hosts);
	put_key(out, "instance_group_name");
	put_string(out, name);
	put_key(out, "instance_type");
	put_text_or_null(out, type);
	buf_addc(out, '}');
}

static int
compare_groups(const void *a, const void *b)
{
	const struct instance_group *const *x = a;
	const struct instance_group *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* {name: {...}} sorted by name. Without groups the toolkit makes one of all hosts. */
static void
put_groups(struct buf *out, const struct cluster *cluster)
{
	const struct instance_group *sorted[INSTANCE_GROUPS_MAX];

	buf_addc(out, '{');
	if (cluster->group_count == 0) {
		put_group(out, cluster->group_name, cluster->instance_type, cluster->hosts);
	}
	for (size_t i = 0; i < cluster->group_count; i++) {
		sorted[i] = &cluster->groups[i];
	}
	qsort(sorted, cluster->group_count, sizeof(struct instance_group *), compare_groups);
	for (size_t i = 0; i < cluster->group_count; i++) {
		put_group(out, sorted[i]->name, sorted[i]->instance_type, sorted[i]->hosts);
	}
	buf_addc(out, '}');
}

static void
put_group_names(struct buf *out, const struct cluster *cluster)
{
	buf_addc(out, '[');
	if (cluster->group_count == 0) {
		put_string(out, cluster->group_name);
	}
	for (size_t i = 0; i < cluster->group_count; i++) {
		buf_adds(out, i > 0 ? "," : "");
		put_string(out, cluster->groups[i].name);
	}
	buf_addc(out, ']');
}

/* ---- values that several variables need ---- */

static void
put_channel_dirs(struct buf *out, const struct channels *channels)
{
	buf_addc(out, '{');
	for (size_t i = 0; i < channels->count; i++) {
		put_key(out, channels->list[i].name);
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
			put_key(out, hps->list[i].name);
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

	put_key(out, key);
	put_text_or_null(out, path);
}

static void
put_text(struct buf *out, const char *key, const char *text)
{
	put_key(out, key);
	put_text_or_null(out, text);
}

static void
put_raw(struct buf *out, const char *key, const char *json)
{
	put_key(out, key);
	buf_adds(out, json);
}

/* The cluster's part, from "current_host" to "distribution_instance_groups". */
static void
put_training_cluster(struct buf *out, const struct environment_facts *facts)
{
	const struct cluster *cluster = &facts->job->cluster;
	const char *distribution = json_of(facts, "sagemaker_distribution_instance_groups", "[]");

	put_text(out, "current_host", cluster->host);
	put_text(out, "current_instance_group", cluster->group_name);
	put_key(out, "current_instance_group_hosts");
	put_list(out, group_hosts(cluster));
	put_text(out, "current_instance_type", cluster->instance_type);
	put_raw(out, "distribution_hosts", "[]");
	put_raw(out, "distribution_instance_groups", distribution);
}

static void
put_training_groups(struct buf *out, const struct cluster *cluster)
{
	put_key(out, "instance_groups");
	put_group_names(out, cluster);
	put_key(out, "instance_groups_dict");
	put_groups(out, cluster);
	put_raw(out, "is_hetero", cluster->group_count > 1 ? "true" : "false");
	put_raw(out, "is_master", cluster->rank == 0 ? "true" : "false");
	put_raw(out, "is_modelparallel_enabled", "null");
	put_raw(out, "is_smddpmprun_installed", "false");
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
	put_key(out, "num_cpus");
	buf_printf(out, "%d", facts->cpus);
	put_key(out, "num_gpus");
	buf_printf(out, "%d", facts->gpus);
	put_raw(out, "num_neurons", "0");
	put_path(out, "output_data_dir", root, "output/data");
	put_path(out, "output_dir", root, "output");
	put_path(out, "output_intermediate_dir", root, "output/intermediate");
}

/* All keys in alphabetical order, as the toolkit's own line has them. */
static void
put_training_env(struct buf *out, const struct environment_facts *facts)
{
	const struct opt_ml *job = facts->job;

	buf_addc(out, '{');
	put_key(out, "additional_framework_parameters");
	put_framework_parameters(out, &job->hyperparameters);
	put_key(out, "channel_input_dirs");
	put_channel_dirs(out, &job->channels);
	put_training_cluster(out, facts);
	put_text(out, "framework_module", variables_given(facts->envp, "SAGEMAKER_TRAINING_MODULE"));
	put_key(out, "hosts");
	put_list(out, job->cluster.hosts);
	put_key(out, "hyperparameters");
	hyperparameters_write(facts->hyperparameters, out);
	put_path(out, "input_config_dir", job->root, "input/config");
	put_raw(out, "input_data_config", job->channels.json);
	put_path(out, "input_dir", job->root, "input");
	put_training_groups(out, &job->cluster);
	put_text(out, "job_name", job->name);
	put_raw(out, "log_level", json_of(facts, "sagemaker_container_log_level", "20"));
	put_text(out, "master_hostname", job->cluster.hosts[0]);
	put_training_paths(out, facts);
	put_raw(out, "resource_config", job->cluster.json);
	put_text(out, "user_entry_point", facts->program);
	buf_addc(out, '}');
}

/* ---- the variables ---- */

static int
add_cluster(struct filling *filling, struct buf *out)
{
	const struct cluster *cluster = &filling->facts->job->cluster;
	int result = 0;

	put_list(out, cluster->hosts);
	result |= set_buf(filling, "SM_HOSTS", out);
	result |= set(filling, "SM_CURRENT_HOST", cluster->host);
	result |= set(filling, "SM_NETWORK_INTERFACE_NAME", cluster->interface);
	result |= set(filling, "SM_CURRENT_INSTANCE_TYPE", cluster->instance_type);
	result |= set(filling, "SM_CURRENT_INSTANCE_GROUP", cluster->group_name);
	put_list(out, group_hosts(cluster));
	result |= set_buf(filling, "SM_CURRENT_INSTANCE_GROUP_HOSTS", out);
	put_group_names(out, cluster);
	result |= set_buf(filling, "SM_INSTANCE_GROUPS", out);
	put_groups(out, cluster);
	result |= set_buf(filling, "SM_INSTANCE_GROUPS_DICT", out);
	result |= set(filling, "SM_DISTRIBUTION_INSTANCE_GROUPS",
	    json_of(filling->facts, "sagemaker_distribution_instance_groups", "[]"));
	result |= set(filling, "SM_IS_HETERO", cluster->group_count > 1 ? "true" : "false");
	return result | set(filling, "SM_RESOURCE_CONFIG", cluster->json);
}

/* Only UltraServers have a topology (C§2.2); elsewhere it is missing or null. */
static int
add_topology(struct filling *filling, struct buf *out)
{
	const char *text = filling->facts->job->cluster.json;
	CLEAN_JSON json = {0};

	if (json_parse(&json, text, strlen(text), "resourceconfig.json", filling->err) < 0) {
		return -1;
	}
	int topology = json_member(&json, 0, "topology");
	if (json_type(&json, topology) == JSON_NULL) {
		return 0;
	}
	pytext_json(&json, topology, out);
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

	hyperparameters_write(hps, out);
	result |= set_buf(filling, "SM_HPS", out);
	for (size_t i = 0; i < hps->count; i++) {
		if (hyperparameter_owner(hps->list[i].name) == OWNER_USER) {
			result |= set_upper(filling, "SM_HP_", hps->list[i].name, hps->list[i].variable);
		}
	}
	arguments_add_hyperparameters(&args, hps, ARGUMENTS_KEY_VALUE);
	put_list(out, args.words);
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
	CLEAN_TEXT *dir = module_dir(facts);
	CLEAN_TEXT *module = module_name(facts->program);
	int result = 0;

	if (dir == NULL || (facts->program != NULL && module == NULL)) {
		return err_set(filling->err, ERR_SYSTEM, ENOMEM, "cannot build the environment");
	}
	result |= set(filling, "SM_LOG_LEVEL", json_of(facts, "sagemaker_container_log_level", "20"));
	result |= set(filling, "SM_FRAMEWORK_MODULE", framework != NULL ? framework : "");
	result |= set(filling, "SM_MODULE_DIR", dir);
	if (facts->program != NULL) {
		result |= set(filling, "SM_USER_ENTRY_POINT", facts->program);
		result |= set(filling, "SM_MODULE_NAME", module);
	}
	put_training_env(out, facts);
	return result | set_buf(filling, "SM_TRAINING_ENV", out);
}

int
toolkit_env_add(struct environment *env, const struct environment_facts *facts, struct notes *warnings, struct err *err)
{
	struct filling filling = {.env = env, .facts = facts, .warnings = warnings, .err = err};
	CLEAN_BUF out;

	buf_init(&out, SM_VALUE_MAX);
	if (add_cluster(&filling, &out) < 0 || add_topology(&filling, &out) < 0 || add_channels(&filling, &out) < 0 ||
	    add_folders(&filling) < 0 || add_hyperparameters(&filling, &out) < 0 || add_machine(&filling) < 0) {
		return -1;
	}
	return add_program(&filling, &out);
}
