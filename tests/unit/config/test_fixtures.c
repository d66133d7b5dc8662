/* Every fixture of tests/data/sagemaker is read rightly: one test each. What the toolkit makes of them is in test_toolkit_env.c. */
#include "unit/config/jobroot.h"

#include "config/code_find.h"
#include "config/command.h"

/* The decoded value of a hyperparameter. */
static const char *
json_of(const struct opt_ml *job, const char *name)
{
	const struct hyperparameter *hp = hyperparameters_find(&job->hyperparameters, name);

	if (hp == NULL) {
		fail_msg("no hyperparameter '%s'", name);
	}
	return hp->json;
}

/* Hosts in order, ended by NULL; this one's rank; its type, group and interface. */
static void
expect_cluster(const struct opt_ml *job, const char *const *hosts, size_t rank, const char *type, const char *group)
{
	const struct cluster *cluster = &job->cluster;
	size_t count = 0;

	for (; hosts[count] != NULL; count++) {
		assert_non_null(cluster->hosts[count]);
		assert_string_equal(cluster->hosts[count], hosts[count]);
	}
	assert_int_equal(cluster->host_count, count);
	assert_null(cluster->hosts[count]);
	assert_int_equal(cluster->rank, rank);
	assert_string_equal(cluster->host, hosts[rank]);
	assert_string_equal(cluster->instance_type, type);
	assert_string_equal(cluster->group_name, group);
	assert_string_equal(cluster->interface, "eth0");
}

#define HOSTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void
expect_channel(const struct opt_ml *job, size_t at, const char *name, const char *content_type, const char *fixture)
{
	const struct channel *channel = &job->channels.list[at];
	char path[512];

	assert_true(at < job->channels.count);
	(void)snprintf(path, sizeof(path), FIXTURES "/%s/opt-ml/input/data/%s", fixture, name);
	assert_string_equal(channel->name, name);
	assert_string_equal(channel->mode, "File");
	assert_false(channel->is_pipe);
	assert_string_equal(channel->path, path);
	assert_true(
	    content_type == NULL ? channel->content_type == NULL : strcmp(channel->content_type, content_type) == 0);
}

/* What a job has that is neither captured with a request nor with checkpoints. */
static void
expect_plain(const struct opt_ml *job)
{
	assert_true(job->exists && !job->is_processing);
	assert_false(job->has_tags);
	assert_null(job->checkpoint_dir);
	assert_null(job->s3_output);
	assert_int_equal(job->warnings.count, 0);
}

/* A fixture with another resourceconfig.json, read from a scratch root. */
static void
read_variant(struct opt_ml *job, const char *fixture, const char *variant)
{
	char *const envp[] = {NULL};
	char root[256];
	char from[512];

	scratch_make(root);
	(void)snprintf(from, sizeof(from), FIXTURES "/%s/variants/%s", fixture, variant);
	scratch_copy(root, "input/config/resourceconfig.json", from);
	scratch_read(job, root, envp);
	scratch_drop(root);
}

