/* The folders of one run: what is visible when, with which mode, and that nothing of them is left behind. */
#include "unit/base/apart.h"

#include <dirent.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fd.h"
#include "files/workspace.h"
#include "unit/scratch.h"

static char folder[SCRATCH_PATH];
static struct workspace ws;
static struct err err;

static int
set_up(void **state)
{
	(void)state;
	(void)umask(077); /* what must be reachable is so whatever the umask */
	scratch_make(folder);
	workspace_init(&ws);
	err = (struct err){0};
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	workspace_release(&ws);
	scratch_remove(folder);
	return 0;
}

static void
open_here(void)
{
	assert_int_equal(workspace_open(&ws, scratch_fd(folder), folder, NULL, &err), 0);
}

static mode_t
mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	return st.st_mode & 07777;
}

static int
is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static void
write_in(int dir_fd, const char *name)
{
	struct err trouble = {0};

	assert_int_equal(fd_write_file(dir_fd, name, "x", 1, 0644, &trouble), 0);
}

static int
count_descriptors(void)
{
	return scratch_count("/proc/self/fd");
}

/* ---- open ---- */

static void
open_makes_the_private_folder_and_nothing_else(void **state)
{
	(void)state;
	open_here();
	assert_int_equal(scratch_count(folder), 1);
	assert_int_equal(mode_of(ws.private_path), 0711);
	assert_int_equal(strncmp(ws.private_path, folder, strlen(folder)), 0);
	assert_non_null(strstr(ws.private_path, "/train-"));
	assert_string_equal(strstr(ws.private_path, "-private"), "-private");
	assert_true(strncmp(ws.path, ws.private_path, strlen(ws.path)) == 0); /* the same tag */
	assert_false(is_there(ws.path));
	assert_int_equal(ws.dir_fd, -1);
}

static void
two_in_one_folder_have_names_of_their_own(void **state)
{
	struct workspace other;

	(void)state;
	open_here();
	workspace_init(&other);
	assert_int_equal(workspace_open(&other, scratch_fd(folder), folder, NULL, &err), 0);
	assert_string_not_equal(ws.path, other.path);
	assert_int_equal(scratch_count(folder), 2);
	assert_int_equal(workspace_end(&other, 0, DEADLINE_NEVER, &err), 0);
	workspace_release(&other);
	assert_true(is_there(ws.private_path));
}

static void
under_train_run_the_working_folder_lies_elsewhere_and_is_called_work(void **state)
{
	char place[2 * SCRATCH_PATH];

	(void)state;
	scratch_folder(folder, "base", 0700);
	scratch_folder(folder, "run", 0700);
	(void)snprintf(place, sizeof(place), "%s", scratch_path(folder, "run"));
	const char *base = scratch_path(folder, "base");
	assert_int_equal(workspace_open(&ws, scratch_fd(base), base, place, &err), 0);
	assert_true(workspace_stage(&ws, &err) >= 0);
	assert_int_equal(workspace_settle(&ws, NULL, &err), 0);
	assert_string_equal(ws.path + strlen(place), "/work");
	assert_true(is_there(scratch_path(folder, "run/work")));
	assert_int_equal(scratch_count(scratch_path(folder, "base")), 1);
	assert_int_equal(workspace_end(&ws, 1, DEADLINE_NEVER, &err), 0);
	assert_int_equal(scratch_count(scratch_path(folder, "base")), 0);
	assert_int_equal(scratch_count(place), 1);
}

static void
a_missing_place_is_named_and_the_private_folder_goes_again(void **state)
{
	(void)state;
	assert_int_equal(workspace_open(&ws, scratch_fd(folder), folder, "/no/such/place", &err), -1);
	assert_int_equal(err.kind, ERR_WORKSPACE);
	assert_non_null(strstr(err.text, "'/no/such/place'"));
	assert_int_equal(workspace_end(&ws, 1, DEADLINE_NEVER, &err), 0);
	assert_int_equal(scratch_count(folder), 0);
}

static int
open_as_nobody(void *self)
{
	(void)self;
	APART_CHECK(apart_as_nobody() == 0);
	APART_CHECK(workspace_open(&ws, scratch_fd(folder), folder, NULL, &err) == -1);
	APART_CHECK(err.kind == ERR_WORKSPACE && strstr(err.text, folder) != NULL);
	APART_CHECK(workspace_end(&ws, 0, DEADLINE_NEVER, &err) == 0);
	return 0;
}

static void
a_folder_that_may_not_be_written_is_named(void **state)
{
	(void)state;
	assert_int_equal(chmod(folder, 0555), 0);
	apart(open_as_nobody, NULL);
	assert_int_equal(chmod(folder, 0755), 0);
}

/* ---- stage, settle, show ---- */

static void
what_is_being_filled_is_private_and_has_no_name_yet(void **state)
{
	struct stat st;

	(void)state;
	open_here();
	int fd = workspace_stage(&ws, &err);
	assert_true(fd >= 0 && fd == ws.stage_fd);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	write_in(fd, "file");
	assert_false(is_there(ws.path));
	assert_true(is_there(scratch_path(folder, ws.stage_name)));
	assert_int_equal(ws.stage_name[0], '.');
}

