/* The pipeline's environment: product §8. */
#include "unit/config/reading.h"

#include "config/environment.h"
#include "config/variables.h"

#define DIGEST "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

enum { PLENTY = 1 << 20 };

/* A job of two hosts, what the hall knows about it, and what came out. */
struct scene {
	struct read_pipeline project;
	struct opt_ml job;
	struct environment env;
	struct notes warnings;
	struct environment_facts facts;
};

static void
scene_release(struct scene *scene)
{
	reading_release(&scene->project);
	opt_ml_release(&scene->job);
	environment_release(&scene->env);
	notes_release(&scene->warnings);
}

#define CLEAN_SCENE CLEANUP(scene_release) struct scene

/* Sets the scene: the container's variables, and pipeline.json. */
static void
scene_set(struct scene *scene, char *const *envp, const char *pipeline)
{
	char root[256];

	scratch_make(root);
	scratch_write(root, "input/config/resourceconfig.json",
	    "{\"current_host\": \"algo-2\", \"hosts\": [\"algo-1\", \"algo-10\", \"algo-2\"]}");
	scratch_write(root, "input/config/hyperparameters.json", "{\"epochs\": \"5\"}");
	scratch_read(&scene->job, root, envp);
	scratch_drop(root);
	reading_good(&scene->project, pipeline);
	scene->facts = (struct environment_facts){
	    .envp = envp,
	    .job = &scene->job,
	    .pipeline = &scene->project.pipeline,
	    .hyperparameters = &scene->job.hyperparameters,
	    .data_dir = "/w/data",
	    .model_dir = "/opt/ml/model",
	    .output_dir = "/opt/ml/output/data",
	    .checkpoint_dir = "/opt/ml/checkpoints",
	    .metrics = "/w/metrics",
	    .hyperparameters_file = "/w/hyperparameters.json",
	    .code_digest = DIGEST,
	    .run_id = "20260115-abc",
	    .home = "/w/home",
	    .cpus = 4,
	    .gpus = 1,
	    .bytes_max = PLENTY,
	};
}

static void
scene_make(struct scene *scene)
{
	struct err err = {0};

	if (environment_make(&scene->env, &scene->facts, &scene->warnings, &err) < 0) {
		fail_msg("%s", err.text);
	}
	assert_null(scene->env.envp[scene->env.count]);
}

#define VALUE(scene, name) variables_get((scene)->env.envp, name)

static void
environment_passes_what_the_container_had(void **state)
{
	char *const envp[] = {(char[]){"PATH=/bin:/x"}, (char[]){"EMPTY="}, (char[]){"odd name=a=b"},
	    (char[]){"AWS_SECRET_ACCESS_KEY=s3cr3t"}, (char[]){"LAST=with \"quotes\" and\nnewline"}, NULL};
	CLEAN_SCENE scene = {0};

	(void)state;
	scene_set(&scene, envp, "{}");
	scene_make(&scene);
	for (size_t i = 0; envp[i] != NULL; i++) {
		assert_string_equal(scene.env.envp[i], envp[i]);
	}
	assert_int_equal(scene.warnings.count, 0);
}

static void
environment_adds_every_published_name(void **state)
{
	static const char *const names[][2] = {
	    {"TRAIN_JOB_NAME", "my-Job"},
	    {"TRAIN_JOB_ARN", "arn:aws:sagemaker:eu-west-1:123456789012:training-job/my-job"},
	    {"TRAIN_HOST", "algo-2"},
	    {"TRAIN_HOSTS", "algo-1,algo-10,algo-2"},
	    {"TRAIN_RANK", "2"},
	    {"TRAIN_MASTER", "algo-1"},
	    {"TRAIN_DATA_DIR", "/w/data"},
	    {"TRAIN_MODEL_DIR", "/opt/ml/model"},
	    {"TRAIN_OUTPUT_DIR", "/opt/ml/output/data"},
	    {"TRAIN_CHECKPOINT_DIR", "/opt/ml/checkpoints"},
	    {"TRAIN_METRICS", "/w/metrics"},
	    {"TRAIN_HYPERPARAMETERS", "/w/hyperparameters.json"},
	    {"TRAIN_CODE_DIGEST", DIGEST},
	    {"TRAIN_RUN_ID", "20260115-abc"},
	    {"AWS_DEFAULT_REGION", "eu-west-1"},
	    {"PYTHONUNBUFFERED", "1"},
	    {"HOME", "/w/home"},
	    {"SM_HOSTS", "[\"algo-1\",\"algo-10\",\"algo-2\"]"},
	    {"SM_HPS", "{\"epochs\":5}"},
	    {"SM_NUM_GPUS", "1"},
	};
	char *const envp[] = {(char[]){"TRAINING_JOB_NAME=my-Job"},
	    (char[]){"TRAINING_JOB_ARN=arn:aws:sagemaker:eu-west-1:123456789012:training-job/my-job"}, NULL};
	CLEAN_SCENE scene = {0};

	(void)state;
	scene_set(&scene, envp, "{}");
	scene_make(&scene);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (VALUE(&scene, names[i][0]) == NULL) {
			fail_msg("%s is missing", names[i][0]);
		}
		assert_string_equal(VALUE(&scene, names[i][0]), names[i][1]);
	}
	assert_null(VALUE(&scene, "TRAIN_STEP")); /* set for each step */
}

