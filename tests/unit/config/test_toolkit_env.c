/* The SM_ variables are those of SageMaker's training toolkit, with its values; each difference has its reason here. */
#include "unit/config/toolkit.h"

#include "base/json_read.h"
#include "config/toolkit_env.h"

/*
 * Where no program runs, nothing is an entry point. The toolkit never comes that far (it ends without sagemaker_program), so its
 * "None" and "" are values that no job has ever seen.
 */
static const char *const OF_A_PROGRAM[] = {"SM_MODULE_NAME", "SM_USER_ENTRY_POINT", NULL};

static const char NO_MODULE[] = "\"module_name\":\"None\"";
static const char OUR_NO_MODULE[] = "\"module_name\":null";

/* The toolkit's SM_TRAINING_ENV as ours should be: without a program its module is null, not the text None. */
static const char *
expected_training_env(const char *value, char out[VALUE_MAX])
{
	const char *at = strstr(value, NO_MODULE);

	if (at == NULL) {
		return value;
	}
	(void)snprintf(out, VALUE_MAX, "%.*s%s%s", (int)(at - value), value, OUR_NO_MODULE, at + strlen(NO_MODULE));
	return out;
}

/* Every variable of the toolkit has our value, and we have no SM_ variable that it has not. */
static void
compare_with_toolkit(const struct toolkit *toolkit, const char *fixture, const char *golden)
{
	struct fixture_env theirs;
	char ours[VALUE_MAX];
	char expected[VALUE_MAX];
	int has_program = command_program(&toolkit->job, toolkit->env.lines) != NULL;

	fixture_env_read(&theirs, fixture, golden);
	for (char **line = theirs.lines; *line != NULL; line++) {
		size_t len = variables_name_len(*line);
		CLEAN_TEXT *name = strndup(*line, len);
		const char *value = *line + len + 1;
		const char *got = toolkit_value(toolkit, name, ours);

		if (!has_program && toolkit_is_in(name, OF_A_PROGRAM)) {
			assert_null(got);
			continue;
		}
		if (strcmp(name, "SM_TRAINING_ENV") == 0) {
			value = expected_training_env(value, expected);
		}
		if (got == NULL || strcmp(got, value) != 0) {
			fail_msg("%s/%s: %s\n  toolkit: %s\n  train:   %s", fixture, golden, name, value,
			    got != NULL ? got : "(unset)");
		}
	}
	for (char **entry = toolkit->made.envp; *entry != NULL; entry++) {
		CLEAN_TEXT *name = strndup(*entry, variables_name_len(*entry));

		if (strncmp(name, "SM_", 3) == 0 && variables_get(theirs.lines, name) == NULL) {
			fail_msg("%s/%s: %s is not the toolkit's", fixture, golden, name);
		}
	}
}

