/* train: the container's entrypoint. What SageMaker, docker or an image's CMD may put on the command line, and the job behind it (C§1.1). */
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "cli/options.h"
#include "cli/verb.h"
#include "config/opt_ml.h"
#include "config/variables.h"
#include "job/job.h"

/* A job is there when the platform says so, or when somebody laid out its folders by hand. */
static int
is_a_job(char *const *envp)
{
	struct stat st;

	return variables_given(envp, "TRAINING_JOB_NAME") != NULL || stat(opt_ml_default_root(envp), &st) == 0;
}

/* Words that are no verb, no flag and stand before any "--": the command, where there is a job; a typing mistake elsewhere. */
static int
judge_bare_command(const struct options *options, char *const *envp, struct err *err)
{
	const char *word = options->command[0];

	if (strcmp(word, "serve") == 0) {
		return err_set(err, ERR_USAGE, 0, "this image only trains: 'serve' is for hosting");
	}
	if (is_a_job(envp)) {
		log_info("'%s' is no verb: it is taken as the command", word);
		return 0;
	}
	const char *nearest = verb_nearest(word);
	if (nearest != NULL) {
		return err_set(err, ERR_USAGE, 0, "unknown verb '%s': did you mean '%s'?", word, nearest);
	}
	return err_set(err, ERR_USAGE, 0,
	    "unknown verb '%s', and there is no job here whose command it could be: see 'train help'", word);
}

static int
is_behind_dashes(const struct options *options, char *const *argv)
{
	return options->command != argv + 1 && strcmp(options->command[-1], "--") == 0;
}

int
verb_train(char *const *argv, char *const *envp, struct err *err)
{
	struct words sets = {0};
	const struct option table[] = {{"--set", "NAME=VALUE", &sets}, {NULL, NULL, NULL}};
	struct options options = {.table = table, .first_plain_ends = 1};

	if (options_parse(&options, argv, err) < 0) {
		return -1;
	}
	if (options.command != NULL && options.command[0] == NULL) {
		return err_set(err, ERR_USAGE, 0, "no command behind '--'");
	}
	if (options.command != NULL && !is_behind_dashes(&options, argv) &&
	    judge_bare_command(&options, envp, err) < 0) {
		return -1;
	}
	const struct job_request request = {
	    .envp = envp, .sets = sets.items, .set_count = sets.count, .command = options.command};
	return job_run(&request, err);
}
