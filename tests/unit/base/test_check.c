/* Assertions on our own mistakes: they say where, tell the report once and end with 70. */
#include "unit/base/apart.h"

#include <signal.h>

#include "base/check.h"
#include "base/fd.h"

enum { TEXT_MAX = 1024 };

#define MISTAKE "a mistake in train itself, not in the job: "

/* Runs 'piece' in a child whose stderr comes back as text. The child's exit code, or -1. */
static int
run(void (*piece)(void), char text[TEXT_MAX])
{
	int ends[2];
	int status = 0;

	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)dup2(ends[1], STDERR_FILENO);
		(void)close(ends[0]);
		piece();
		_exit(0);
	}
	fd_close(&ends[1]);
	ssize_t n = fd_read_full(ends[0], text, TEXT_MAX - 1);
	assert_true(n >= 0);
	text[n] = '\0';
	fd_close(&ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
hold(void)
{
	int one = 1;

	CHECK(one == 1);
	CHECK(one++ == 1); /* evaluated once */
	CHECK(one == 2);
}

static void
checks_that_hold_say_nothing(void **state)
{
	char text[TEXT_MAX];

	(void)state;
	assert_int_equal(run(hold, text), 0);
	assert_string_equal(text, "");
}

static void
fail_plainly(void)
{
	CHECK(1 + 1 == 3);
}

static void
check_that_fails_says_where_and_ends_with_70(void **state)
{
	char text[TEXT_MAX];

	(void)state;
	assert_int_equal(run(fail_plainly, text), CHECK_EXIT);
	assert_int_equal(CHECK_EXIT, 70);
	assert_non_null(strstr(text, "train: error: " MISTAKE));
	assert_non_null(strstr(text, "test_check.c:"));
	assert_non_null(strstr(text, ": 1 + 1 == 3\n"));
}

static void
report_line(void *self, const char *line)
{
	assert_ptr_equal(self, MISTAKE);
	(void)fprintf(stderr, "report(%s)\n", line);
}

static void
fail_with_report(void)
{
	check_set_report(report_line, (void *)(uintptr_t)MISTAKE);
	check_failed("file.c", 7, "it holds");
}

static void
check_tells_its_report_one_line(void **state)
{
	char text[TEXT_MAX];

	(void)state;
	assert_int_equal(run(fail_with_report, text), CHECK_EXIT);
	assert_string_equal(text, "train: error: " MISTAKE "file.c:7: it holds\n"
	                          "report(" MISTAKE "file.c:7: it holds)\n");
}

static void
fail_again(void *self, const char *line)
{
	(void)self;
	(void)fprintf(stderr, "report(%s)\n", line);
	CHECK(line == NULL);
}

static void
fail_inside_of_report(void)
{
	check_set_report(fail_again, NULL);
	check_failed("file.c", 7, "it holds");
}

static void
check_that_fails_inside_of_the_report_does_not_go_in_circles(void **state)
{
	char text[TEXT_MAX];

	(void)state;
	assert_int_equal(run(fail_inside_of_report, text), CHECK_EXIT);
	assert_non_null(strstr(text, "line == NULL"));
	assert_null(strstr(strstr(text, "report(") + 1, "report("));
}

static void
fail_without_report(void)
{
	check_set_report(report_line, (void *)(uintptr_t)MISTAKE);
	check_set_report(NULL, NULL);
	check_failed("file.c", 7, "it holds");
}

static void
check_report_can_be_taken_back(void **state)
{
	char text[TEXT_MAX];

	(void)state;
	assert_int_equal(run(fail_without_report, text), CHECK_EXIT);
	assert_string_equal(text, "train: error: " MISTAKE "file.c:7: it holds\n");
}

static void
fail_at_length(void)
{
	char what[2000];

	memset(what, 'w', sizeof(what));
	what[sizeof(what) - 1] = '\0';
	check_set_report(report_line, (void *)(uintptr_t)MISTAKE);
	check_failed("file.c", 7, what);
}

static void
check_text_is_bounded_and_still_a_line(void **state)
{
	char text[TEXT_MAX];

	(void)state;
	assert_int_equal(run(fail_at_length, text), CHECK_EXIT);
	char *end = strchr(text, '\n');
	assert_non_null(end);
	assert_true(end - text < 256);
	assert_memory_equal(end + 1, "report(" MISTAKE, sizeof("report(" MISTAKE) - 1);
	assert_string_equal(text + strlen(text) - 2, ")\n");
}

static void
fail_in_a_fork(void)
{
	pid_t pid;
	int status = 0;

	check_set_report(report_line, (void *)(uintptr_t)MISTAKE);
	pid = fork();
	if (pid == 0) {
		check_failed("file.c", 7, "it holds");
	}
	if (waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == CHECK_EXIT) {
		(void)fprintf(stderr, "and lived\n");
	}
}

/* What the report does (a file, a pipeline) is the parent's business. */
static void
check_that_fails_in_a_fork_reports_nothing(void **state)
{
	char text[TEXT_MAX];

	(void)state;
	assert_int_equal(run(fail_in_a_fork, text), 0);
	assert_string_equal(text, "train: error: " MISTAKE "file.c:7: it holds\nand lived\n");
}

static void
wait_for_ever(void *self, const char *line)
{
	(void)self;
	(void)line;
	(void)alarm(1); /* the same alarm, but sooner: the test waits for its effect */
	for (;;) {
		(void)pause();
	}
}

static void
fail_and_hang(void)
{
	sigset_t all;

	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, NULL);
	check_set_report(wait_for_ever, NULL);
	check_failed("file.c", 7, "it holds");
}