static void
toolkit_env_equals_what_the_toolkit_makes(void **state)
{
	static const struct {
		const char *fixture, *resource, *input, *golden;
		int cpus, gpus;
	} cases[] = {
	    {"training-2-hosts-2020", NULL, NULL, "toolkit-5.1.4", 2, 0},
	    {"training-2022-gpu", NULL, NULL, "toolkit-5.1.4", 48, 4},
	    {"training-2025-topology-null", NULL, NULL, "toolkit-5.1.4", 4, 0},
	    {"training-2025-topology-null", "resourceconfig.topology-array.json", NULL, "toolkit-5.1.4.topology-array",
	        4, 0},
	    {"heterogeneous", NULL, NULL, "toolkit-5.1.4", 96, 8},
	    {"heterogeneous", "resourceconfig.algo-2.json", "inputdataconfig.algo-2.json", "toolkit-5.1.4.algo-2", 72,
	        0},
	    {"heterogeneous", "resourceconfig.11-hosts.json", NULL, "toolkit-5.1.4.11-hosts", 4, 0},
	    {"sdk-script-mode", NULL, NULL, "toolkit-5.1.4", 4, 0},
	    {"local-mode-sdk", NULL, NULL, "toolkit-5.1.4", 2, 0},
	    {"local-mode-sdk", "resourceconfig.two-hosts.json", NULL, "toolkit-5.1.4.two-hosts", 2, 0},
	    {"local-mode-sdk", "resourceconfig.v1-sdk.json", NULL, "toolkit-5.1.4.v1-sdk", 2, 0},
	    {"local-mode-sdk", "resourceconfig.studio.json", NULL, "toolkit-5.1.4.studio", 2, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_TOOLKIT toolkit = {0};

		toolkit_copy(&toolkit, cases[i].fixture, "environment", cases[i].resource, cases[i].input);
		toolkit_make(&toolkit, cases[i].cpus, cases[i].gpus);
		compare_with_toolkit(&toolkit, cases[i].fixture, cases[i].golden);
	}
}

/* ---- a real job of 2020 ---- */

/* Names that the toolkit of today has and that of 2020 had not: they came with instance groups and Neuron devices. */
static const char *const SINCE_2020[] = {"SM_CURRENT_INSTANCE_TYPE", "SM_CURRENT_INSTANCE_GROUP",
    "SM_CURRENT_INSTANCE_GROUP_HOSTS", "SM_INSTANCE_GROUPS", "SM_INSTANCE_GROUPS_DICT",
    "SM_DISTRIBUTION_INSTANCE_GROUPS", "SM_IS_HETERO", "SM_NUM_NEURONS", NULL};

/* Keys of SM_TRAINING_ENV that are new for the same reason. */
static const char *const KEYS_SINCE_2020[] = {"current_instance_group", "current_instance_group_hosts",
    "current_instance_type", "distribution_hosts", "distribution_instance_groups", "instance_groups",
    "instance_groups_dict", "is_hetero", "is_modelparallel_enabled", "is_smddpmprun_installed", "is_smddprun_installed",
    "num_neurons", "topology", NULL};

/*
 * In the dump besides, and not ours: what the toolkit sets for its own use, what the PyTorch image's hooks set for torch.distributed,
 * what the user's libraries set. The pipeline gets TRAIN_JOB_NAME, TRAIN_HOST and TRAIN_MASTER for the first three.
 */
static const char *const OF_OTHERS[] = {"SAGEMAKER_JOB_NAME", "CURRENT_HOST", "SAGEMAKER_REGION", "PYTHONPATH",
    "NCCL_SOCKET_IFNAME", "NCCL_IB_DISABLE", "NCCL_DEBUG", "MASTER_ADDR", "MASTER_PORT", "KMP_DUPLICATE_LIB_OK",
    "KMP_INIT_AT_FORK", "SSM_NUM_NODES", "SSM_HOST_RANK", "SSM_STATE", "SSM_INSTANCE_STATE", "SMDEBUG_LOG_LEVEL", "_",
    NULL};

/* Every key of the captured object has our value; every other key of ours is a new one. */
static void
compare_objects(const char *theirs, const char *ours)
{
	CLEAN_JSON left = {0};
	CLEAN_JSON right = {0};
	struct err err = {0};

	assert_int_equal(json_parse(&left, theirs, strlen(theirs), "captured", &err), 0);
	assert_int_equal(json_parse(&right, ours, strlen(ours), "ours", &err), 0);
	for (int key = json_first(&left, 0); key >= 0; key = json_next(&left, 0, key)) {
		CLEAN_TEXT *name = json_string(&left, key, NULL);
		int value = json_member(&right, 0, name);
		size_t left_len = 0;
		size_t right_len = 0;
		const char *expected = json_raw(&left, json_of_key(&left, key), &left_len);

		assert_true(value >= 0);
		const char *got = json_raw(&right, value, &right_len);
		if (left_len != right_len || memcmp(expected, got, left_len) != 0) {
			fail_msg("%s: captured %.*s, ours %.*s", name, (int)left_len, expected, (int)right_len, got);
		}
	}
	for (int key = json_first(&right, 0); key >= 0; key = json_next(&right, 0, key)) {
		CLEAN_TEXT *name = json_string(&right, key, NULL);

		assert_int_equal(json_member(&left, 0, name) < 0, toolkit_is_in(name, KEYS_SINCE_2020));
	}
}

/* A variable of the dump beside ours. */
static void
compare_captured(const struct toolkit *toolkit, const char *name, const char *value)
{
	char ours[VALUE_MAX];
	const char *got = toolkit_value(toolkit, name, ours);

	if (toolkit_is_in(name, OF_OTHERS) && variables_get(toolkit->env.lines, name) == NULL) {
		assert_null(got);
	} else if (strcmp(name, "TRAINING_JOB_ARN") == 0) {
		/* The dump's account number is masked, that of the environment is filled in. */
		assert_string_equal(got, variables_get(toolkit->env.lines, name));
	} else if (strcmp(name, "SM_TRAINING_ENV") == 0) {
		compare_objects(value, got);
	} else if (got == NULL || strcmp(got, value) != 0) {
		fail_msg("%s: captured '%s', ours '%s'", name, value, got != NULL ? got : "(unset)");
	}
}

static void
compare_dump(const char *host, const char *resource)
{
	CLEAN_TOOLKIT toolkit = {0};
	struct fixture_env dump;
	struct err err = {0};
	char file[64];

	(void)snprintf(file, sizeof(file), "environment.%s.as-captured", host);
	fixture_env_read(&dump, "training-2-hosts-2020", file);
	toolkit_copy(
	    &toolkit, "training-2-hosts-2020", resource == NULL ? "environment" : "environment.algo-2", resource, NULL);
	/* The fixture mixes two runs of one example, which differ by the job's name in this one address. */
	assert_int_equal(hyperparameters_set(&toolkit.job.hyperparameters, "sagemaker_submit_directory",
	                     variables_get(dump.lines, "SM_MODULE_DIR"), &err),
	    0);
	toolkit_make(&toolkit, 2, 0);
	for (char **line = dump.lines; *line != NULL; line++) {
		CLEAN_TEXT *name = strndup(*line, variables_name_len(*line));

		compare_captured(&toolkit, name, *line + strlen(name) + 1);
	}
	for (char **entry = toolkit.made.envp; *entry != NULL; entry++) {
		CLEAN_TEXT *name = strndup(*entry, variables_name_len(*entry));
		int is_theirs = variables_get(dump.lines, name) != NULL;

		assert_true(strncmp(name, "SM_", 3) != 0 || is_theirs != toolkit_is_in(name, SINCE_2020));
	}
}

static void
toolkit_env_equals_what_a_real_job_had(void **state)
{
	(void)state;
	compare_dump("algo-1", NULL);
	compare_dump("algo-2", "resourceconfig.algo-2.json");
}

/* ---- corners ---- */

/* A job made of one hyperparameters.json and one resourceconfig.json. */
static void
small_job(struct toolkit *toolkit, const char *hyperparameters, const char *resource)
{
	scratch_make(toolkit->root);
	scratch_write(toolkit->root, "input/config/hyperparameters.json", hyperparameters);
	scratch_write(toolkit->root, "input/config/resourceconfig.json", resource);
	scratch_read(&toolkit->job, toolkit->root, toolkit->env.lines);
	toolkit_make(toolkit, 1, 0);
}

#define EXPECT(toolkit, name, value) assert_string_equal(variables_get((toolkit)->made.envp, name), value)

static void
toolkit_env_splits_hyperparameters_as_the_toolkit_does(void **state)
{
	CLEAN_TOOLKIT toolkit = {0};

	(void)state;
	small_job(&toolkit,
	    "{\"a\":\"1\",\"_tuning_objective_metric\":\"loss\",\"train:code\":\"s3://b/k\",\"sagemaker_program\":\"\\\"x.py\\\"\","
	    "\"sagemaker_container_log_level\":\"\\\"DEBUG\\\"\",\"sagemaker_job_name\":\"\\\"j\\\"\",\"sagemaker_region\":\"\\\"r\\\"\","
	    "\"sagemaker_enable_cloudwatch_metrics\":\"false\",\"sagemaker_s3_output\":\"\\\"s3://o\\\"\",\"sagemaker_other\":\"[1]\"}",
	    "{}");
	/* The tuner's name belongs to the toolkit; train: names to us. */
	EXPECT(&toolkit, "SM_HPS", "{\"a\":1}");
	EXPECT(&toolkit, "SM_USER_ARGS", "[\"-a\",\"1\"]");
	EXPECT(&toolkit, "SM_HP_A", "1");
	EXPECT(&toolkit, "SM_FRAMEWORK_PARAMS", "{\"sagemaker_other\":[1]}");
	EXPECT(&toolkit, "SM_LOG_LEVEL", "DEBUG");
	EXPECT(&toolkit, "SM_USER_ENTRY_POINT", "x.py");
	EXPECT(&toolkit, "SM_MODULE_NAME", "x");
	assert_null(variables_get(toolkit.made.envp, "SM_HP__TUNING_OBJECTIVE_METRIC"));
	assert_null(variables_get(toolkit.made.envp, "SM_HP_TRAIN:CODE"));
	assert_non_null(strstr(variables_get(toolkit.made.envp, "SM_TRAINING_ENV"), "\"hyperparameters\":{\"a\":1}"));
	assert_non_null(strstr(variables_get(toolkit.made.envp, "SM_TRAINING_ENV"), "\"log_level\":\"DEBUG\""));
}

static void
toolkit_env_names_the_group_of_a_launcher(void **state)
{
	CLEAN_TOOLKIT toolkit = {0};

	(void)state;
	/* As the toolkit: a launcher that is switched on means this host's group, unless the groups are named. */
	small_job(&toolkit, "{\"sagemaker_torch_distributed_enabled\":\"true\"}",
	    "{\"current_host\":\"b\",\"hosts\":[\"a\",\"b\"],\"current_group_name\":\"g\",\"instance_groups\":["
	    "{\"instance_group_name\":\"f\",\"instance_type\":\"t\",\"hosts\":[\"a\"]},"
	    "{\"instance_group_name\":\"g\",\"instance_type\":\"t\",\"hosts\":[\"b\"]}]}");
	EXPECT(&toolkit, "SM_DISTRIBUTION_INSTANCE_GROUPS", "[\"g\"]");
	const char *all = variables_get(toolkit.made.envp, "SM_TRAINING_ENV");
	assert_non_null(strstr(all, "\"distribution_hosts\":[\"b\"]"));
	assert_non_null(strstr(all, "\"is_master\":true"));
	assert_non_null(strstr(all, "\"master_hostname\":\"b\""));
}

static void
toolkit_env_keeps_a_groups_own_keys(void **state)
{
	CLEAN_TOOLKIT toolkit = {0};

	(void)state;
	small_job(&toolkit, "{}",
	    "{\"hosts\":[\"a\"],\"instance_groups\":[{\"instance_group_name\":\"z\",\"hosts\":[\"a\"],\"later\":{\"b\":1,\"a\":2}},"
	    "{\"instance_group_name\":\"y\"}]}");
	EXPECT(&toolkit, "SM_INSTANCE_GROUPS", "[\"z\",\"y\"]");
	EXPECT(&toolkit, "SM_INSTANCE_GROUPS_DICT",
	    "{\"y\":{\"instance_group_name\":\"y\"},\"z\":{\"hosts\":[\"a\"],\"instance_group_name\":\"z\","
	    "\"later\":{\"a\":2,\"b\":1}}}");
	EXPECT(&toolkit, "SM_IS_HETERO", "true");
}

static void
toolkit_env_leaves_out_names_that_no_variable_can_have(void **state)
{
	CLEAN_TOOLKIT toolkit = {0};

	(void)state;
	small_job(&toolkit, "{\"a=b\":\"1\",\"c d\":\"2\",\"e.f-g\":\"3\"}", "{}");
	EXPECT(&toolkit, "SM_HP_C D", "2");
	EXPECT(&toolkit, "SM_HP_E.F-G", "3");
	EXPECT(&toolkit, "SM_HPS", "{\"a=b\":1,\"c d\":2,\"e.f-g\":3}");
	assert_null(variables_get(toolkit.made.envp, "SM_HP_A"));
}

static void
toolkit_env_values_too_long_for_the_kernel_are_left_out_with_a_warning(void **state)
{
	CLEAN_TOOLKIT toolkit = {0};
	CLEAN_BUF text;
	struct err err = {0};
	struct environment_facts facts = {.envp = toolkit.env.lines,
	    .job = &toolkit.job,
	    .pipeline = &toolkit.pipeline,
	    .hyperparameters = &toolkit.job.hyperparameters,
	    .bytes_max = 1 << 20};

	(void)state;
	buf_init(&text, 1 << 20);
	for (int i = 0; i < 3; i++) {
		buf_printf(&text, "%s\"k%d\":\"", i == 0 ? "{" : ",", i);
		for (int j = 0; j < 50000; j++) {
			buf_addc(&text, 'v');
		}
		buf_addc(&text, '"');
	}
	buf_addc(&text, '}');
	scratch_make(toolkit.root);
	scratch_write(toolkit.root, "input/config/hyperparameters.json", buf_text(&text));
	scratch_read(&toolkit.job, toolkit.root, toolkit.env.lines);
	assert_int_equal(environment_make(&toolkit.made, &facts, &toolkit.warnings, &err), 0);
	assert_true(notes_hold(&toolkit.warnings, "the variable 'SM_HPS' is too long for the kernel and is left out"));
	assert_true(notes_hold(&toolkit.warnings, "the variable 'SM_TRAINING_ENV' is too long"));
	assert_null(variables_get(toolkit.made.envp, "SM_HPS"));
	assert_int_equal(strlen(variables_get(toolkit.made.envp, "SM_HP_K2")), 50000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(toolkit_env_equals_what_the_toolkit_makes),
	    cmocka_unit_test(toolkit_env_equals_what_a_real_job_had),
	    cmocka_unit_test(toolkit_env_splits_hyperparameters_as_the_toolkit_does),
	    cmocka_unit_test(toolkit_env_names_the_group_of_a_launcher),
	    cmocka_unit_test(toolkit_env_keeps_a_groups_own_keys),
	    cmocka_unit_test(toolkit_env_leaves_out_names_that_no_variable_can_have),
	    cmocka_unit_test(toolkit_env_values_too_long_for_the_kernel_are_left_out_with_a_warning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
