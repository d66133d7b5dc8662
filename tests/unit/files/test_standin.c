/* A link in the place of a folder that is absent or empty, and the folder back in its place. */
#include "unit/base/apart.h"

#include <sys/stat.h>

#include "base/fd.h"
#include "files/standin.h"
#include "unit/scratch.h"

static char folder[SCRATCH_PATH];
static struct standin standin;
static struct err err;

static int
set_up(void **state)
{
	(void)state;
	(void)umask(077); /* what comes back has its own mode */
	scratch_make(folder);
	standin_init(&standin);
	err = (struct err){0};
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	scratch_remove(folder);
	return 0;
}

static int
make(void)
{
	return standin_make(&standin, folder, "code", "/srv/here", &err);
}

static void
where_nothing_is_the_link_comes_and_goes(void **state)
{
	(void)state;
	assert_int_equal(make(), 1);
	assert_string_equal(scratch_target(folder, "code"), "/srv/here");
	assert_int_equal(standin_end(&standin, &err), 0);
	assert_false(scratch_exists(folder, "code"));
	assert_int_equal(standin_end(&standin, &err), 0);
	assert_int_equal(err.kind, ERR_NONE);
}

static void
an_empty_folder_comes_back_as_it_was(void **state)
{
	struct stat before, after;

	(void)state;
	scratch_folder(folder, "code", 02775);
	if (geteuid() == 0) {
		assert_int_equal(chown(scratch_path(folder, "code"), APART_NOBODY, APART_NOBODY), 0);
		assert_int_equal(chmod(scratch_path(folder, "code"), 02775), 0);
	}
	before = scratch_stat(folder, "code");
	assert_int_equal(make(), 1);
	assert_string_equal(scratch_target(folder, "code"), "/srv/here");
	assert_int_equal(standin_end(&standin, &err), 0);
	after = scratch_stat(folder, "code");
	assert_int_equal(before.st_mode, after.st_mode);
	assert_int_equal(before.st_uid, after.st_uid);
	assert_int_equal(before.st_gid, after.st_gid);
	assert_int_equal(scratch_count(scratch_path(folder, "code")), 0);
}

static void
a_folder_with_something_in_it_stays(void **state)
{
	(void)state;
	scratch_folder(folder, "code", 0755);
	scratch_write(folder, "code/.hidden", "x");
	assert_int_equal(make(), 0);
	assert_int_equal(err.kind, ERR_NONE);
	assert_int_equal(standin_end(&standin, &err), 0);
	assert_true(scratch_exists(folder, "code/.hidden"));
}

static void
a_file_or_a_link_stays_and_is_named(void **state)
{
	(void)state;
	scratch_link(folder, "code", "elsewhere");
	assert_int_equal(make(), -1);
	assert_int_equal(err.kind, ERR_IO);
	assert_non_null(strstr(err.text, "'code' is there and no folder"));
	assert_int_equal(standin_end(&standin, &err), 0);
	assert_string_equal(scratch_target(folder, "code"), "elsewhere");
	assert_int_equal(unlink(scratch_path(folder, "code")), 0);
	scratch_write(folder, "code", "a file");
	assert_int_equal(make(), -1);
	assert_string_equal(scratch_read(folder, "code"), "a file");
}

static void
what_somebody_put_in_its_place_stays(void **state)
{
	(void)state;
	scratch_folder(folder, "code", 0755);
	assert_int_equal(make(), 1);
	assert_int_equal(unlink(scratch_path(folder, "code")), 0);
	scratch_link(folder, "code", "/srv/her");
	assert_int_equal(standin_end(&standin, &err), 0);
	assert_string_equal(scratch_target(folder, "code"), "/srv/her");

	standin_init(&standin);
	assert_int_equal(unlink(scratch_path(folder, "code")), 0);
	assert_int_equal(make(), 1);
	assert_int_equal(unlink(scratch_path(folder, "code")), 0);
	assert_int_equal(standin_end(&standin, &err), 0);
	assert_false(scratch_exists(folder, "code"));
}

static void
a_missing_folder_around_it_is_named(void **state)
{
	(void)state;
	assert_int_equal(standin_make(&standin, "/no/such/root", "code", "/srv/here", &err), -1);
	assert_int_equal(err.kind, ERR_IO);
	assert_non_null(strstr(err.text, "'/no/such/root'"));
	assert_int_equal(standin_end(&standin, &err), 0);
}

static int
make_over_mounts(void *self)
{
	(void)self;
	if (apart_mounts() < 0 || mount("none", scratch_path(folder, "code"), "tmpfs", 0, "size=64k") < 0) {
		return APART_SKIPPED;
	}
	APART_CHECK(make() == -1 && strstr(err.text, "cannot replace the empty folder 'code'") != NULL);
	APART_CHECK(umount(scratch_path(folder, "code")) == 0);
	APART_CHECK(mount(folder, folder, NULL, MS_BIND, NULL) == 0);
	APART_CHECK(mount(NULL, folder, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) == 0);
	APART_CHECK(make() == -1 && strstr(err.text, "Read-only file system") != NULL);
	APART_CHECK(standin_end(&standin, &err) == 0);
	return 0;
}

static void
a_mount_stays_and_so_does_a_folder_that_is_read_only(void **state)
{
	(void)state;
	scratch_folder(folder, "code", 0755);
	apart(make_over_mounts, NULL);
	assert_true(S_ISDIR(scratch_stat(folder, "code").st_mode));
}

static void
descriptors_are_closed(void **state)
{
	int before = scratch_count("/proc/self/fd");

	(void)state;
	assert_int_equal(make(), 1);
	assert_int_equal(standin_end(&standin, &err), 0);
	scratch_write(folder, "code", "a file");
	assert_int_equal(make(), -1);
	assert_int_equal(standin_end(&standin, &err), 0);
	assert_int_equal(scratch_count("/proc/self/fd"), before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(where_nothing_is_the_link_comes_and_goes),
	    TEST(an_empty_folder_comes_back_as_it_was),
	    TEST(a_folder_with_something_in_it_stays),
	    TEST(a_file_or_a_link_stays_and_is_named),
	    TEST(what_somebody_put_in_its_place_stays),
	    TEST(a_missing_folder_around_it_is_named),
	    TEST(a_mount_stays_and_so_does_a_folder_that_is_read_only),
	    TEST(descriptors_are_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
