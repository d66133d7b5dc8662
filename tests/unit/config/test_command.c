/* Which command is found, and its words: product §7, §8. */
#include "unit/config/reading.h"

#include <sys/wait.h>

#include "config/command.h"

enum { ROOT_MAX = 256 };

/* A project in a scratch folder, a job, and what runs. */
struct scene {
	struct read_pipeline project;
	struct opt_ml job;
	struct hyperparameters hps;
	struct command command;
	struct command_wish wish;
	char root[ROOT_MAX];
	char path[ROOT_MAX + 32]; /* PATH=<root>/bin */
	char program[ROOT_MAX];   /* SAGEMAKER_PROGRAM=... or nothing */
	char *envp[3];
	int code_fd;
};

static void
scene_release(struct scene *scene)
{
	command_release(&scene->command);
	reading_release(&scene->project);
	hyperparameters_release(&scene->hps);
	opt_ml_release(&scene->job);
	fd_close(&scene->code_fd);
	scratch_drop(scene->root);
}

#define CLEAN_SCENE CLEANUP(scene_release) struct scene

/* 'hyperparameters' is the job's file; 'pipeline' is pipeline.json, or NULL for a project without. */
static void
scene_set(struct scene *scene, const char *hyperparameters, const char *pipeline)
{
	char *const envp[] = {NULL};

	scratch_make(scene->root);
	scratch_write(scene->root, "input/config/hyperparameters.json", hyperparameters);
	scratch_read(&scene->job, scene->root, envp);
	if (pipeline != NULL) {
		reading_good(&scene->project, pipeline);
	} else {
		settings_init(&scene->project.settings);
	}
	struct err err = {0};
	assert_int_equal(hyperparameters_merge(&scene->hps, &scene->job.hyperparameters, &err), 0);
	assert_int_equal(hyperparameters_merge(&scene->hps, &scene->project.pipeline.defaults, &err), 0);
	(void)snprintf(scene->path, sizeof(scene->path), "PATH=%s/bin", scene->root);
	scene->envp[0] = scene->path;
	scene->code_fd = open(scene->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(scene->code_fd >= 0);
	scene->wish = (struct command_wish){
	    .settings = &scene->project.settings,
	    .job = &scene->job,
	    .envp = scene->envp,
	    .pipeline = &scene->project.pipeline,
	    .hyperparameters = &scene->hps,
	    .code_fd = scene->code_fd,
	};
}

static void
scene_say_program(struct scene *scene, const char *program)
{
	(void)snprintf(scene->program, sizeof(scene->program), "SAGEMAKER_PROGRAM=%s", program);
	scene->envp[1] = scene->program;
}

/* Builds, and compares the words of the step at 'at' with 'expected', which ends with NULL. */
static void
expect_step(struct scene *scene, size_t at, const char *name, const char *const *expected)
{
	const struct command_step *step = &scene->command.steps[at];
	size_t i = 0;

	assert_true(at < scene->command.count);
	assert_true(name == NULL ? step->name == NULL : step->name != NULL && strcmp(step->name, name) == 0);
	for (; expected[i] != NULL; i++) {
		assert_non_null(step->argv[i]);
		assert_string_equal(step->argv[i], expected[i]);
	}
	assert_null(step->argv[i]);
}

static void
build(struct scene *scene, enum command_origin origin)
{
	struct err err = {0};

	command_release(&scene->command);
	if (command_build(&scene->command, &scene->wish, &err) < 0) {
		fail_msg("%s", err.text);
	}
	assert_int_equal(scene->command.origin, origin);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void
expect_failure(struct scene *scene, enum err_kind kind, const char *part)
{
	struct err err = {0};

	command_release(&scene->command);
	assert_int_equal(command_build(&scene->command, &scene->wish, &err), -1);
	assert_int_equal(err.kind, kind);
	if (strstr(err.text, part) == NULL) {
		fail_msg("'%s' does not say '%s'", err.text, part);
	}
}

static void
make_program(const struct scene *scene, const char *path, const char *text)
{
	char full[ROOT_MAX + 64];

	scratch_write(scene->root, path, text);
	(void)snprintf(full, sizeof(full), "%s/%s", scene->root, path);
	assert_int_equal(chmod(full, 0755), 0);
}

/* ---- who names it ---- */

static void
command_is_found_in_the_published_order(void **state)
{
	char *const given[] = {(char[]){"given"}, (char[]){"word"}, NULL};
	char *const zip[] = {(char[]){"python3"}, (char[]){"pipeline.pex"}, NULL};
	CLEAN_SCENE scene = {0};

	(void)state;
	/* From the last to the first: each that is added wins over all before. */
	scene_set(&scene, "{\"sagemaker_program\": \"hp.py\", \"epochs\": \"5\"}", "{\"command\": \"./pipeline\"}");
	make_program(&scene, "bin/python3", "");
	scratch_write(scene.root, "hp.py", "");
	scratch_write(scene.root, "variable.py", "");
	scene.wish.zip = zip;
	struct pipeline none = {0};
	struct opt_ml bare = {.root = scene.root};
	scene.wish.pipeline = &none;
	scene.wish.job = &bare;
	build(&scene, COMMAND_ZIP);
	expect_step(&scene, 0, NULL, WORDS("python3", "pipeline.pex"));
	scene.wish.pipeline = &scene.project.pipeline;
	build(&scene, COMMAND_PIPELINE);
	expect_step(&scene, 0, NULL, WORDS("./pipeline"));
	scene.wish.job = &scene.job;
	build(&scene, COMMAND_PROGRAM);
	expect_step(&scene, 0, NULL, WORDS("python3", "hp.py", "--epochs", "5"));
	scene_say_program(&scene, "variable.py");
	build(&scene, COMMAND_PROGRAM);
	expect_step(&scene, 0, NULL, WORDS("python3", "variable.py", "--epochs", "5"));
	settings_offer(&scene.project.settings, SETTING_COMMAND, SOURCE_ENVIRONMENT, "env cmd", NULL);
	build(&scene, COMMAND_SETTING);
	expect_step(&scene, 0, NULL, WORDS("env", "cmd"));
	settings_offer(&scene.project.settings, SETTING_COMMAND, SOURCE_HYPERPARAMETER, "[\"hp cmd\"]", NULL);
	build(&scene, COMMAND_SETTING);
	expect_step(&scene, 0, NULL, WORDS("hp cmd"));
	scene.wish.given = given;
	build(&scene, COMMAND_GIVEN);
	expect_step(&scene, 0, NULL, WORDS("given", "word"));
}

static void
command_that_nobody_names_is_told_with_an_example(void **state)
{
	char *const nothing[] = {NULL};
	CLEAN_SCENE scene = {0};
	CLEAN_READING copied = {0};

	(void)state;
	scene_set(&scene, "{}", "{}");
	scene.wish.given = nothing; /* "--" with nothing behind it */
	expect_failure(&scene, ERR_SETTINGS, "nothing says what to run");
	expect_failure(&scene, ERR_SETTINGS, "{\"name\": \"my-pipeline\", \"command\": [\"python3\", \"train.py\"]");
	/* What is shown to copy is right, and has five lines. */
	reading_good(&copied, command_example());
	assert_int_equal(copied.pipeline.steps[0].arguments, ARGUMENTS_KEY_VALUE);
	size_t lines = 0;
	for (const char *c = command_example(); *c != '\0'; c++) {
		lines += *c == '\n';
	}
	assert_int_equal(lines, 5);
}

static void
command_knows_script_mode(void **state)
{
	char *const given[] = {(char[]){"x"}, NULL};
	char *const nothing[] = {NULL};
	CLEAN_SCENE scene = {0};
	struct settings *settings = &scene.project.settings;

	(void)state;
	scene_set(&scene, "{\"sagemaker_program\": \"\\\"\\\"\"}", "{\"command\": \"x\"}");
	assert_false(command_is_script_mode(NULL, settings, &scene.job, scene.envp)); /* an empty name is none */
	assert_false(command_is_given(nothing, settings)); /* pipeline.json is not the request */
	scene_say_program(&scene, "train.py");
	assert_string_equal(command_program(&scene.job, scene.envp), "train.py");
	assert_true(command_is_script_mode(NULL, settings, &scene.job, scene.envp));
	assert_true(command_is_script_mode(nothing, settings, &scene.job, scene.envp));
	assert_false(command_is_script_mode(given, settings, &scene.job, scene.envp));
	settings_offer(settings, SETTING_COMMAND, SOURCE_COMMAND_LINE, "x", NULL);
	assert_true(command_is_given(NULL, settings));
	assert_false(command_is_script_mode(NULL, settings, &scene.job, scene.envp));
}

/* ---- words ---- */

static void
command_steps_have_names_wrapper_and_arguments(void **state)
{
	CLEAN_SCENE scene = {0};

	(void)state;
	scene_set(&scene, "{\"epochs\": \"5\", \"k\": \"1\", \"train:log\": \"raw\", \"sagemaker_region\": \"x\"}",
	    "{\"steps\": [{\"name\": \"a\", \"command\": [\"./a\", \"b c\"]}, {\"name\": \"b\", \"command\": \"./b\", \"arguments\": "
	    "\"--key value\"}, {\"name\": \"c\", \"command\": \"./c\", \"arguments\": \"key=value\"}], \"wrapper\": \"nice -n 5\", "
	    "\"hyperparameters\": {\"depth\": 3, \"epochs\": 9}}");
	build(&scene, COMMAND_PIPELINE);
	assert_int_equal(scene.command.count, 3);
	expect_step(&scene, 0, "a", WORDS("nice", "-n", "5", "./a", "b c"));
	expect_step(&scene, 1, "b", WORDS("nice", "-n", "5", "./b", "--depth", "3", "--epochs", "5", "-k", "1"));
	expect_step(&scene, 2, "c", WORDS("nice", "-n", "5", "./c", "depth=3", "epochs=5", "k=1"));
}

static void
command_given_gets_the_wrapper_and_no_arguments(void **state)
{
	char *const given[] = {(char[]){"./x"}, (char[]){""}, (char[]){"a b"}, NULL};
	CLEAN_SCENE scene = {0};

	(void)state;
	scene_set(&scene, "{\"epochs\": \"5\"}", "{\"command\": \"y\", \"arguments\": \"--key value\"}");
	settings_offer(
	    &scene.project.settings, SETTING_WRAPPER, SOURCE_ENVIRONMENT, "[\"/opt/my entrypoint.sh\"]", NULL);
	scene.wish.given = given;
	build(&scene, COMMAND_GIVEN);
	expect_step(&scene, 0, NULL, WORDS("/opt/my entrypoint.sh", "./x", "", "a b"));
}

static void
command_behind_a_wrapper_is_not_pythons_to_miss(void **state)
{
	static const char pipeline[] = "{\"call\": \"m:f\"}";
	CLEAN_SCENE scene = {0};

	(void)state;
	scene_set(&scene, "{}", pipeline);
	build(&scene, COMMAND_PIPELINE);
	assert_int_equal(scene.command.steps[0].python, 1);
	settings_offer(&scene.project.settings, SETTING_WRAPPER, SOURCE_ENVIRONMENT, "/opt/entrypoint.sh", NULL);
	build(&scene, COMMAND_PIPELINE);
	assert_string_equal(scene.command.steps[0].argv[0], "/opt/entrypoint.sh");
	assert_int_equal(scene.command.steps[0].python, 0);
}

static void
command_python_is_the_first_that_is_there(void **state)
{
	static const char pipeline[] = "{\"call\": \"m:f\"}";
	CLEAN_SCENE scene = {0};

	(void)state;
	scene_set(&scene, "{}", pipeline);
	build(&scene, COMMAND_PIPELINE);
	assert_string_equal(scene.command.steps[0].argv[0], "python3"); /* none: the spawn says that it is missing */
	make_program(&scene, "bin/python", "");
	build(&scene, COMMAND_PIPELINE);
	assert_string_equal(scene.command.steps[0].argv[0], "python");
	scratch_write(scene.root, "bin/python3", ""); /* not executable */
	build(&scene, COMMAND_PIPELINE);
	assert_string_equal(scene.command.steps[0].argv[0], "python");
	make_program(&scene, "bin/python3", "");
	build(&scene, COMMAND_PIPELINE);
	assert_string_equal(scene.command.steps[0].argv[0], "python3");
	settings_offer(&scene.project.settings, SETTING_PYTHON, SOURCE_PIPELINE, "/opt/my env/python", NULL);
	build(&scene, COMMAND_PIPELINE);
	assert_string_equal(scene.command.steps[0].argv[0], "/opt/my env/python");
}

static void
command_takes_as_many_words_as_its_parts_may_have(void **state)
{
	CLEAN_SCENE scene = {0};
	struct err err = {0};
	char name[32];

	(void)state;
	scene_set(&scene, "{}", "{\"command\": \"x\", \"arguments\": \"--key value\"}");
	CLEAN_BUF words;
	buf_init(&words, 65536);
	for (int i = 0; i < 1024; i++) {
		buf_adds(&words, "w ");
	}
	for (int i = 0; i < 1024; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		assert_int_equal(hyperparameters_set(&scene.hps, name, "1", &err), 0);
	}
	settings_offer(&scene.project.settings, SETTING_WRAPPER, SOURCE_ENVIRONMENT, buf_text(&words), NULL);
	build(&scene, COMMAND_PIPELINE); /* 1,024 of the wrapper, 1, and 2 a hyperparameter: all allowed */
	assert_string_equal(scene.command.steps[0].argv[1024], "x");
	assert_string_equal(scene.command.steps[0].argv[1024 + 2 * 1024], "1");
	assert_null(scene.command.steps[0].argv[1024 + 2 * 1024 + 1]);
}

/* ---- script mode ---- */

static void
command_runs_a_program_by_its_kind(void **state)
{
	static const struct {
		const char *program, *text;
		const char *words[5];
	} cases[] = {
	    {"train.py", "#!/usr/bin/env ruby", {"python3", "train.py"}},
	    {"src/train.py", "", {"python3", "src/train.py"}},
	    {"-c.py", "", {"python3", "./-c.py"}},
	    {"run.sh", "echo", {"/bin/sh", "run.sh"}},
	    {"run.sh", "", {"/bin/sh", "run.sh"}},
	    {"run.sh", "#!/bin/bash\necho", {"/bin/bash", "run.sh"}},
	    {"run.sh", "#! /bin/bash -eu \necho", {"/bin/bash", "-eu", "run.sh"}},
	    {"run.sh", "#!/usr/bin/env bash -x\r\n", {"/usr/bin/env", "bash -x", "run.sh"}},
	    {"run.sh", "#!\n", {"/bin/sh", "run.sh"}},
	    {"-run.sh", "#!/bin/bash", {"/bin/bash", "./-run.sh"}},
	    {"train", "", {"./train"}},
	    {"bin/train", "", {"bin/train"}},
	    {"-train", "", {"./-train"}},
	    {".py", "", {"python3", ".py"}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_SCENE scene = {0};

		scene_set(&scene, "{}", NULL);
		make_program(&scene, "bin/python3", "");
		scratch_write(scene.root, cases[i].program, cases[i].text);
		scene_say_program(&scene, cases[i].program);
		build(&scene, COMMAND_PROGRAM);
		expect_step(&scene, 0, NULL, cases[i].words);
	}
}

static void
command_program_gets_the_jobs_hyperparameters(void **state)
{
	CLEAN_SCENE scene = {0};
	CLEAN_OPT_ML job = {0};
	struct fixture_env env;

	(void)state;
	/* The words of the fixture are the toolkit's own: see SM_USER_ARGS in its file toolkit-5.1.4. */
	scene_set(&scene, "{}", NULL);
	fixture_read(&job, &env, "sdk-script-mode");
	scene.wish.job = &job;
	scene.wish.hyperparameters = &job.hyperparameters;
	make_program(&scene, "bin/python3", "");
	scratch_write(scene.root, "train.py", "");
	build(&scene, COMMAND_PROGRAM);
	expect_step(&scene, 0, NULL,
	    WORDS("python3", "train.py", "--batch-size", "32", "--empty", "", "--epochs", "15", "--lang",
	        "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", "--layers", "[64, 64]", "--learning-rate", "0.001",
	        "--model_dir", "s3://sagemaker-us-east-1-123456789012/pytorch-training-2024-07-01-09-35-56-057/model",
	        "--name", "hello", "--opt", "betas=[0.9, 0.999],name=adam", "--path", "C:\\tmp", "--quote",
	        "say \"hi\"", "--resume", "", "--use_cuda", "True"));
}

static void
command_program_that_is_not_there_is_127(void **state)
{
	CLEAN_SCENE scene = {0};

	(void)state;
	scene_set(&scene, "{}", NULL);
	scene_say_program(&scene, "missing.py");
	expect_failure(&scene, ERR_NO_COMMAND, "cannot open the program 'missing.py' in the code");
	CLEAN_BUF name;
	buf_init(&name, 4096);
	for (int i = 0; i <= PROGRAM_MAX; i++) {
		buf_addc(&name, 'x');
	}
	char *envp[] = {NULL, NULL};
	CLEAN_BUF variable;
	buf_init(&variable, 4096);
	buf_printf(&variable, "SAGEMAKER_PROGRAM=%s", buf_text(&name));
	envp[0] = variable.data;
	scene.wish.envp = envp;
	expect_failure(&scene, ERR_SETTINGS, "longer than 1024 bytes");
}

static void
command_refuses_every_launcher_that_is_on(void **state)
{
	static const char *const launchers[] = {"sagemaker_mpi_enabled", "sagemaker_torch_distributed_enabled",
	    "sagemaker_parameter_server_enabled", "sagemaker_distributed_dataparallel_enabled",
	    "sagemaker_pytorch_ddp_enabled", "sagemaker_pytorch_xla_multi_worker_enabled",
	    "sagemaker_multi_worker_mirrored_strategy_enabled"};
	static const char *const on[] = {"true", "\\\"true\\\"", "True", "1", "yes"};
	static const char *const off[] = {"false", "\\\"false\\\"", "False", "0", "null", "\\\"\\\""};
	char text[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(launchers); i++) {
		for (size_t j = 0; j < ARRAY_LEN(on) + ARRAY_LEN(off); j++) {
			CLEAN_SCENE scene = {0};
			int is_on = j < ARRAY_LEN(on);

			(void)snprintf(text, sizeof(text), "{\"%s\": \"%s\", \"sagemaker_program\": \"t.py\"}",
			    launchers[i], is_on ? on[j] : off[j - ARRAY_LEN(on)]);
			scene_set(&scene, text, NULL);
			scratch_write(scene.root, "t.py", "");
			assert_int_equal(command_launcher(&scene.job.hyperparameters) != NULL, is_on);
			if (is_on) {
				expect_failure(&scene, ERR_SETTINGS, launchers[i]);
			} else {
				build(&scene, COMMAND_PROGRAM);
			}
		}
	}
}

static void
command_of_the_request_may_have_a_launcher_of_its_own(void **state)
{
	char *const given[] = {(char[]){"torchrun"}, NULL};
	CLEAN_SCENE scene = {0};

	(void)state;
	scene_set(&scene, "{\"sagemaker_mpi_enabled\": \"true\", \"sagemaker_program\": \"t.py\"}", NULL);
	scene.wish.given = given;
	build(&scene, COMMAND_GIVEN);
}

/* ---- a call, run for real ---- */

/* Runs the step in the project's folder with the machine's own PATH; its exit code. */
static int
run_step(const struct scene *scene, size_t at)
{
	int status = 0;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		if (fchdir(scene->code_fd) == 0) {
			(void)execvp(scene->command.steps[at].argv[0], scene->command.steps[at].argv);
		}
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
command_call_does_what_a_console_script_does(void **state)
{
	CLEAN_SCENE scene = {0};
	CLEAN_BUF said;
	struct err err = {0};
	char path[ROOT_MAX + 16];

	(void)state;
	scene_set(&scene, "{\"lr\": \"0.5\", \"name\": \"a'b \\\"c\\\"\"}",
	    "{\"steps\": [{\"name\": \"train\", \"call\": \"pkg.sub:Main.run\", \"arguments\": \"--key value\"}, "
	    "{\"name\": \"none\", \"call\": \"pkg.sub:nothing\"}, {\"name\": \"text\", \"call\": \"pkg.sub:text\"}]}");
	scratch_write(scene.root, "pkg/__init__.py", "");
	scratch_write(scene.root, "pkg/sub.py",
	    "import sys, helper\n"
	    "class Main:\n"
	    "    @staticmethod\n"
	    "    def run():\n"
	    "        with open('said', 'w') as out:\n"
	    "            print(sys.argv, helper.WHO, file=out)\n"
	    "        return 3\n"
	    "def nothing():\n"
	    "    pass\n"
	    "def text():\n"
	    "    sys.stderr.close()\n"
	    "    return 'text means 1'\n");
	scratch_write(scene.root, "helper.py", "WHO = 'helper'\n"); /* the project's root is on sys.path */
	build(&scene, COMMAND_PIPELINE);
	assert_int_equal(run_step(&scene, 0), 3);
	assert_int_equal(run_step(&scene, 1), 0);
	assert_int_equal(run_step(&scene, 2), 1);
	buf_init(&said, 4096);
	(void)snprintf(path, sizeof(path), "%s/said", scene.root);
	assert_int_equal(fd_read_file(AT_FDCWD, path, &said, &err), 0);
	assert_string_equal(buf_text(&said), "['pkg.sub:Main.run', '--lr', '0.5', '--name', 'a\\'b \"c\"'] helper\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(command_is_found_in_the_published_order),
	    cmocka_unit_test(command_that_nobody_names_is_told_with_an_example),
	    cmocka_unit_test(command_knows_script_mode),
	    cmocka_unit_test(command_steps_have_names_wrapper_and_arguments),
	    cmocka_unit_test(command_given_gets_the_wrapper_and_no_arguments),
	    cmocka_unit_test(command_behind_a_wrapper_is_not_pythons_to_miss),
	    cmocka_unit_test(command_python_is_the_first_that_is_there),
	    cmocka_unit_test(command_takes_as_many_words_as_its_parts_may_have),
	    cmocka_unit_test(command_runs_a_program_by_its_kind),
	    cmocka_unit_test(command_program_gets_the_jobs_hyperparameters),
	    cmocka_unit_test(command_program_that_is_not_there_is_127),
	    cmocka_unit_test(command_refuses_every_launcher_that_is_on),
	    cmocka_unit_test(command_of_the_request_may_have_a_launcher_of_its_own),
	    cmocka_unit_test(command_call_does_what_a_console_script_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
