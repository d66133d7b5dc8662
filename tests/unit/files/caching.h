/*
 * A folder with a cache in it, open in this process, and entries that prove themselves. For one test; include nothing before it.
 */
#ifndef TESTS_UNIT_FILES_CACHING_H
#define TESTS_UNIT_FILES_CACHING_H

#include "unit/base/apart.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "files/cache.h"
#include "files/cache_copy.h"
#include "unit/scratch.h"

#define CACHING __attribute__((unused)) static

enum { KIB = 1024, BLOCK = 4 * KIB };

static char top[SCRATCH_PATH], folder[SCRATCH_PATH];
static struct cache cache;
static struct err err;

/* Digests are names here, of one digit each; the content of an entry is its own digit, again and again. */
CACHING const char *
digest_of(char digit)
{
	static char text[SHA256_HEX];

	memset(text, digit, sizeof(text) - 1);
	return text;
}

CACHING const char *
name_of(char digit)
{
	static char name[CACHE_NAME_MAX];

	cache_name(name, digest_of(digit));
	return name;
}

CACHING int
set_up(void **state)
{
	(void)state;
	(void)umask(022);
	scratch_make(top);
	(void)snprintf(folder, sizeof(folder), "%.200s/cache", top);
	err = (struct err){0};
	assert_int_equal(cache_open(&cache, folder, &err), 0);
	return 0;
}

CACHING int
tear_down(void **state)
{
	(void)state;
	cache_close(&cache);
	scratch_remove(top);
	return 0;
}

/* Lets 'len' bytes of 'digit' pass a copy. */
CACHING int
pass(struct cache_copy *copy, char digit, size_t len)
{
	char block[BLOCK];
	struct mem_source mem;

	memset(block, digit, sizeof(block));
	for (size_t n; len > 0; len -= n) {
		char out[BLOCK];

		n = len < sizeof(block) ? len : sizeof(block);
		const struct source from = mem_source_init(&mem, block, n);
		const struct source through = cache_copy_source(copy, &from);
		if (source_read_full(&through, out, n, &err) != (ssize_t)n || memcmp(out, block, n) != 0) {
			return -1;
		}
	}
	return 0;
}

CACHING int
keep(char digit, size_t len)
{
	CLEAN_CACHE_COPY copy = {0};

	if (cache_copy_begin(&copy, &cache, digest_of(digit), (int64_t)len, &err) < 0 || pass(&copy, digit, len) < 0) {
		return -1;
	}
	return cache_copy_keep(&copy, &err);
}

/* 1 when the entry is there and whole: 'len' bytes, all of them its digit; 0 when it is not there. */
CACHING int
found(char digit, size_t len)
{
	CLEAN_FD fd = -1;
	char block[BLOCK];
	int there = cache_find(&cache, digest_of(digit), &fd, &err);
	ssize_t n = 1;

	while (there > 0 && n > 0) {
		n = fd_read_full(fd, block, sizeof(block));
		for (ssize_t i = 0; i < n; i++) {
			if (block[i] != digit) {
				return -1;
			}
		}
		len -= n > 0 ? (size_t)n : 0;
	}
	return there > 0 && len != 0 ? -1 : there;
}

/* Last used so many seconds after the epoch. */
CACHING void
used_at(char digit, time_t second)
{
	const struct timespec times[2] = {{.tv_sec = second}, {.tv_sec = second}};

	(void)utimensat(AT_FDCWD, scratch_path(folder, name_of(digit)), times, 0);
}

CACHING int
is_there(char digit)
{
	return scratch_exists(folder, name_of(digit));
}

/* A file system of our own under the cache, of which a quarter is the cache's and an eighth stays free: for pieces of apart(). */
CACHING int
small_system(const char *options)
{
	if (apart_mounts() < 0 || mount("none", folder, "tmpfs", 0, options) < 0) {
		return -1;
	}
	cache_close(&cache);
	return cache_open(&cache, folder, &err);
}

/* A child that has done 'piece' says so and waits to be killed. */
CACHING pid_t
child_that_holds(int (*piece)(void))
{
	int pipe_fds[2];
	char done = 'n';

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		/* A test that fails leaves it behind, but not for longer than itself. */
		done = prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && piece() == 0 ? 'y' : 'n';
		(void)!write(pipe_fds[1], &done, 1);
		for (;;) {
			(void)pause();
		}
	}
	assert_true(pid > 0);
	assert_int_equal(read(pipe_fds[0], &done, 1), 1);
	assert_int_equal(done, 'y');
	(void)close(pipe_fds[0]);
	(void)close(pipe_fds[1]);
	return pid;
}

CACHING void
end_child(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

#define CACHE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
