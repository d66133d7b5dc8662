/* The links that make the working folder look like the project at home, and what gives way to them. */
#include "unit/base/apart.h"

#include <sys/stat.h>

#include "base/attr.h"
#include "base/fd.h"
#include "files/links.h"
#include "unit/scratch.h"

static char folder[SCRATCH_PATH]; /* with 'work', 'project', and 'target', in which nobody may change anything */
static char target[2 * SCRATCH_PATH];
static int work_fd, project_fd;
static struct err err;

static int
set_up(void **state)
{
	(void)state;
	(void)umask(022);
	scratch_make(folder);
	scratch_folder(folder, "work", 0755);
	scratch_folder(folder, "project", 0755);
	scratch_folder(folder, "target", 0755);
	scratch_write(folder, "target/file", "the channel's");
	(void)snprintf(target, sizeof(target), "%s/target", folder);
	work_fd = scratch_fd(scratch_path(folder, "work"));
	project_fd = scratch_fd(scratch_path(folder, "project"));
	err = (struct err){0};
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	assert_string_equal(scratch_read(folder, "target/file"), "the channel's");
	assert_int_equal(scratch_count(target), 1);
	fd_close(&work_fd);
	fd_close(&project_fd);
	scratch_remove(folder);
	return 0;
}

/* Makes one link in 'work'; how it went. */
static enum link_result
make(const char *path, const char *to, enum link_rule rule)
{
	char name[64];
	char where[2 * SCRATCH_PATH];

	(void)snprintf(name, sizeof(name), "%s", path);
	(void)snprintf(where, sizeof(where), "%s", to != NULL ? to : "");
	struct link link = {.path = name, .target = to != NULL ? where : NULL, .rule = rule};
	if (links_make(work_fd, &link, 1, &err) < 0) {
		fail_msg("not made: %s", err.text);
	}
	return link.result;
}

static void
assert_leads_to_target(const char *name)
{
	const char *to = scratch_target(folder, name);

	assert_non_null(to);
	assert_string_equal(to, target);
}

/* ---- making ---- */

static void
a_link_is_made_and_its_target_need_not_exist(void **state)
{
	(void)state;
	assert_int_equal(make("model", target, LINK_YIELDS), LINK_MADE);
	assert_int_equal(make("data/training", "/no/such/channel", LINK_REPLACES), LINK_MADE);
	assert_leads_to_target("work/model");
	assert_string_equal(scratch_target(folder, "work/data/training"), "/no/such/channel");
	assert_true(S_ISDIR(scratch_stat(folder, "work/data").st_mode));
}

static void
without_a_target_it_is_a_plain_folder(void **state)
{
	(void)state;
	assert_int_equal(make("checkpoints", NULL, LINK_YIELDS), LINK_MADE);
	assert_true(S_ISDIR(scratch_stat(folder, "work/checkpoints").st_mode));
	assert_int_equal(scratch_stat(folder, "work/checkpoints").st_mode & 07777, 0755);
}

static void
several_links_stand_in_one_data_folder_beside_what_is_there(void **state)
{
	(void)state;
	scratch_folder(folder, "work/data", 0755);
	scratch_write(folder, "work/data/README", "about the data");
	assert_int_equal(make("data/a", target, LINK_REPLACES), LINK_MADE);
	assert_int_equal(make("data/b", target, LINK_REPLACES), LINK_MADE);
	assert_int_equal(scratch_count(scratch_path(folder, "work/data")), 3);
	assert_string_equal(scratch_read(folder, "work/data/README"), "about the data");
}

