/* Is a folder one archive, or the project itself? */
#include "unit/base/apart.h"

#include <sys/stat.h>

#include "base/fd.h"
#include "files/folder.h"
#include "unit/files/makers.h"
#include "unit/scratch.h"

static char folder[SCRATCH_PATH];
static char name[FOLDER_NAME_MAX];
static struct err err;

static int
set_up(void **state)
{
	(void)state;
	scratch_make(folder);
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
is_archive(void)
{
	CLEAN_FD fd = scratch_fd(folder);
	int result = folder_is_archive(fd, name, &err);

	assert_int_equal(err.kind, ERR_NONE);
	return result;
}

static void
write_bytes(const char *to, const struct buf *bytes)
{
	assert_int_equal(fd_write_file(AT_FDCWD, scratch_path(folder, to), bytes->data, bytes->len, 0644, &err), 0);
}

static void
put_zip(struct buf *out)
{
	CLEAN_ZIP zip;

	zip_begin(&zip);
	zip_file(&zip, "__main__.py", 0644, "print()\n");
	zip_end(&zip);
	put(out, zip.out.data, zip.out.len);
}

/* A few bytes are enough: what a kind is by its first bytes is kind.h's business. */
static void
write_gzip(const char *to)
{
	scratch_write(folder, to, "\x1f\x8b\x08 and so on");
}

static void
the_only_entry_is_named(void **state)
{
	CLEAN_FD fd = scratch_fd(folder);

	(void)state;
	assert_int_equal(folder_only_entry(fd, name, &err), 0);
	assert_string_equal(name, "");
	scratch_write(folder, "one", "1");
	assert_int_equal(folder_only_entry(fd, name, &err), 0);
	assert_string_equal(name, "one");
	scratch_write(folder, ".two", "2");
	assert_int_equal(folder_only_entry(fd, name, &err), 0);
	assert_string_equal(name, "");
	assert_int_equal(folder_only_entry(fd, name, &err), 0); /* the descriptor's own position does not move */
	assert_string_equal(name, "");
}

static void
a_lone_archive_is_one_whatever_its_name(void **state)
{
	(void)state;
	write_gzip("sourcedir.bin");
	assert_int_equal(is_archive(), 1);
	assert_string_equal(name, "sourcedir.bin");
}

static void
anything_beside_it_makes_it_a_project(void **state)
{
	(void)state;
	write_gzip("sourcedir.tar.gz");
	scratch_folder(folder, ".ipynb_checkpoints", 0755);
	assert_int_equal(is_archive(), 0);
}

static void
an_archive_in_a_folder_is_a_project(void **state)
{
	(void)state;
	scratch_folder(folder, "pkg", 0755);
	write_gzip("pkg/sourcedir.tar.gz");
	assert_int_equal(is_archive(), 0);
}

static void
a_lone_file_of_another_kind_is_a_project(void **state)
{
	(void)state;
	scratch_write(folder, "train.py", "print()\n");
	assert_int_equal(is_archive(), 0);
}

static void
an_empty_file_is_a_project(void **state)
{
	(void)state;
	scratch_write(folder, "sourcedir.tar.gz", "");
	assert_int_equal(is_archive(), 0);
}

static void
an_empty_folder_is_no_archive(void **state)
{
	(void)state;
	assert_int_equal(is_archive(), 0);
}

static void
a_link_to_an_archive_is_none(void **state)
{
	char outside[SCRATCH_PATH];

	(void)state;
	scratch_make(outside);
	scratch_write(outside, "code.tar.gz", "\x1f\x8b\x08");
	scratch_link(folder, "code.tar.gz", scratch_path(outside, "code.tar.gz"));
	assert_int_equal(is_archive(), 0);
	scratch_remove(outside);
}

static void
a_fifo_is_none_and_nobody_waits_for_its_writer(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(scratch_path(folder, "code.tar.gz"), 0644), 0);
	assert_int_equal(is_archive(), 0);
}

static void
a_lone_script_is_a_project_unless_a_zip_follows_its_first_line(void **state)
{
	CLEAN_BUF pex = {0};

	(void)state;
	scratch_write(folder, "run.sh", "#!/bin/sh\necho\n");
	assert_int_equal(is_archive(), 0);
	assert_int_equal(unlink(scratch_path(folder, "run.sh")), 0);
	buf_init(&pex, 1 << 20);
	put(&pex, "#!/usr/bin/python3\n", 19);
	put_zip(&pex);
	write_bytes("app", &pex);
	assert_int_equal(is_archive(), 1);
	assert_string_equal(name, "app");
}

static int
look_as_nobody(void *self)
{
	(void)self;
	APART_CHECK(apart_as_nobody() == 0);
	CLEAN_FD fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	APART_CHECK(folder_is_archive(fd, name, &err) == -1);
	APART_CHECK(err.kind == ERR_IO && strstr(err.text, "'code.tar.gz': Permission denied") != NULL);
	return 0;
}

static void
a_lone_file_that_may_not_be_read_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(chmod(folder, 0755), 0);
	write_gzip("code.tar.gz");
	assert_int_equal(chmod(scratch_path(folder, "code.tar.gz"), 0), 0);
	apart(look_as_nobody, NULL);
}

static void
what_is_no_folder_is_an_error(void **state)
{
	(void)state;
	scratch_write(folder, "file", "x");
	CLEAN_FD fd = open(scratch_path(folder, "file"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(folder_only_entry(fd, name, &err), -1);
	assert_int_equal(err.kind, ERR_IO);
	assert_int_equal(folder_is_archive(fd, name, &err), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(the_only_entry_is_named),
	    TEST(a_lone_archive_is_one_whatever_its_name),
	    TEST(anything_beside_it_makes_it_a_project),
	    TEST(an_archive_in_a_folder_is_a_project),
	    TEST(a_lone_file_of_another_kind_is_a_project),
	    TEST(an_empty_file_is_a_project),
	    TEST(an_empty_folder_is_no_archive),
	    TEST(a_link_to_an_archive_is_none),
	    TEST(a_fifo_is_none_and_nobody_waits_for_its_writer),
	    TEST(a_lone_script_is_a_project_unless_a_zip_follows_its_first_line),
	    TEST(a_lone_file_that_may_not_be_read_is_an_error),
	    TEST(what_is_no_folder_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
