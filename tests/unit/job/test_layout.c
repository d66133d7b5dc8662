/* The working folder as the pipeline finds it: which links, where they lead, what is said. */
#include "unit/job/partjob.h"

/* ---- links ---- */

static void
it_looks_like_the_project_at_home(void **state)
{
	(void)state;
	channels("{\"training\": {}, \"labels\": {\"TrainingInputMode\": \"FastFile\"}}");
	bring();
	make();
	assert_string_equal(leads_to("model"), "/model");
	assert_string_equal(leads_to("output"), "/output/data");
	assert_string_equal(leads_to("data/training"), "/input/data/training");
	assert_string_equal(leads_to("data/labels"), "/input/data/labels");
	assert_true(is_folder("checkpoints"));
	assert_int_equal(scratch_count(job->workspace.path), 4);
	assert_string_equal(layout.model + strlen(root), "/model");
	assert_string_equal(layout.output + strlen(root), "/output/data");
	assert_string_equal(layout.data, scratch_path(job->workspace.path, "data"));
	assert_string_equal(layout.checkpoints, scratch_path(job->workspace.path, "checkpoints"));
	assert_string_equal(said, "");
}

static void
a_job_without_channels_has_an_empty_data_folder(void **state)
{
	(void)state;
	bring();
	make();
	assert_true(is_folder("data"));
	assert_int_equal(count_in("data"), 0);
}

static void
checkpoints_lead_to_the_path_of_the_job_which_is_made_where_it_is_missing(void **state)
{
	(void)state;
	scratch_write(folder, "ml/input/config/checkpointconfig.json", "{}");
	bring();
	make();
	assert_string_equal(leads_to("checkpoints"), "/checkpoints");
	assert_true(scratch_exists(root, "checkpoints"));
	assert_string_equal(layout.checkpoints + strlen(root), "/checkpoints");
}

static void
a_pipe_channel_has_a_link_for_each_epoch(void **state)
{
	(void)state;
	channels("{\"training\": {\"TrainingInputMode\": \"Pipe\"}}");
	bring();
	make();
	assert_int_equal(count_in("data"), CHANNEL_EPOCHS);
	assert_string_equal(leads_to("data/training_0"), "/input/data/training_0");
	assert_string_equal(leads_to("data/training_255"), "/input/data/training_255");
}

static void
the_channel_of_the_code_is_not_among_the_data(void **state)
{
	(void)state;
	channels("{\"code\": {}, \"training\": {}}");
	job->plan.text = "channel:code/sub";
	assert_int_equal(code_address_parse(&job->plan.address, job->plan.text, &err), 0);
	bring();
	make();
	assert_int_equal(count_in("data"), 1);
	assert_string_equal(leads_to("data/training"), "/input/data/training");
	code_policy_release(&job->plan);
}

static void
a_channel_named_code_that_is_not_used_as_such_is_data(void **state)
{
	(void)state;
	channels("{\"code\": {}}");
	bring();
	make();
	assert_string_equal(leads_to("data/code"), "/input/data/code");
}

/* ---- what the project has and wants ---- */

static void
a_name_that_the_project_uses_itself_is_told_with_the_variable(void **state)
{
	(void)state;
	bring();
	scratch_folder(job->workspace.path, "model", 0755);
	scratch_write(job->workspace.path, "model/net.py", "x");
	scratch_folder(job->workspace.path, "checkpoints", 0755);
	scratch_write(job->workspace.path, "checkpoints/old", "x");
	make();
	assert_true(is_folder("model"));
	assert_non_null(strstr(said, "'model': no link is made, write to the folder in TRAIN_MODEL_DIR"));
	assert_non_null(strstr(said, "'checkpoints': no link is made, write to the folder in TRAIN_CHECKPOINT_DIR"));
	assert_int_equal(job->journal.warning_count, 2);
	assert_string_equal(layout.model + strlen(root), "/model");
	assert_true(scratch_exists(layout.checkpoints, "old"));
}

