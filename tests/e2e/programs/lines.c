/*
 * Ten million lines, written and checked.
 *
 *   lines write WRITERS COUNT   WRITERS processes write COUNT lines each, in turn on stdout and on stderr, each line by one write
 *   lines check WRITERS COUNT   reads such a log on stdin, a little at a time, and ends with 0 when no line was lost, torn or moved
 *
 * A line is its stream, its writer, its number and a filling whose length follows from the number: so the checker knows each byte of it.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	HEAD = 10, /* "oA1234567 " */
	DIGITS = 7,
	LONG_EVERY = 997, /* one line in so many is as long as one write may be to stay whole */
	WRITERS_MAX = 26,
	READ_MAX = 2048, /* bytes the checker takes at a time */
	STREAMS = 2,
};

static const char streams[STREAMS] = {'o', 'e'};

/* The line's length with its newline, at most PIPE_BUF. */
static size_t
length_of(long number)
{
	return number % LONG_EVERY == 0 ? PIPE_BUF : HEAD + 1 + (size_t)(number % 41);
}

static void
put_head(char *line, int writer, long number)
{
	line[0] = streams[number % STREAMS];
	line[1] = (char)('A' + writer);
	for (int i = DIGITS + 1; i > 1; i--) {
		line[i] = (char)('0' + number % 10);
		number /= 10;
	}
	line[HEAD - 1] = ' ';
}

static int
write_lines(int writer, long count)
{
	char line[PIPE_BUF];

	memset(line, 'a' + writer, sizeof(line));
	for (long number = 0; number < count; number++) {
		size_t len = length_of(number);

		put_head(line, writer, number);
		line[len - 1] = '\n';
		if (write(STDOUT_FILENO + (int)(number % STREAMS), line, len) != (ssize_t)len) {
			return 1;
		}
		line[len - 1] = (char)('a' + writer);
	}
	return 0;
}

static int
write_all(int writers, long count)
{
	int failed = 0;
	int status;

	for (int i = 0; i < writers; i++) {
		if (fork() == 0) {
			_exit(write_lines(i, count));
		}
	}
	while (wait(&status) > 0) {
		failed |= status != 0;
	}
	return failed;
}

/* What has come, and which line of each writer is next on each stream. */
struct check {
	char buf[2 * PIPE_BUF + READ_MAX];
	size_t len;
	long next[STREAMS][WRITERS_MAX];
	int writers;
	char filling[WRITERS_MAX][PIPE_BUF];
};

static int
check_line(struct check *check, const char *line, size_t len)
{
	char head[HEAD];
	int stream = line[0] == streams[1];
	int writer = line[1] - 'A';

	if (len < HEAD + 1 || writer < 0 || writer >= check->writers) {
		return -1;
	}
	put_head(head, writer, check->next[stream][writer]);
	if (memcmp(line, head, HEAD) != 0 || len != length_of(check->next[stream][writer]) ||
	    memcmp(line + HEAD, check->filling[writer], len - HEAD - 1) != 0) {
		return -1;
	}
	check->next[stream][writer] += STREAMS;
	return 0;
}

/* The agent's own lines stand between them. */
static int
is_agents(const char *line, size_t len)
{
	return (len > 7 && memcmp(line, "train: ", 7) == 0) || (len > 14 && memcmp(line, "#metric agent:", 14) == 0);
}

/* The whole lines of the buffer; -1 at the first that is not as it was written. */
static int
check_buffer(struct check *check)
{
	const char *line = check->buf;
	size_t left = check->len;
	const char *end;

	while ((end = memchr(line, '\n', left)) != NULL) {
		size_t len = (size_t)(end - line) + 1;

		if (!is_agents(line, len) && check_line(check, line, len) < 0) {
			(void)fprintf(stderr, "lines: not a line as it was written: %.*s\n", (int)(len - 1), line);
			return -1;
		}
		line = end + 1;
		left -= len;
	}
	memmove(check->buf, line, left);
	check->len = left;
	return left < sizeof(check->buf) - READ_MAX ? 0 : -1;
}

static int
check_all(int writers, long count)
{
	static struct check check;
	ssize_t n;

	check.writers = writers;
	for (int i = 0; i < writers; i++) {
		check.next[1][i] = 1;
		memset(check.filling[i], 'a' + i, sizeof(check.filling[i]));
	}
	while ((n = read(STDIN_FILENO, check.buf + check.len, READ_MAX)) > 0) {
		check.len += (size_t)n;
		if (check_buffer(&check) < 0) {
			return 1;
		}
	}
	for (int i = 0; i < writers; i++) {
		if (check.len > 0 || check.next[0][i] < count || check.next[1][i] < count) {
			(void)fprintf(stderr, "lines: of writer %d came %ld and %ld, of %ld\n", i, check.next[0][i],
			    check.next[1][i], count);
			return 1;
		}
	}
	return n < 0;
}

int
main(int argc, char **argv)
{
	int writers = argc == 4 ? (int)strtol(argv[2], NULL, 10) : 0;
	long count = argc == 4 ? strtol(argv[3], NULL, 10) : 0;

	if (writers < 1 || writers > WRITERS_MAX || count < 1 || count >= 10000000) {
		(void)fprintf(stderr, "usage: lines write|check WRITERS COUNT\n");
		return 64;
	}
	return strcmp(argv[1], "write") == 0 ? write_all(writers, count) : check_all(writers, count);
}
