/*
 * How long until the pipeline's first instruction: start TRAIN FIRST
 *
 * In turns, so that both meet the same machine: FIRST executed directly, and FIRST as the command of TRAIN with a folder of ten files
 * named by TRAIN_CODE, which is copied into a workspace. Prints the medians and what is between them; fails over the budget.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TURNS = 101, FILES = 10, FILE_BYTES = 20000, BUDGET_US = 5000 };

static char folder[] = "/tmp/train-bench-XXXXXX";

static void
die(const char *what)
{
	(void)fprintf(stderr, "start: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int64_t
now_ns(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now) < 0) {
		die("clock_gettime");
	}
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void
make_code(void)
{
	static const char bytes[FILE_BYTES];
	char name[64];

	if (mkdtemp(folder) == NULL || chdir(folder) < 0 || mkdir("code", 0755) < 0 || mkdir("ml", 0755) < 0 ||
	    mkdir("ml/output", 0755) < 0) {
		die(folder);
	}
	for (int i = 0; i < FILES; i++) {
		(void)snprintf(name, sizeof(name), "code/file%d.py", i);
		int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

		if (fd < 0 || write(fd, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes) || close(fd) < 0) {
			die(name);
		}
	}
}

/* Microseconds from before the fork to the first instruction of FIRST. */
static int64_t
turn(char *const *argv, char *const *envp, const char *stamp)
{
	int64_t first = 0;
	int status = 0;
	int64_t begin = now_ns();
	pid_t pid = fork();

	if (pid == 0) {
		execve(argv[0], argv, envp);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0) {
		(void)fprintf(stderr, "start: '%s' ended with status %d\n", argv[0], status);
		exit(1);
	}
	int fd = open(stamp, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, &first, sizeof(first)) != (ssize_t)sizeof(first) || close(fd) < 0 || unlink(stamp) < 0) {
		die(stamp);
	}
	return (first - begin) / 1000;
}

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	(void)st;
	(void)kind;
	(void)at;
	return remove(path);
}

static int
compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
	static int64_t bare[TURNS];
	static int64_t by_train[TURNS];
	char code[128];
	char root[128];
	char stamp[128];

	if (argc != 3) {
		(void)fprintf(stderr, "usage: start TRAIN FIRST\n");
		return 64;
	}
	char *train = realpath(argv[1], NULL);
	char *first = realpath(argv[2], NULL);
	if (train == NULL || first == NULL) {
		die("realpath");
	}
	make_code();
	(void)snprintf(code, sizeof(code), "TRAIN_CODE=%s/code", folder);
	(void)snprintf(root, sizeof(root), "SAGEMAKER_BASE_DIR=%s/ml", folder);
	(void)snprintf(stamp, sizeof(stamp), "%s/stamp", folder);
	char *const envp[] = {(char[]){"PATH=/usr/bin:/bin"}, (char[]){"TRAIN_LOG_LEVEL=error"}, code, root, NULL};
	char *const bare_argv[] = {first, stamp, NULL};
	char *const train_argv[] = {train, (char[]){"--"}, first, stamp, NULL};

	for (int i = 0; i < TURNS; i++) {
		bare[i] = turn(bare_argv, envp, stamp);
		by_train[i] = turn(train_argv, envp, stamp);
	}
	qsort(bare, TURNS, sizeof(*bare), compare);
	qsort(by_train, TURNS, sizeof(*by_train), compare);
	int64_t over = by_train[TURNS / 2] - bare[TURNS / 2];
	(void)printf(
	    "exec to the pipeline's first instruction, median of %d turns\n  bare exec  %6.2f ms\n  by train   %6.2f ms\n"
	    "  over it    %6.2f ms, at most %.2f\n",
	    TURNS, (double)bare[TURNS / 2] / 1000, (double)by_train[TURNS / 2] / 1000, (double)over / 1000,
	    BUDGET_US / 1000.0);
	if (chdir("/") < 0 || nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0) {
		die(folder);
	}
	return over <= BUDGET_US ? 0 : 1;
}
