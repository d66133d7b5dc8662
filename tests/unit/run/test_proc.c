#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "run/proc.h"

/* A process that tells its pid through 'out' and waits to be killed. */
static NORETURN void
tell_and_wait(int out)
{
	pid_t pid = getpid();

	if (write(out, &pid, sizeof(pid)) != (ssize_t)sizeof(pid)) {
		_exit(1);
	}
	for (;;) {
		(void)pause();
	}
}

static pid_t
heard(int in)
{
	pid_t pid = -1;

	assert_int_equal(fd_read_full(in, &pid, sizeof(pid)), sizeof(pid));
	return pid;
}

/* A child, a grandchild in a session of its own, and an orphan that came to us: their pids in this order. */
static void
start_family(pid_t pids[3])
{
	int fds[2], orphan_fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(pipe2(orphan_fds, O_CLOEXEC), 0);
	pids[0] = fork();
	if (pids[0] == 0) {
		(void)setpgid(0, 0);
		if (fork() == 0) {
			(void)setsid();
			tell_and_wait(fds[1]);
		}
		tell_and_wait(fds[1]);
	}
	pid_t between = fork();
	if (between == 0) {
		if (fork() == 0) {
			tell_and_wait(orphan_fds[1]);
		}
		_exit(0);
	}
	pids[1] = heard(fds[0]);
	if (pids[1] == pids[0]) {
		pids[1] = heard(fds[0]);
	} else {
		assert_int_equal(heard(fds[0]), pids[0]);
	}
	pids[2] = heard(orphan_fds[0]);
	/* Whoever stood between us and the orphan is gone, too. */
	assert_int_equal(waitpid(between, NULL, 0), between);
	(void)close(fds[0]);
	(void)close(fds[1]);
	(void)close(orphan_fds[0]);
	(void)close(orphan_fds[1]);
}

static int
holds(const struct proc_list *list, pid_t pid)
{
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].pid == pid) {
			return 1;
		}
	}
	return 0;
}

static void
reap_all(void)
{
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) {
	}
}

static void
proc_finds_children_grandchildren_and_orphans(void **state)
{
	CLEAN_PROCS list = {0};
	pid_t pids[3];

	(void)state;
	start_family(pids);
	assert_int_equal(proc_walk(&list, getpid(), 0, NULL), 0);
	assert_int_equal(list.count, 3);
	for (int i = 0; i < 3; i++) {
		assert_true(holds(&list, pids[i]));
	}
	assert_int_equal(proc_kill_tree(&list, getpid(), 0, NULL), 3);
	reap_all();
	assert_int_equal(proc_walk(&list, getpid(), 0, NULL), 0);
	assert_int_equal(list.count, 0);
}

static void
proc_leaves_strangers_and_their_children_alone(void **state)
{
	CLEAN_PROCS strangers = {0};
	CLEAN_PROCS list = {0};
	pid_t pids[3], more[3];

	(void)state;
	start_family(pids);
	assert_int_equal(proc_walk(&strangers, getpid(), 0, NULL), 0);
	start_family(more);
	assert_int_equal(proc_walk(&list, getpid(), more[0], &strangers), 0);
	assert_int_equal(list.count, 3);
	assert_true(holds(&list, more[0]) && holds(&list, more[1]) && holds(&list, more[2]));
	assert_int_equal(proc_kill_tree(&list, getpid(), more[0], &strangers), 3);
	assert_int_equal(kill(pids[1], 0), 0);
	assert_int_equal(proc_kill_tree(&list, getpid(), 0, NULL), 3);
	reap_all();
}

/* Forks as fast as it can until it is killed: every child does the same, up to a few hundred. */
static NORETURN void
multiply(int out)
{
	pid_t me = getpid();

	(void)setsid();
	(void)!write(out, &me, sizeof(me));
	for (int i = 0; i < 200; i++) {
		if (fork() == 0) {
			for (;;) {
				(void)pause();
			}
		}
	}
	for (;;) {
		(void)pause();
	}
}

