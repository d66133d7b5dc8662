#include "unit/config/jobroot.h"

static char *const NO_VARIABLES[] = {NULL};

static const char *
variable_of(const struct opt_ml *job, const char *name)
{
	const struct hyperparameter *hp = hyperparameters_find(&job->hyperparameters, name);

	assert_non_null(hp);
	return hp->variable;
}

static void
opt_ml_reads_captured_job_of_two_hosts(void **state)
{
	CLEAN_OPT_ML job = {0};
	struct fixture_env env;

	(void)state;
	fixture_read(&job, &env, "training-2-hosts-2020");
	assert_true(job.is_job && job.exists && !job.is_processing);
	assert_string_equal(job.name, "Task1-2020-10-08-07-55-57-f4j22Gh0");
	assert_string_equal(job.partition, "aws");
	assert_string_equal(job.region, "us-east-1");
	assert_string_equal(job.account, "123456789012");
	assert_int_equal(job.cluster.host_count, 2);
	assert_string_equal(job.cluster.host, "algo-1");
	assert_int_equal(job.cluster.rank, 0);
	assert_string_equal(job.cluster.hosts[1], "algo-2");
	assert_string_equal(job.cluster.instance_type, "local");
	assert_string_equal(job.cluster.group_name, "homogeneousCluster");
	assert_string_equal(job.cluster.json,
	    "{\"current_host\":\"algo-1\",\"hosts\":[\"algo-1\",\"algo-2\"],\"network_interface_name\":\"eth0\"}");
	assert_int_equal(job.channels.count, 1);
	assert_string_equal(job.channels.list[0].name, "data");
	assert_string_equal(job.channels.list[0].path, FIXTURES "/training-2-hosts-2020/opt-ml/input/data/data");
	assert_non_null(strstr(job.channels.list[0].s3_uri, "/Task1/input"));
	assert_string_equal(job.checkpoint_dir, "/state");
	assert_string_equal(job.metric_definitions, "[]");
	assert_int_equal(job.hyperparameters.count, 7);
	assert_string_equal(variable_of(&job, "arg1"), "5");
	assert_string_equal(variable_of(&job, "arg2"), "hello");
	assert_string_equal(variable_of(&job, "sagemaker_program"), "algo.py");
	assert_true(job.has_tags);
	assert_int_equal(job.tag_count, 4);
	assert_string_equal(job.tags[0].key, "SimpleSagemakerProject");
	assert_string_equal(job.tags[3].value, "0.9.19");
	assert_non_null(strstr(job.s3_output, "s3://sagemaker-us-east-1-"));
	assert_int_equal(job.warnings.count, 0);
}

