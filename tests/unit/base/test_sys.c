/* System calls that may be missing: with them and without them the answers are the same. */
#include "unit/base/apart.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/sys.h"
#include "unit/scratch.h"

enum { NAME_TOO_LONG = 300 };

static char folder[SCRATCH_PATH];

static int
make_folder(void **state)
{
	(void)state;
	scratch_make(folder);
	return chdir(folder);
}

static int
remove_folder(void **state)
{
	(void)state;
	assert_int_equal(chdir("/"), 0);
	scratch_remove(folder);
	return 0;
}

/* ---- opening beneath a folder ---- */

struct opening {
	const char *path;
	int flags;
	int error; /* 0: it opens */
};

static const struct opening openings[] = {
    {"in/file", O_RDONLY, 0},
    {"./in//file", O_RDONLY, 0},
    {"in/./deep/../deep", O_RDONLY, EXDEV},
    {"in/deep/file", O_RDONLY, 0},
    {"in", O_RDONLY | O_DIRECTORY, 0},
    {"in/", O_RDONLY | O_DIRECTORY, 0},
    {".", O_RDONLY | O_DIRECTORY, 0},
    {"in", O_PATH, 0},
    {"in/made", O_WRONLY | O_CREAT, 0},
    {"in/file", O_WRONLY | O_CREAT | O_EXCL, EEXIST},
    {"in", O_RDWR | O_TMPFILE, 0},
    {"", O_RDONLY, ENOENT},
    {"missing", O_RDONLY, ENOENT},
    {"missing/file", O_RDONLY, ENOENT},
    {"in/file", O_RDONLY | O_DIRECTORY, ENOTDIR},
    {"in/file/x", O_RDONLY, ENOTDIR},
    {"link", O_RDONLY, ELOOP},
    {"link", O_RDONLY | O_DIRECTORY, ELOOP},
    {"link", O_PATH | O_NOFOLLOW, 0},
    {"link/", O_RDONLY | O_DIRECTORY, ELOOP},
    {"link/file", O_RDONLY, ELOOP},
    {"link/made", O_WRONLY | O_CREAT, ELOOP},
    {"out/passwd", O_RDONLY, ELOOP},
    {"dangling", O_WRONLY | O_CREAT, ELOOP},
    {"..", O_RDONLY, EXDEV},
    {"../x", O_RDONLY, EXDEV},
    {"in/..", O_RDONLY, EXDEV},
    {"in/../in/file", O_RDONLY, EXDEV},
    {"in/../../x", O_RDONLY, EXDEV},
    {"/", O_RDONLY, EXDEV},
    {"/etc/passwd", O_RDONLY, EXDEV},
    {"in/...", O_RDONLY, ENOENT},
    {"in/..x", O_RDONLY, ENOENT},
};

static int
try_openings(void *self)
{
	const int *error = self;
	CLEAN_FD dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char name[NAME_TOO_LONG];

	APART_CHECK(dir >= 0 && (*error == 0 || apart_without(SYS_openat2, *error) == 0));
	for (size_t i = 0; i < ARRAY_LEN(openings); i++) {
		errno = 0;
		CLEAN_FD fd = sys_open_beneath(dir, openings[i].path, openings[i].flags, 0640);
		int got = errno;

		if (openings[i].error == 0 ? fd < 0 || fcntl(fd, F_GETFD) != FD_CLOEXEC
		                           : fd >= 0 || got != openings[i].error) {
			(void)fprintf(stderr, "'%s' %#o: %d, %s\n", openings[i].path, (unsigned)openings[i].flags, fd,
			    strerror(got));
			return 1;
		}
	}
	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	APART_CHECK(sys_open_beneath(dir, name, O_RDONLY, 0) < 0 && errno == ENAMETOOLONG);
	name[NAME_TOO_LONG - 2] = '/';
	APART_CHECK(sys_open_beneath(dir, name, O_RDONLY, 0) < 0 && errno == ENAMETOOLONG);
	return 0;
}

