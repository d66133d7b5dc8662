/* What is said of processes: real ones, which have put themselves into the state that is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/mask.h"
#include "run/proc_tell.h"

enum { LIMIT_MS = 20000 };

/* Started again as "wait WORDS...": tells by a byte that it is there, and waits in the kernel for one that never comes. */
static int
wait_for_ever(void)
{
	char byte = 0;

	(void)prctl(PR_SET_NAME, "waiter\n");
	if (write(STDOUT_FILENO, &byte, 1) != 1) {
		return 1;
	}
	return read(STDIN_FILENO, &byte, 1) == 1 ? 0 : 2;
}

struct waiter {
	pid_t pid;
	int in, out; /* its stdin's writing end, its stdout's reading end */
};

/* A process with these words, waiting in a read of a pipe. */
static struct waiter
waiter_start(char *const *words)
{
	struct waiter waiter;
	int in[2], out[2];
	char byte;

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	waiter = (struct waiter){.pid = fork(), .in = in[1], .out = out[0]};
	if (waiter.pid == 0) {
		(void)dup2(in[0], STDIN_FILENO);
		(void)dup2(out[1], STDOUT_FILENO);
		(void)execv("/proc/self/exe", words);
		_exit(3);
	}
	(void)close(in[0]);
	(void)close(out[1]);
	assert_int_equal(read(waiter.out, &byte, 1), 1);
	return waiter;
}

static void
waiter_end(struct waiter *waiter)
{
	assert_int_equal(kill(waiter->pid, SIGKILL), 0);
	assert_int_equal(waitpid(waiter->pid, NULL, 0), waiter->pid);
	(void)close(waiter->in);
	(void)close(waiter->out);
}

/*
 * What is told of the process once it holds 'words': on the way into its wait it looks asleep before the kernel has a place for it.
 * Returns it as it was then.
 */
static struct proc
tell_when(pid_t pid, const char *words, struct buf *out)
{
	CLEAN_FD folder = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int64_t end_ms = clock_now_ms() + LIMIT_MS;
	struct proc proc = {0};
	char name[16];

	(void)snprintf(name, sizeof(name), "%d", (int)pid);
	buf_init(out, 4096);
	do {
		assert_true(clock_now_ms() < end_ms);
		assert_int_equal(proc_read(folder, name, &proc), 0);
		buf_reset(out);
		proc_tell(&proc, out);
	} while (strstr(buf_text(out), words) == NULL);
	return proc;
}

/* What is told of a waiter with these words. */
static void
tell_of(char *const *words, struct buf *out)
{
	struct waiter waiter = waiter_start(words);

	(void)tell_when(waiter.pid, ": state S (sleeping), waits in ", out);
	waiter_end(&waiter);
}

static char self[] = "self", wait_word[] = "wait";

static void
told_is_state_place_cpu_and_command_line(void **state)
{
	char epochs[] = "--epochs", three[] = "3";
	char *words[] = {self, wait_word, epochs, three, NULL};
	CLEAN_BUF text = {0};
	char want[64];

	(void)state;
	tell_of(words, &text);
	assert_non_null(strstr(buf_text(&text), ": state S (sleeping), waits in "));
	assert_non_null(strstr(buf_text(&text), "pipe_read, "));
	assert_non_null(strstr(buf_text(&text), " s of CPU: self wait --epochs 3"));
	(void)snprintf(want, sizeof(want), "waiter\n (");
	assert_memory_equal(buf_text(&text), want, strlen(want));
}

static void
told_hides_secrets(void **state)
{
	char flag[] = "--api-token", value[] = "hush", both[] = "--password=hush",
	     script[] = "cd x; DB_SECRET=hush run", known[] = "x-known-value-y", id[] = "AKIAIOSFODNN7EXAMPLE",
	     harmless[] = "--max-tokens=9";
	char *words[] = {self, wait_word, flag, value, both, script, known, id, harmless, NULL};
	CLEAN_BUF text = {0};
	struct mask mask = {0};

	(void)state;
	assert_int_equal(mask_add(&mask, "known-value", strlen("known-value")), 0);
	mask_set_global(&mask);
	tell_of(words, &text);
	mask_set_global(NULL);
	mask_release(&mask);
	assert_non_null(strstr(buf_text(&text),
	    "self wait --api-token *** --password=*** cd x; DB_SECRET=*** x-***-y *** --max-tokens=9"));
	assert_null(strstr(buf_text(&text), "hush"));
}