static void
links_are_renamed_and_left_out_as_pipeline_json_says(void **state)
{
	(void)state;
	pipeline(
	    "{\"command\": [\"true\"], \"links\": {\"model\": \"artifacts\", \"output\": false, \"checkpoints\": \"state\"}}");
	bring();
	make();
	assert_string_equal(leads_to("artifacts"), "/model");
	assert_true(is_folder("state"));
	assert_int_equal(scratch_count(job->workspace.path), 3); /* and data */
	assert_string_equal(layout.checkpoints, scratch_path(job->workspace.path, "state"));
	assert_string_equal(layout.output + strlen(root), "/output/data");
}

static void
a_renamed_link_that_is_taken_is_told_by_its_new_name(void **state)
{
	(void)state;
	pipeline("{\"command\": [\"true\"], \"links\": {\"model\": \"artifacts\"}}");
	bring();
	scratch_write(job->workspace.path, "artifacts", "x");
	make();
	assert_non_null(strstr(said, "'artifacts': no link is made, write to the folder in TRAIN_MODEL_DIR"));
}

static void
channels_are_called_as_pipeline_json_says_also_twice(void **state)
{
	(void)state;
	channels("{\"labels-v2\": {}, \"training\": {}}");
	pipeline("{\"command\": [\"true\"], \"data\": {\"labels\": \"labels-v2\", \"truth\": \"labels-v2\"}}");
	bring();
	make();
	assert_string_equal(leads_to("data/labels"), "/input/data/labels-v2");
	assert_string_equal(leads_to("data/truth"), "/input/data/labels-v2");
	assert_string_equal(leads_to("data/training"), "/input/data/training");
	assert_int_equal(count_in("data"), 3);
	assert_string_equal(said, "");
}

static void
a_pipe_channel_is_renamed_with_its_epochs(void **state)
{
	(void)state;
	channels("{\"training\": {\"TrainingInputMode\": \"Pipe\"}}");
	pipeline("{\"command\": [\"true\"], \"data\": {\"raw\": \"training\"}}");
	bring();
	make();
	assert_string_equal(leads_to("data/raw_7"), "/input/data/training_7");
	assert_int_equal(count_in("data"), CHANNEL_EPOCHS);
}

static void
a_channel_that_the_job_lacks_is_told(void **state)
{
	(void)state;
	pipeline("{\"command\": [\"true\"], \"data\": {\"labels\": \"labels-v2\"}}");
	bring();
	make();
	assert_non_null(
	    strstr(said, "pipeline.json wants channel 'labels-v2' as 'data/labels', but this job has no such channel"));
	assert_int_equal(count_in("data"), 0);
}

static void
a_channel_whose_name_was_given_to_another_is_told_and_does_not_replace_it(void **state)
{
	(void)state;
	channels("{\"labels\": {}, \"training\": {}}");
	pipeline("{\"command\": [\"true\"], \"data\": {\"training\": \"labels\"}}");
	bring();
	make();
	assert_string_equal(leads_to("data/training"), "/input/data/labels");
	assert_int_equal(count_in("data"), 1);
	assert_non_null(strstr(said, "the channel 'training' has no folder under data/"));
}

static void
channels_may_change_their_names(void **state)
{
	(void)state;
	channels("{\"a\": {}, \"b\": {}}");
	pipeline("{\"command\": [\"true\"], \"data\": {\"a\": \"b\", \"b\": \"a\"}}");
	bring();
	make();
	assert_string_equal(leads_to("data/a"), "/input/data/b");
	assert_string_equal(leads_to("data/b"), "/input/data/a");
	assert_string_equal(said, "");
}

static void
a_name_that_is_wanted_for_a_missing_channel_stays_the_channels_own(void **state)
{
	(void)state;
	channels("{\"training\": {}}");
	pipeline("{\"command\": [\"true\"], \"data\": {\"training\": \"labels-v2\"}}");
	bring();
	make();
	assert_string_equal(leads_to("data/training"), "/input/data/training");
}

