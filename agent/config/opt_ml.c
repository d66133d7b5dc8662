#include "config/opt_ml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/text.h"
#include "config/config_file.h"
#include "config/variables.h"

enum { ACCOUNT_DIGITS = 12 };

/* What the steps of reading share. */
struct reading {
	struct opt_ml *job;
	char *const *envp;
	char folder[PATH_BYTES_MAX]; /* <root>/input/config */
	int barred;                  /* it may not be entered: one mistake says so, none of its files is looked for */
	struct notes *mistakes;
	struct err *err;
};

static int
no_memory(struct err *err)
{
	return err_set(err, ERR_SYSTEM, ENOMEM, "cannot keep the job's description");
}

/*
 * Opens a file that must be right where it exists. 1, 0 for a missing one or one whose text is wrong (then a mistake is noted), -1
 * for a disk that does not answer.
 */
static int
open_needed(struct reading *reading, struct config_file *file, const char *name)
{
	int found = reading->barred ? 0 : config_file_read(file, reading->folder, name, reading->err);

	if (found < 0 && reading->err->kind == ERR_SETTINGS) {
		notes_add(reading->mistakes, "%s", reading->err->text);
		err_clear(reading->err);
		return 0;
	}
	return found;
}

/* Opens a file that is only used where it fits: 1 or 0. What is wrong with it becomes a warning. */
static int
open_optional(struct reading *reading, struct config_file *file, const char *name)
{
	struct err err = {0};
	int found = reading->barred ? 0 : config_file_read(file, reading->folder, name, &err);

	if (found < 0) {
		notes_add(&reading->job->warnings, "'%s' is left out: %s", name, err.text);
	}
	return found > 0;
}

/* ---- the needed files ---- */

static int
read_hyperparameters(struct reading *reading)
{
	CLEAN_CONFIG_FILE file = {0};
	int found = open_needed(reading, &file, "hyperparameters.json");

	if (found <= 0) {
		return found;
	}
	return hyperparameters_add(
	    &reading->job->hyperparameters, &file.json, 0, file.path, 0, reading->mistakes, reading->err);
}

static int
read_cluster(struct reading *reading)
{
	CLEAN_CONFIG_FILE file = {0};
	CLEAN_CONFIG_FILE other = {0};
	int found = open_needed(reading, &file, "resourceconfig.json");
	const struct config_file *use = &file;

	/* AWS's own tutorial for containers run by hand spells it so (C§12.3). */
	if (found == 0) {
		found = open_needed(reading, &other, "resourceConfig.json");
		use = &other;
	}
	if (found < 0) {
		return -1;
	}
	return cluster_read(&reading->job->cluster, found > 0 ? use : NULL, reading->mistakes, reading->err);
}

static int
read_channels(struct reading *reading)
{
	CLEAN_CONFIG_FILE file = {0};
	CLEAN_CONFIG_FILE init = {0};
	struct opt_ml *job = reading->job;
	int found = open_needed(reading, &file, "inputdataconfig.json");

	if (found < 0 ||
	    channels_read(&job->channels, found > 0 ? &file : NULL, job->root, reading->mistakes, reading->err) < 0) {
		return -1;
	}
	if (open_optional(reading, &init, "init-config.json")) {
		return channels_locate(&job->channels, &init, reading->err);
	}
	return 0;
}

static int
read_checkpoints(struct reading *reading)
{
	CLEAN_CONFIG_FILE file = {0};
	struct opt_ml *job = reading->job;
	int found = open_needed(reading, &file, "checkpointconfig.json");
	char place[CONFIG_PLACE_MAX];

	if (found <= 0) {
		return found;
	}
	int path = json_member(&file.json, 0, "LocalPath");
	if (json_type(&file.json, path) == JSON_NULL) {
		job->checkpoint_dir = text_format("%s/checkpoints", job->root);
		return job->checkpoint_dir != NULL ? 0 : no_memory(reading->err);
	}
	job->checkpoint_dir = json_string(&file.json, path, NULL);
	if (job->checkpoint_dir == NULL || job->checkpoint_dir[0] != '/' ||
	    strlen(job->checkpoint_dir) >= PATH_BYTES_MAX) {
		notes_add(
		    reading->mistakes, "%s: 'LocalPath' is an absolute path", config_file_place(&file, path, place));
	}
	return 0;
}