static void
check_ends_a_report_that_hangs_though_everything_is_blocked(void **state)
{
	char text[TEXT_MAX];

	(void)state;
	assert_int_equal(run(fail_and_hang, text), CHECK_EXIT);
}

static void
crash(void)
{
	check_set_report(report_line, (void *)(uintptr_t)MISTAKE);
	check_crashed("SIGSEGV at 0x1");
}

static void
check_tells_a_crash_as_a_mistake(void **state)
{
	char text[TEXT_MAX];

	(void)state;
	assert_int_equal(run(crash, text), CHECK_EXIT);
	assert_string_equal(text, "train: error: " MISTAKE "SIGSEGV at 0x1\nreport(" MISTAKE "SIGSEGV at 0x1)\n");
}

static int report_pipe = -1;

static void
report_to_pipe(void *self, const char *line)
{
	(void)self;
	ssize_t n = write(report_pipe, line, strlen(line));

	(void)n;
}

/* Nobody reads stderr any more: the report still comes, and the exit code is the same. */
static void
check_does_without_stderr(void **state)
{
	int ends[2];
	int status = 0;
	char text[TEXT_MAX] = "";

	(void)state;
	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)close(STDERR_FILENO);
		report_pipe = ends[1];
		check_set_report(report_to_pipe, NULL);
		check_failed("file.c", 7, "it holds");
	}
	fd_close(&ends[1]);
	assert_true(fd_read_full(ends[0], text, sizeof(text) - 1) > 0);
	fd_close(&ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == CHECK_EXIT);
	assert_string_equal(text, MISTAKE "file.c:7: it holds");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(checks_that_hold_say_nothing),
	    cmocka_unit_test(check_that_fails_says_where_and_ends_with_70),
	    cmocka_unit_test(check_tells_its_report_one_line),
	    cmocka_unit_test(check_that_fails_inside_of_the_report_does_not_go_in_circles),
	    cmocka_unit_test(check_report_can_be_taken_back),
	    cmocka_unit_test(check_text_is_bounded_and_still_a_line),
	    cmocka_unit_test(check_that_fails_in_a_fork_reports_nothing),
	    cmocka_unit_test(check_ends_a_report_that_hangs_though_everything_is_blocked),
	    cmocka_unit_test(check_tells_a_crash_as_a_mistake),
	    cmocka_unit_test(check_does_without_stderr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
