/*
 * What is run (product §7): the command that is found first, as argument vectors, a step each. Nothing here is ever read by a shell.
 */
#ifndef TRAIN_CONFIG_COMMAND_H
#define TRAIN_CONFIG_COMMAND_H

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "config/hyperparameters.h"
#include "config/opt_ml.h"
#include "config/pipeline.h"
#include "config/settings.h"

enum {
	ARGV_WORDS_MAX = 8192, /* wrapper, command and two words a hyperparameter */
	SHEBANG_MAX = 256,     /* as the kernel reads it */
	PROGRAM_MAX = 1024,    /* a script's name */
};

enum command_origin {
	COMMAND_GIVEN,    /* -- CMD */
	COMMAND_SETTING,  /* `command` from C, H or E */
	COMMAND_PROGRAM,  /* SAGEMAKER_PROGRAM or sagemaker_program: script mode */
	COMMAND_PIPELINE, /* pipeline.json */
	COMMAND_ZIP,      /* the executable zip itself */
	COMMAND_NOWHERE,  /* nothing names one: command_build has failed, and command_example helps */
};

struct command_step {
	char *name;  /* NULL for an unnamed one */
	char **argv; /* ended by NULL */
	int python;  /* 1 when the first word is the interpreter that command_python chose */
};

struct command {
	enum command_origin origin;
	struct command_step *steps;
	size_t count; /* at least 1 */
};

/* All borrowed. */
struct command_wish {
	char *const *given; /* what followed "--", ended by NULL; or NULL */
	const struct settings *settings;
	const struct opt_ml *job;
	char *const *envp;                             /* SAGEMAKER_PROGRAM, PATH */
	const struct pipeline *pipeline;               /* a zeroed one when the code has none */
	const struct hyperparameters *hyperparameters; /* the job's over the pipeline's defaults */
	char *const *zip;                              /* how to start the executable zip, ended by NULL; or NULL */
	int code_fd; /* folder of the code, to read a .sh file's #! line; or AT_FDCWD */
};

/*
 * Finds the command and builds its vectors. -1 with ERR_SETTINGS (nothing names a command: with a pipeline.json to copy; a launcher
 * switch that is not supported; too many words), ERR_NO_COMMAND (the script is not there), ERR_SYSTEM. Release it in every case.
 */
MUST_CHECK int command_build(struct command *command, const struct command_wish *wish, struct err *err);
void command_release(struct command *command);
#define CLEAN_COMMAND CLEANUP(command_release) struct command

/* The toolkit's program ("train.py"), borrowed, or NULL: SAGEMAKER_PROGRAM, then sagemaker_program. */
const char *command_program(const struct opt_ml *job, char *const *envp);

/* The interpreter for Python, borrowed: `python`, else python3 or python on PATH. Where there is none "python3", and the spawn says that it is missing. */
const char *command_python(const struct settings *settings, char *const *envp);

/* The first of the toolkit's switches for a launcher (mpirun, torchrun and so on) that is on, or NULL. */
const char *command_launcher(const struct hyperparameters *hps);

/* The pipeline.json to copy when nothing names a command: five lines, for a log. The error itself has it in one line. */
const char *command_example(void);

/* 1 when the toolkit's program is what will run: neither -- CMD nor `command` from C, H, E say otherwise. */
int command_is_script_mode(
    char *const *given, const struct settings *settings, const struct opt_ml *job, char *const *envp);

/* 1 when -- CMD or `command` from C, H or E says what to run. */
int command_is_given(char *const *given, const struct settings *settings);

#endif
