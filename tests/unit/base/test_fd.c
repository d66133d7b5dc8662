/* Descriptors, whole files, and opening beneath a folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/stream.h"
#include "base/sys.h"

static char folder[] = "/tmp/train-test-XXXXXX";

static int
make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL ? -1 : chdir(folder);
}

static int
remove_folder(void **state)
{
	(void)state;
	return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static void
fd_write_file_replaces_whole_files_with_an_exact_mode(void **state)
{
	CLEAN_BUF buf = {0};
	struct err err = {0};
	struct stat st;
	mode_t mask = umask(077);

	(void)state;
	assert_int_equal(fd_write_file(AT_FDCWD, "a", "one", 3, 0644, &err), 0);
	assert_int_equal(fd_write_file(AT_FDCWD, "a", "second", 6, 0600, &err), 0);
	(void)umask(mask);
	assert_int_equal(stat("a", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	buf_init(&buf, 100);
	assert_int_equal(fd_read_file(AT_FDCWD, "a", &buf, &err), 0);
	assert_string_equal(buf_text(&buf), "second");
	assert_int_equal(unlink("a"), 0);
	assert_int_equal(fd_write_file(AT_FDCWD, "missing/a", "x", 1, 0600, &err), -1);
	assert_non_null(strstr(err.text, "missing/a"));
}

static void
fd_read_file_refuses_fifos_and_long_files(void **state)
{
	CLEAN_BUF buf = {0};
	struct err err = {0};

	(void)state;
	assert_int_equal(mkfifo("fifo", 0600), 0);
	buf_init(&buf, 3);
	assert_int_equal(fd_read_file(AT_FDCWD, "fifo", &buf, &err), -1);
	assert_int_equal(unlink("fifo"), 0);
	assert_int_equal(fd_write_file(AT_FDCWD, "four", "1234", 4, 0600, &err), 0);
	assert_int_equal(fd_read_file(AT_FDCWD, "four", &buf, &err), -1);
	assert_int_equal(unlink("four"), 0);
	assert_int_equal(fd_read_file(AT_FDCWD, "none", &buf, &err), -1);
	assert_int_equal(err.sys, ENOENT);
}

static void
sys_open_beneath_never_leaves_the_folder(void **state)
{
	CLEAN_FD dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_int_equal(mkdir("in", 0700), 0);
	assert_int_equal(symlink("/etc", "out"), 0);
	assert_int_equal(symlink("in", "link"), 0);
	CLEAN_FD ok = sys_open_beneath(dir, "in/file", O_CREAT | O_WRONLY, 0600);
	assert_true(ok >= 0);
	assert_int_equal(sys_open_beneath(dir, "out/passwd", O_RDONLY, 0), -1);
	assert_int_equal(sys_open_beneath(dir, "link/file", O_RDONLY, 0), -1);
	assert_int_equal(sys_open_beneath(dir, "in/../../x", O_RDONLY, 0), -1);
	assert_int_equal(sys_open_beneath(dir, "/etc/passwd", O_RDONLY, 0), -1);
	assert_int_equal(unlink("in/file"), 0);
	assert_int_equal(rmdir("in"), 0);
	assert_int_equal(unlink("out"), 0);
	assert_int_equal(unlink("link"), 0);
}

static void
fd_source_reads_to_the_end(void **state)
{
	struct fd_source storage;
	struct err err = {0};
	char bytes[16] = {0};
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(fd_write_all(ends[1], "hello", 5), 0);
	fd_close(&ends[1]);
	assert_int_equal(ends[1], -1);
	struct source src = fd_source_init(&storage, ends[0], "pipe");
	assert_int_equal(source_read_full(&src, bytes, sizeof(bytes), &err), 5);
	assert_string_equal(bytes, "hello");
	fd_close(&ends[0]);
}

static void
mem_source_gives_its_bytes_in_pieces(void **state)
{
	struct mem_source storage;
	struct source src = mem_source_init(&storage, "abc", 3);
	struct err err = {0};
	char bytes[2];

	(void)state;
	assert_int_equal(source_read(&src, bytes, 2, &err), 2);
	assert_int_equal(source_read(&src, bytes, 2, &err), 1);
	assert_int_equal(source_read(&src, bytes, 2, &err), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(fd_write_file_replaces_whole_files_with_an_exact_mode),
	    cmocka_unit_test(fd_read_file_refuses_fifos_and_long_files),
	    cmocka_unit_test(sys_open_beneath_never_leaves_the_folder),
	    cmocka_unit_test(fd_source_reads_to_the_end),
	    cmocka_unit_test(mem_source_gives_its_bytes_in_pieces),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
