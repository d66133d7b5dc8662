#include "unit/config/jobroot.h"

static char *const NO_VARIABLES[] = {NULL};

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

static void
opt_ml_takes_the_arn_apart(void **state)
{
	static const struct {
		const char *arn, *partition, *region, *account;
	} cases[] = {
	    {"arn:aws:sagemaker:us-east-1:123456789012:training-job/x", "aws", "us-east-1", "123456789012"},
	    {"arn:aws-us-gov:sagemaker:us-gov-west-1:000000000001:training-job/a-b", "aws-us-gov", "us-gov-west-1",
	        "000000000001"},
	    {"arn:aws-cn:sagemaker:cn-north-1:123456789012:training-job/x", "aws-cn", "cn-north-1", "123456789012"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_OPT_ML job = {0};
		char text[256];
		char *const envp[] = {text, NULL};

		(void)snprintf(text, sizeof(text), "TRAINING_JOB_ARN=%s", cases[i].arn);
		scratch_read(&job, "/nonexistent", envp);
		assert_string_equal(job.arn, cases[i].arn);
		assert_string_equal(job.partition, cases[i].partition);
		assert_string_equal(job.region, cases[i].region);
		assert_string_equal(job.account, cases[i].account);
		assert_int_equal(job.warnings.count, 0);
	}
}

static void
opt_ml_leaves_out_an_arn_that_is_none(void **state)
{
	/* The region becomes part of a host name, the account part of a header: nothing but C§1.5 allows passes. */
	static const char *const arns[] = {"x", "arn:aws:iam::123456789012:role/x",
	    "arn:aws:sagemaker:us-east-1:12345678901:training-job/x",
	    "arn:aws:sagemaker:us-east-1:12345678901x:training-job/x",
	    "arn:aws:sagemaker:evil.example/:123456789012:training-job/x",
	    "arn:aws:sagemaker:US:123456789012:training-job/x",
	    "arn:AWS:sagemaker:us-east-1:123456789012:training-job/x", "arn:aws:sagemaker::123456789012:training-job/x",
	    "arn:aws:sagemaker:us-east-1:123456789012:processing-job/x",
	    "arn:aws:sagemaker:us-east-1:123456789012:training-job/",
	    "arn:aws:sagemaker:us-east-1:123456789012:training-job/a b", "arn:aws:sagemaker:us-east-1"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(arns); i++) {
		CLEAN_OPT_ML job = {0};
		char text[256];
		char *const envp[] = {text, NULL};

		(void)snprintf(text, sizeof(text), "TRAINING_JOB_ARN=%s", arns[i]);
		scratch_read(&job, "/nonexistent", envp);
		if (job.arn != NULL) {
			fail_msg("'%s' passed", arns[i]);
		}
		assert_string_equal(job.region, "");
		assert_string_equal(job.account, "");
		assert_string_equal(job.partition, "");
		assert_int_equal(job.warnings.count, 1);
		assert_true(notes_hold(&job.warnings, "is no ARN of a training job: it is left out"));
	}
}

static void
opt_ml_limits_are_told(void **state)
{
	CLEAN_OPT_ML job = {0};
	CLEAN_BUF text;
	char *const none[] = {NULL};
	char root[256];

	(void)state;
	scratch_make(root);
	buf_init(&text, FIXTURE_BYTES);
	buf_adds(&text, "{\"Tags\": [");
	for (int i = 0; i <= JOB_TAGS_MAX; i++) {
		buf_printf(&text, "%s{\"Key\": \"k%d\", \"Value\": \"v\"}", i == 0 ? "" : ",", i);
	}
	buf_adds(&text, "]}");
	scratch_write(root, "input/config/trainingjobconfig.json", buf_text(&text));
	scratch_read(&job, root, none);
	assert_false(job.has_tags);
	assert_int_equal(job.tag_count, 0);
	assert_true(notes_hold(&job.warnings, "has more than 256 tags: they are left out"));
	scratch_drop(root);
}

static void
opt_ml_job_without_tags_is_not_one_with_none(void **state)
{
	static const struct {
		const char *text;
		int has_tags;
	} cases[] = {{"{}", 0}, {"{\"Tags\": null}", 0}, {"{\"Tags\": {}}", 0}, {"{\"Tags\": []}", 1}, {"[]", 0}};
	char *const none[] = {NULL};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_OPT_ML job = {0};
		char root[256];

		scratch_make(root);
		scratch_write(root, "input/config/trainingjobconfig.json", cases[i].text);
		scratch_read(&job, root, none);
		assert_int_equal(job.has_tags, cases[i].has_tags);
		assert_int_equal(job.tag_count, 0);
		scratch_drop(root);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(opt_ml_takes_rank_from_the_order_of_the_platform),
	    cmocka_unit_test(opt_ml_tolerates_missing_files),
	    cmocka_unit_test(opt_ml_reads_the_tutorials_spelling),
	    cmocka_unit_test(opt_ml_lists_every_mistake_with_its_place),
	    cmocka_unit_test(opt_ml_only_warns_about_what_is_not_documented),
	    cmocka_unit_test(opt_ml_leaves_out_tags_that_are_no_text),
	    cmocka_unit_test(opt_ml_marks_pipe_channels),
	    cmocka_unit_test(opt_ml_finds_its_root_in_the_environment),
	    cmocka_unit_test(opt_ml_takes_the_arn_apart),
	    cmocka_unit_test(opt_ml_leaves_out_an_arn_that_is_none),
	    cmocka_unit_test(opt_ml_limits_are_told),
	    cmocka_unit_test(opt_ml_job_without_tags_is_not_one_with_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
