/* The cache of verified archives: what is not ours stays, what is damaged goes, and so does what is too much. */
#include "unit/files/caching.h"

/* ---- what is not ours ---- */

/* Neither taken for the archive nor replaced by it. */
static void
assert_left_alone(void)
{
	assert_int_equal(found('a', 0), -1);
	assert_int_equal(err.kind, ERR_IO);
	assert_non_null(strstr(err.text, name_of('a')));
	err_clear(&err);
	assert_int_equal(keep('a', 10), -1);
	assert_int_equal(err.kind, ERR_IO);
	assert_int_equal(scratch_count(folder), 1);
}

static void
a_link_in_its_place_is_not_followed(void **state)
{
	(void)state;
	scratch_write(top, "elsewhere", "precious");
	scratch_link(folder, name_of('a'), "../elsewhere");
	assert_left_alone();
	assert_string_equal(scratch_target(folder, name_of('a')), "../elsewhere");
	assert_string_equal(scratch_read(top, "elsewhere"), "precious");
}

static void
a_folder_or_a_fifo_in_its_place_stays(void **state)
{
	(void)state;
	scratch_folder(folder, name_of('a'), 0755);
	assert_left_alone();
	assert_int_equal(rmdir(scratch_path(folder, name_of('a'))), 0);
	assert_int_equal(mkfifo(scratch_path(folder, name_of('a')), 0644), 0);
	assert_left_alone();
	assert_true(S_ISFIFO(scratch_stat(folder, name_of('a')).st_mode));
}

/* ---- damage ---- */

static void
a_damaged_entry_is_dropped(void **state)
{
	CLEAN_FD fd = -1;

	(void)state;
	assert_int_equal(keep('a', 10), 0);
	assert_int_equal(cache_find(&cache, digest_of('a'), &fd, &err), 1);
	assert_int_equal(cache_drop(&cache, digest_of('a'), fd, &err), 0);
	assert_int_equal(scratch_count(folder), 0);
	assert_int_equal(cache_drop(&cache, digest_of('a'), fd, &err), 0);
}

static void
the_one_that_took_its_place_stays(void **state)
{
	CLEAN_FD fd = -1;

	(void)state;
	assert_int_equal(keep('a', 10), 0);
	assert_int_equal(cache_find(&cache, digest_of('a'), &fd, &err), 1);
	assert_int_equal(keep('a', 11), 0);
	assert_int_equal(cache_drop(&cache, digest_of('a'), fd, &err), 0);
	assert_int_equal(found('a', 11), 1);
}

static void
another_users_file_is_read_and_never_removed(void **state)
{
	CLEAN_FD fd = -1;

	(void)state;
	if (geteuid() != 0) {
		skip();
	}
	assert_int_equal(keep('a', 10), 0);
	assert_int_equal(chown(scratch_path(folder, name_of('a')), APART_NOBODY, APART_NOBODY), 0);
	assert_int_equal(cache_find(&cache, digest_of('a'), &fd, &err), 1);
	assert_int_equal(cache_drop(&cache, digest_of('a'), fd, &err), -1);
	assert_int_equal(keep('a', 11), -1);
	assert_int_equal(found('a', 10), 1);
}

static int
read_without_rights(void *self)
{
	(void)self;
	APART_CHECK(apart_as_nobody() == 0);
	APART_CHECK(cache_open(&cache, folder, &err) == 0);
	APART_CHECK(found('a', 10) == 1);
	APART_CHECK(keep('b', 10) == -1 && err.kind == ERR_IO);
	return 0;
}

static void
a_cache_that_cannot_be_written_is_read(void **state)
{
	(void)state;
	assert_int_equal(keep('a', 10), 0);
	assert_int_equal(chmod(scratch_path(folder, name_of('a')), 0444), 0);
	assert_int_equal(chmod(folder, 0555), 0);
	assert_int_equal(chmod(top, 0755), 0);
	apart(read_without_rights, NULL);
}

/* ---- bounds: a file system of our own, of which a quarter is the cache's and an eighth stays free ---- */

static int
put_out_the_oldest(void *self)
{
	(void)self;
	if (small_system("size=64k,mode=0700") < 0) {
		return APART_SKIPPED;
	}
	APART_CHECK(keep('a', BLOCK) == 0 && keep('b', BLOCK) == 0 && keep('c', BLOCK) == 0 && keep('d', BLOCK) == 0);
	used_at('a', 4000);
	used_at('b', 1000);
	used_at('c', 2000);
	used_at('d', 3000);
	APART_CHECK(found('b', BLOCK) == 1); /* now it is the newest */
	APART_CHECK(keep('e', BLOCK) == 0);
	APART_CHECK(is_there('a') && is_there('b') && !is_there('c') && is_there('d') && is_there('e'));
	APART_CHECK(keep('f', 2 * BLOCK) == 0);
	APART_CHECK(!is_there('a') && is_there('b') && !is_there('d') && is_there('e') && is_there('f'));
	return 0;
}

static void
least_recently_used_goes_first(void **state)
{
	(void)state;
	apart(put_out_the_oldest, NULL);
}

static int
put_out_none_in_use(void *self)
{
	CLEAN_FD fd = -1;

	(void)self;
	if (small_system("size=64k,mode=0700") < 0) {
		return APART_SKIPPED;
	}
	APART_CHECK(keep('a', 2 * BLOCK) == 0 && keep('b', BLOCK) == 0);
	APART_CHECK(cache_find(&cache, digest_of('a'), &fd, &err) == 1);
	used_at('a', 1000);
	APART_CHECK(keep('c', 2 * BLOCK) == 0);
	APART_CHECK(is_there('a') && !is_there('b') && is_there('c'));
	return 0;
}