static void
settle_gives_the_name_and_show_the_mode(void **state)
{
	struct stat st;

	(void)state;
	open_here();
	write_in(workspace_stage(&ws, &err), "file");
	assert_int_equal(workspace_settle(&ws, NULL, &err), 0);
	assert_int_equal(mode_of(ws.path), 0700);
	assert_int_equal(fstatat(ws.dir_fd, "file", &st, 0), 0);
	assert_int_equal(scratch_count(folder), 2);
	assert_int_equal(workspace_show(&ws, &err), 0);
	assert_int_equal(mode_of(ws.path), 0755);
}

static void
one_folder_around_everything_is_stripped_whatever_its_mode(void **state)
{
	struct stat st;

	(void)state;
	open_here();
	int fd = workspace_stage(&ws, &err);
	assert_int_equal(mkdirat(fd, "project-1.0", 0700), 0);
	write_in(fd, "project-1.0/file");
	assert_int_equal(fchmodat(fd, "project-1.0", 0500, 0), 0);
	assert_int_equal(workspace_settle(&ws, "project-1.0", &err), 0);
	assert_int_equal(mode_of(ws.path), 0700);
	assert_int_equal(fstatat(ws.dir_fd, "file", &st, 0), 0);
	assert_int_equal(scratch_count(folder), 2);
	assert_int_equal(workspace_show(&ws, &err), 0);
	assert_int_equal(mode_of(ws.path), 0755);
}

static void
strip_fails_where_something_stands_beside_and_leaves_nothing(void **state)
{
	(void)state;
	open_here();
	int fd = workspace_stage(&ws, &err);
	assert_int_equal(mkdirat(fd, "project", 0700), 0);
	write_in(fd, "beside");
	assert_int_equal(workspace_settle(&ws, "project", &err), -1);
	assert_int_equal(err.kind, ERR_WORKSPACE);
	assert_int_equal(workspace_end(&ws, 0, DEADLINE_NEVER, &err), 0);
	assert_int_equal(scratch_count(folder), 0);
}

static void
a_name_that_somebody_took_meanwhile_is_not_replaced(void **state)
{
	(void)state;
	open_here();
	assert_true(workspace_stage(&ws, &err) >= 0);
	assert_int_equal(mkdir(ws.path, 0755), 0);
	CLEAN_FD theirs = scratch_fd(ws.path);
	write_in(theirs, "theirs");
	assert_int_equal(workspace_settle(&ws, NULL, &err), -1);
	assert_int_equal(err.kind, ERR_WORKSPACE);
	assert_int_equal(workspace_end(&ws, 0, DEADLINE_NEVER, &err), 0);
	assert_int_equal(scratch_count(folder), 1);
	assert_int_equal(scratch_count(ws.path), 1);
}

static void
in_place_there_is_nothing_to_show(void **state)
{
	(void)state;
	open_here();
	assert_int_equal(workspace_show(&ws, &err), 0);
	assert_int_equal(scratch_count(folder), 1);
}

/* ---- the end ---- */

static void
end_removes_all_that_was_made(void **state)
{
	(void)state;
	open_here();
	write_in(workspace_stage(&ws, &err), "file");
	assert_int_equal(workspace_settle(&ws, NULL, &err), 0);
	write_in(ws.dir_fd, "more");
	assert_int_equal(mkdirat(ws.base_fd, scratch_path(ws.private_name, "metrics"), 0711), 0);
	assert_int_equal(workspace_end(&ws, 0, DEADLINE_NEVER, &err), 0);
	assert_int_equal(scratch_count(folder), 0);
	assert_int_equal(workspace_end(&ws, 0, DEADLINE_NEVER, &err), 0);
	assert_int_equal(err.kind, ERR_NONE);
}

static void
end_removes_what_was_half_filled_also_when_the_folder_is_to_be_kept(void **state)
{
	(void)state;
	open_here();
	write_in(workspace_stage(&ws, &err), "half");
	assert_int_equal(workspace_end(&ws, 1, DEADLINE_NEVER, &err), 0);
	assert_int_equal(scratch_count(folder), 0);
}

static void
keep_leaves_the_working_folder_alone(void **state)
{
	(void)state;
	open_here();
	write_in(workspace_stage(&ws, &err), "file");
	assert_int_equal(workspace_settle(&ws, NULL, &err), 0);
	assert_int_equal(workspace_end(&ws, 1, DEADLINE_NEVER, &err), 0);
	assert_int_equal(scratch_count(folder), 1);
	assert_true(is_there(scratch_path(ws.path, "file")));
}

static void
what_is_not_gone_in_time_is_named(void **state)
{
	(void)state;
	open_here();
	write_in(workspace_stage(&ws, &err), "file");
	assert_int_equal(workspace_settle(&ws, NULL, &err), 0);
	char *name = strrchr(ws.path, '/') + 1;
	assert_int_equal(workspace_end(&ws, 0, clock_now_ms() - 1, &err), -1);
	assert_int_equal(err.kind, ERR_IO);
	assert_non_null(strstr(err.text, name));
	assert_non_null(strstr(err.text, "is left behind"));
	assert_true(is_there(scratch_path(ws.path, "file")));
}