static void
fixture_training_2_hosts_2020(void **state)
{
	static const char *const hyperparameters[][2] = {
	    {"arg1", "5"},
	    {"arg2", "\"hello\""},
	    {"sagemaker_container_log_level", "20"},
	    {"sagemaker_job_name", "\"Task1-2020-10-04-09-17-37-x6ux770b\""},
	    {"sagemaker_program", "\"algo.py\""},
	    {"sagemaker_region", "\"us-east-1\""},
	};
	static const char *const tags[][2] = {
	    {"SimpleSagemakerProject", "tests/simple-sagemaker-example_2020-10-04-09-16-51_py37"},
	    {"SimpleSagemakerCallingModule",
	        "/home/runner/work/simple_sagemaker/simple_sagemaker/examples/single_task/example.py"},
	    {"SimpleSagemakerTask", "Task1"},
	    {"SimpleSagemakerVersion", "0.9.19"},
	};
	CLEAN_OPT_ML job = {0};
	CLEAN_OPT_ML other = {0};
	struct fixture_env env;

	(void)state;
	fixture_read(&job, &env, "training-2-hosts-2020");
	assert_true(job.is_job && job.exists && !job.is_processing);
	assert_string_equal(job.name, "Task1-2020-10-08-07-55-57-f4j22Gh0");
	/* The platform writes the job's part of the ARN in lower case: it is kept as it came. */
	assert_string_equal(
	    job.arn, "arn:aws:sagemaker:us-east-1:123456789012:training-job/task1-2020-10-08-07-55-57-f4j22gh0");
	assert_string_equal(job.partition, "aws");
	assert_string_equal(job.region, "us-east-1");
	assert_string_equal(job.account, "123456789012");
	expect_cluster(&job, HOSTS("algo-1", "algo-2"), 0, "local", "homogeneousCluster");
	assert_int_equal(job.channels.count, 1);
	expect_channel(&job, 0, "data", NULL, "training-2-hosts-2020");
	assert_string_equal(job.channels.list[0].s3_uri,
	    "s3://sagemaker-us-east-1-XXXXXXXXXXXX/tests/simple-sagemaker-example_2020-10-04-09-16-51_py37/Task1/input");
	assert_int_equal(job.hyperparameters.count, ARRAY_LEN(hyperparameters) + 1);
	for (size_t i = 0; i < ARRAY_LEN(hyperparameters); i++) {
		assert_string_equal(json_of(&job, hyperparameters[i][0]), hyperparameters[i][1]);
	}
	/* LocalPath may lie outside <root> (C§2.6); the platform's own list of channels has /opt/ml/checkpoints for it. */
	assert_string_equal(job.checkpoint_dir, "/state");
	assert_string_equal(job.metric_definitions, "[]");
	assert_true(job.has_tags);
	assert_int_equal(job.tag_count, ARRAY_LEN(tags));
	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		assert_string_equal(job.tags[i].key, tags[i][0]);
		assert_string_equal(job.tags[i].value, tags[i][1]);
	}
	assert_string_equal(job.s3_output,
	    "s3://sagemaker-us-east-1-XXXXXXXXXXXX/tests/simple-sagemaker-example_2020-10-04-09-16-51_py37/Task1");
	assert_string_equal(command_program(&job, env.lines), "algo.py");
	assert_int_equal(job.warnings.count, 0);
	read_variant(&other, "training-2-hosts-2020", "resourceconfig.algo-2.json");
	expect_cluster(&other, HOSTS("algo-1", "algo-2"), 1, "local", "homogeneousCluster");
}

static void
fixture_training_2022_gpu(void **state)
{
	CLEAN_OPT_ML job = {0};
	struct fixture_env env;

	(void)state;
	fixture_read(&job, &env, "training-2022-gpu");
	expect_plain(&job);
	assert_string_equal(job.name, "nmt-train-2022-09-27-08-15-03-417");
	assert_string_equal(job.region, "us-east-1");
	expect_cluster(&job, HOSTS("algo-1"), 0, "ml.g4dn.12xlarge", "homogeneousCluster");
	assert_int_equal(job.cluster.group_count, 1);
	assert_string_equal(job.cluster.groups[0].name, "homogeneousCluster");
	assert_string_equal(job.cluster.groups[0].instance_type, "ml.g4dn.12xlarge");
	assert_string_equal(job.cluster.groups[0].hosts[0], "algo-1");
	assert_int_equal(job.channels.count, 1); /* and no channel 'training-manifest', which lies beside it (C§3.2) */
	expect_channel(&job, 0, "training", NULL, "training-2022-gpu");
	assert_string_equal(job.channels.list[0].s3_uri, "s3://sagemaker-us-east-1-123456789012/xxxxxxxxx/nmt");
	assert_int_equal(job.hyperparameters.count, 0); /* "{}" */
	assert_string_equal(job.metric_definitions, "[]");
	assert_null(command_program(&job, env.lines));
}

static void
fixture_training_2025_topology_null(void **state)
{
	CLEAN_OPT_ML job = {0};
	CLEAN_OPT_ML ultra = {0};
	struct fixture_env env;

	(void)state;
	fixture_read(&job, &env, "training-2025-topology-null");
	expect_plain(&job);
	assert_string_equal(job.region, "eu-north-1");
	expect_cluster(&job, HOSTS("algo-1"), 0, "ml.c5.xlarge", "homogeneousCluster");
	assert_non_null(strstr(job.cluster.json, "\"topology\":null"));
	expect_channel(&job, 0, "training", NULL, "training-2025-topology-null");
	assert_null(job.channels.list[0].s3_uri); /* no init-config.json */
	/* The values are plain strings here: what reads as JSON is that value, all else a string. */
	assert_int_equal(job.hyperparameters.count, 5);
	assert_string_equal(json_of(&job, "agent.config"), "\"s3://my-bucket/configs/train.json\"");
	assert_string_equal(json_of(&job, "batch-size"), "32");
	assert_string_equal(json_of(&job, "learning-rate"), "0.001");
	assert_string_equal(hyperparameters_find(&job.hyperparameters, "note")->variable, "caf\xc3\xa9 \xe2\x9c\x93");
	read_variant(&ultra, "training-2025-topology-null", "resourceconfig.topology-array.json");
	expect_cluster(&ultra, HOSTS("algo-1"), 0, "ml.c5.xlarge", "homogeneousCluster");
	assert_non_null(
	    strstr(ultra.cluster.json, "\"topology\":[{\"capacityUnitId\":\"cu-1\",\"hostName\":\"algo-1\"}]"));
}