static void
environment_leaves_out_what_there_is_not(void **state)
{
	char *const envp[] = {NULL};
	CLEAN_SCENE scene = {0};

	(void)state;
	scene_set(&scene, envp, "{}");
	scene.facts.code_digest = NULL;
	scene.facts.checkpoint_dir = NULL;
	scene.facts.home = NULL;
	scene_make(&scene);
	assert_null(VALUE(&scene, "TRAIN_JOB_NAME"));
	assert_null(VALUE(&scene, "TRAIN_JOB_ARN"));
	assert_null(VALUE(&scene, "TRAIN_CODE_DIGEST"));
	assert_null(VALUE(&scene, "TRAIN_CHECKPOINT_DIR"));
	assert_null(VALUE(&scene, "AWS_DEFAULT_REGION"));
	assert_null(VALUE(&scene, "HOME"));
	assert_null(VALUE(&scene, "SM_USER_ENTRY_POINT"));
}

static void
environment_keeps_the_agents_secrets_back(void **state)
{
	static const char *const names[] = {
	    "TRAIN_CODE_TOKEN", "TRAIN_CODE_TOKEN_FILE", "TRAIN_CODE_TOKEN_HOST", "TRAIN_CODE_INSECURE"};
	char *const envp[] = {(char[]){"TRAIN_CODE_TOKEN=geheim"}, (char[]){"TRAIN_CODE_TOKEN_FILE=/geheim"},
	    (char[]){"TRAIN_CODE_TOKEN_HOST=geheim"}, (char[]){"TRAIN_CODE_INSECURE=1"},
	    (char[]){"TRAIN_CODE=s3://b/k"}, NULL};
	CLEAN_SCENE scene = {0};

	(void)state;
	scene_set(&scene, envp, "{\"env\": {\"TRAIN_CODE_TOKEN\": \"x\", \"TRAIN_CODE_INSECURE\": \"1\"}}");
	scene_make(&scene);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_null(VALUE(&scene, names[i]));
	}
	for (size_t i = 0; i < scene.env.count; i++) {
		assert_null(strstr(scene.env.envp[i], "geheim"));
	}
	assert_string_equal(VALUE(&scene, "TRAIN_CODE"), "s3://b/k"); /* a setting is no secret */
}

static void
environment_replaces_output_names_with_one_line(void **state)
{
	char *const envp[] = {(char[]){"TRAIN_RANK=7"}, (char[]){"TRAIN_HOST=algo-2"}, (char[]){"TRAIN_STEP=old"},
	    (char[]){"TRAIN_METRICS=/elsewhere"}, (char[]){"TRAIN_RUN_ID="}, NULL};
	CLEAN_SCENE scene = {0};

	(void)state;
	scene_set(&scene, envp, "{}");
	scene_make(&scene);
	assert_string_equal(VALUE(&scene, "TRAIN_RANK"), "2");
	assert_string_equal(VALUE(&scene, "TRAIN_METRICS"), "/w/metrics");
	assert_string_equal(VALUE(&scene, "TRAIN_RUN_ID"), "20260115-abc");
	assert_null(VALUE(&scene, "TRAIN_STEP"));
	/* What agrees, or was empty, is not mentioned. */
	assert_int_equal(scene.warnings.count, 1);
	assert_true(notes_hold(&scene.warnings,
	    "variables that were set to something else are replaced for the pipeline: TRAIN_RANK, TRAIN_METRICS, TRAIN_STEP"));
}

