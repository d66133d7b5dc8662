/*
 * What stands around the supervised while `make bench-run` measures.
 *
 *   outside once FIFO PROGRAM...  starts PROGRAM, waits for its end and prints the nanoseconds from before the fork to the moment that
 *                                 the pipeline told through FIFO
 *   outside drain                 takes what comes on stdin without looking at it; prints its bytes and the nanoseconds between the first
 *                                 and the last of them
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TAKE = 1 << 20 };

static int64_t
now_ns(void)
{
	struct timespec now;

	return clock_gettime(CLOCK_MONOTONIC, &now) < 0 ? -1 : (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int
fail(const char *what)
{
	(void)fprintf(stderr, "outside: %s: %s\n", what, strerror(errno));
	return 1;
}

static int
once(const char *fifo, char *const *words)
{
	int fd = open(fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int64_t begin_ns = now_ns();
	int64_t first_ns;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		(void)execvp(words[0], words);
		_exit(127);
	}
	if (fd < 0 || pid < 0 || waitpid(pid, &status, 0) < 0) {
		return fail(words[0]);
	}
	if (read(fd, &first_ns, sizeof(first_ns)) != (ssize_t)sizeof(first_ns)) {
		(void)fprintf(stderr, "outside: '%s' ended with status %d and told nothing\n", words[0], status);
		return 1;
	}
	(void)printf("%lld\n", (long long)(first_ns - begin_ns));
	return 0;
}

static int
drain(void)
{
	int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	int64_t first_ns = 0, last_ns = 0;
	long long bytes = 0;
	ssize_t n;

	while ((n = splice(STDIN_FILENO, NULL, null_fd, NULL, TAKE, 0)) > 0) {
		last_ns = now_ns();
		first_ns = bytes == 0 ? last_ns : first_ns;
		bytes += n;
	}
	if (n < 0) {
		return fail("splice");
	}
	(void)printf("%lld %lld\n", bytes, (long long)(last_ns - first_ns));
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "drain") == 0) {
		return drain();
	}
	if (argc > 3 && strcmp(argv[1], "once") == 0) {
		return once(argv[2], argv + 3);
	}
	(void)fprintf(stderr, "usage: outside once FIFO PROGRAM... | drain\n");
	return 64;
}