static void
fixture_heterogeneous(void **state)
{
	CLEAN_OPT_ML job = {0};
	CLEAN_OPT_ML second = {0};
	CLEAN_OPT_ML eleven = {0};
	struct fixture_env env;

	(void)state;
	fixture_read(&job, &env, "heterogeneous");
	expect_plain(&job);
	expect_cluster(&job, HOSTS("algo-1", "algo-2", "algo-3"), 0, "ml.p3dn.24xlarge", "instance_group_2");
	assert_int_equal(job.cluster.group_count, 2);
	assert_string_equal(job.cluster.groups[0].name, "instance_group_1");
	assert_string_equal(job.cluster.groups[0].instance_type, "ml.c5.18xlarge");
	assert_string_equal(job.cluster.groups[0].hosts[0], "algo-2");
	assert_null(job.cluster.groups[0].hosts[1]);
	/* The hosts of a group are in the platform's order, which is not sorted. */
	assert_string_equal(job.cluster.groups[1].hosts[0], "algo-3");
	assert_string_equal(job.cluster.groups[1].hosts[1], "algo-1");
	expect_channel(&job, 0, "dummy-input-channel", NULL, "heterogeneous");
	assert_string_equal(json_of(&job, "sagemaker_distribution_instance_groups"), "[\"instance_group_2\"]");
	assert_string_equal(json_of(&job, "sagemaker_mpi_enabled"), "true");
	assert_string_equal(command_launcher(&job.hyperparameters), "sagemaker_mpi_enabled");
	read_variant(&second, "heterogeneous", "resourceconfig.algo-2.json");
	expect_cluster(&second, HOSTS("algo-1", "algo-2", "algo-3"), 1, "ml.c5.18xlarge", "instance_group_1");
	read_variant(&eleven, "heterogeneous", "resourceconfig.11-hosts.json");
	expect_cluster(&eleven,
	    HOSTS("algo-1", "algo-10", "algo-11", "algo-2", "algo-3", "algo-4", "algo-5", "algo-6", "algo-7", "algo-8",
	        "algo-9"),
	    3, "ml.p3dn.24xlarge", "gpu");
}

static void
fixture_sdk_script_mode(void **state)
{
	static const char *const values[][2] = {
	    {"batch-size", "32"},
	    {"empty", "\"\""},
	    {"epochs", "15"},
	    {"lang", "\"\\u65e5\\u672c\\u8a9e\""},
	    {"layers", "[64,64]"},
	    {"learning-rate", "0.001"},
	    {"name", "\"hello\""},
	    {"opt", "{\"betas\":[0.9,0.999],\"name\":\"adam\"}"},
	    {"path", "\"C:\\\\tmp\""},
	    {"quote", "\"say \\\"hi\\\"\""},
	    {"resume", "null"},
	    {"use_cuda", "true"},
	    {"sagemaker_instance_type", "\"ml.c5.xlarge\""},
	};
	CLEAN_OPT_ML job = {0};
	CLEAN_CODE_FIND find = {0};
	CLEAN_NOTES warnings = {0};
	struct fixture_env env;
	struct err err = {0};

	(void)state;
	fixture_read(&job, &env, "sdk-script-mode");
	expect_plain(&job);
	expect_cluster(&job, HOSTS("algo-1"), 0, "ml.c5.xlarge", "homogeneousCluster");
	assert_int_equal(job.hyperparameters.count, 19);
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		assert_string_equal(json_of(&job, values[i][0]), values[i][1]);
	}
	assert_int_equal(job.channels.count, 2);
	expect_channel(&job, 0, "model", "application/x-sagemaker-model", "sdk-script-mode");
	expect_channel(&job, 1, "training", NULL, "sdk-script-mode");
	assert_string_equal(command_program(&job, env.lines), "train.py");
	assert_int_equal(code_find_default(&find, &job, 0, &warnings, &err), 0);
	assert_int_equal(find.how, CODE_FOUND_SUBMIT);
	assert_string_equal(find.address,
	    "s3://sagemaker-us-east-1-123456789012/pytorch-training-2024-07-01-09-35-56-057/source/sourcedir.tar.gz");
	assert_int_equal(warnings.count, 0);
}