static void
told_of_a_long_command_line_is_cut_after_its_secrets_were_hidden(void **state)
{
	static char secret[3000], known[3008];
	char *words[] = {self, wait_word, known, NULL};
	CLEAN_BUF text = {0};
	struct mask mask = {0};

	(void)state;
	memset(secret, 's', sizeof(secret) - 1);
	(void)snprintf(known, sizeof(known), "a%sb", secret);
	assert_int_equal(mask_add(&mask, secret, strlen(secret)), 0);
	mask_set_global(&mask);
	tell_of(words, &text);
	mask_set_global(NULL);
	mask_release(&mask);
	assert_non_null(strstr(buf_text(&text), "self wait a***b"));
	memset(known, 'k', sizeof(known) - 1);
	buf_release(&text);
	tell_of(words, &text);
	assert_int_equal(text.len, PROC_TELL_MAX);
}

static void
told_of_a_process_that_is_gone_is_what_was_seen(void **state)
{
	struct proc gone = {.pid = 0x7ffffffe, .state = 'S', .name = "gone"};
	CLEAN_BUF text = {0};

	(void)state;
	buf_init(&text, 4096);
	proc_tell(&gone, &text);
	assert_string_equal(buf_text(&text), "gone (2147483646): state S (sleeping), 0.00 s of CPU:");
}

static void
told_of_a_process_that_may_hold_its_memory_is_without_command_line(void **state)
{
	CLEAN_BUF text = {0};
	CLEAN_PROCS tree = {0};
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		/* Who waits for a vforked child to let go of the memory waits uninterruptibly. */
		pid_t child = vfork();

		while (child == 0) {
			(void)pause();
		}
		_exit(0);
	}
	(void)tell_when(pid, ": state D (waiting for a device or a file system), waits in ", &text);
	assert_string_equal(buf_text(&text) + text.len - strlen(" s of CPU:"), " s of CPU:");
	assert_int_equal(proc_kill_tree(&tree, getpid(), 0, NULL), 2);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) {
	}
}

static void
waits_name_first_who_does_not_wait_for_a_child(void **state)
{
	char *words[] = {self, wait_word, NULL};
	struct waiter waiter = waiter_start(words);
	pid_t parent = fork();
	struct proc items[2];
	struct proc_list list = {.items = items, .count = ARRAY_LEN(items)};
	char text[160], *second;
	CLEAN_BUF told = {0};

	(void)state;
	if (parent == 0) {
		pid_t child = fork();

		while (child == 0) {
			(void)pause();
		}
		_exit(waitpid(child, NULL, 0) == child ? 0 : 1);
	}
	items[0] = tell_when(parent, ", waits in do_wait, ", &told);
	buf_release(&told);
	items[1] = tell_when(waiter.pid, "pipe_read, ", &told);
	proc_waits(&list, text, sizeof(text));
	assert_memory_equal(text, "waiter? (", 9);
	second = strstr(text, ", test_proc_tell (");
	assert_non_null(second);
	assert_non_null(strstr(second, ") waits in do_wait"));
	/* Half of one is never told. */
	proc_waits(&list, text, (size_t)(second - text) + 20);
	assert_null(strstr(text, "test"));
	proc_waits(&(struct proc_list){0}, text, sizeof(text));
	assert_string_equal(text, "");
	waiter_end(&waiter);
	CLEAN_PROCS tree = {0};
	assert_int_equal(proc_kill_tree(&tree, getpid(), 0, NULL), 2);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) {
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(told_is_state_place_cpu_and_command_line),
	    cmocka_unit_test(told_hides_secrets),
	    cmocka_unit_test(told_of_a_long_command_line_is_cut_after_its_secrets_were_hidden),
	    cmocka_unit_test(told_of_a_process_that_is_gone_is_what_was_seen),
	    cmocka_unit_test(told_of_a_process_that_may_hold_its_memory_is_without_command_line),
	    cmocka_unit_test(waits_name_first_who_does_not_wait_for_a_child),
	};

	if (argc > 1 && strcmp(argv[1], "wait") == 0) {
		return wait_for_ever();
	}
	return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
