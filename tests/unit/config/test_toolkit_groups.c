/* The groups of hosts as the toolkit sees them. */
#include "unit/config/jobroot.h"

#include "config/toolkit_groups.h"

/* Reads a job of one resourceconfig.json and one hyperparameters.json. */
static void
read_job(struct opt_ml *job, const char *resource, const char *hyperparameters)
{
	char *const envp[] = {NULL};
	char root[256];

	scratch_make(root);
	scratch_write(root, "input/config/resourceconfig.json", resource);
	scratch_write(root, "input/config/hyperparameters.json", hyperparameters);
	scratch_read(job, root, envp);
	scratch_drop(root);
}

static const char TWO_GROUPS[] =
    "{\"current_host\":\"c\",\"current_group_name\":\"x\",\"hosts\":[\"a\",\"b\",\"c\"],\"instance_groups\":["
    "{\"instance_group_name\":\"x\",\"instance_type\":\"t\",\"hosts\":[\"c\",\"a\"]},"
    "{\"instance_group_name\":\"w\",\"instance_type\":\"u\",\"hosts\":[\"b\"]}]}";

static void
expect(const char *resource, const char *hyperparameters, const char *distribution, const char *const *launched,
    const char *master)
{
	CLEAN_OPT_ML job = {0};
	CLEAN_TOOLKIT_GROUPS groups = {0};
	struct err err = {0};
	size_t count = 0;

	read_job(&job, resource, hyperparameters);
	assert_int_equal(toolkit_groups_read(&groups, &job, &err), 0);
	assert_string_equal(groups.distribution, distribution);
	assert_string_equal(groups.master, master);
	for (; launched[count] != NULL; count++) {
		assert_non_null(groups.launched[count]);
		assert_string_equal(groups.launched[count], launched[count]);
	}
	assert_null(groups.launched[count]);
}

static void
toolkit_groups_know_whom_a_launcher_is_for(void **state)
{
	static const char named[] = "{\"sagemaker_distribution_instance_groups\":\"[\\\"w\\\",\\\"x\\\"]\"}";
	static const char none[] = "{\"sagemaker_distribution_instance_groups\":\"[\\\"other\\\"]\"}";
	static const char text[] = "{\"sagemaker_distribution_instance_groups\":\"\\\"w\\\"\"}";
	static const char on[] = "{\"sagemaker_mpi_enabled\":\"true\"}";
	static const char off[] = "{\"sagemaker_mpi_enabled\":\"false\"}";
	static const char *const nobody[] = {NULL};

	(void)state;
	expect(TWO_GROUPS, named, "[\"w\",\"x\"]", (const char *const[]){"c", "a", "b", NULL}, "c");
	expect(TWO_GROUPS, on, "[\"x\"]", (const char *const[]){"c", "a", NULL}, "c");
	expect(TWO_GROUPS, off, "[]", nobody, "a");
	expect(TWO_GROUPS, none, "[\"other\"]", nobody, "a");
	expect(TWO_GROUPS, text, "\"w\"", nobody, "a");
	/* Without groups a launcher is for all, whether one is on or not. */
	expect(
	    "{\"hosts\":[\"a\",\"b\"],\"current_host\":\"b\"}", "{}", "[]", (const char *const[]){"a", "b", NULL}, "a");
	expect("{}", on, "[\"homogeneousCluster\"]", (const char *const[]){"local", NULL}, "local");
}

static void
toolkit_groups_are_listed_as_the_file_has_them(void **state)
{
	CLEAN_OPT_ML job = {0};
	CLEAN_TOOLKIT_GROUPS groups = {0};
	CLEAN_BUF out;
	struct err err = {0};

	(void)state;
	read_job(&job, TWO_GROUPS, "{}");
	buf_init(&out, 4096);
	assert_int_equal(toolkit_groups_read(&groups, &job, &err), 0);
	toolkit_groups_put_names(&groups, &out);
	assert_string_equal(buf_text(&out), "[\"x\",\"w\"]");
	buf_reset(&out);
	toolkit_groups_put_all(&groups, &out);
	assert_string_equal(buf_text(&out),
	    "{\"w\":{\"hosts\":[\"b\"],\"instance_group_name\":\"w\",\"instance_type\":\"u\"},"
	    "\"x\":{\"hosts\":[\"c\",\"a\"],\"instance_group_name\":\"x\",\"instance_type\":\"t\"}}");
	assert_string_equal(toolkit_groups_hosts(&groups)[0], "c");
}

static void
toolkit_groups_of_one_name_are_one_group(void **state)
{
	CLEAN_OPT_ML job = {0};
	CLEAN_TOOLKIT_GROUPS groups = {0};
	CLEAN_BUF out;
	struct err err = {0};

	(void)state;
	read_job(&job,
	    "{\"hosts\":[\"a\"],\"instance_groups\":[{\"instance_group_name\":\"x\",\"n\":1},{\"instance_group_name\":\"x\",\"n\":2}]}",
	    "{}");
	buf_init(&out, 4096);
	assert_int_equal(toolkit_groups_read(&groups, &job, &err), 0);
	toolkit_groups_put_all(&groups, &out);
	assert_string_equal(buf_text(&out), "{\"x\":{\"instance_group_name\":\"x\",\"n\":2}}");
	assert_null(toolkit_groups_hosts(&groups));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(toolkit_groups_know_whom_a_launcher_is_for),
	    cmocka_unit_test(toolkit_groups_are_listed_as_the_file_has_them),
	    cmocka_unit_test(toolkit_groups_of_one_name_are_one_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