static void
open_beneath_answers_the_same_with_and_without_openat2(void **state)
{
	static int errors[] = {0, ENOSYS, EPERM};
	struct err err = {0};

	(void)state;
	assert_int_equal(mkdir("in", 0755), 0);
	assert_int_equal(mkdir("in/deep", 0755), 0);
	assert_int_equal(fd_write_file(AT_FDCWD, "in/file", "x", 1, 0644, &err), 0);
	assert_int_equal(fd_write_file(AT_FDCWD, "in/deep/file", "x", 1, 0644, &err), 0);
	assert_int_equal(symlink("in", "link"), 0);
	assert_int_equal(symlink("/etc", "out"), 0);
	assert_int_equal(symlink("in/new", "dangling"), 0);
	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		struct stat st;

		apart(try_openings, &errors[i]);
		assert_int_equal(stat("in/made", &st), 0);
		assert_int_equal(st.st_mode & 07777, 0640);
		assert_int_equal(unlink("in/made"), 0);
		assert_int_equal(lstat("in/new", &st), -1);
	}
}

static int
open_magic(void *self)
{
	const int *error = self;
	CLEAN_FD dir = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	APART_CHECK(dir >= 0 && (*error == 0 || apart_without(SYS_openat2, *error) == 0));
	APART_CHECK(sys_open_beneath(dir, "cwd", O_RDONLY, 0) < 0 && errno == ELOOP);
	APART_CHECK(sys_open_beneath(dir, "cwd/in", O_RDONLY, 0) < 0 && errno == ELOOP);
	APART_CHECK(sys_open_beneath(dir, "root/etc", O_RDONLY, 0) < 0 && errno == ELOOP);
	return 0;
}

static void
open_beneath_follows_no_magic_link(void **state)
{
	static int errors[] = {0, ENOSYS};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		apart(open_magic, &errors[i]);
	}
}

/* ---- processes as descriptors ---- */

static void
pidfd_tells_the_end_and_takes_a_signal(void **state)
{
	int status = 0;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		for (;;) {
			(void)pause();
		}
	}
	CLEAN_FD fd = sys_pidfd_open(pid);
	if (fd < 0 && errno == ENOSYS) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, &status, 0);
		skip();
	}
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	assert_int_equal(poll(&wait, 1, 0), 0);
	assert_int_equal(sys_pidfd_kill(fd, pid, SIGKILL), 0);
	assert_int_equal(poll(&wait, 1, -1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(sys_pidfd_kill(fd, pid, SIGKILL), -1);
	assert_int_equal(errno, ESRCH);
}

static int
open_absent_pidfd(void *self)
{
	const int *error = self;

	APART_CHECK(apart_without(SYS_pidfd_open, *error) == 0);
	APART_CHECK(sys_pidfd_open(getpid()) < 0 && errno == ENOSYS);
	return 0;
}

static void
pidfd_that_is_forbidden_counts_as_absent(void **state)
{
	static int errors[] = {ENOSYS, EPERM};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		apart(open_absent_pidfd, &errors[i]);
	}
}

static int
kill_without_the_call(void *self)
{
	const int *error = self;
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		(void)pause();
		_exit(0);
	}
	CLEAN_FD fd = sys_pidfd_open(pid);
	APART_CHECK(fd >= 0 && apart_without(SYS_pidfd_send_signal, *error) == 0);
	APART_CHECK(sys_pidfd_kill(fd, pid, SIGKILL) == 0);
	APART_CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	APART_CHECK(sys_pidfd_kill(fd, pid, SIGKILL) == -1 && errno == ESRCH);
	return 0;
}

static void
a_signal_arrives_where_only_pidfd_open_is_allowed(void **state)
{
	static int errors[] = {ENOSYS, EPERM};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		apart(kill_without_the_call, &errors[i]);
	}
}

/* ---- permissions ---- */

static int
ask_without_the_call(void *self)
{
	const int *error = self;
	CLEAN_FD dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	APART_CHECK(mkdir("mine", 0777) == 0 && mkdir("closed", 0500) == 0 && chmod(".", 0755) == 0);
	APART_CHECK(chmod("mine", 0777) == 0);
	APART_CHECK(*error == 0 || apart_without(SYS_faccessat2, *error) == 0);
	APART_CHECK(apart_as_nobody() == 0);
	APART_CHECK(sys_may(dir, "mine", W_OK | X_OK) == 0);
	APART_CHECK(sys_may(dir, "closed", W_OK) == -1 && errno == EACCES);
	APART_CHECK(sys_may(dir, "missing", R_OK) == -1 && errno == ENOENT);
	return 0;
}