static void
fixture_local_mode_sdk(void **state)
{
	CLEAN_OPT_ML job = {0};
	CLEAN_OPT_ML two = {0};
	CLEAN_OPT_ML studio = {0};
	CLEAN_OPT_ML old = {0};
	CLEAN_CODE_FIND find = {0};
	CLEAN_NOTES warnings = {0};
	struct fixture_env env;
	struct err err = {0};

	(void)state;
	fixture_read(&job, &env, "local-mode-sdk");
	expect_plain(&job);
	assert_true(job.is_job);
	assert_null(job.arn); /* local mode has none: tags cannot be asked for (C§12.1) */
	assert_string_equal(job.region, "");
	expect_cluster(&job, HOSTS("algo-1-abcde"), 0, "local", "homogeneousCluster");
	assert_int_equal(job.cluster.group_count, 0);
	assert_int_equal(job.channels.count, 2);
	expect_channel(&job, 0, "training", NULL, "local-mode-sdk");
	expect_channel(&job, 1, "validation", "text/csv", "local-mode-sdk");
	assert_null(job.metric_definitions);
	assert_string_equal(json_of(&job, "name"), "\"demo\"");
	assert_string_equal(command_program(&job, env.lines), "train.py");
	/* The folder it names is on the machine of whoever called: nothing of it is here. */
	assert_int_equal(code_find_default(&find, &job, 0, &warnings, &err), 0);
	assert_int_equal(find.how, CODE_FOUND_NONE);
	assert_true(notes_hold(&warnings, "'file:///home/user/project/src', where nothing is"));
	read_variant(&two, "local-mode-sdk", "resourceconfig.two-hosts.json");
	expect_cluster(&two, HOSTS("algo-1-abcde", "algo-2-fghij"), 1, "local_gpu", "homogeneousCluster");
	read_variant(&studio, "local-mode-sdk", "resourceconfig.studio.json");
	expect_cluster(&studio, HOSTS("sagemaker-local"), 0, "local", "homogeneousCluster");
	read_variant(&old, "local-mode-sdk", "resourceconfig.v1-sdk.json"); /* two keys only (C§12.1) */
	expect_cluster(&old, HOSTS("algo-1-abcde"), 0, "local", "homogeneousCluster");
}

static void
fixture_byo_hand_run(void **state)
{
	CLEAN_OPT_ML job = {0};
	struct fixture_env env;

	(void)state;
	fixture_read(&job, &env, "byo-hand-run");
	expect_plain(&job);
	assert_false(job.is_job); /* no TRAINING_JOB_NAME */
	assert_null(job.name);
	expect_cluster(&job, HOSTS("localhost"), 0, "local", "homogeneousCluster");
	/* The file is missing: there is no channel, whatever lies in input/data. */
	assert_int_equal(job.channels.count, 0);
	assert_string_equal(job.channels.json, "{}");
	/* Numbers and booleans as a person writes them; the place of each is known. */
	assert_int_equal(job.hyperparameters.count, 5);
	assert_string_equal(json_of(&job, "n_estimators"), "100");
	assert_string_equal(json_of(&job, "learning_rate"), "0.01");
	assert_string_equal(json_of(&job, "loss"), "\"huber\"");
	assert_string_equal(json_of(&job, "verbose"), "true");
	assert_string_equal(hyperparameters_find(&job.hyperparameters, "verbose")->argument, "True");
	assert_int_equal(hyperparameters_find(&job.hyperparameters, "loss")->line, 5);
	assert_int_equal(hyperparameters_find(&job.hyperparameters, "loss")->column, 11);
}

static void
fixture_processing_2020(void **state)
{
	char *const training[] = {(char[]){"TRAINING_JOB_NAME=x"}, NULL};
	CLEAN_OPT_ML job = {0};
	CLEAN_OPT_ML named = {0};
	struct fixture_env env;

	(void)state;
	fixture_read(&job, &env, "processing-2020");
	assert_true(job.exists);
	assert_true(job.is_processing);
	assert_false(job.is_job);
	assert_null(job.arn); /* only in processingjobconfig.json (C§13) */
	assert_int_equal(job.channels.count, 0);
	/* A training job on such a root is a training job. */
	scratch_read(&named, FIXTURES "/processing-2020/opt-ml", training);
	assert_false(named.is_processing);
	assert_true(named.is_job);
}

static void
fixture_processing_2020_entrypoint_args(void **state)
{
	CLEAN_OPT_ML job = {0};
	struct fixture_env env;

	(void)state;
	fixture_read(&job, &env, "processing-2020-entrypoint-args");
	assert_true(job.is_processing);
	assert_false(job.is_job);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fixture_training_2_hosts_2020),
	    cmocka_unit_test(fixture_training_2022_gpu),
	    cmocka_unit_test(fixture_training_2025_topology_null),
	    cmocka_unit_test(fixture_heterogeneous),
	    cmocka_unit_test(fixture_sdk_script_mode),
	    cmocka_unit_test(fixture_local_mode_sdk),
	    cmocka_unit_test(fixture_byo_hand_run),
	    cmocka_unit_test(fixture_processing_2020),
	    cmocka_unit_test(fixture_processing_2020_entrypoint_args),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