/* ---- the files that only help ---- */

static int
read_metric_definitions(struct reading *reading)
{
	CLEAN_CONFIG_FILE file = {0};

	if (!open_optional(reading, &file, "metric-definition-regex.json")) {
		return 0;
	}
	reading->job->metric_definitions = buf_take(&file.text);
	return reading->job->metric_definitions != NULL ? 0 : no_memory(reading->err);
}

static int
read_tags(struct reading *reading, const struct json *json, int list)
{
	struct opt_ml *job = reading->job;

	if (json_type(json, list) != JSON_ARRAY) {
		return 0;
	}
	if (json_size(json, list) > JOB_TAGS_MAX) {
		notes_add(&job->warnings, "'trainingjobconfig.json' has more than %d tags: they are left out",
		    (int)JOB_TAGS_MAX);
		return 0;
	}
	job->has_tags = 1;
	job->tags = calloc((size_t)json_size(json, list) + 1, sizeof(*job->tags));
	if (job->tags == NULL) {
		return no_memory(reading->err);
	}
	for (int i = json_first(json, list); i >= 0; i = json_next(json, list, i)) {
		struct job_tag *tag = &job->tags[job->tag_count];

		tag->key = json_string(json, json_member(json, i, "Key"), NULL);
		tag->value = json_string(json, json_member(json, i, "Value"), NULL);
		if (tag->key != NULL && tag->value != NULL) {
			job->tag_count++;
			continue;
		}
		notes_add(&job->warnings,
		    "'trainingjobconfig.json' has a tag without text for 'Key' and 'Value': it is left out");
		text_free(&tag->key);
		text_free(&tag->value);
	}
	return 0;
}

static int
read_request(struct reading *reading)
{
	CLEAN_CONFIG_FILE file = {0};
	struct opt_ml *job = reading->job;

	if (!open_optional(reading, &file, "trainingjobconfig.json")) {
		return 0;
	}
	int output = json_member(&file.json, 0, "OutputDataConfig");
	job->s3_output = json_string(&file.json, json_member(&file.json, output, "S3OutputPath"), NULL);
	return read_tags(reading, &file.json, json_member(&file.json, 0, "Tags"));
}

/* ---- variables and folders ---- */

/* Copies what lies between two colons; -1 when it does not fit. */
static int
arn_part(const char **rest, char out[ARN_PART_MAX])
{
	const char *colon = strchr(*rest, ':');
	size_t len = colon != NULL ? (size_t)(colon - *rest) : 0;

	if (len == 0 || len >= ARN_PART_MAX) {
		return -1;
	}
	memcpy(out, *rest, len);
	out[len] = '\0';
	*rest = colon + 1;
	return 0;
}

