/* The life of <root>/output/failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

#include "base/version.h"
#include "report/failure.h"
#include "unit/scratch.h"

static char root[SCRATCH_PATH];
static struct failure failure;

static int
set_up(void **state)
{
	(void)state;
	scratch_make(root);
	assert_int_equal(mkdir(scratch_path(root, "output"), 0755), 0);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	failure_release(&failure);
	scratch_remove(root);
	return 0;
}

static void
open_it(void)
{
	struct err err = {0};

	assert_int_equal(failure_open(&failure, root, &err), 0);
}

static void
spawn_it(void)
{
	struct err err = {0};

	assert_int_equal(failure_spawned(&failure, &err), 0);
}

static int
end_it(const char *text)
{
	struct err err = {0};

	return failure_end(&failure, text, strlen(text), &err);
}

static void
stub_names_the_phase_and_gives_way_to_a_reserve(void **state)
{
	struct stat st;

	(void)state;
	open_it();
	assert_string_equal(scratch_read(root, "output/failure"), "[agent-killed] train was killed in phase start\n");
	failure_phase(&failure, PHASE_UNPACK);
	assert_string_equal(scratch_read(root, "output/failure"), "[agent-killed] train was killed in phase unpack\n");
	failure_phase(&failure, PHASE_READ);
	assert_string_equal(scratch_read(root, "output/failure"), "[agent-killed] train was killed in phase read\n");
	spawn_it();
	assert_false(scratch_exists(root, "output/failure"));
	assert_int_equal(lstat(scratch_path(root, "output/.failure.reserved"), &st), 0);
	assert_int_equal(st.st_size, FAILURE_RESERVE_BYTES);
	failure_phase(&failure, PHASE_RUN);
	assert_int_equal(failure.notice_count, 0);
}

static void
reserve_becomes_the_failure(void **state)
{
	struct stat st;

	(void)state;
	open_it();
	spawn_it();
	assert_int_equal(end_it("[exit-1] it failed.\n"), 0);
	assert_string_equal(scratch_read(root, "output/failure"), "[exit-1] it failed.\n");
	assert_false(scratch_exists(root, "output/.failure.reserved"));
	assert_int_equal(lstat(scratch_path(root, "output/failure"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
}

static void
failure_before_the_spawn_replaces_the_stub(void **state)
{
	(void)state;
	open_it();
	failure_phase(&failure, PHASE_FETCH);
	assert_int_equal(end_it("[code-not-found] no.\n"), 0);
	assert_string_equal(scratch_read(root, "output/failure"), "[code-not-found] no.\n");
	assert_false(scratch_exists(root, "output/.failure.reserved"));
}

static void
success_leaves_nothing(void **state)
{
	(void)state;
	open_it();
	failure_clear(&failure);
	assert_false(scratch_exists(root, "output/failure"));
	failure_release(&failure);
	open_it();
	spawn_it();
	failure_clear(&failure);
	assert_false(scratch_exists(root, "output/failure"));
	assert_false(scratch_exists(root, "output/.failure.reserved"));
}

static void
what_the_pipeline_wrote_stays(void **state)
{
	(void)state;
	open_it();
	spawn_it();
	scratch_write(root, "output/failure", "mine");
	assert_int_equal(end_it("[exit-1] it failed.\n"), 1);
	assert_string_equal(scratch_read(root, "output/failure"), "mine");
	assert_false(scratch_exists(root, "output/.failure.reserved"));
	assert_int_equal(failure.notice_count, 1);
}

static void
what_the_pipeline_wrote_stays_on_success(void **state)
{
	(void)state;
	open_it();
	spawn_it();
	scratch_write(root, "output/failure", "mine");
	failure_clear(&failure);
	assert_string_equal(scratch_read(root, "output/failure"), "mine");
	assert_false(scratch_exists(root, "output/.failure.reserved"));
}

static void
empty_file_of_the_pipeline_counts_as_none(void **state)
{
	(void)state;
	open_it();
	spawn_it();
	scratch_write(root, "output/failure", "");
	assert_int_equal(end_it("[exit-1] it failed.\n"), 0);
	assert_string_equal(scratch_read(root, "output/failure"), "[exit-1] it failed.\n");
}

static void
link_of_the_pipeline_is_never_written_through(void **state)
{
	char target[SCRATCH_PATH];

	(void)state;
	open_it();
	spawn_it();
	scratch_write(root, "victim", "precious");
	(void)snprintf(target, sizeof(target), "%s", "../victim");
	assert_int_equal(symlink(target, scratch_path(root, "output/failure")), 0);
	assert_int_equal(end_it("[exit-1] it failed.\n"), 1);
	assert_string_equal(scratch_read(root, "victim"), "precious");
}

static void
stolen_reserve_is_made_good(void **state)
{
	(void)state;
	open_it();
	spawn_it();
	assert_int_equal(unlink(scratch_path(root, "output/.failure.reserved")), 0);
	scratch_write(root, "output/.failure.reserved", "not ours");
	assert_int_equal(end_it("[exit-1] it failed.\n"), 0);
	assert_string_equal(scratch_read(root, "output/failure"), "[exit-1] it failed.\n");
	assert_string_equal(scratch_read(root, "output/.failure.reserved"), "not ours");
}

static void
earlier_failure_is_put_away(void **state)
{
	(void)state;
	scratch_write(root, "output/failure", "from before");
	scratch_write(root, "output/failure.previous", "older");
	open_it();
	assert_string_equal(scratch_read(root, "output/failure.previous"), "from before");
	assert_int_equal(failure.notice_count, 1);
	assert_non_null(strstr(failure.notices[0], "failure.previous"));
	failure_clear(&failure);
	assert_false(scratch_exists(root, "output/failure"));
}

static void
empty_failure_at_the_start_counts_as_absent(void **state)
{
	(void)state;
	scratch_write(root, "output/failure", "");
	open_it();
	assert_false(scratch_exists(root, "output/failure.previous"));
	assert_int_equal(failure.notice_count, 0);
	assert_non_null(strstr(scratch_read(root, "output/failure"), "agent-killed"));
}

static void
folder_or_link_at_the_start_is_left_alone(void **state)
{
	(void)state;
	assert_int_equal(mkdir(scratch_path(root, "output/failure"), 0700), 0);
	open_it();
	assert_int_equal(failure.notice_count, 1);
	failure_phase(&failure, PHASE_FETCH);
	spawn_it();
	assert_int_equal(end_it("[exit-1] it failed.\n"), 1);
	assert_true(scratch_exists(root, "output/failure"));
	assert_false(scratch_exists(root, "output/.failure.reserved"));
	failure_release(&failure);
	assert_int_equal(rmdir(scratch_path(root, "output/failure")), 0);
	assert_int_equal(symlink("nowhere", scratch_path(root, "output/failure")), 0);
	open_it();
	assert_int_equal(failure.notice_count, 1);
	failure_clear(&failure);
	assert_true(scratch_exists(root, "output/failure"));
	assert_false(scratch_exists(root, "output/.failure.reserved"));
}

static void
reserve_of_a_killed_run_is_replaced(void **state)
{
	(void)state;
	scratch_write(root, "output/.failure.reserved", "left behind");
	open_it();
	spawn_it();
	failure_clear(&failure);
	assert_false(scratch_exists(root, "output/.failure.reserved"));
}

static void
output_that_is_no_folder_is_refused_and_leaves_it_off(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(rmdir(scratch_path(root, "output")), 0);
	scratch_write(root, "output", "a file");
	assert_int_equal(failure_open(&failure, root, &err), -1);
	assert_int_equal(err.kind, ERR_OUTPUT);
	assert_int_equal(failure.state, FAILURE_OFF);
	failure_phase(&failure, PHASE_RUN);
	spawn_it();
	assert_int_equal(end_it("text"), 0);
	failure_clear(&failure);
	failure_emergency(&failure, PHASE_RUN, "line");
}

static void
text_over_the_limit_is_cut_between_characters(void **state)
{
	char text[1100];
	size_t len;

	(void)state;
	memset(text, 'x', 959);
	for (size_t i = 959; i + 1 < sizeof(text); i += 2) {
		memcpy(text + i, "\xc3\xa9", 2);
	}
	text[sizeof(text) - 1] = '\0';
	open_it();
	assert_int_equal(end_it(text), 0);
	len = strlen(scratch_read(root, "output/failure"));
	assert_int_equal(len, 959);
}

static void
full_disk_still_takes_the_failure(void **state)
{
	(void)state;
	if (scratch_mount_small(root) < 0) {
		skip();
	}
	open_it();
	spawn_it();
	scratch_fill(root);
	assert_int_equal(end_it("[disk-full] no byte is left.\n"), 0);
	assert_string_equal(scratch_read(root, "output/failure"), "[disk-full] no byte is left.\n");
	failure_release(&failure);
	assert_int_equal(umount(root), 0);
}

static void
full_disk_at_the_start_is_an_output_error(void **state)
{
	struct err err = {0};

	(void)state;
	if (scratch_mount_small(root) < 0) {
		skip();
	}
	assert_int_equal(mkdir(scratch_path(root, "output"), 0755), 0);
	scratch_fill(root);
	assert_int_equal(failure_open(&failure, root, &err), -1);
	assert_int_equal(err.kind, ERR_OUTPUT);
	assert_int_equal(err.sys, ENOSPC);
	assert_false(scratch_exists(root, "output/.failure.reserved"));
	assert_false(scratch_exists(root, "output/failure"));
	assert_int_equal(umount(root), 0);
}

/* Two lines: what, and in which build of what. */
static void
check_emergency(const char *line, const char *phase)
{
	char text[FAILURE_BYTES_MAX];

	(void)snprintf(text, sizeof(text),
	    "[agent-bug] %s\nIn phase %s of train %s, commit %s, build %s. Please report this text.\n", line, phase,
	    version_text, version_commit, version_build_id);
	assert_string_equal(scratch_read(root, "output/failure"), text);
	assert_false(scratch_exists(root, "output/.failure.reserved"));
}

