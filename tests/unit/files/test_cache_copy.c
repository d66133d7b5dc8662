/* Copies for the cache, made of what passes: whole or not there, and never in anybody's way. */
#include "unit/files/caching.h"

enum { ROUNDS = 60, LETTERS = 5 };

/* ---- keeping and finding ---- */

static void
what_was_kept_is_found_whole(void **state)
{
	(void)state;
	assert_int_equal(keep('a', 100 * KIB + 1), 0);
	assert_int_equal(found('a', 100 * KIB + 1), 1);
	assert_int_equal(found('b', 0), 0);
	assert_int_equal(scratch_count(folder), 1);
	assert_int_equal(err.kind, ERR_NONE);
}

static void
nobody_else_may_read_it(void **state)
{
	(void)state;
	assert_int_equal(keep('a', 1), 0);
	assert_int_equal(scratch_stat(folder, name_of('a')).st_mode & 07777, 0600);
	assert_int_equal(scratch_stat(top, "cache").st_mode & 07777, 0700);
}

static void
what_is_not_kept_leaves_nothing(void **state)
{
	struct cache_copy copy;

	(void)state;
	assert_int_equal(cache_copy_begin(&copy, &cache, digest_of('a'), 0, &err), 0);
	assert_int_equal(pass(&copy, 'a', 10 * KIB), 0);
	assert_int_equal(scratch_count(folder), 1);
	assert_int_equal(found('a', 0), 0);
	cache_copy_end(&copy);
	assert_int_equal(scratch_count(folder), 0);
	cache_copy_end(&copy);
}

static ssize_t
lend_hello(void *self, const void **bytes, struct err *ignored)
{
	int *times = self;

	(void)ignored;
	*bytes = "hello";
	return (*times)-- > 0 ? 5 : 0;
}

static void
what_is_lent_is_copied_too(void **state)
{
	struct cache_copy copy;
	int times = 2;
	const void *bytes = NULL;
	const struct source from = {.lend = lend_hello, .self = &times};

	(void)state;
	assert_int_equal(cache_copy_begin(&copy, &cache, digest_of('a'), 10, &err), 0);
	const struct source through = cache_copy_source(&copy, &from);
	assert_int_equal(through.lend(through.self, &bytes, &err), 5);
	assert_memory_equal(bytes, "hello", 5);
	assert_int_equal(through.lend(through.self, &bytes, &err), 5);
	assert_int_equal(through.lend(through.self, &bytes, &err), 0);
	assert_int_equal(cache_copy_keep(&copy, &err), 0);
	cache_copy_end(&copy);
	assert_string_equal(scratch_read(folder, name_of('a')), "hellohello");
}

static void
without_a_copy_the_bytes_pass(void **state)
{
	struct cache_copy none = {0};

	(void)state;
	assert_int_equal(pass(&none, 'x', 10), 0);
	cache_copy_end(&none);
}

static void
only_the_last_folder_is_made(void **state)
{
	struct cache other;
	char path[2 * SCRATCH_PATH];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/a/b", top);
	assert_int_equal(cache_open(&other, path, &err), -1);
	assert_int_equal(err.kind, ERR_IO);
	assert_non_null(strstr(err.text, path));
	assert_int_equal(other.dir_fd, -1);
	cache_close(&other);
	assert_false(scratch_exists(top, "a"));
}

/* ---- no room ---- */

static int
fill_meanwhile(void *self)
{
	struct cache_copy copy;
	struct stat st;

	(void)self;
	if (small_system("size=64k,mode=0700") < 0) {
		return APART_SKIPPED;
	}
	APART_CHECK(cache_copy_begin(&copy, &cache, digest_of('a'), 0, &err) == 0);
	APART_CHECK(pass(&copy, 'a', BLOCK) == 0);
	scratch_fill(folder);
	APART_CHECK(pass(&copy, 'a', BLOCK) == 0 && pass(&copy, 'a', BLOCK) == 0);
	APART_CHECK(fstat(copy.fd, &st) == 0 && st.st_size == 0);
	APART_CHECK(cache_copy_keep(&copy, &err) == -1 && err.kind == ERR_DISK_FULL);
	cache_copy_end(&copy);
	return scratch_count(folder) == 1 ? 0 : 1;
}

