/* start, read, tags: what shall run, and may it? Nothing of the code has been touched when this is over. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "config/offers.h"
#include "config/secrets.h"
#include "config/variables.h"
#include "job/job.h"
#include "job/reuse.h"
#include "net/tags.h"

/* ---- start ---- */

/*
 * --set root=... wins, then the one `train run` made, then the platform's. Absolute and without a slash at its end, for links and variables are
 * made of it. Owned, or NULL.
 */
static char *
choose_root(const struct job *job)
{
	const struct setting_offer *given = &job->settings.offers[SETTING_ROOT][SOURCE_COMMAND_LINE];
	const char *root = job->request->root != NULL ? job->request->root : opt_ml_default_root(job->request->envp);
	char here[PATH_BYTES_MAX];

	root = given->given ? given->value.text : root;
	char *path =
	    root[0] != '/' && getcwd(here, sizeof(here)) != NULL ? text_format("%s/%s", here, root) : strdup(root);
	for (size_t len = path != NULL ? strlen(path) : 0; len > 1 && path[len - 1] == '/'; len--) {
		path[len - 1] = '\0';
	}
	return path;
}

/* Neither a job nor anything that could be run: most likely somebody typed 'train' in a project folder. */
static int
check_there_is_a_job(const struct job *job, struct err *err)
{
	char *const *envp = job->request->envp;
	struct stat st;
	int named = job->settings.offers[SETTING_CODE][SOURCE_COMMAND_LINE].given ||
	            variables_given(envp, "TRAIN_CODE") != NULL ||
	            job->settings.offers[SETTING_COMMAND][SOURCE_COMMAND_LINE].given ||
	            variables_given(envp, "TRAIN_COMMAND") != NULL;

	if (variables_given(envp, "TRAINING_JOB_NAME") != NULL || named || job->request->command != NULL ||
	    job->request->local || stat(job->root, &st) == 0) {
		return 0;
	}
	return err_set(
	    err, ERR_USAGE, 0, "no job here; to run this folder: `train run` ('%s' does not exist)", job->root);
}

/* A SageMaker job whose output is lost would be paid for in vain; at home a warning is enough. */
static int
open_output(struct job *job, struct err *err)
{
	struct err trouble = {.phase = err->phase};

	if (failure_open(&job->failure, job->root, &trouble) == 0) {
		job->output_off = 0;
		return 0;
	}
	if (variables_given(job->request->envp, "TRAINING_JOB_NAME") != NULL) {
		*err = trouble;
		return -1;
	}
	journal_warn(&job->journal, "%s: no failure text, record or metric file will be written", trouble.text);
	return 0;
}

static int
start(struct job *job, struct err *err)
{
	for (size_t i = 0; i < job->request->set_count; i++) {
		offers_command_line(&job->settings, job->request->sets[i]);
	}
	job->root = choose_root(job);
	if (job->root == NULL) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot begin");
	}
	if (check_there_is_a_job(job, err) < 0 || open_output(job, err) < 0) {
		return -1;
	}
	return job_phase(job, PHASE_START, err);
}

/* ---- read ---- */

/* Every mistake is a line of its own; the error that ends the job holds the first ones. */
static int
tell_mistakes(const struct notes *mistakes)
{
	for (size_t i = 0; i < mistakes->count && mistakes->count > 1; i++) {
		log_error("%s", mistakes->texts[i]);
	}
	return -1;
}

static int
read_files(struct job *job, struct err *err)
{
	CLEAN_NOTES mistakes = {0};
	size_t told = 0;

	if (opt_ml_read(&job->opt_ml, job->root, job->request->envp, &mistakes, err) < 0) {
		return tell_mistakes(&mistakes);
	}
	if (job->opt_ml.is_processing) {
		return err_set(
		    err, ERR_USAGE, 0, "this image only trains: '%s' is the root of a Processing job", job->root);
	}
	job_tell(job, &job->opt_ml.warnings, &told);
	return 0;
}

static int
read_job(struct job *job, struct err *err)
{
	if (job_phase(job, PHASE_READ, err) < 0 || read_files(job, err) < 0) {
		return -1;
	}
	if (secrets_for_agent(&job->mask, job->request->envp, &job->opt_ml.hyperparameters, NULL, err) < 0) {
		return -1;
	}
	if (job->request->local) {
		settings_default(&job->settings, SETTING_KEEP_WORKSPACE, "always");
	}
	reuse_offer(job);
	CLEAN_TEXT *path = text_format("%s/input/config/hyperparameters.json", job->root);
	if (path == NULL) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot read the job");
	}
	offers_hyperparameters(&job->settings, &job->opt_ml.hyperparameters, path);
	offers_environment(&job->settings, job->request->envp);
	if (job->request->project != NULL) {
		return 0; /* the folder is the code: nothing else is looked for */
	}
	CLEAN_NOTES warnings = {0};
	size_t told = 0;
	int found = code_find_default(
	    &job->find, &job->opt_ml, command_is_given(job->request->command, &job->settings), &warnings, err);
	job_tell(job, &warnings, &told);
	return found;
}

/* ---- tags ---- */

/* Nobody but a tag could name the code: then why they could not be read is why the job fails. */
static int
tags_are_the_only_hope(const struct job *job)
{
	return job->find.how == CODE_FOUND_NONE && settings_text(&job->settings, SETTING_CODE) == NULL;
}