static void
proc_kills_a_tree_that_grows(void **state)
{
	CLEAN_PROCS list = {0};
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	for (int i = 0; i < 3; i++) {
		if (fork() == 0) {
			multiply(fds[1]);
		}
		(void)heard(fds[0]);
	}
	assert_true(proc_kill_tree(&list, getpid(), 0, NULL) >= 3);
	/* Whatever was not killed would keep this waiting for ever. */
	reap_all();
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void
proc_never_signals_another_process_of_the_same_number(void **state)
{
	struct proc me = {.pid = getpid(), .start = 1};

	(void)state;
	assert_int_equal(proc_signal(&me, SIGKILL), -1);
	assert_int_equal(errno, ESRCH);
}

static void
proc_does_not_count_the_dead(void **state)
{
	CLEAN_PROCS list = {0};
	siginfo_t info;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		_exit(0);
	}
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(proc_walk(&list, getpid(), 0, NULL), 0);
	assert_int_equal(list.count, 0);
	reap_all();
}

static int told_fd;

static void *
outlive_first_thread(void *unused)
{
	char path[64], text[512];
	const char *end = NULL;

	(void)unused;
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)getpid());
	do {
		CLEAN_FD fd = open(path, O_RDONLY | O_CLOEXEC);
		ssize_t n = fd_read_full(fd, text, sizeof(text) - 1);

		text[n > 0 ? n : 0] = '\0';
		end = strrchr(text, ')');
	} while (end == NULL || end[2] != 'Z');
	tell_and_wait(told_fd);
}

static void
proc_sees_a_process_whose_first_thread_has_ended(void **state)
{
	CLEAN_PROCS list = {0};
	pthread_t thread;
	int fds[2];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		told_fd = fds[1];
		if (pthread_create(&thread, NULL, outlive_first_thread, NULL) != 0) {
			_exit(1);
		}
		pthread_exit(NULL);
	}
	assert_int_equal(heard(fds[0]), pid);
	assert_int_equal(proc_walk(&list, getpid(), 0, NULL), 0);
	assert_true(holds(&list, pid));
	assert_int_equal(proc_kill_tree(&list, getpid(), 0, NULL), 1);
	reap_all();
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void
proc_reads_names_that_try_to_confuse(void **state)
{
	CLEAN_PROCS list = {0};
	char names[64];
	int fds[2];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_NAME, "a) Z 1 (\n");
		tell_and_wait(fds[1]);
	}
	assert_int_equal(heard(fds[0]), pid);
	assert_int_equal(proc_walk(&list, getpid(), 0, NULL), 0);
	assert_int_equal(list.count, 1);
	proc_names(&list, names, sizeof(names));
	assert_memory_equal(names, "a) Z 1 (", 8);
	assert_null(strchr(names, '\n'));
	assert_int_equal(proc_kill_tree(&list, getpid(), 0, NULL), 1);
	reap_all();
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void
proc_names_are_cut_where_they_do_not_fit(void **state)
{
	struct proc items[3] = {{.pid = 11, .name = "one"}, {.pid = 22, .name = "two"}, {.pid = 33, .name = "three"}};
	struct proc_list list = {.items = items, .count = 3};
	char names[24], all[64];

	(void)state;
	proc_names(&list, all, sizeof(all));
	assert_string_equal(all, "one (11), two (22), three (33)");
	proc_names(&list, names, sizeof(names));
	assert_string_equal(names, "one (11), two (22)...");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(proc_finds_children_grandchildren_and_orphans),
	    cmocka_unit_test(proc_leaves_strangers_and_their_children_alone),
	    cmocka_unit_test(proc_kills_a_tree_that_grows),
	    cmocka_unit_test(proc_never_signals_another_process_of_the_same_number),
	    cmocka_unit_test(proc_does_not_count_the_dead),
	    cmocka_unit_test(proc_sees_a_process_whose_first_thread_has_ended),
	    cmocka_unit_test(proc_reads_names_that_try_to_confuse),
	    cmocka_unit_test(proc_names_are_cut_where_they_do_not_fit),
	};

	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0) {
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