static void
a_full_disk_ends_the_copy_alone(void **state)
{
	(void)state;
	apart(fill_meanwhile, NULL);
}

static int
grow_beyond(void *self)
{
	struct cache_copy copy;

	(void)self;
	if (small_system("size=8m,mode=0700") < 0) {
		return APART_SKIPPED;
	}
	APART_CHECK(cache_copy_begin(&copy, &cache, digest_of('a'), 0, &err) == 0);
	APART_CHECK(pass(&copy, 'a', 2048 * (size_t)KIB) == 0 && copy.trouble.kind == ERR_NONE);
	APART_CHECK(pass(&copy, 'a', 1024 * (size_t)KIB) == 0 && copy.trouble.kind == ERR_DISK_FULL);
	cache_copy_end(&copy);
	return 0;
}

static void
an_unknown_size_is_bounded_too(void **state)
{
	(void)state;
	apart(grow_beyond, NULL);
}

/* ---- several processes ---- */

static int
begin_a_copy(void)
{
	static struct cache_copy copy;

	return cache_copy_begin(&copy, &cache, digest_of('a'), 0, &err) < 0 ? -1 : pass(&copy, 'a', 3 * BLOCK);
}

static void
what_a_killed_job_left_goes(void **state)
{
	(void)state;
	pid_t pid = child_that_holds(begin_a_copy);
	assert_int_equal(keep('b', 10), 0);
	assert_int_equal(scratch_count(folder), 2); /* it lives, and so does its part */
	end_child(pid);
	assert_int_equal(keep('b', 10), 0);
	assert_int_equal(scratch_count(folder), 1);
	assert_int_equal(found('b', 10), 1);
}

/* Looks for five entries of which only four fit, and brings what is missing; whatever is found must be whole. */
static int
use_it_often(unsigned seed)
{
	cache_close(&cache);
	APART_CHECK(cache_open(&cache, folder, &err) == 0);
	for (unsigned i = 0; i < ROUNDS; i++) {
		char digit = (char)('a' + (i * seed + i / LETTERS) % LETTERS);
		int there = found(digit, BLOCK);

		APART_CHECK(there >= 0);
		if (there == 0 && keep(digit, BLOCK) < 0) {
			APART_CHECK(err.kind == ERR_DISK_FULL); /* the other one holds the rest */
			err_clear(&err);
		}
	}
	return 0;
}

static int
use_it_at_once(void *self)
{
	int good = 1;
	pid_t pids[2];

	(void)self;
	if (small_system("size=64k,mode=0700") < 0) {
		return APART_SKIPPED;
	}
	for (unsigned i = 0; i < 2; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			_exit(use_it_often(2 * i + 1));
		}
	}
	for (unsigned i = 0; i < 2; i++) {
		int status = 1;

		good &= waitpid(pids[i], &status, 0) == pids[i] && status == 0;
	}
	APART_CHECK(good);
	int entries = 0;
	for (char digit = 'a'; digit < 'a' + LETTERS; digit++) {
		int there = found(digit, BLOCK);

		APART_CHECK(there >= 0);
		entries += there;
	}
	APART_CHECK(entries > 0 && entries <= 4 && scratch_count(folder) == entries);
	return 0;
}

static void
two_processes_at_once_see_whole_entries_only(void **state)
{
	(void)state;
	apart(use_it_at_once, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CACHE_TEST(what_was_kept_is_found_whole),
	    CACHE_TEST(nobody_else_may_read_it),
	    CACHE_TEST(what_is_not_kept_leaves_nothing),
	    CACHE_TEST(what_is_lent_is_copied_too),
	    CACHE_TEST(without_a_copy_the_bytes_pass),
	    CACHE_TEST(only_the_last_folder_is_made),
	    CACHE_TEST(a_full_disk_ends_the_copy_alone),
	    CACHE_TEST(an_unknown_size_is_bounded_too),
	    CACHE_TEST(what_a_killed_job_left_goes),
	    CACHE_TEST(two_processes_at_once_see_whole_entries_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
