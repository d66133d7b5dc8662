/*
 * Pieces of a test that need a process of their own: without a system call, without root's rights, with mounts that nobody else sees. cmocka's
 * assertions do not work there, so such a piece says by APART_CHECK where it failed.
 */
#ifndef TESTS_UNIT_BASE_APART_H
#define TESTS_UNIT_BASE_APART_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define APART __attribute__((unused)) static

enum { APART_NOBODY = 65534, APART_SKIPPED = 77 };

#define APART_CHECK(condition) \
	do { \
		if (!(condition)) { \
			(void)fprintf(stderr, "%s:%d: %s (errno %d: %s)\n", __FILE__, __LINE__, #condition, errno, \
			    strerror(errno)); \
			return 1; \
		} \
	} while (0)

/* Runs 'piece' in a child, which must return 0. APART_SKIPPED when the machine does not let us: then the test is skipped. */
APART void
apart(int (*piece)(void *self), void *self)
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		_exit(piece(self));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == APART_SKIPPED) {
		skip();
	}
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

APART int
apart_install(struct sock_filter *code, size_t count)
{
	struct sock_fprog program = {.len = (unsigned short)count, .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		return -1;
	}
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

/* From now on this process gets 'error' for the system call 'number', as in a container whose profile does not know it. */
APART int
apart_without(long number, int error)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ((unsigned)error & SECCOMP_RET_DATA)),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	return apart_install(code, sizeof(code) / sizeof(code[0]));
}

/* The same only where one of 'flags' is set in the argument 'index'. */
APART int
apart_without_flag(long number, unsigned index, int flags, int error)
{
	struct sock_filter code[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 3),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof(struct seccomp_data, args) + 8 * index),
	    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (unsigned)flags, 0, 1),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ((unsigned)error & SECCOMP_RET_DATA)),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	return apart_install(code, sizeof(code) / sizeof(code[0]));
}

/* Permission bits mean something only to others than root. */
APART int
apart_as_nobody(void)
{
	return geteuid() != 0 || setresuid(APART_NOBODY, APART_NOBODY, APART_NOBODY) == 0 ? 0 : -1;
}

/* Mounts made from now on are seen by this process only. -1 where that takes rights we do not have. */
APART int
apart_mounts(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 ? 0 : -1;
}

#endif
