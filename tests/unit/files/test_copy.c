/* Copying a project: what comes along and how, what does not, and what ends it. */
#include "unit/base/apart.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/attr.h"
#include "base/fd.h"
#include "files/copy.h"
#include "unit/scratch.h"

enum {
	BIG = 9 << 20, /* bytes: twice as many as are copied between two looks at whether to go on */
	SHORTER = 5 << 20,
	LONG_AGO = 1000000000,
};

static char folder[SCRATCH_PATH]; /* with 'from', the project, and 'to' */
static struct tree_limits limits;
static struct copied copied;
static struct err err;

static int
set_up(void **state)
{
	(void)state;
	(void)umask(022);
	scratch_make(folder);
	scratch_folder(folder, "from", 0755);
	scratch_folder(folder, "to", 0700);
	limits = (struct tree_limits){.bytes_max = 1 << 30, .entries_max = 1000};
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
copy(void)
{
	char from[2 * SCRATCH_PATH];

	(void)snprintf(from, sizeof(from), "%s/from", folder);
	CLEAN_FD from_fd = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEAN_FD to_fd = open(scratch_path(folder, "to"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return copy_project(from_fd, to_fd, from, &limits, &copied, &err);
}

static void
assert_copies(void)
{
	if (copy() < 0) {
		fail_msg("not copied: %s", err.text);
	}
	assert_int_equal(err.kind, ERR_NONE);
}

static void
make_file(const char *name, const char *text, mode_t mode)
{
	scratch_write(folder, name, text);
	assert_int_equal(chmod(scratch_path(folder, name), mode), 0);
}

static void
set_time(const char *name, time_t seconds)
{
	const struct timespec times[2] = {
	    {.tv_sec = seconds, .tv_nsec = 123456789}, {.tv_sec = seconds, .tv_nsec = 123456789}};

	assert_int_equal(utimensat(AT_FDCWD, scratch_path(folder, name), times, AT_SYMLINK_NOFOLLOW), 0);
}

static mode_t
mode_of(const char *name)
{
	return scratch_stat(folder, name).st_mode & 07777;
}

static void
make_big(const char *name)
{
	int fd = open(scratch_path(folder, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, BIG), 0);
	fd_close(&fd);
}

/* ---- what comes along ---- */

static void
content_modes_and_times_come_along(void **state)
{
	(void)state;
	make_file("from/plain", "plain", 0644);
	make_file("from/run", "#!/bin/sh\n", 0755);
	make_file("from/private", "p", 0600);
	make_file("from/fixed", "f", 0444);
	make_file("from/empty", "", 0644);
	scratch_folder(folder, "from/pkg", 0750);
	make_file("from/pkg/module", "inside", 0640);
	set_time("from/plain", LONG_AGO);
	set_time("from/pkg", LONG_AGO + 1);
	assert_copies();
	assert_string_equal(scratch_read(folder, "to/plain"), "plain");
	assert_string_equal(scratch_read(folder, "to/pkg/module"), "inside");
	assert_string_equal(scratch_read(folder, "to/empty"), "");
	assert_int_equal(mode_of("to/plain"), 0644);
	assert_int_equal(mode_of("to/run"), 0755);
	assert_int_equal(mode_of("to/private"), 0600);
	assert_int_equal(mode_of("to/fixed"), 0444);
	assert_int_equal(mode_of("to/pkg"), 0750);
	assert_int_equal(scratch_stat(folder, "to/plain").st_mtim.tv_sec, LONG_AGO);
	assert_int_equal(scratch_stat(folder, "to/plain").st_mtim.tv_nsec, 123456789);
	assert_int_equal(scratch_stat(folder, "to/pkg").st_mtim.tv_sec, LONG_AGO + 1);
	assert_int_equal(copied.entries, 7);
	assert_int_equal(copied.bytes, 5 + 10 + 1 + 1 + 6);
	assert_int_equal(copied.left_out, 0);
}

static void
the_umask_applies(void **state)
{
	(void)state;
	make_file("from/file", "x", 0666);
	make_file("from/run", "x", 0777);
	scratch_folder(folder, "from/pkg", 0777);
	(void)umask(027);
	assert_copies();
	assert_int_equal(mode_of("to/file"), 0640);
	assert_int_equal(mode_of("to/run"), 0750);
	assert_int_equal(mode_of("to/pkg"), 0750);
}

static void
set_id_and_sticky_bits_do_not_come_along(void **state)
{
	(void)state;
	make_file("from/setuid", "x", 06755);
	scratch_folder(folder, "from/shared", 03777);
	assert_copies();
	assert_int_equal(mode_of("to/setuid"), 0755);
	assert_int_equal(mode_of("to/shared"), 0755);
}

static void
a_folder_closed_against_its_owner_is_filled_all_the_same(void **state)
{
	(void)state;
	scratch_folder(folder, "from/fixed", 0755);
	make_file("from/fixed/file", "x", 0444);
	assert_int_equal(chmod(scratch_path(folder, "from/fixed"), 0555), 0);
	assert_copies();
	assert_string_equal(scratch_read(folder, "to/fixed/file"), "x");
	assert_int_equal(mode_of("to/fixed"), 0755);
	assert_int_equal(chmod(scratch_path(folder, "from/fixed"), 0755), 0); /* else nobody but root can remove it */
}

static void
links_come_along_as_they_are_and_are_never_followed(void **state)
{
	(void)state;
	scratch_folder(folder, "beside", 0755);
	make_file("beside/secret", "not of the project", 0644);
	scratch_link(folder, "from/out", "../beside");
	scratch_link(folder, "from/absolute", "/etc/hostname");
	scratch_link(folder, "from/dangling", "nowhere");
	scratch_link(folder, "from/loop", "loop");
	make_file("from/file", "x", 0644);
	scratch_link(folder, "from/near", "file");
	assert_copies();
	assert_string_equal(scratch_target(folder, "to/out"), "../beside");
	assert_string_equal(scratch_target(folder, "to/absolute"), "/etc/hostname");
	assert_string_equal(scratch_target(folder, "to/dangling"), "nowhere");
	assert_string_equal(scratch_target(folder, "to/loop"), "loop");
	assert_string_equal(scratch_target(folder, "to/near"), "file");
	assert_int_equal(copied.bytes, 1);
}

static void
odd_names_come_along(void **state)
{
	static const char *const names[] = {"from/ blank", "from/-dash", "from/new\nline", "from/\xff\xfe",
	    "from/\xc3\xa4", "from/..x", "from/.hidden"};
	char name[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		make_file(names[i], "x", 0644);
	}
	assert_copies();
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(name, sizeof(name), "to%s", names[i] + 4);
		assert_string_equal(scratch_read(folder, name), "x");
	}
}

static void
an_empty_project_is_one(void **state)
{
	(void)state;
	assert_copies();
	assert_int_equal(scratch_count(scratch_path(folder, "to")), 0);
	assert_int_equal(copied.entries, 0);
}

/* ---- what does not ---- */

static void
data_git_and_train_stay_behind_at_the_top_only(void **state)
{
	(void)state;
	scratch_folder(folder, "from/data", 0755);
	make_file("from/data/file", "x", 0644);
	scratch_folder(folder, "from/.git", 0755);
	make_file("from/.git/file", "x", 0644);
	scratch_folder(folder, "from/.train", 0755);
	make_file("from/.train/file", "x", 0644);
	scratch_folder(folder, "from/pkg", 0755);
	scratch_folder(folder, "from/pkg/data", 0755);
	make_file("from/pkg/data/file", "x", 0644);
	make_file("from/data.csv", "x", 0644);
	make_file("from/.gitignore", "x", 0644);
	assert_copies();
	assert_int_equal(scratch_count(scratch_path(folder, "to")), 3);
	assert_true(scratch_exists(folder, "to/pkg/data/file"));
	assert_true(scratch_exists(folder, "to/data.csv"));
	assert_true(scratch_exists(folder, "to/.gitignore"));
	assert_int_equal(copied.left_out, 0); /* nothing to warn about */
}

static void
fifos_and_sockets_are_left_out_counted_and_never_opened(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	CLEAN_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", scratch_path(folder, "from/socket"));
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	scratch_folder(folder, "from/pkg", 0755);
	assert_int_equal(mkfifo(scratch_path(folder, "from/pkg/fifo"), 0644), 0);
	make_file("from/file", "x", 0644);
	assert_copies(); /* opening the FIFO would wait for its writer */
	assert_int_equal(copied.left_out, 2);
	assert_true(
	    strstr(copied.first_out, "/from/socket") != NULL || strstr(copied.first_out, "/from/pkg/fifo") != NULL);
	assert_false(scratch_exists(folder, "to/socket") || scratch_exists(folder, "to/pkg/fifo"));
	assert_true(scratch_exists(folder, "to/file"));
}

static void
the_folder_that_is_filled_is_no_part_of_the_project_around_it(void **state)
{
	(void)state;
	make_file("from/file", "x", 0644);
	scratch_folder(folder, "from/tmp", 0755);
	make_file("from/tmp/other", "x", 0644);
	char inside[2 * SCRATCH_PATH];
	(void)snprintf(inside, sizeof(inside), "%s/from/tmp/.train-1", folder);
	assert_int_equal(rename(scratch_path(folder, "to"), inside), 0);
	CLEAN_FD from_fd = scratch_fd(scratch_path(folder, "from"));
	CLEAN_FD to_fd = scratch_fd(inside);
	assert_int_equal(copy_project(from_fd, to_fd, "from", &limits, &copied, &err), 0);
	assert_true(scratch_exists(inside, "file") && scratch_exists(inside, "tmp/other"));
	assert_false(scratch_exists(inside, "tmp/.train-1"));
	assert_int_equal(copied.entries, 3);
}

/* ---- what ends it ---- */

/* So many folders inside each other. */
static void
make_deep(int depth)
{
	CLEAN_FD fd = scratch_fd(scratch_path(folder, "from"));

	for (int i = 0; i < depth; i++) {
		assert_int_equal(mkdirat(fd, "d", 0755), 0);
		int next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		fd_close(&fd);
		fd = next;
	}
}

static void
as_many_folders_inside_each_other_as_an_archive_may_have(void **state)
{
	(void)state;
	make_deep(TREE_PARTS_MAX);
	assert_copies();
	assert_int_equal(copied.entries, TREE_PARTS_MAX);
}

static void
one_folder_deeper_is_refused_and_named(void **state)
{
	(void)state;
	make_deep(TREE_PARTS_MAX + 1);
	assert_int_equal(copy(), -1);
	assert_int_equal(err.kind, ERR_ARCHIVE);
	assert_non_null(strstr(err.text, "/from/d/d/d"));
	assert_non_null(strstr(err.text, "128 folders deep"));
}

static int
copy_as_nobody(void *self)
{
	const char *name = self;

	APART_CHECK(apart_as_nobody() == 0);
	APART_CHECK(copy() == -1 && err.kind == ERR_IO);
	APART_CHECK(strstr(err.text, name) != NULL && strstr(err.text, "Permission denied") != NULL);
	return 0;
}

static void
what_may_not_be_read_is_named(void **state)
{
	char name[] = "/from/closed'";

	(void)state;
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(chmod(scratch_path(folder, "to"), 0777), 0);
	scratch_folder(folder, "from/closed", 0000);
	apart(copy_as_nobody, name);
	assert_int_equal(rmdir(scratch_path(folder, "from/closed")), 0);
	make_file("from/closed", "x", 0000);
	apart(copy_as_nobody, name);
}

static void
one_entry_more_than_allowed_is_refused(void **state)
{
	(void)state;
	make_file("from/a", "x", 0644);
	make_file("from/b", "x", 0644);
	limits.entries_max = 2;
	assert_copies();
	scratch_remove(scratch_path(folder, "to"));
	scratch_folder(folder, "to", 0700);
	scratch_link(folder, "from/c", "a");
	assert_int_equal(copy(), -1);
	assert_int_equal(err.kind, ERR_ARCHIVE);
	assert_non_null(strstr(err.text, "more than 2 entries: raise unpack-max-entries"));
}

static void
one_byte_more_than_allowed_is_refused_before_it_is_copied(void **state)
{
	(void)state;
	make_big("from/big");
	limits.bytes_max = BIG;
	assert_copies();
	scratch_remove(scratch_path(folder, "to"));
	scratch_folder(folder, "to", 0700);
	limits.bytes_max = BIG - 1;
	assert_int_equal(copy(), -1);
	assert_int_equal(err.kind, ERR_ARCHIVE);
	assert_non_null(strstr(err.text, "/from/big': more than 9437183 bytes in all: raise unpack-max-bytes"));
	assert_false(scratch_exists(folder, "to/big"));
}

/* Something happens to the big file each time somebody asks whether to go on. */
static int
grow(void *self, struct err *trouble)
{
	off_t size = scratch_stat(folder, "from/big").st_size;

	(void)self;
	(void)trouble;
	assert_int_equal(truncate(scratch_path(folder, "from/big"), size + BIG), 0);
	return 0;
}

/* Not at the entry, but within the file. */
static int
shrink_when_open(void *self, struct err *trouble)
{
	(void)self;
	(void)trouble;
	if (scratch_exists(folder, "to/big")) {
		assert_int_equal(truncate(scratch_path(folder, "from/big"), SHORTER), 0);
	}
	return 0;
}

static void
a_file_that_grows_is_copied_as_it_was(void **state)
{
	(void)state;
	make_big("from/big");
	limits.go_on = grow;
	assert_copies();
	off_t grown = scratch_stat(folder, "from/big").st_size;
	off_t copy_size = scratch_stat(folder, "to/big").st_size;
	assert_true(copy_size < grown && copy_size <= 2 * (off_t)BIG); /* asked once before it is opened */
	assert_int_equal(copied.bytes, copy_size);
}

static void
a_file_that_becomes_shorter_ends_where_it_ends(void **state)
{
	(void)state;
	make_big("from/big");
	limits.go_on = shrink_when_open;
	assert_copies();
	assert_int_equal(scratch_stat(folder, "to/big").st_size, SHORTER);
}

/* A stop that comes when it was asked for so many times. */
static int
stop_later(void *self, struct err *trouble)
{
	int *left = self;

	return --*left < 0 ? err_set(trouble, ERR_STOPPED, 0, "stopped") : 0;
}

static void
a_stop_ends_it_between_entries(void **state)
{
	int left = 1;

	(void)state;
	make_file("from/a", "x", 0644);
	make_file("from/b", "x", 0644);
	limits.go_on = stop_later;
	limits.self = &left;
	assert_int_equal(copy(), -1);
	assert_int_equal(err.kind, ERR_STOPPED);
	assert_int_equal(scratch_count(scratch_path(folder, "to")), 1);
}

static void
a_stop_ends_it_within_a_large_file(void **state)
{
	int left = 1;

	(void)state;
	make_big("from/big");
	limits.go_on = stop_later;
	limits.self = &left;
	assert_int_equal(copy(), -1);
	assert_int_equal(err.kind, ERR_STOPPED);
	assert_true(scratch_stat(folder, "to/big").st_size < BIG);
}

static int
copy_to_a_small_disk(void *self)
{
	(void)self;
	if (apart_mounts() < 0 || mount("none", scratch_path(folder, "to"), "tmpfs", 0, "size=64k,mode=0700") < 0) {
		return APART_SKIPPED;
	}
	APART_CHECK(copy() == -1 && err.kind == ERR_DISK_FULL);
	APART_CHECK(strstr(err.text, "/from/big': No space left on device") != NULL);
	return 0;
}

static void
a_full_disk_is_told_as_such_and_names_the_file(void **state)
{
	(void)state;
	make_big("from/big");
	apart(copy_to_a_small_disk, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(content_modes_and_times_come_along),
	    TEST(the_umask_applies),
	    TEST(set_id_and_sticky_bits_do_not_come_along),
	    TEST(a_folder_closed_against_its_owner_is_filled_all_the_same),
	    TEST(links_come_along_as_they_are_and_are_never_followed),
	    TEST(odd_names_come_along),
	    TEST(an_empty_project_is_one),
	    TEST(data_git_and_train_stay_behind_at_the_top_only),
	    TEST(fifos_and_sockets_are_left_out_counted_and_never_opened),
	    TEST(the_folder_that_is_filled_is_no_part_of_the_project_around_it),
	    TEST(as_many_folders_inside_each_other_as_an_archive_may_have),
	    TEST(one_folder_deeper_is_refused_and_named),
	    TEST(what_may_not_be_read_is_named),
	    TEST(one_entry_more_than_allowed_is_refused),
	    TEST(one_byte_more_than_allowed_is_refused_before_it_is_copied),
	    TEST(a_file_that_grows_is_copied_as_it_was),
	    TEST(a_file_that_becomes_shorter_ends_where_it_ends),
	    TEST(a_stop_ends_it_between_entries),
	    TEST(a_stop_ends_it_within_a_large_file),
	    TEST(a_full_disk_is_told_as_such_and_names_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