static void
environment_of_the_project_fills_only_gaps(void **state)
{
	char *const envp[] = {(char[]){"OMP_NUM_THREADS=8"}, (char[]){"EMPTY="}, NULL};
	CLEAN_SCENE scene = {0};

	(void)state;
	scene_set(&scene, envp,
	    "{\"env\": {\"OMP_NUM_THREADS\": \"4\", \"EMPTY\": \"x\", \"MINE\": \"1\", \"PYTHONUNBUFFERED\": \"0\", "
	    "\"AWS_DEFAULT_REGION\": \"eu-north-1\", \"HOME\": \"/mine\"}}");
	scene_make(&scene);
	assert_string_equal(VALUE(&scene, "OMP_NUM_THREADS"), "8");
	assert_string_equal(VALUE(&scene, "EMPTY"), "");
	assert_string_equal(VALUE(&scene, "MINE"), "1");
	/* The project's wishes come before ours. */
	assert_string_equal(VALUE(&scene, "PYTHONUNBUFFERED"), "0");
	assert_string_equal(VALUE(&scene, "AWS_DEFAULT_REGION"), "eu-north-1");
	assert_string_equal(VALUE(&scene, "HOME"), "/mine");
	assert_int_equal(scene.warnings.count, 0);
}

static void
environment_of_the_project_cannot_pretend(void **state)
{
	char *const envp[] = {NULL};
	CLEAN_SCENE scene = {0};

	(void)state;
	scene_set(&scene, envp,
	    "{\"env\": {\"TRAIN_JOB_NAME\": \"x\", \"TRAIN_CODE_DIGEST\": \"y\", \"TRAIN_STEP\": \"z\", \"TRAIN_RANK\": \"0\"}}");
	scene.facts.code_digest = NULL;
	scene_make(&scene);
	assert_null(VALUE(&scene, "TRAIN_JOB_NAME"));
	assert_null(VALUE(&scene, "TRAIN_CODE_DIGEST"));
	assert_null(VALUE(&scene, "TRAIN_STEP"));
	assert_string_equal(VALUE(&scene, "TRAIN_RANK"), "2");
	assert_int_equal(scene.warnings.count, 1);
	assert_true(notes_hold(&scene.warnings,
	    "'env' of pipeline.json cannot set these, which are the agent's: TRAIN_JOB_NAME, TRAIN_CODE_DIGEST, TRAIN_STEP, "
	    "TRAIN_RANK"));
}

