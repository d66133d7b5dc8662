#include "config/command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "config/arguments.h"
#include "config/variables.h"

/*
 * What a console script does: the project first on sys.path, then sys.exit(function()). The names come as an argument, so no text of
 * the project ever becomes part of a program.
 */
static const char CALL_PROGRAM[] =
    "import functools, importlib, os, sys\n"
    "call = sys.argv.pop(1)\n"
    "sys.argv[0] = call\n"
    "sys.path.insert(0, os.getcwd())\n"
    "module, _, function = call.partition(':')\n"
    "sys.exit(functools.reduce(getattr, function.split('.'), importlib.import_module(module))())\n";

/* Where programs are looked for when PATH is not set, as shells have it. */
static const char PATH_FALLBACK[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/* Switches of the toolkit that start several processes on several hosts. Without them each host would run on its own: refused. */
static const char *const LAUNCHERS[] = {
    "sagemaker_mpi_enabled",
    "sagemaker_torch_distributed_enabled",
    "sagemaker_parameter_server_enabled",
    "sagemaker_pytorch_ddp_enabled",
    "sagemaker_pytorch_xla_multi_worker_enabled",
    "sagemaker_multi_worker_mirrored_strategy_enabled",
    "sagemaker_distributed_dataparallel_enabled",
};

/* ---- who names the command ---- */

const char *
command_program(const struct opt_ml *job, char *const *envp)
{
	const char *program = variables_given(envp, "SAGEMAKER_PROGRAM");
	const struct hyperparameter *hp = hyperparameters_find(&job->hyperparameters, "sagemaker_program");

	if (program == NULL && hp != NULL && hp->variable[0] != '\0') {
		program = hp->variable;
	}
	return program;
}

int
command_is_given(char *const *given, const struct settings *settings)
{
	return (given != NULL && given[0] != NULL) || settings_source(settings, SETTING_COMMAND) > SOURCE_PIPELINE;
}

int
command_is_script_mode(char *const *given, const struct settings *settings, const struct opt_ml *job, char *const *envp)
{
	return !command_is_given(given, settings) && command_program(job, envp) != NULL;
}

const char *
command_example(void)
{
	return "{\n"
	       "  \"name\": \"my-pipeline\",\n"
	       "  \"command\": [\"python3\", \"train.py\"],\n"
	       "  \"arguments\": \"--key value\"\n"
	       "}\n";
}

static int
fail_no_command(struct err *err)
{
	return err_set(err, ERR_SETTINGS, 0,
	    "nothing says what to run: give words behind '--', set TRAIN_COMMAND, or put this pipeline.json into the project: "
	    "{\"name\": \"my-pipeline\", \"command\": [\"python3\", \"train.py\"], \"arguments\": \"--key value\"}");
}

/* ---- interpreters ---- */

static int
is_program(const char *path)
{
	struct stat seen;

	return stat(path, &seen) == 0 && S_ISREG(seen.st_mode) && access(path, X_OK) == 0;
}

static int
is_on_path(char *const *envp, const char *name)
{
	const char *rest = variables_get(envp, "PATH");

	for (rest = rest != NULL ? rest : PATH_FALLBACK; *rest != '\0';) {
		size_t len = strcspn(rest, ":");
		CLEAN_TEXT *path = text_format("%.*s/%s", (int)len, rest, name);

		if (len > 0 && path != NULL && is_program(path)) {
			return 1;
		}
		rest += len + (rest[len] == ':');
	}
	return 0;
}

const char *
command_python(const struct settings *settings, char *const *envp)
{
	const char *python = settings_text(settings, SETTING_PYTHON);

	if (python != NULL) {
		return python;
	}
	return !is_on_path(envp, "python3") && is_on_path(envp, "python") ? "python" : "python3";
}

static int
ends_with(const char *text, const char *end)
{
	size_t len = strlen(text);
	size_t end_len = strlen(end);

	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

/* Cuts the blanks off both ends; the text behind the first word, if there is one, is that word's only argument. */
static char *
split_once(char *text)
{
	size_t len = strlen(text);

	while (len > 0 && strchr(" \t", text[len - 1]) != NULL) {
		text[--len] = '\0';
	}
	text += strcspn(text, " \t");
	if (*text != '\0') {
		*text++ = '\0';
		text += strspn(text, " \t");
	}
	return text;
}

/* The first line of a script as the kernel takes it: an interpreter and at most one word for it; without one, /bin/sh. */
static void
add_shebang(struct arguments *args, int fd)
{
	char line[SHEBANG_MAX + 1] = "";
	ssize_t len = fd_read_full(fd, line, SHEBANG_MAX);

	line[len > 0 ? len : 0] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	if (strncmp(line, "#!", 2) != 0) {
		arguments_add(args, "/bin/sh");
		return;
	}
	char *interpreter = line + 2 + strspn(line + 2, " \t");
	const char *word = split_once(interpreter);
	arguments_add(args, *interpreter != '\0' ? interpreter : "/bin/sh");
	if (*word != '\0') {
		arguments_add(args, word);
	}
}

/* ---- steps ---- */

/* Opens a step: the wrapper's words stand before every command. */
static struct arguments
begin(const struct command_wish *wish)
{
	struct arguments args = {0};

	arguments_add_all(&args, settings_words(wish->settings, SETTING_WRAPPER));
	return args;
}

/* Adds the interpreter; returns 1 where it is the command's first word, 0 behind a wrapper. */
static int
add_python(struct arguments *args, const struct command_wish *wish)
{
	int first = args->count == 0;

	arguments_add(args, command_python(wish->settings, wish->envp));
	return first;
}

/* Ends a step. 'args' is released in every case. */
static int
finish(struct command *command, const char *name, int python, struct arguments *args, struct err *err)
{
	struct command_step *step = &command->steps[command->count];

	step->argv = arguments_take(args, err);
	arguments_release(args);
	if (step->argv == NULL) {
		return -1;
	}
	command->count++;
	step->python = python;
	step->name = name != NULL ? strdup(name) : NULL;
	return name == NULL || step->name != NULL ? 0 : err_set(err, ERR_SYSTEM, ENOMEM, "cannot build a command");
}

static int
build_words(struct command *command, const struct command_wish *wish, char *const *words, struct err *err)
{
	struct arguments args = begin(wish);

	arguments_add_all(&args, words);
	return finish(command, NULL, 0, &args, err);
}

/* Python takes nearly everything for true; these are what people write for "no". */
static int
is_off(const struct hyperparameter *hp)
{
	static const char *const words[] = {"", "false", "0", "no", "off", "none"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcasecmp(hp->variable, words[i]) == 0) {
			return 1;
		}
	}
	return 0;
}

const char *
command_launcher(const struct hyperparameters *hps)
{
	for (size_t i = 0; i < ARRAY_LEN(LAUNCHERS); i++) {
		const struct hyperparameter *hp = hyperparameters_find(hps, LAUNCHERS[i]);

		if (hp != NULL && !is_off(hp)) {
			return LAUNCHERS[i];
		}
	}
	return NULL;
}

static int
check_launchers(const struct command_wish *wish, struct err *err)
{
	const char *launcher = command_launcher(&wish->job->hyperparameters);

	if (launcher == NULL) {
		return 0;
	}
	return err_set(err, ERR_SETTINGS, 0,
	    "'%s' asks for a launcher that is not supported: without it each process would run on its own", launcher);
}

/* The program as a word that cannot be taken for a switch, and with a '/' where PATH is not to be searched. */
static void
add_script(struct arguments *args, const char *program, int needs_slash)
{
	char word[PROGRAM_MAX + 3];
	int bare = program[0] == '-' || (needs_slash && strchr(program, '/') == NULL);

	(void)snprintf(word, sizeof(word), "%s%s", bare ? "./" : "", program);
	arguments_add(args, word);
}

static int
build_program(struct command *command, const struct command_wish *wish, struct err *err)
{
	const char *program = command_program(wish->job, wish->envp);
	CLEAN_FD fd = -1;

	if (check_launchers(wish, err) < 0) {
		return -1;
	}
	if (strlen(program) > PROGRAM_MAX) {
		return err_set(
		    err, ERR_SETTINGS, 0, "the name of the program is longer than %d bytes", (int)PROGRAM_MAX);
	}
	fd = openat(wish->code_fd, program, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		enum err_kind kind = errno == EACCES ? ERR_NOT_EXECUTABLE : ERR_NO_COMMAND;

		return err_set(err, kind, errno, "cannot open the program '%s' in the code", program);
	}
	struct arguments args = begin(wish);
	int python = 0;

	if (ends_with(program, ".py")) {
		python = add_python(&args, wish);
		add_script(&args, program, 0);
	} else if (ends_with(program, ".sh")) {
		add_shebang(&args, fd);
		add_script(&args, program, 0);
	} else {
		add_script(&args, program, 1);
	}
	arguments_add_hyperparameters(&args, wish->hyperparameters, ARGUMENTS_KEY_VALUE);
	return finish(command, NULL, python, &args, err);
}

static int
build_step(struct command *command, const struct command_wish *wish, const struct pipeline_step *step, struct err *err)
{
	struct arguments args = begin(wish);
	int python = 0;

	if (step->call != NULL) {
		python = add_python(&args, wish);
		arguments_add(&args, "-c");
		arguments_add(&args, CALL_PROGRAM);
		arguments_add(&args, step->call);
	} else {
		arguments_add_all(&args, step->command);
	}
	arguments_add_hyperparameters(&args, wish->hyperparameters, step->arguments);
	return finish(command, step->name, python, &args, err);
}

static int
build_pipeline(struct command *command, const struct command_wish *wish, struct err *err)
{
	for (size_t i = 0; i < wish->pipeline->step_count; i++) {
		if (build_step(command, wish, &wish->pipeline->steps[i], err) < 0) {
			return -1;
		}
	}
	return 0;
}

int
command_build(struct command *command, const struct command_wish *wish, struct err *err)
{
	size_t steps = wish->pipeline->step_count > 0 ? wish->pipeline->step_count : 1;

	*command = (struct command){.steps = calloc(steps, sizeof(*command->steps))};
	if (command->steps == NULL) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot build a command");
	}
	if (wish->given != NULL && wish->given[0] != NULL) {
		command->origin = COMMAND_GIVEN;
		return build_words(command, wish, wish->given, err);
	}
	if (command_is_given(NULL, wish->settings)) {
		command->origin = COMMAND_SETTING;
		return build_words(command, wish, settings_words(wish->settings, SETTING_COMMAND), err);
	}
	if (command_program(wish->job, wish->envp) != NULL) {
		command->origin = COMMAND_PROGRAM;
		return build_program(command, wish, err);
	}
	if (wish->pipeline->step_count > 0) {
		command->origin = COMMAND_PIPELINE;
		return build_pipeline(command, wish, err);
	}
	if (wish->zip != NULL) {
		command->origin = COMMAND_ZIP;
		return build_words(command, wish, wish->zip, err);
	}
	command->origin = COMMAND_NOWHERE;
	return fail_no_command(err);
}

void
command_release(struct command *command)
{
	for (size_t i = 0; i < command->count; i++) {
		free(command->steps[i].name);
		arguments_free(command->steps[i].argv);
	}
	free(command->steps);
	*command = (struct command){0};
}
