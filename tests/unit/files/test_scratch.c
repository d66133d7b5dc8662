/* Where to work: the first folder that may be written and executed from, and why the others were not. */
#include "unit/base/apart.h"

#include <sys/stat.h>

#include "base/attr.h"
#include "base/fd.h"
#include "files/scratch.h"
#include "unit/scratch.h"

static char folder[SCRATCH_PATH];

static int
set_up(void **state)
{
	(void)state;
	scratch_make(folder);
	scratch_folder(folder, "good", 0755);
	scratch_folder(folder, "other", 0755);
	scratch_write(folder, "file", "no folder");
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	scratch_remove(folder);
	return 0;
}

/* "<folder>/<name>", one of a few that live at once. */
static const char *
in_folder(const char *name)
{
	static char paths[8][2 * SCRATCH_PATH];
	static size_t at;
	char *path = paths[at++ % ARRAY_LEN(paths)];

	(void)snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static void
the_first_usable_candidate_is_taken(void **state)
{
	const char *const candidates[] = {
	    "", in_folder("missing"), in_folder("file"), in_folder("good"), in_folder("other"), NULL};
	const char *path = NULL;
	struct err err = {0};
	struct stat opened, good = scratch_stat(folder, "good");
	CLEAN_FD fd = scratch_open(NULL, candidates, &path, &err);

	(void)state;
	assert_true(fd >= 0);
	assert_ptr_equal(path, candidates[3]);
	assert_int_equal(fstat(fd, &opened), 0);
	assert_int_equal(opened.st_ino, good.st_ino);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(err.kind, ERR_NONE);
}

static void
a_folder_that_was_asked_for_is_the_only_candidate(void **state)
{
	const char *const candidates[] = {in_folder("good"), NULL};
	const char *path = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(scratch_open(in_folder("missing"), candidates, &path, &err), -1);
	assert_int_equal(err.kind, ERR_WORKSPACE);
	assert_non_null(strstr(err.text, "/missing' (No such file or directory)"));
	assert_null(strstr(err.text, "good"));
	CLEAN_FD fd = scratch_open(in_folder("other"), candidates, &path, &err);
	assert_true(fd >= 0);
	assert_non_null(strstr(path, "/other"));
}

static void
every_reason_is_told_once(void **state)
{
	const char *const candidates[] = {
	    in_folder("missing"), in_folder("file"), "tmp", in_folder("missing"), "", in_folder("file/below"), NULL};
	const char *path = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(scratch_open(NULL, candidates, &path, &err), -1);
	assert_int_equal(err.kind, ERR_WORKSPACE);
	assert_non_null(strstr(err.text, "no folder to work in: '"));
	assert_non_null(strstr(err.text, "/missing' (No such file or directory), '"));
	assert_non_null(strstr(err.text, "/file' (Not a directory), 'tmp' (not an absolute path), '"));
	assert_non_null(strstr(err.text, "/file/below' (Not a directory)"));
	assert_null(strstr(strstr(err.text, "/missing") + 1, "/missing"));
}

static void
without_any_candidate_it_says_so(void **state)
{
	const char *const candidates[] = {"", NULL};
	const char *path = NULL;
	struct err err = {0};

	(void)state;
	assert_int_equal(scratch_open(NULL, candidates, &path, &err), -1);
	assert_int_equal(err.kind, ERR_WORKSPACE);
	assert_non_null(strstr(err.text, "none was named"));
}

static void
the_first_reason_is_told_however_long_the_paths_are(void **state)
{
	char first[400] = "/first", second[400] = "/second";
	const char *const candidates[] = {first, second, NULL};
	const char *path = NULL;
	struct err err = {0};
	char reason[100];

	(void)state;
	memset(first + 6, 'x', sizeof(first) - 7);
	memset(second + 7, 'x', sizeof(second) - 8);
	assert_int_equal(scratch_open(NULL, candidates, &path, &err), -1);
	assert_non_null(strstr(err.text, "no folder to work in: '/firstxxx"));
	(void)snprintf(reason, sizeof(reason), "(%s), '/second", strerror(ENAMETOOLONG));
	assert_non_null(strstr(err.text, reason));
	assert_non_null(strstr(err.text, "..."));
}

static void
a_link_to_a_folder_is_one(void **state)
{
	const char *path = NULL;
	struct err err = {0};

	(void)state;
	scratch_link(folder, "link", "good");
	CLEAN_FD fd = scratch_open(in_folder("link"), NULL, &path, &err);
	assert_true(fd >= 0);
}

static void
nothing_is_written_to_find_out(void **state)
{
	const char *path = NULL;
	struct err err = {0};
	struct stat before = scratch_stat(folder, "good");
	CLEAN_FD fd = scratch_open(in_folder("good"), NULL, &path, &err);
	struct stat after = scratch_stat(folder, "good");

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(scratch_count(path), 0);
	assert_int_equal(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
	assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
}

static int
look_at_mounts(void *self)
{
	const char *const candidates[] = {in_folder("noexec"), in_folder("readonly"), in_folder("good"), NULL};
	const char *const bad[] = {candidates[0], candidates[1], NULL};
	const char *path = NULL;
	struct err err = {0};

	(void)self;
	if (apart_mounts() < 0 || mount("none", candidates[0], "tmpfs", MS_NOEXEC, "size=64k") < 0 ||
	    mount("none", candidates[1], "tmpfs", MS_RDONLY, "size=64k") < 0) {
		return APART_SKIPPED;
	}
	CLEAN_FD fd = scratch_open(NULL, candidates, &path, &err);
	APART_CHECK(fd >= 0 && path == candidates[2]);
	APART_CHECK(scratch_open(NULL, bad, &path, &err) == -1 && err.kind == ERR_WORKSPACE);
	APART_CHECK(strstr(err.text, "/noexec' (mounted noexec), '") != NULL);
	APART_CHECK(strstr(err.text, "/readonly' (Read-only file system)") != NULL);
	APART_CHECK(scratch_open(candidates[0], candidates + 2, &path, &err) == -1);
	APART_CHECK(strstr(err.text, "(mounted noexec)") != NULL);
	return 0;
}

static void
noexec_and_read_only_mounts_are_passed_over(void **state)
{
	(void)state;
	scratch_folder(folder, "noexec", 0755);
	scratch_folder(folder, "readonly", 0755);
	apart(look_at_mounts, NULL);
}

static int
look_as_nobody(void *self)
{
	const char *const candidates[] = {in_folder("closed"), in_folder("readable"), in_folder("open"), NULL};
	const char *const bad[] = {candidates[0], candidates[1], NULL};
	const char *path = NULL;
	struct err err = {0};

	(void)self;
	APART_CHECK(apart_as_nobody() == 0);
	CLEAN_FD fd = scratch_open(NULL, candidates, &path, &err);
	APART_CHECK(fd >= 0 && path == candidates[2]);
	APART_CHECK(scratch_open(NULL, bad, &path, &err) == -1);
	APART_CHECK(strstr(err.text, "/closed' (Permission denied), '") != NULL);
	APART_CHECK(strstr(err.text, "/readable' (Permission denied)") != NULL);
	return 0;
}

static void
folders_that_may_not_be_written_are_passed_over(void **state)
{
	(void)state;
	assert_int_equal(chmod(folder, 0755), 0);
	scratch_folder(folder, "closed", 0700);
	scratch_folder(folder, "readable", 0555);
	scratch_folder(folder, "open", 0777);
	if (geteuid() != 0) {
		assert_int_equal(chmod(in_folder("closed"), 0), 0);
	}
	apart(look_as_nobody, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(the_first_usable_candidate_is_taken),
	    TEST(a_folder_that_was_asked_for_is_the_only_candidate),
	    TEST(every_reason_is_told_once),
	    TEST(without_any_candidate_it_says_so),
	    TEST(the_first_reason_is_told_however_long_the_paths_are),
	    TEST(a_link_to_a_folder_is_one),
	    TEST(nothing_is_written_to_find_out),
	    TEST(noexec_and_read_only_mounts_are_passed_over),
	    TEST(folders_that_may_not_be_written_are_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