static void
what_is_being_read_is_not_put_out(void **state)
{
	(void)state;
	apart(put_out_none_in_use, NULL);
}

static int
leave_foreign_files(void *self)
{
	static const char *const names[] = {"notes.txt", "sha256-abc", "sha256-", ".part-00000000"};
	char upper[CACHE_NAME_MAX], longer[CACHE_NAME_MAX + 2], target[CACHE_NAME_MAX];

	(void)self;
	if (small_system("size=64k,mode=0700") < 0) {
		return APART_SKIPPED;
	}
	(void)snprintf(upper, sizeof(upper), "sha256-%s", digest_of('A'));
	(void)snprintf(longer, sizeof(longer), "%.71s.part-0000000", name_of('1'));
	(void)snprintf(target, sizeof(target), "%s", name_of('a'));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		scratch_write(folder, names[i], "x");
	}
	scratch_write(folder, upper, "x");
	scratch_write(folder, longer, "x");
	APART_CHECK(keep('a', BLOCK) == 0);
	scratch_link(folder, name_of('2'), target);
	scratch_folder(folder, name_of('3'), 0755);
	APART_CHECK(keep('b', 4 * BLOCK) == 0);
	APART_CHECK(!is_there('a') && is_there('b') && is_there('2') && is_there('3'));
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		APART_CHECK(scratch_exists(folder, names[i]));
	}
	APART_CHECK(scratch_exists(folder, upper) && scratch_exists(folder, longer));
	return 0;
}

static void
what_has_another_name_stays(void **state)
{
	(void)state;
	apart(leave_foreign_files, NULL);
}

static int
refuse_what_never_fits(void *self)
{
	(void)self;
	if (small_system("size=64k,mode=0700") < 0) {
		return APART_SKIPPED;
	}
	APART_CHECK(keep('a', BLOCK) == 0);
	APART_CHECK(keep('b', 4 * BLOCK + 1) == -1 && err.kind == ERR_DISK_FULL);
	scratch_fill(folder);
	APART_CHECK(keep('c', BLOCK) == -1 && err.kind == ERR_DISK_FULL);
	APART_CHECK(found('a', BLOCK) == 1);
	return scratch_count(folder) == 2 ? 0 : 1;
}

static void
what_never_fits_puts_nothing_out(void **state)
{
	(void)state;
	apart(refuse_what_never_fits, NULL);
}

/* ---- the lock ---- */

static int
lock_alone(void)
{
	return cache_lock(&cache, LOCK_EX, &err) >= 0 ? 0 : -1;
}

static int
lock_shared(void)
{
	return cache_lock(&cache, LOCK_SH, &err) >= 0 ? 0 : -1;
}

static int
stop_at_the_third(void *self, struct err *stopped)
{
	int *asked = self;

	return ++*asked < 3 ? 0 : err_set(stopped, ERR_STOPPED, 0, "stopped");
}

static void
waiting_for_a_lock_ends_when_asked_to(void **state)
{
	int asked = 0;

	(void)state;
	pid_t pid = child_that_holds(lock_alone);
	cache.go_on = stop_at_the_third;
	cache.self = &asked;
	assert_int_equal(found('a', 0), -1);
	assert_int_equal(err.kind, ERR_STOPPED);
	assert_int_equal(asked, 3);
	end_child(pid);
	err_clear(&err);
	assert_int_equal(found('a', 0), 0);
}

static void
waiting_for_a_lock_has_an_end(void **state)
{
	(void)state;
	pid_t pid = child_that_holds(lock_alone);
	assert_int_equal(found('a', 0), -1);
	assert_int_equal(err.kind, ERR_IO);
	assert_non_null(strstr(err.text, "stays locked"));
	end_child(pid);
}

static void
readers_do_not_wait_for_readers(void **state)
{
	int asked = 0;

	(void)state;
	assert_int_equal(keep('a', 10), 0);
	pid_t pid = child_that_holds(lock_shared);
	cache.go_on = stop_at_the_third;
	cache.self = &asked;
	assert_int_equal(found('a', 10), 1);
	assert_int_equal(asked, 0);
	assert_int_equal(keep('b', 10), -1); /* but who writes does */
	assert_int_equal(err.kind, ERR_STOPPED);
	end_child(pid);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CACHE_TEST(a_link_in_its_place_is_not_followed),
	    CACHE_TEST(a_folder_or_a_fifo_in_its_place_stays),
	    CACHE_TEST(a_damaged_entry_is_dropped),
	    CACHE_TEST(the_one_that_took_its_place_stays),
	    CACHE_TEST(another_users_file_is_read_and_never_removed),
	    CACHE_TEST(a_cache_that_cannot_be_written_is_read),
	    CACHE_TEST(least_recently_used_goes_first),
	    CACHE_TEST(what_is_being_read_is_not_put_out),
	    CACHE_TEST(what_has_another_name_stays),
	    CACHE_TEST(what_never_fits_puts_nothing_out),
	    CACHE_TEST(waiting_for_a_lock_ends_when_asked_to),
	    CACHE_TEST(waiting_for_a_lock_has_an_end),
	    CACHE_TEST(readers_do_not_wait_for_readers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