static void
opt_ml_reads_every_training_fixture(void **state)
{
	static const struct {
		const char *name, *host, *type, *channel, *region;
		size_t hosts, groups, channels, hyperparameters;
		int has_checkpoints;
	} cases[] = {
	    {"training-2022-gpu", "algo-1", "ml.g4dn.12xlarge", "training", "us-east-1", 1, 1, 1, 0, 0},
	    {"training-2025-topology-null", "algo-1", "ml.c5.xlarge", "training", "eu-north-1", 1, 1, 1, 5, 0},
	    {"heterogeneous", "algo-1", "ml.p3dn.24xlarge", "dummy-input-channel", "us-west-2", 3, 2, 1, 4, 0},
	    {"sdk-script-mode", "algo-1", "ml.c5.xlarge", "model", "us-east-1", 1, 1, 2, 19, 0},
	    {"local-mode-sdk", "algo-1-abcde", "local", "training", "", 1, 0, 2, 7, 0},
	    {"byo-hand-run", "localhost", "local", NULL, "", 1, 0, 0, 5, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_OPT_ML job = {0};
		struct fixture_env env;

		fixture_read(&job, &env, cases[i].name);
		assert_string_equal(job.cluster.host, cases[i].host);
		assert_string_equal(job.cluster.instance_type, cases[i].type);
		assert_int_equal(job.cluster.host_count, cases[i].hosts);
		assert_int_equal(job.cluster.group_count, cases[i].groups);
		assert_int_equal(job.cluster.rank, 0);
		assert_int_equal(job.channels.count, cases[i].channels);
		assert_int_equal(job.hyperparameters.count, cases[i].hyperparameters);
		assert_string_equal(job.region, cases[i].region);
		assert_null(job.checkpoint_dir);
		assert_false(job.has_tags);
		assert_int_equal(job.warnings.count, 0);
		if (cases[i].channel != NULL) {
			assert_string_equal(job.channels.list[0].name, cases[i].channel);
		}
	}
}

static void
opt_ml_decodes_what_the_sdk_encoded(void **state)
{
	CLEAN_OPT_ML job = {0};
	struct fixture_env env;

	(void)state;
	fixture_read(&job, &env, "sdk-script-mode");
	assert_string_equal(variable_of(&job, "name"), "hello");
	assert_string_equal(variable_of(&job, "quote"), "say \"hi\"");
	assert_string_equal(variable_of(&job, "path"), "C:\\tmp");
	assert_string_equal(variable_of(&job, "lang"), "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e");
	assert_string_equal(variable_of(&job, "layers"), "[64,64]");
	assert_string_equal(variable_of(&job, "opt"), "{\"betas\":[0.9,0.999],\"name\":\"adam\"}");
	assert_string_equal(variable_of(&job, "empty"), "");
	assert_string_equal(variable_of(&job, "resume"), "");
	assert_string_equal(variable_of(&job, "use_cuda"), "true");
	assert_string_equal(hyperparameters_find(&job.hyperparameters, "use_cuda")->argument, "True");
	assert_string_equal(job.channels.list[0].content_type, "application/x-sagemaker-model");
}

static void
opt_ml_takes_rank_from_the_order_of_the_platform(void **state)
{
	static const struct {
		const char *variant;
		size_t rank, hosts;
	} cases[] = {
	    {"heterogeneous/variants/resourceconfig.11-hosts.json", 3, 11},
	    {"heterogeneous/variants/resourceconfig.algo-2.json", 1, 3},
	    {"training-2-hosts-2020/variants/resourceconfig.algo-2.json", 1, 2},
	    {"training-2025-topology-null/variants/resourceconfig.topology-array.json", 0, 1},
	    {"local-mode-sdk/variants/resourceconfig.two-hosts.json", 1, 2},
	    {"local-mode-sdk/variants/resourceconfig.studio.json", 0, 1},
	    {"local-mode-sdk/variants/resourceconfig.v1-sdk.json", 0, 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_OPT_ML job = {0};
		char root[256];
		char from[512];

		scratch_make(root);
		(void)snprintf(from, sizeof(from), "%s/%s", FIXTURES, cases[i].variant);
		scratch_copy(root, "input/config/resourceconfig.json", from);
		scratch_read(&job, root, NO_VARIABLES);
		assert_int_equal(job.cluster.rank, cases[i].rank);
		assert_int_equal(job.cluster.host_count, cases[i].hosts);
		scratch_drop(root);
	}
}

static void
opt_ml_knows_a_processing_root(void **state)
{
	char *const training[] = {(char[]){"TRAINING_JOB_NAME=x"}, NULL};
	CLEAN_OPT_ML job = {0};
	CLEAN_OPT_ML other = {0};
	struct fixture_env env;

	(void)state;
	fixture_read(&job, &env, "processing-2020");
	assert_true(job.is_processing);
	assert_false(job.is_job);
	scratch_read(&other, FIXTURES "/processing-2020", training);
	assert_false(other.is_processing);
}

static void
opt_ml_tolerates_missing_files(void **state)
{
	CLEAN_OPT_ML job = {0};
	char root[256];

	(void)state;
	scratch_make(root);
	scratch_read(&job, root, NO_VARIABLES);
	assert_true(job.exists);
	assert_false(job.is_job);
	assert_string_equal(job.cluster.host, "local");
	assert_int_equal(job.cluster.host_count, 1);
	assert_int_equal(job.channels.count, 0);
	assert_null(job.metric_definitions);
	scratch_drop(root);
}

static void
opt_ml_reads_the_tutorials_spelling(void **state)
{
	CLEAN_OPT_ML job = {0};
	char root[256];

	(void)state;
	scratch_make(root);
	scratch_write(root, "input/config/resourceConfig.json",
	    "{\"current_host\": \"other\", \"hosts\": [\"one\", \"other\"], \"topology\": null}");
	scratch_write(root, "input/config/checkpointconfig.json", "{}");
	scratch_read(&job, root, NO_VARIABLES);
	assert_int_equal(job.cluster.rank, 1);
	assert_non_null(strstr(job.checkpoint_dir, "/checkpoints"));
	scratch_drop(root);
}

static void
opt_ml_lists_every_mistake_with_its_place(void **state)
{
	CLEAN_OPT_ML job = {0};
	struct notes mistakes = {0};
	struct err err = {0};
	char root[256];

	(void)state;
	scratch_make(root);
	scratch_write(root, "input/config/hyperparameters.json", "{\"a\": 1,\n \"b\" 2}");
	scratch_write(root, "input/config/resourceconfig.json",
	    "{\"current_host\": \"algo-9\", \"hosts\": [\"algo-1\", \"../x\", \"algo-2\"]}");
	scratch_write(root, "input/config/inputdataconfig.json", "{\"ok\": {},\n  \"..\": {}, \"a/b\": {}, \"x\": 1}");
	scratch_write(root, "input/config/checkpointconfig.json", "{\"LocalPath\": \"state\"}");
	assert_int_equal(opt_ml_read(&job, root, NO_VARIABLES, &mistakes, &err), -1);
	assert_int_equal(err.kind, ERR_SETTINGS);
	assert_int_equal(mistakes.count, 7);
	assert_true(notes_hold(&mistakes, "hyperparameters.json:2:6'"));
	assert_true(notes_hold(&mistakes, "resourceconfig.json:1:48'"));
	assert_true(notes_hold(&mistakes, "'algo-9', which is not among 'hosts'"));
	assert_true(notes_hold(&mistakes, "inputdataconfig.json:2:3'"));
	assert_true(notes_hold(&mistakes, "inputdataconfig.json:2:13'"));
	assert_true(notes_hold(&mistakes, "inputdataconfig.json:2:24'"));
	assert_true(notes_hold(&mistakes, "checkpointconfig.json:1:15': 'LocalPath' is an absolute path"));
	assert_non_null(strstr(err.text, "7 mistakes in the job's files"));
	notes_release(&mistakes);
	scratch_drop(root);
}

static void
opt_ml_only_warns_about_what_is_not_documented(void **state)
{
	char *const envp[] = {
	    (char[]){"TRAINING_JOB_NAME=x"}, (char[]){"TRAINING_JOB_ARN=arn:aws:iam::1:role/x"}, NULL};
	CLEAN_OPT_ML job = {0};
	char root[256];

	(void)state;
	scratch_make(root);
	scratch_write(root, "input/config/trainingjobconfig.json", "{\"Tags\": [");
	scratch_write(root, "input/config/init-config.json", "nonsense");
	scratch_write(root, "input/config/metric-definition-regex.json", "[");
	scratch_read(&job, root, envp);
	assert_int_equal(job.warnings.count, 4);
	assert_null(job.arn);
	assert_string_equal(job.region, "");
	assert_false(job.has_tags);
	scratch_drop(root);
}

static void
opt_ml_leaves_out_tags_that_are_no_text(void **state)
{
	CLEAN_OPT_ML job = {0};
	char root[256];

	(void)state;
	scratch_make(root);
	scratch_write(root, "input/config/trainingjobconfig.json",
	    "{\"Tags\": [{\"Key\": \"a\"}, {\"Key\": \"b\", \"Value\": \"c\"}, 7, {\"Key\": 1, \"Value\": 2}]}");
	scratch_read(&job, root, NO_VARIABLES);
	assert_true(job.has_tags);
	assert_int_equal(job.tag_count, 1);
	assert_string_equal(job.tags[0].key, "b");
	assert_int_equal(job.warnings.count, 3);
	scratch_drop(root);
}

static void
opt_ml_marks_pipe_channels(void **state)
{
	CLEAN_OPT_ML job = {0};
	char root[256];

	(void)state;
	scratch_make(root);
	scratch_write(root, "input/config/inputdataconfig.json",
	    "{\"z\": {\"TrainingInputMode\": \"Pipe\"}, \"a\": {\"TrainingInputMode\": null}}");
	scratch_read(&job, root, NO_VARIABLES);
	assert_int_equal(job.channels.count, 2);
	assert_string_equal(job.channels.list[0].name, "a");
	assert_string_equal(job.channels.list[0].mode, "File");
	assert_true(channels_find(&job.channels, "z")->is_pipe);
	scratch_drop(root);
}

static void
opt_ml_finds_its_root_in_the_environment(void **state)
{
	char *const envp[] = {(char[]){"SAGEMAKER_BASE_DIR=/data/ml"}, NULL};
	char *const empty[] = {(char[]){"SAGEMAKER_BASE_DIR="}, NULL};
	CLEAN_OPT_ML job = {0};

	(void)state;
	assert_string_equal(opt_ml_default_root(envp), "/data/ml");
	assert_string_equal(opt_ml_default_root(empty), "/opt/ml");
	scratch_read(&job, "/nonexistent/root//", NO_VARIABLES);
	assert_string_equal(job.root, "/nonexistent/root");
	assert_false(job.exists);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(opt_ml_reads_captured_job_of_two_hosts),
	    cmocka_unit_test(opt_ml_reads_every_training_fixture),
	    cmocka_unit_test(opt_ml_decodes_what_the_sdk_encoded),
	    cmocka_unit_test(opt_ml_takes_rank_from_the_order_of_the_platform),
	    cmocka_unit_test(opt_ml_knows_a_processing_root),
	    cmocka_unit_test(opt_ml_tolerates_missing_files),
	    cmocka_unit_test(opt_ml_reads_the_tutorials_spelling),
	    cmocka_unit_test(opt_ml_lists_every_mistake_with_its_place),
	    cmocka_unit_test(opt_ml_only_warns_about_what_is_not_documented),
	    cmocka_unit_test(opt_ml_leaves_out_tags_that_are_no_text),
	    cmocka_unit_test(opt_ml_marks_pipe_channels),
	    cmocka_unit_test(opt_ml_finds_its_root_in_the_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
