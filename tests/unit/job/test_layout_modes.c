/* The layout in script mode and at home, where the working folder is made otherwise. */
#include "unit/job/partjob.h"

/* ---- script mode ---- */

static void
script_mode_makes_no_links_unless_the_project_asks(void **state)
{
	(void)state;
	channels("{\"training\": {}}");
	job->command.origin = COMMAND_PROGRAM;
	bring();
	make();
	assert_int_equal(scratch_count(job->workspace.path), 0);
	assert_string_equal(layout.data + strlen(root), "/input/data");
	layout_release(&layout);
	pipeline("{\"data\": {\"raw\": \"training\"}}");
	opt_ml_release(&job->opt_ml);
	make();
	assert_string_equal(leads_to("data/raw"), "/input/data/training");
	assert_string_equal(leads_to("model"), "/model");
}

static void
in_script_mode_the_working_folder_is_the_roots_code_too(void **state)
{
	(void)state;
	job->command.origin = COMMAND_PROGRAM;
	bring();
	layout_link_code(job);
	assert_string_equal(scratch_target(root, "code"), job->workspace.path);
	assert_string_equal(said, "");
	assert_int_equal(standin_end(&job->code_link, &err), 0);
	assert_false(scratch_exists(root, "code"));
}

static void
elsewhere_it_is_not(void **state)
{
	(void)state;
	bring();
	layout_link_code(job);
	assert_false(scratch_exists(root, "code"));
	job->command.origin = COMMAND_PROGRAM;
	workspace_release(&job->workspace);
	open_workspace(); /* in place */
	layout_link_code(job);
	assert_false(scratch_exists(root, "code"));
	assert_string_equal(said, "");
}

static void
a_code_folder_with_other_files_is_left_alone_with_a_line_unless_the_code_came_from_there(void **state)
{
	(void)state;
	job->command.origin = COMMAND_PROGRAM;
	scratch_folder(root, "code", 0755);
	scratch_write(root, "code/other.py", "x");
	bring();
	job->plan.how = CODE_FOUND_FOLDER;
	layout_link_code(job);
	assert_string_equal(said, "");
	job->plan.how = CODE_FOUND_SUBMIT;
	layout_link_code(job);
	assert_non_null(strstr(said, "/ml/code' has files of its own"));
	assert_int_equal(job->journal.warning_count, 0);
	assert_true(scratch_exists(root, "code/other.py"));
}

static void
a_link_that_cannot_be_made_is_a_warning(void **state)
{
	(void)state;
	job->command.origin = COMMAND_PROGRAM;
	scratch_write(root, "code", "a file");
	bring();
	layout_link_code(job);
	assert_int_equal(job->journal.warning_count, 1);
	assert_non_null(strstr(said, "/ml/code': 'code' is there and no folder"));
}

/* ---- at home ---- */

static void
be_at_home(void)
{
	static char home[PATH_ROOM];
	static char run[PATH_ROOM];

	(void)snprintf(home, sizeof(home), "%s/home", folder);
	(void)snprintf(run, sizeof(run), "%s/run", folder);
	request.project = home;
	request.local = 1;
	assert_int_equal(mkdir(home, 0755), 0);
	assert_int_equal(mkdir(run, 0755), 0);
	scratch_write(home, "train.py", "x");
	const char *tmp = scratch_path(folder, "tmp");
	assert_int_equal(workspace_open(&job->workspace, scratch_fd(tmp), tmp, run, &err), 0);
}

static void
at_home_the_working_folder_links_the_projects_entries(void **state)
{
	char expected[PATH_ROOM];

	(void)state;
	be_at_home();
	scratch_folder(request.project, "model", 0755);
	make();
	(void)snprintf(expected, sizeof(expected), "%s/train.py", request.project);
	assert_string_equal(leads_to("train.py"), expected);
	assert_string_equal(leads_to("model"), "/model");
	assert_true(is_folder("data"));
	assert_string_equal(said, "");
}

static void
loose_files_under_data_are_linked_with_a_warning(void **state)
{
	(void)state;
	be_at_home();
	scratch_folder(request.project, "data", 0755);
	scratch_write(request.project, "data/loose.csv", "1");
	make();
	assert_non_null(leads_to("data/loose.csv"));
	assert_int_equal(job->journal.warning_count, 1);
	assert_non_null(strstr(said, "'data/loose.csv' directly under 'data/' is linked here, but not in a job"));
}

static void
in_script_mode_the_project_is_mirrored_as_well(void **state)
{
	(void)state;
	be_at_home();
	job->command.origin = COMMAND_PROGRAM;
	make();
	assert_non_null(leads_to("train.py"));
	assert_true(job->workspace.dir_fd >= 0); /* else the program would run wherever the caller stands */
	assert_null(leads_to("model"));
	assert_string_equal(layout.data + strlen(root), "/input/data");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(script_mode_makes_no_links_unless_the_project_asks),
	    TEST(in_script_mode_the_working_folder_is_the_roots_code_too),
	    TEST(elsewhere_it_is_not),
	    TEST(a_code_folder_with_other_files_is_left_alone_with_a_line_unless_the_code_came_from_there),
	    TEST(a_link_that_cannot_be_made_is_a_warning),
	    TEST(at_home_the_working_folder_links_the_projects_entries),
	    TEST(loose_files_under_data_are_linked_with_a_warning),
	    TEST(in_script_mode_the_project_is_mirrored_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