static void
emergency_replaces_the_stub_and_the_reserve(void **state)
{
	(void)state;
	open_it();
	failure_emergency(&failure, PHASE_FETCH, "a mistake");
	check_emergency("a mistake", "fetch");
	failure_release(&failure);
	open_it();
	spawn_it();
	failure_emergency(&failure, PHASE_RUN, "another");
	check_emergency("another", "run");
}

static void
emergency_leaves_the_pipelines_text(void **state)
{
	(void)state;
	open_it();
	spawn_it();
	scratch_write(root, "output/failure", "mine");
	failure_emergency(&failure, PHASE_RUN, "a mistake");
	assert_string_equal(scratch_read(root, "output/failure"), "mine");
}

static void
emergency_has_a_bound(void **state)
{
	char line[2 * FAILURE_BYTES_MAX];

	(void)state;
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\0';
	open_it();
	failure_emergency(&failure, PHASE_RUN, line);
	assert_int_equal(strlen(scratch_read(root, "output/failure")), FAILURE_BYTES_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(stub_names_the_phase_and_gives_way_to_a_reserve),
	    TEST(reserve_becomes_the_failure),
	    TEST(failure_before_the_spawn_replaces_the_stub),
	    TEST(success_leaves_nothing),
	    TEST(what_the_pipeline_wrote_stays),
	    TEST(what_the_pipeline_wrote_stays_on_success),
	    TEST(empty_file_of_the_pipeline_counts_as_none),
	    TEST(link_of_the_pipeline_is_never_written_through),
	    TEST(stolen_reserve_is_made_good),
	    TEST(earlier_failure_is_put_away),
	    TEST(empty_failure_at_the_start_counts_as_absent),
	    TEST(folder_or_link_at_the_start_is_left_alone),
	    TEST(reserve_of_a_killed_run_is_replaced),
	    TEST(output_that_is_no_folder_is_refused_and_leaves_it_off),
	    TEST(text_over_the_limit_is_cut_between_characters),
	    TEST(emergency_replaces_the_stub_and_the_reserve),
	    TEST(emergency_leaves_the_pipelines_text),
	    TEST(emergency_has_a_bound),
	    TEST(full_disk_still_takes_the_failure),
	    TEST(full_disk_at_the_start_is_an_output_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