static void
a_pipe_channels_links_dangle_until_the_platform_makes_their_fifos(void **state)
{
	enum { EPOCHS = 256 };
	struct link links[EPOCHS];
	char paths[EPOCHS][32];
	char targets[EPOCHS][2 * SCRATCH_PATH];

	(void)state;
	for (int i = 0; i < EPOCHS; i++) {
		(void)snprintf(paths[i], sizeof(paths[i]), "data/train_%d", i);
		(void)snprintf(targets[i], sizeof(targets[i]), "%s/input/data/train_%d", folder, i);
		links[i] = (struct link){.path = paths[i], .target = targets[i], .rule = LINK_REPLACES};
	}
	assert_int_equal(links_make(work_fd, links, EPOCHS, &err), 0);
	assert_int_equal(scratch_count(scratch_path(folder, "work/data")), EPOCHS);
	assert_non_null(scratch_target(folder, "work/data/train_0"));
	assert_string_equal(scratch_target(folder, "work/data/train_255"), targets[255]);
}

/* ---- what stands in the way ---- */

static void
an_empty_folder_gives_way_to_either_rule_quietly(void **state)
{
	(void)state;
	scratch_folder(folder, "work/model", 0500);
	scratch_folder(folder, "work/data", 0755);
	scratch_folder(folder, "work/data/training", 0755);
	assert_int_equal(make("model", target, LINK_YIELDS), LINK_MADE);
	assert_int_equal(make("data/training", target, LINK_REPLACES), LINK_MADE);
	assert_leads_to_target("work/model");
	assert_leads_to_target("work/data/training");
}

static void
the_projects_own_stays_where_the_link_yields(void **state)
{
	(void)state;
	scratch_folder(folder, "work/model", 0755);
	scratch_write(folder, "work/model/net.py", "x");
	scratch_write(folder, "work/output", "a file");
	scratch_link(folder, "work/checkpoints", target);
	assert_int_equal(make("model", "/elsewhere", LINK_YIELDS), LINK_TAKEN);
	assert_int_equal(make("output", "/elsewhere", LINK_YIELDS), LINK_TAKEN);
	assert_int_equal(make("checkpoints", NULL, LINK_YIELDS), LINK_TAKEN);
	assert_string_equal(scratch_read(folder, "work/model/net.py"), "x");
	assert_string_equal(scratch_read(folder, "work/output"), "a file");
	assert_leads_to_target("work/checkpoints");
}

static void
sample_data_is_replaced_whatever_it_is(void **state)
{
	(void)state;
	scratch_folder(folder, "work/data", 0755);
	scratch_folder(folder, "work/data/folder", 0755);
	scratch_folder(folder, "work/data/folder/deeper", 0755);
	scratch_write(folder, "work/data/folder/deeper/sample.csv", "1");
	scratch_link(folder, "work/data/folder/out", target);
	scratch_write(folder, "work/data/file", "1");
	scratch_link(folder, "work/data/link", target);
	assert_int_equal(mkfifo(scratch_path(folder, "work/data/fifo"), 0644), 0);
	assert_int_equal(make("data/folder", target, LINK_REPLACES), LINK_REPLACED);
	assert_int_equal(make("data/file", target, LINK_REPLACES), LINK_REPLACED);
	assert_int_equal(make("data/link", "/elsewhere", LINK_REPLACES), LINK_REPLACED);
	assert_int_equal(make("data/fifo", target, LINK_REPLACES), LINK_REPLACED);
	assert_leads_to_target("work/data/folder");
	assert_leads_to_target("work/data/file");
	assert_string_equal(scratch_target(folder, "work/data/link"), "/elsewhere");
}

static void
a_data_that_is_no_folder_of_the_projects_own_becomes_one(void **state)
{
	(void)state;
	scratch_link(folder, "work/data", target);
	assert_int_equal(make("data/training", "/elsewhere", LINK_REPLACES), LINK_REPLACED);
	assert_true(S_ISDIR(scratch_stat(folder, "work/data").st_mode));
	assert_string_equal(scratch_target(folder, "work/data/training"), "/elsewhere");
}

static void
a_data_that_is_a_file_becomes_a_folder(void **state)
{
	(void)state;
	scratch_write(folder, "work/data", "a file");
	assert_int_equal(make("data/training", target, LINK_REPLACES), LINK_REPLACED);
	assert_leads_to_target("work/data/training");
}