static void
what_may_be_done_is_told_with_and_without_faccessat2(void **state)
{
	static int errors[] = {0, ENOSYS, EPERM};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		apart(ask_without_the_call, &errors[i]);
		assert_true(rmdir("mine") == 0 && rmdir("closed") == 0);
	}
}

/* ---- mounts ---- */

static int
look_at_mounts(void *self)
{
	const int *statx_error = self;
	uint64_t here = 0, again = 0, other = 0, bound = 0;

	if (apart_mounts() < 0) {
		return APART_SKIPPED;
	}
	APART_CHECK(mkdir("tmpfs", 0755) == 0 && mkdir("same", 0755) == 0 && mkdir("bound", 0755) == 0);
	APART_CHECK(mount("none", "tmpfs", "tmpfs", MS_NOEXEC, "size=64k") == 0);
	APART_CHECK(mount("same", "bound", NULL, MS_BIND, NULL) == 0);
	CLEAN_FD dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEAN_FD same_fd = open("same", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEAN_FD tmpfs_fd = open("tmpfs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEAN_FD bound_fd = open("bound", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	APART_CHECK(*statx_error == 0 || apart_without(SYS_statx, *statx_error) == 0);
	APART_CHECK(sys_mount_of(dir, &here) == 0 && sys_mount_of(same_fd, &again) == 0 && here == again);
	APART_CHECK(sys_mount_of(tmpfs_fd, &other) == 0 && here != other);
	APART_CHECK(sys_mount_of(bound_fd, &bound) == 0 && (*statx_error != 0 || bound != here));
	APART_CHECK(sys_is_noexec(tmpfs_fd) == 1 && sys_is_noexec(dir) == 0);
	APART_CHECK(sys_mount_of(-1, &other) == -1 && errno == EBADF);
	APART_CHECK(sys_is_noexec(-1) == -1 && errno == EBADF);
	return 0;
}

static void
mounts_have_numbers_and_flags(void **state)
{
	static int errors[] = {0, EPERM};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		apart(look_at_mounts, &errors[i]);
		assert_true(rmdir("tmpfs") == 0 && rmdir("same") == 0 && rmdir("bound") == 0);
	}
}

/* ---- random bytes ---- */

static int
fill_random(void *self)
{
	const int *error = self;
	unsigned char bytes[64] = {0};
	unsigned char more[64] = {0};
	int seen = 0;

	APART_CHECK(*error == 0 || apart_without(SYS_getrandom, *error) == 0);
	sys_random(bytes, sizeof(bytes) - 1);
	APART_CHECK(bytes[sizeof(bytes) - 1] == 0);
	sys_random(more, 0);
	APART_CHECK(more[0] == 0);
	sys_random(more, sizeof(more));
	for (size_t i = 0; i < sizeof(more); i++) {
		seen |= bytes[i] ^ more[i];
	}
	APART_CHECK(seen != 0);
	return 0;
}

static void
random_bytes_always_come(void **state)
{
	static int errors[] = {0, ENOSYS, EPERM};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		apart(fill_random, &errors[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
	        open_beneath_answers_the_same_with_and_without_openat2, make_folder, remove_folder),
	    cmocka_unit_test(open_beneath_follows_no_magic_link),
	    cmocka_unit_test(pidfd_tells_the_end_and_takes_a_signal),
	    cmocka_unit_test(pidfd_that_is_forbidden_counts_as_absent),
	    cmocka_unit_test(a_signal_arrives_where_only_pidfd_open_is_allowed),
	    cmocka_unit_test_setup_teardown(
	        what_may_be_done_is_told_with_and_without_faccessat2, make_folder, remove_folder),
	    cmocka_unit_test_setup_teardown(mounts_have_numbers_and_flags, make_folder, remove_folder),
	    cmocka_unit_test(random_bytes_always_come),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
