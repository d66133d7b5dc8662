/*
 * What is supervised while `make bench-run` measures. What it has to tell goes as 64-bit numbers into a FIFO, because its descriptors
 * are part of what is measured.
 *
 *   pipeline first FIFO           tells the time of its first instructions
 *   pipeline hear FIFO [1]        tells when it is ready for SIGTERM, then when that came; with 1 a process of it fills stdout meanwhile
 *   pipeline flow FIFO MEGABYTES  writes lines of 100 bytes to stdout, then tells how much CPU that took it
 *   pipeline orphans FIFO COUNT   tells how long it takes from the end of so many processes, whose parents ended before, until none is
 *                                 left as a zombie; ORPHANS_LIMIT_NS where they are never reaped
 * Times are nanoseconds, moments those of the monotonic clock.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 100, BLOCK = 65536 / LINE * LINE, LOOK_NS = 100000 };

#define ORPHANS_LIMIT_NS 2000000000

static int64_t
clock_ns(clockid_t clock)
{
	struct timespec now;

	return clock_gettime(clock, &now) < 0 ? -1 : (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int
tell(int fd, int64_t number)
{
	return write(fd, &number, sizeof(number)) == (ssize_t)sizeof(number) ? 0 : 1;
}

static void
make_block(char *block)
{
	for (size_t i = 0; i < BLOCK; i++) {
		block[i] = (char)(i % LINE == LINE - 1 ? '\n' : 'a' + i % 26);
	}
}

static int
write_block(const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, bytes, len);

		if (n < 0 && errno != EINTR) {
			return -1;
		}
		bytes += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* A process that writes until nobody reads any more, or the signal ends it. */
static void
fill_stdout(void)
{
	static char block[BLOCK];

	if (fork() == 0) {
		make_block(block);
		while (write_block(block, sizeof(block)) == 0) {
		}
		_exit(0);
	}
}

static int
hear(int fd, long fill)
{
	sigset_t term;
	int number;

	if (fill > 0) {
		fill_stdout();
	}
	if (sigemptyset(&term) < 0 || sigaddset(&term, SIGTERM) < 0 || sigprocmask(SIG_BLOCK, &term, NULL) < 0 ||
	    tell(fd, clock_ns(CLOCK_MONOTONIC)) != 0 || sigwait(&term, &number) != 0) {
		return 1;
	}
	return tell(fd, clock_ns(CLOCK_MONOTONIC));
}

static int
flow(int fd, long megabytes)
{
	static char block[BLOCK];

	make_block(block);
	for (long left = megabytes * 1000000; left > 0; left -= BLOCK) {
		if (write_block(block, sizeof(block)) < 0) {
			return 1;
		}
	}
	return tell(fd, clock_ns(CLOCK_PROCESS_CPUTIME_ID));
}

/* A process of the group 'group' that lives until the other end of 'wait_fd' is closed; its parent ends at once. */
static void
make_orphan(pid_t group, int wait_fd, int hold_fd)
{
	char byte;

	if (fork() != 0) {
		_exit(0);
	}
	(void)close(hold_fd);
	(void)setpgid(0, group);
	_exit(read(wait_fd, &byte, 1) < 0);
}

/* Processes of the group that wait in vain to be reaped keep it alive. */
static int64_t
await_end(pid_t group, int64_t begin_ns)
{
	const struct timespec pause = {.tv_nsec = LOOK_NS};
	int64_t took_ns = 0;

	while (kill(-group, 0) == 0 && took_ns < ORPHANS_LIMIT_NS) {
		(void)ppoll(NULL, 0, &pause, NULL);
		took_ns = clock_ns(CLOCK_MONOTONIC) - begin_ns;
	}
	return took_ns < ORPHANS_LIMIT_NS ? clock_ns(CLOCK_MONOTONIC) - begin_ns : ORPHANS_LIMIT_NS;
}

static int
orphans(int fd, long count)
{
	int hold[2];
	pid_t leader;
	int64_t begin_ns;
	char byte;

	if (pipe2(hold, O_CLOEXEC) < 0) {
		return 1;
	}
	leader = fork();
	if (leader == 0) {
		(void)close(hold[1]);
		(void)setpgid(0, 0);
		_exit(read(hold[0], &byte, 1) < 0);
	}
	(void)setpgid(leader, leader);
	for (long i = 0; i < count; i++) {
		pid_t parent = fork();

		if (parent == 0) {
			make_orphan(leader, hold[0], hold[1]);
		}
		if (parent < 0 || waitpid(parent, NULL, 0) < 0) {
			return 1;
		}
	}
	begin_ns = clock_ns(CLOCK_MONOTONIC);
	(void)close(hold[1]);
	if (waitpid(leader, NULL, 0) < 0) {
		return 1;
	}
	return tell(fd, await_end(leader, begin_ns));
}

int
main(int argc, char **argv)
{
	int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
	int fd = argc > 2 ? open(argv[2], O_WRONLY | O_CLOEXEC) : -1;
	long number = argc > 3 ? strtol(argv[3], NULL, 10) : 0;

	if (fd < 0) {
		(void)fprintf(stderr, "usage: pipeline first|hear|flow|orphans FIFO [NUMBER]\n");
		return 64;
	}
	if (strcmp(argv[1], "first") == 0) {
		return tell(fd, now_ns);
	}
	if (strcmp(argv[1], "hear") == 0) {
		return hear(fd, number);
	}
	return strcmp(argv[1], "flow") == 0 ? flow(fd, number) : orphans(fd, number);
}