static int
make_over_a_mount(void *self)
{
	char path[] = "data/training";
	struct link link = {.path = path, .target = target, .rule = LINK_REPLACES};

	(void)self;
	if (apart_mounts() < 0 ||
	    mount("none", scratch_path(folder, "work/data/training"), "tmpfs", 0, "size=64k") < 0) {
		return APART_SKIPPED;
	}
	APART_CHECK(mkdir(scratch_path(folder, "work/data/training/kept"), 0700) == 0);
	CLEAN_FD fd = open(scratch_path(folder, "work"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	APART_CHECK(links_make(fd, &link, 1, &err) == -1);
	APART_CHECK(strstr(err.text, "something is mounted there") != NULL);
	APART_CHECK(rmdir(scratch_path(folder, "work/data/training/kept")) == 0);
	return 0;
}

static void
a_mount_in_the_way_is_not_touched(void **state)
{
	(void)state;
	scratch_folder(folder, "work/data", 0755);
	scratch_folder(folder, "work/data/training", 0755);
	apart(make_over_a_mount, NULL);
}

static int
make_on_a_full_disk(void *self)
{
	char path[] = "model";
	struct link link = {.path = path, .target = target, .rule = LINK_YIELDS};

	(void)self;
	if (apart_mounts() < 0 || mount("none", scratch_path(folder, "work"), "tmpfs", 0, "nr_inodes=1") < 0) {
		return APART_SKIPPED;
	}
	CLEAN_FD fd = open(scratch_path(folder, "work"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	APART_CHECK(links_make(fd, &link, 1, &err) == -1);
	APART_CHECK(err.kind == ERR_DISK_FULL && strstr(err.text, "'model'") != NULL);
	return 0;
}

static void
a_full_disk_is_told_as_such(void **state)
{
	(void)state;
	apart(make_on_a_full_disk, NULL);
}

/* ---- the project's own entries ---- */

static void
mirror(const struct link *links, size_t count)
{
	char project[2 * SCRATCH_PATH];

	(void)snprintf(project, sizeof(project), "%s/project", folder);
	assert_int_equal(links_mirror(project_fd, project, work_fd, links, count, &err), 0);
}

static void
every_entry_is_mirrored_but_data_git_and_train(void **state)
{
	static const char *const names[] = {"pkg", "pipeline.json", ".hidden", "link", "odd \xff\n"};
	char name[64];

	(void)state;
	scratch_folder(folder, "project/pkg", 0755);
	scratch_write(folder, "project/pipeline.json", "{}");
	scratch_write(folder, "project/.hidden", "x");
	scratch_link(folder, "project/link", "nowhere");
	scratch_write(folder, "project/odd \xff\n", "x");
	scratch_folder(folder, "project/data", 0755);
	scratch_folder(folder, "project/.git", 0755);
	scratch_folder(folder, "project/.train", 0755);
	mirror(NULL, 0);
	assert_int_equal(scratch_count(scratch_path(folder, "work")), ARRAY_LEN(names));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char expected[4 * SCRATCH_PATH];

		(void)snprintf(name, sizeof(name), "work/%s", names[i]);
		(void)snprintf(expected, sizeof(expected), "%s/project/%s", folder, names[i]);
		assert_string_equal(scratch_target(folder, name), expected);
	}
}

static void
an_empty_folder_makes_room_for_a_link_of_its_name_and_nothing_else_does(void **state)
{
	char model[] = "model", output[] = "output", checkpoints[] = "checkpoints", to[] = "/elsewhere";
	struct link links[] = {{.path = model, .target = to, .rule = LINK_YIELDS},
	    {.path = output, .target = to, .rule = LINK_YIELDS},
	    {.path = checkpoints, .target = to, .rule = LINK_YIELDS}};

	(void)state;
	scratch_folder(folder, "project/model", 0755);
	scratch_folder(folder, "project/empty", 0755);
	scratch_folder(folder, "project/output", 0755);
	scratch_write(folder, "project/output/report.txt", "x");
	scratch_link(folder, "project/checkpoints", "empty");
	mirror(links, ARRAY_LEN(links));
	assert_int_equal(links_make(work_fd, links, ARRAY_LEN(links), &err), 0);
	assert_int_equal(links[0].result, LINK_MADE);
	assert_int_equal(links[1].result, LINK_TAKEN);
	assert_int_equal(links[2].result, LINK_TAKEN);
	assert_string_equal(scratch_target(folder, "work/model"), "/elsewhere");
	assert_non_null(strstr(scratch_target(folder, "work/output"), "/project/output"));
	assert_non_null(strstr(scratch_target(folder, "work/checkpoints"), "/project/checkpoints"));
	assert_non_null(scratch_target(folder, "work/empty"));
	assert_true(scratch_exists(folder, "project/model")); /* the project itself is never changed */
}

static void
a_project_at_the_root_has_no_second_slash(void **state)
{
	(void)state;
	scratch_write(folder, "project/file", "x");
	assert_int_equal(links_mirror(project_fd, "/", work_fd, NULL, 0, &err), 0);
	assert_string_equal(scratch_target(folder, "work/file"), "/file");
}

static void
files_directly_under_data_are_linked_and_folders_are_not(void **state)
{
	struct link *links = NULL;
	size_t count = 0;

	(void)state;
	scratch_folder(folder, "project/data", 0755);
	scratch_folder(folder, "project/data/training", 0755);
	scratch_write(folder, "project/data/loose.csv", "1");
	scratch_link(folder, "project/data/linked.csv", "loose.csv");
	scratch_link(folder, "project/data/dangling", "nowhere");
	assert_int_equal(mkfifo(scratch_path(folder, "project/data/fifo"), 0644), 0);
	assert_int_equal(links_add_loose(project_fd, "/home/p", &links, &count, &err), 2);
	assert_int_equal(count, 2);
	for (size_t i = 0; i < count; i++) {
		assert_true(
		    strcmp(links[i].path, "data/loose.csv") == 0 || strcmp(links[i].path, "data/linked.csv") == 0);
		assert_int_equal(strncmp(links[i].target, "/home/p/data/", 13), 0);
		assert_int_equal(links[i].rule, LINK_YIELDS);
	}
	links_free(links, count);
}

static void
a_project_without_data_has_no_loose_files(void **state)
{
	struct link *links = NULL;
	size_t count = 0;

	(void)state;
	assert_int_equal(links_add_loose(project_fd, "/home/p", &links, &count, &err), 0);
	assert_int_equal(count, 0);
	links_free(links, count);
	assert_int_equal(err.kind, ERR_NONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_link_is_made_and_its_target_need_not_exist),
	    TEST(without_a_target_it_is_a_plain_folder),
	    TEST(several_links_stand_in_one_data_folder_beside_what_is_there),
	    TEST(a_pipe_channels_links_dangle_until_the_platform_makes_their_fifos),
	    TEST(an_empty_folder_gives_way_to_either_rule_quietly),
	    TEST(the_projects_own_stays_where_the_link_yields),
	    TEST(sample_data_is_replaced_whatever_it_is),
	    TEST(a_data_that_is_no_folder_of_the_projects_own_becomes_one),
	    TEST(a_data_that_is_a_file_becomes_a_folder),
	    TEST(a_mount_in_the_way_is_not_touched),
	    TEST(a_full_disk_is_told_as_such),
	    TEST(every_entry_is_mirrored_but_data_git_and_train),
	    TEST(an_empty_folder_makes_room_for_a_link_of_its_name_and_nothing_else_does),
	    TEST(a_project_at_the_root_has_no_second_slash),
	    TEST(files_directly_under_data_are_linked_and_folders_are_not),
	    TEST(a_project_without_data_has_no_loose_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