static void
sample_data_is_replaced_with_a_line(void **state)
{
	(void)state;
	channels("{\"training\": {}}");
	bring();
	scratch_folder(job->workspace.path, "data", 0755);
	scratch_folder(job->workspace.path, "data/training", 0755);
	scratch_write(job->workspace.path, "data/training/sample.csv", "1");
	scratch_write(job->workspace.path, "data/README", "about");
	make();
	assert_string_equal(leads_to("data/training"), "/input/data/training");
	assert_true(scratch_exists(job->workspace.path, "data/README"));
	assert_non_null(strstr(said, "'data/training' of the project is replaced by the channel's"));
	assert_int_equal(job->journal.warning_count, 0);
}

/* ---- the job's folders ---- */

static void
missing_folders_of_the_root_are_made(void **state)
{
	(void)state;
	assert_int_equal(rmdir(scratch_path(root, "model")), 0);
	assert_int_equal(rmdir(scratch_path(root, "output/data")), 0);
	bring();
	make();
	assert_true(scratch_exists(root, "model") && scratch_exists(root, "output/data"));
	assert_string_equal(said, "");
}

static int
make_on_a_read_only_root(void *self)
{
	(void)self;
	if (apart_mounts() < 0 || mount(root, root, NULL, MS_BIND, NULL) < 0 ||
	    mount(NULL, root, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) < 0) {
		return APART_SKIPPED;
	}
	make();
	APART_CHECK(strstr(said, "/ml/model', where the pipeline may write: Read-only file system") != NULL);
	APART_CHECK(job->journal.warning_count == 1); /* what is there can be there */
	APART_CHECK(strcmp(leads_to("model"), "/model") == 0);
	return 0;
}

static void
what_cannot_be_made_is_a_warning(void **state)
{
	(void)state;
	assert_int_equal(rmdir(scratch_path(root, "model")), 0);
	bring();
	apart(make_on_a_read_only_root, NULL);
}

static void
in_place_nothing_is_made_and_the_names_point_into_the_root(void **state)
{
	(void)state;
	channels("{\"training\": {}}");
	open_workspace();
	make();
	assert_false(scratch_exists(job->workspace.path, ""));
	assert_string_equal(layout.data + strlen(root), "/input/data");
	assert_string_equal(layout.model + strlen(root), "/model");
	assert_string_equal(layout.checkpoints + strlen(root), "/checkpoints");
}

static void
in_place_without_output_a_root_that_is_missing_stays_so(void **state)
{
	(void)state;
	scratch_remove(root);
	job->output_off = 1;
	job->command.origin = COMMAND_GIVEN;
	open_workspace();
	make();
	assert_false(scratch_exists(folder, "ml"));
	assert_string_equal(said, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(it_looks_like_the_project_at_home),
	    TEST(a_job_without_channels_has_an_empty_data_folder),
	    TEST(checkpoints_lead_to_the_path_of_the_job_which_is_made_where_it_is_missing),
	    TEST(a_pipe_channel_has_a_link_for_each_epoch),
	    TEST(the_channel_of_the_code_is_not_among_the_data),
	    TEST(a_channel_named_code_that_is_not_used_as_such_is_data),
	    TEST(a_name_that_the_project_uses_itself_is_told_with_the_variable),
	    TEST(links_are_renamed_and_left_out_as_pipeline_json_says),
	    TEST(a_renamed_link_that_is_taken_is_told_by_its_new_name),
	    TEST(channels_are_called_as_pipeline_json_says_also_twice),
	    TEST(a_pipe_channel_is_renamed_with_its_epochs),
	    TEST(a_channel_that_the_job_lacks_is_told),
	    TEST(a_channel_whose_name_was_given_to_another_is_told_and_does_not_replace_it),
	    TEST(channels_may_change_their_names),
	    TEST(a_name_that_is_wanted_for_a_missing_channel_stays_the_channels_own),
	    TEST(sample_data_is_replaced_with_a_line),
	    TEST(missing_folders_of_the_root_are_made),
	    TEST(what_cannot_be_made_is_a_warning),
	    TEST(in_place_nothing_is_made_and_the_names_point_into_the_root),
	    TEST(in_place_without_output_a_root_that_is_missing_stays_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
