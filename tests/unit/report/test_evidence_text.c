/* What the machine shows, in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "report/evidence_text.h"

static struct buf words;

static int
tear_down(void **state)
{
	(void)state;
	buf_release(&words);
	return 0;
}

static const char *
of_counts(struct kernel_counts counts, int kills)
{
	buf_release(&words);
	buf_init(&words, 1000);
	evidence_of_counts(&words, &counts, kills);
	return buf_text(&words);
}

static const char *
of_volume(struct volume volume, int shm)
{
	buf_release(&words);
	buf_init(&words, 1000);
	evidence_of_volumes(&words, &volume, 1, shm);
	return buf_text(&words);
}

static void
bytes_have_at_most_one_digit_behind_the_point(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {{0, "0 bytes"}, {1023, "1023 bytes"}, {1024, "1 KiB"}, {1536, "1.5 KiB"}, {65536, "64 KiB"},
	    {67108864, "64 MiB"}, {67108864 + 600000, "64 MiB"}, {UINT64_C(32) << 30, "32 GiB"},
	    {(UINT64_C(5) << 40) / 2, "2.5 TiB"}, {UINT64_C(4096) << 40, "4096 TiB"}};
	char out[EVIDENCE_BYTES];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		evidence_bytes(out, cases[i].bytes);
		assert_string_equal(out, cases[i].text);
	}
}

static void
counts_that_did_not_rise_are_not_told(void **state)
{
	(void)state;
	assert_string_equal(of_counts((struct kernel_counts){0, 10, 0, 100, 10}, 1), "");
	assert_string_equal(of_counts((struct kernel_counts){-1, -1, -1, -1, -1}, 1), "");
}

static void
kills_are_told_where_the_first_line_does_not(void **state)
{
	const struct kernel_counts counts = {.memory_kills = 3};

	(void)state;
	assert_string_equal(
	    of_counts(counts, 1), "The kernel killed processes of the container for want of memory: 3.\n");
	assert_string_equal(of_counts(counts, 0), "");
}

static void
limit_on_processes_that_was_hit_is_told(void **state)
{
	(void)state;
	assert_string_equal(of_counts((struct kernel_counts){.forks_refused = 2, .process_limit = 24}, 0),
	    "The container's limit of 24 processes and threads was hit: new ones were refused.\n");
	assert_string_equal(of_counts((struct kernel_counts){.forks_refused = 2, .process_limit = -1}, 0), "");
}

static void
volume_is_told_when_it_is_full(void **state)
{
	struct volume volume = {"/tmp", 64 << 20, 0, 1000, 1};

	(void)state;
	assert_string_equal(of_volume(volume, 0), "'/tmp' is full: 0 bytes of 64 MiB are free.\n");
	volume.bytes_free = 4096;
	assert_string_equal(of_volume(volume, 0), "'/tmp' is full: 4 KiB of 64 MiB are free.\n");
	volume.bytes_free = 1 << 20;
	assert_string_equal(of_volume(volume, 0), "");
	volume.bytes = UINT64_C(1) << 40; /* of which a hundredth is 10 GiB */
	volume.bytes_free = UINT64_C(1) << 30;
	assert_string_equal(of_volume(volume, 0), "");
	volume.inodes_free = 0;
	assert_string_equal(
	    of_volume(volume, 0), "'/tmp' has no inodes left: it holds as many files as it can, 1000.\n");
	volume.inodes = 0; /* a file system that does not count them */
	assert_string_equal(of_volume(volume, 0), "");
}

static void
shared_memory_is_told_when_it_is_asked_for(void **state)
{
	const struct volume shm = {"/dev/shm", 64 << 20, 48 << 20, 1000, 900};

	(void)state;
	assert_string_equal(of_volume(shm, 0), "");
	assert_string_equal(of_volume(shm, 1), "'/dev/shm' has 64 MiB, of which 48 MiB are free now.\n");
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(bytes_have_at_most_one_digit_behind_the_point),
	    TEST(counts_that_did_not_rise_are_not_told),
	    TEST(kills_are_told_where_the_first_line_does_not),
	    TEST(limit_on_processes_that_was_hit_is_told),
	    TEST(volume_is_told_when_it_is_full),
	    TEST(shared_memory_is_told_when_it_is_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
