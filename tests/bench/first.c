/*
 * The smallest pipeline there is: notes the time of its first instructions in the file named by its argument.
 */
#include <fcntl.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	struct timespec now;

	if (clock_gettime(CLOCK_MONOTONIC, &now) < 0 || argc < 2) {
		return 1;
	}
	int64_t ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	int fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	return fd >= 0 && write(fd, &ns, sizeof(ns)) == (ssize_t)sizeof(ns) ? 0 : 1;
}
