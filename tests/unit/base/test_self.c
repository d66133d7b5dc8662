/* The digest of the running program, beside what sha256sum says of the same file. */
#include "unit/base/apart.h"

#include <fcntl.h>

#include "base/fd.h"
#include "base/self.h"

/* What coreutils find in the file that this process runs. */
static void
ask_sha256sum(char hex[SHA256_HEX])
{
	char path[64];
	int ends[2];
	int status = 0;

	(void)snprintf(path, sizeof(path), "/proc/%d/exe", (int)getpid());
	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)dup2(ends[1], STDOUT_FILENO);
		(void)execlp("sha256sum", "sha256sum", path, (char *)NULL);
		_exit(127);
	}
	fd_close(&ends[1]);
	assert_int_equal(fd_read_full(ends[0], hex, SHA256_HEX - 1), SHA256_HEX - 1);
	hex[SHA256_HEX - 1] = '\0';
	fd_close(&ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
it_is_that_of_the_executable_file(void **state)
{
	char ours[SHA256_HEX];
	char theirs[SHA256_HEX];
	struct err err = {0};

	(void)state;
	ask_sha256sum(theirs);
	assert_int_equal(self_digest(ours, &err), 0);
	assert_string_equal(ours, theirs);
	assert_int_equal(err.kind, ERR_NONE);
}

/* A container may have no /proc. */
static int
digest_without_proc(void *self)
{
	char hex[SHA256_HEX];
	struct err err = {0};

	(void)self;
	if (apart_mounts() < 0 || mount("none", "/proc", "tmpfs", 0, NULL) < 0) {
		return APART_SKIPPED;
	}
	APART_CHECK(self_digest(hex, &err) == -1 && err.kind == ERR_IO);
	APART_CHECK(strstr(err.text, "'/proc/self/exe'") != NULL);
	return 0;
}

static void
without_proc_it_is_an_error(void **state)
{
	(void)state;
	apart(digest_without_proc, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_is_that_of_the_executable_file),
	    cmocka_unit_test(without_proc_it_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