static void
environment_finds_the_region(void **state)
{
	static const struct {
		const char *variables[4];
		const char *region;
	} cases[] = {
	    {{"AWS_DEFAULT_REGION=a", "AWS_REGION=b"}, "a"},
	    {{"AWS_REGION=b", "SAGEMAKER_REGION=c"}, "b"},
	    {{"AWS_REGION=", "SAGEMAKER_REGION=c"}, "c"},
	    {{"TRAINING_JOB_ARN=arn:aws-cn:sagemaker:cn-north-1:123456789012:training-job/x"}, "cn-north-1"},
	    {{"AWS_REGION=b", "TRAINING_JOB_ARN=arn:aws:sagemaker:eu-west-1:123456789012:training-job/x"}, "b"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_SCENE scene = {0};
		char text[2][128];
		char *envp[] = {NULL, NULL, NULL};

		for (size_t j = 0; j < 2 && cases[i].variables[j] != NULL; j++) {
			(void)snprintf(text[j], sizeof(text[j]), "%s", cases[i].variables[j]);
			envp[j] = text[j];
		}
		scene_set(&scene, envp, "{}");
		scene_make(&scene);
		assert_string_equal(VALUE(&scene, "AWS_DEFAULT_REGION"), cases[i].region);
	}
}

static void
environment_home_is_given_where_there_is_none(void **state)
{
	static const struct {
		const char *home, *expected;
	} cases[] = {
	    {"HOME=/root", "/root"},
	    {"HOME=/", "/w/home"},
	    {"X=y", "/w/home"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_SCENE scene = {0};
		char text[32];
		char *envp[] = {text, NULL};

		(void)snprintf(text, sizeof(text), "%s", cases[i].home);
		scene_set(&scene, envp, "{}");
		scene_make(&scene);
		assert_string_equal(VALUE(&scene, "HOME"), cases[i].expected);
	}
}

static void
environment_names_stand_once(void **state)
{
	char *const envp[] = {(char[]){"A=first"}, (char[]){"A=second"}, (char[]){"TRAIN_HOST=x"},
	    (char[]){"TRAIN_HOST=y"}, (char[]){"naked"}, (char[]){"=x"}, NULL};
	CLEAN_SCENE scene = {0};

	(void)state;
	scene_set(&scene, envp, "{\"env\": {\"A\": \"third\", \"B\": \"1\"}}");
	scene_make(&scene);
	assert_string_equal(VALUE(&scene, "A"), "first");
	for (size_t i = 0; i < scene.env.count; i++) {
		size_t len = variables_name_len(scene.env.envp[i]);

		assert_true(len > 0);
		for (size_t j = i + 1; j < scene.env.count; j++) {
			assert_true(variables_name_len(scene.env.envp[j]) != len ||
			            strncmp(scene.env.envp[i], scene.env.envp[j], len) != 0);
		}
	}
}

static void
environment_can_be_changed_step_by_step(void **state)
{
	char *const envp[] = {(char[]){"A=1"}, (char[]){"B=2"}, NULL};
	CLEAN_SCENE scene = {0};
	struct err err = {0};

	(void)state;
	scene_set(&scene, envp, "{}");
	scene_make(&scene);
	size_t count = scene.env.count;
	assert_int_equal(environment_set(&scene.env, "TRAIN_STEP", "featurize", &err), 0);
	assert_int_equal(environment_set(&scene.env, "TRAIN_STEP", "train", &err), 0);
	assert_string_equal(VALUE(&scene, "TRAIN_STEP"), "train");
	assert_int_equal(scene.env.count, count + 1);
	assert_int_equal(environment_set(&scene.env, "A", NULL, &err), 0);
	assert_int_equal(environment_set(&scene.env, "A", NULL, &err), 0);
	assert_null(VALUE(&scene, "A"));
	assert_string_equal(VALUE(&scene, "B"), "2");
	assert_int_equal(scene.env.count, count);
	assert_null(scene.env.envp[count]);
}

/* What the kernel counts: each string with its zero and its pointer, and the pointer at the end. */
static size_t
bytes_of(const struct environment *env)
{
	size_t bytes = sizeof(char *);

	for (size_t i = 0; i < env->count; i++) {
		bytes += strlen(env->envp[i]) + 1 + sizeof(char *);
	}
	return bytes;
}

static size_t
bytes_of_one(const struct environment *env, const char *name)
{
	return strlen(name) + 1 + strlen(variables_get(env->envp, name)) + 1 + sizeof(char *);
}

static void
environment_too_large_loses_duplicates_first(void **state)
{
	char *const envp[] = {(char[]){"A=1"}, NULL};
	CLEAN_SCENE whole = {0};
	size_t all = 0;
	size_t training = 0;
	size_t hps = 0;

	(void)state;
	scene_set(&whole, envp, "{}");
	scene_make(&whole);
	all = bytes_of(&whole.env);
	training = bytes_of_one(&whole.env, "SM_TRAINING_ENV");
	hps = bytes_of_one(&whole.env, "SM_HPS");
	const struct {
		size_t bytes_max, warnings;
		int fits;
	} cases[] = {{all, 0, 1}, {all - 1, 1, 1}, {all - training, 1, 1}, {all - training - 1, 2, 1},
	    {all - training - hps, 2, 1}, {all - training - hps - 1, 2, 0}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_SCENE scene = {0};
		struct err err = {0};

		scene_set(&scene, envp, "{}");
		scene.facts.bytes_max = cases[i].bytes_max;
		/* The scratch root, and so its length, may differ from turn to turn. */
		assert_int_equal(strlen(scene.job.root), strlen(whole.job.root));
		int result = environment_make(&scene.env, &scene.facts, &scene.warnings, &err);
		assert_int_equal(result, cases[i].fits ? 0 : -1);
		assert_int_equal(scene.warnings.count, cases[i].warnings);
		assert_int_equal(VALUE(&scene, "SM_TRAINING_ENV") == NULL, cases[i].warnings > 0);
		assert_int_equal(VALUE(&scene, "SM_HPS") == NULL, cases[i].warnings > 1);
		assert_string_equal(VALUE(&scene, "A"), "1");
		if (!cases[i].fits) {
			assert_int_equal(err.kind, ERR_SETTINGS);
			assert_non_null(strstr(err.text, "the environment of the pipeline has"));
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(environment_passes_what_the_container_had),
	    cmocka_unit_test(environment_adds_every_published_name),
	    cmocka_unit_test(environment_leaves_out_what_there_is_not),
	    cmocka_unit_test(environment_keeps_the_agents_secrets_back),
	    cmocka_unit_test(environment_replaces_output_names_with_one_line),
	    cmocka_unit_test(environment_of_the_project_fills_only_gaps),
	    cmocka_unit_test(environment_of_the_project_cannot_pretend),
	    cmocka_unit_test(environment_finds_the_region),
	    cmocka_unit_test(environment_home_is_given_where_there_is_none),
	    cmocka_unit_test(environment_names_stand_once),
	    cmocka_unit_test(environment_can_be_changed_step_by_step),
	    cmocka_unit_test(environment_too_large_loses_duplicates_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
