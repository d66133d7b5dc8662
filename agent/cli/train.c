/* train: the container's entrypoint. What SageMaker, docker or an image's CMD may put on the command line, and the job behind it (C§1.1). */
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "cli/options.h"
#include "cli/verb.h"
#include "config/opt_ml.h"
#include "config/variables.h"
#include "job/job.h"

/* The root that '--set root=...' names, the last one, or else the platform's. */
static const char *
root_of(const struct words *sets, char *const *envp)
{
	static const char name[] = "root=";

	for (size_t i = sets->count; i-- > 0;) {
		if (strncmp(sets->items[i], name, sizeof(name) - 1) == 0) {
			return sets->items[i] + sizeof(name) - 1;
		}
	}
	return opt_ml_default_root(envp);
}

/* A job is there when the platform says so, or when somebody laid out its folders by hand. */
static int
is_a_job(const struct words *sets, char *const *envp)
{
	struct stat st;

	return variables_given(envp, "TRAINING_JOB_NAME") != NULL || stat(root_of(sets, envp), &st) == 0;
}

/* Words that are no verb, no flag and stand before any "--": the command, where there is a job; a typing mistake elsewhere. */
static int
judge_bare_command(const struct options *options, const struct words *sets, char *const *envp, struct err *err)
{
	const char *word = options->command[0];

	if (strcmp(word, "serve") == 0) {
		return err_set(err, ERR_USAGE, 0, "this image only trains: 'serve' is for hosting");
	}
	if (is_a_job(sets, envp)) {
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

/* Whatever stands before the command stands before it in argv: at least the program's own name. */
static int
is_bare(const struct options *options)
{
	return options->command != NULL && strcmp(options->command[-1], "--") != 0;
}

/* SageMaker puts its word "train" behind an entrypoint that may have it already, and settings besides: it is never the command. */
static int
parse(struct options *options, char *const *argv, struct err *err)
{
	while (options_parse(options, argv, err) == 0) {
		if (!is_bare(options) || strcmp(options->command[0], "train") != 0) {
			return 0;
		}
		argv = options->command;
		options->command = NULL;
	}
	return -1;
}

int
verb_train(char *const *argv, char *const *envp, struct err *err)
{
	struct words sets = {0};
	const struct option table[] = {{"--set", "NAME=VALUE", &sets}, {NULL, NULL, NULL}};
	struct options options = {.table = table, .first_plain_ends = 1};

	if (parse(&options, argv, err) < 0) {
		return -1;
	}
	if (options.command != NULL && options.command[0] == NULL) {
		return err_set(err, ERR_USAGE, 0, "no command behind '--'");
	}
	if (is_bare(&options) && judge_bare_command(&options, &sets, envp, err) < 0) {
		return -1;
	}
	const struct job_request request = {
	    .envp = envp, .sets = sets.items, .set_count = sets.count, .command = options.command};
	return job_run(&request, err);
}