/* No credentials means not asked (product §4). */
static int
ask(struct job *job, struct tags *tags, struct err *err)
{
	const struct credentials *current = NULL;
	struct creds *creds = job_creds(job, err);

	job->net.deadline_ms = clock_now_ms() + TAGS_DEADLINE_MS;
	if (creds == NULL || creds_get(creds, &current, err) < 0) {
		return -1;
	}
	return tags_list(&job->net, creds, job->opt_ml.arn, tags, err);
}

/* Takes over what ListTags said, so that the rest need not care where the tags came from. */
static int
keep_tags(struct job *job, struct tags *tags, struct err *err)
{
	job->opt_ml.tags = calloc(tags->count + 1, sizeof(*job->opt_ml.tags));
	if (job->opt_ml.tags == NULL) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot read the tags");
	}
	for (size_t i = 0; i < tags->count; i++) {
		job->opt_ml.tags[i] = (struct job_tag){.key = tags->list[i].key, .value = tags->list[i].value};
		tags->list[i] = (struct tag){0};
	}
	job->opt_ml.tag_count = tags->count;
	return 0;
}

static int
ask_for_tags(struct job *job, struct err *err)
{
	CLEAN_TAGS tags = {0};
	struct err trouble = {.phase = err->phase};

	if (ask(job, &tags, &trouble) == 0) {
		log_info("%zu tags on '%s'", tags.count, job->opt_ml.arn);
		return keep_tags(job, &tags, err);
	}
	if (trouble.kind == ERR_STOPPED) {
		*err = trouble;
		return job_stopped(job, err);
	}
	if (tags_are_the_only_hope(job)) {
		job->tags_err = trouble;
	}
	journal_warn(&job->journal, "tags were not read: %s", trouble.text);
	return 0;
}

static int
read_tags(struct job *job, struct err *err)
{
	const char *found = job->request->project != NULL ? job->request->project : code_find_label(&job->find);

	if (job_phase(job, PHASE_TAGS, err) < 0) {
		return -1;
	}
	if (offers_tags_wanted(&job->settings, &job->opt_ml, found) && ask_for_tags(job, err) < 0) {
		return -1;
	}
	if (!settings_is(&job->settings, SETTING_TAGS, "off")) {
		offers_tags(&job->settings, job->opt_ml.tags, job->opt_ml.tag_count, found);
	}
	return 0;
}

/* ---- freeze and plan ---- */

int
job_freeze(struct job *job, struct err *err)
{
	static const enum log_level levels[] = {LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG};
	int result = settings_freeze(&job->settings, err);
	int64_t level = settings_number(&job->settings, SETTING_LOG_LEVEL);

	if (level >= 0 && level < (int64_t)ARRAY_LEN(levels)) {
		log_set_level(levels[level]);
	}
	job_tell(job, &job->settings.warnings, &job->warnings_told);
	return result < 0 ? tell_mistakes(&job->settings.mistakes) : 0;
}

/* Only a tag could have named the code: what went wrong, and all that may help (product §4). */
static int
fail_without_tags(const struct job *job, struct err *err)
{
	const struct err *trouble = &job->tags_err;
	int told = strstr(trouble->text, "sagemaker:ListTags") != NULL;

	(void)err_set(err, trouble->kind, 0,
	    "no code: the tags were the only hope: %.270s%s%s%s; in a VPC the endpoint com.amazonaws.%s.sagemaker.api; without tags "
	    "TRAIN_CODE",
	    trouble->text, told ? "" : "; needed are sagemaker:ListTags on '", told ? "" : job->opt_ml.arn,
	    told ? "" : "'", job->opt_ml.region);
	err->phase = PHASE_TAGS;
	err->http = trouble->http;
	return -1;
}

/* `train run DIR`: the folder is the code, and what else names code does not count. */
static int
check_project(struct job *job, struct err *err)
{
	char origin[SETTING_ORIGIN_MAX];

	if (settings_binding_sha256(&job->settings) != NULL) {
		return err_set(err, ERR_SETTINGS, 0,
		    "code-sha256 binds an archive, but '%.200s' is a folder: run the archive, or --packed",
		    job->request->project);
	}
	if (settings_text(&job->settings, SETTING_CODE) != NULL) {
		journal_warn(&job->journal, "%s is ignored: what runs is '%s'",
		    settings_origin(&job->settings, SETTING_CODE, origin), job->request->project);
	}
	return 0;
}

static int
plan_code(struct job *job, struct err *err)
{
	CLEAN_NOTES warnings = {0};
	size_t told = 0;
	char *const *envp = job->request->envp;
	int script_mode = command_is_script_mode(job->request->command, &job->settings, &job->opt_ml, envp);

	if (job->request->project != NULL) {
		return check_project(job, err);
	}
	int result =
	    code_policy_plan(&job->plan, &job->settings, &job->opt_ml, &job->find, envp, script_mode, &warnings, err);
	job_tell(job, &warnings, &told);
	if (result < 0 || job->plan.how != CODE_FOUND_NONE) {
		return result;
	}
	if (job->tags_err.kind != ERR_NONE) {
		return fail_without_tags(job, err);
	}
	return code_policy_no_code(&job->settings, &job->opt_ml, err);
}

int
job_prepare(struct job *job, struct err *err)
{
	if (start(job, err) < 0 || read_job(job, err) < 0 || read_tags(job, err) < 0) {
		return -1;
	}
	err->phase = PHASE_READ;
	return job_freeze(job, err) < 0 ? -1 : plan_code(job, err);
}