static int
end_with_a_mount(void *self)
{
	(void)self;
	if (apart_mounts() < 0) {
		return APART_SKIPPED;
	}
	APART_CHECK(workspace_open(&ws, scratch_fd(folder), folder, NULL, &err) == 0);
	APART_CHECK(workspace_stage(&ws, &err) >= 0 && mkdirat(ws.stage_fd, "mnt", 0700) == 0);
	APART_CHECK(workspace_settle(&ws, NULL, &err) == 0);
	APART_CHECK(mount("none", scratch_path(ws.path, "mnt"), "tmpfs", 0, "size=64k") == 0);
	APART_CHECK(mkdir(scratch_path(ws.path, "mnt/inside"), 0700) == 0);
	APART_CHECK(workspace_end(&ws, 0, DEADLINE_NEVER, &err) == -1);
	APART_CHECK(strstr(err.text, "'mnt': something is mounted there") != NULL);
	APART_CHECK(is_there(scratch_path(ws.path, "mnt/inside")));
	APART_CHECK(!is_there(ws.private_path));
	return 0;
}

static void
a_mount_is_neither_removed_nor_emptied(void **state)
{
	(void)state;
	apart(end_with_a_mount, NULL);
}

/* With so many inodes besides the root's own. */
static int
with_inodes(int inodes)
{
	char options[64];

	(void)snprintf(options, sizeof(options), "size=64k,nr_inodes=%d,mode=0755", inodes + 1);
	return apart_mounts() < 0 ? -1 : mount("none", folder, "tmpfs", 0, options);
}

static int
open_when_full(void *self)
{
	(void)self;
	if (with_inodes(0) < 0) {
		return APART_SKIPPED;
	}
	APART_CHECK(workspace_open(&ws, scratch_fd(folder), folder, NULL, &err) == -1);
	APART_CHECK(err.kind == ERR_DISK_FULL && strstr(err.text, folder) != NULL);
	APART_CHECK(workspace_end(&ws, 0, DEADLINE_NEVER, &err) == 0);
	return 0;
}

static int
stage_when_full(void *self)
{
	(void)self;
	if (with_inodes(1) < 0) {
		return APART_SKIPPED;
	}
	APART_CHECK(workspace_open(&ws, scratch_fd(folder), folder, NULL, &err) == 0);
	APART_CHECK(workspace_stage(&ws, &err) == -1);
	APART_CHECK(err.kind == ERR_DISK_FULL && strstr(err.text, ws.path) != NULL);
	APART_CHECK(workspace_end(&ws, 0, DEADLINE_NEVER, &err) == 0);
	APART_CHECK(rmdir(ws.path) < 0 && errno == ENOENT && rmdir(ws.private_path) < 0 && errno == ENOENT);
	return 0;
}

static void
a_full_disk_is_told_as_such_and_nothing_is_left(void **state)
{
	(void)state;
	apart(open_when_full, NULL);
	apart(stage_when_full, NULL);
}

static void
release_closes_every_descriptor_and_may_come_twice(void **state)
{
	int before = count_descriptors();

	(void)state;
	open_here();
	assert_true(workspace_stage(&ws, &err) >= 0);
	assert_true(count_descriptors() > before);
	workspace_release(&ws);
	assert_int_equal(count_descriptors(), before);
	workspace_release(&ws);
	assert_int_equal(count_descriptors(), before);
	assert_int_equal(scratch_count(folder), 2); /* it removes nothing */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(open_makes_the_private_folder_and_nothing_else),
	    TEST(two_in_one_folder_have_names_of_their_own),
	    TEST(under_train_run_the_working_folder_lies_elsewhere_and_is_called_work),
	    TEST(a_missing_place_is_named_and_the_private_folder_goes_again),
	    TEST(a_folder_that_may_not_be_written_is_named),
	    TEST(what_is_being_filled_is_private_and_has_no_name_yet),
	    TEST(settle_gives_the_name_and_show_the_mode),
	    TEST(one_folder_around_everything_is_stripped_whatever_its_mode),
	    TEST(strip_fails_where_something_stands_beside_and_leaves_nothing),
	    TEST(a_name_that_somebody_took_meanwhile_is_not_replaced),
	    TEST(in_place_there_is_nothing_to_show),
	    TEST(end_removes_all_that_was_made),
	    TEST(end_removes_what_was_half_filled_also_when_the_folder_is_to_be_kept),
	    TEST(keep_leaves_the_working_folder_alone),
	    TEST(what_is_not_gone_in_time_is_named),
	    TEST(a_mount_is_neither_removed_nor_emptied),
	    TEST(a_full_disk_is_told_as_such_and_nothing_is_left),
	    TEST(release_closes_every_descriptor_and_may_come_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