/* C§1.5. The region becomes part of host names and the account of a header, so nothing else may stand in them. */
static int
is_arn(struct opt_ml *job)
{
	static const char lower[] = "abcdefghijklmnopqrstuvwxyz-";
	static const char digits[] = "0123456789";
	static const char region[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	static const char names[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-";
	static const char kind[] = "training-job/";
	char arn[ARN_PART_MAX];
	char service[ARN_PART_MAX];
	const char *rest = job->arn;

	if (strlen(job->arn) > ARN_BYTES_MAX || arn_part(&rest, arn) < 0 || arn_part(&rest, job->partition) < 0 ||
	    arn_part(&rest, service) < 0 || arn_part(&rest, job->region) < 0 || arn_part(&rest, job->account) < 0) {
		return 0;
	}
	if (strcmp(arn, "arn") != 0 || strncmp(job->partition, "aws", 3) != 0 || strcmp(service, "sagemaker") != 0 ||
	    strncmp(rest, kind, strlen(kind)) != 0) {
		return 0;
	}
	const char *name = rest + strlen(kind);
	return strspn(job->partition, lower) == strlen(job->partition) &&
	       strspn(job->region, region) == strlen(job->region) && strlen(job->account) == ACCOUNT_DIGITS &&
	       strspn(job->account, digits) == ACCOUNT_DIGITS && *name != '\0' && strspn(name, names) == strlen(name);
}

/* "arn:PARTITION:sagemaker:REGION:ACCOUNT:training-job/NAME". What is none is left out with a warning. */
static void
read_arn(struct opt_ml *job)
{
	if (is_arn(job)) {
		return;
	}
	notes_add(&job->warnings, "TRAINING_JOB_ARN '%s' is no ARN of a training job: it is left out", job->arn);
	text_free(&job->arn);
	job->partition[0] = job->region[0] = job->account[0] = '\0';
}

static int
read_variables(struct reading *reading)
{
	struct opt_ml *job = reading->job;
	const char *name = variables_given(reading->envp, "TRAINING_JOB_NAME");
	const char *arn = variables_given(reading->envp, "TRAINING_JOB_ARN");

	job->is_job = name != NULL;
	job->name = name != NULL ? strdup(name) : NULL;
	job->arn = arn != NULL ? strdup(arn) : NULL;
	if ((name != NULL && job->name == NULL) || (arn != NULL && job->arn == NULL)) {
		return no_memory(reading->err);
	}
	if (job->arn != NULL) {
		read_arn(job);
	}
	return 0;
}

static int
read_root(struct reading *reading, const char *root)
{
	struct opt_ml *job = reading->job;
	size_t len = strlen(root);
	char processing[PATH_BYTES_MAX];
	struct stat seen;

	while (len > 1 && root[len - 1] == '/') {
		len--;
	}
	job->root = strndup(root, len);
	if (job->root == NULL) {
		return no_memory(reading->err);
	}
	int fits = snprintf(reading->folder, sizeof(reading->folder), "%s/input/config", job->root) <
	           (int)sizeof(reading->folder);
	fits = fits && snprintf(processing, sizeof(processing), "%s/config/processingjobconfig.json", job->root) <
	                   (int)sizeof(processing);
	if (!fits) {
		return err_set(reading->err, ERR_SETTINGS, ENAMETOOLONG, "cannot use the root '%.100s'", root);
	}
	job->exists = stat(job->root, &seen) == 0 && S_ISDIR(seen.st_mode);
	job->is_processing = !job->is_job && stat(processing, &seen) == 0;
	return 0;
}

/* SageMaker has made the folder mode 0644 at times (C§1.3): then root alone can enter it. */
static void
try_folder(struct reading *reading)
{
	char inside[PATH_BYTES_MAX + 2];
	struct stat seen;

	(void)snprintf(inside, sizeof(inside), "%s/.", reading->folder);
	reading->barred = stat(inside, &seen) < 0 && errno == EACCES;
	if (reading->barred) {
		notes_add(reading->mistakes,
		    "user %ld may not enter '%s': its mode is for root alone, so let the image run as root",
		    (long)geteuid(), reading->folder);
	}
}

const char *
opt_ml_default_root(char *const *envp)
{
	const char *base = variables_given(envp, "SAGEMAKER_BASE_DIR");

	return base != NULL ? base : "/opt/ml";
}

int
opt_ml_read(struct opt_ml *job, const char *root, char *const *envp, struct notes *mistakes, struct err *err)
{
	/* Every file is read before anything is said: who fixes one mistake wants to know of the next. */
	static int (*const steps[])(struct reading *) = {
	    read_hyperparameters,
	    read_cluster,
	    read_channels,
	    read_checkpoints,
	    read_metric_definitions,
	    read_request,
	};
	struct reading reading = {.job = job, .envp = envp, .mistakes = mistakes, .err = err};

	*job = (struct opt_ml){0};
	if (read_variables(&reading) < 0 || read_root(&reading, root) < 0) {
		return -1;
	}
	try_folder(&reading);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		if (steps[i](&reading) < 0) {
			return -1;
		}
	}
	return notes_to_err(mistakes, "mistakes in the job's files", err);
}

void
opt_ml_release(struct opt_ml *job)
{
	for (size_t i = 0; i < job->tag_count; i++) {
		free(job->tags[i].key);
		free(job->tags[i].value);
	}
	free(job->tags);
	free(job->root);
	free(job->name);
	free(job->arn);
	free(job->checkpoint_dir);
	free(job->metric_definitions);
	free(job->s3_output);
	hyperparameters_release(&job->hyperparameters);
	cluster_release(&job->cluster);
	channels_release(&job->channels);
	notes_release(&job->warnings);
	*job = (struct opt_ml){0};
}
