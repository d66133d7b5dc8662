/* The digest of a stream that somebody else reads, and a first look that takes nothing away. */
#include "unit/files/box.h"
#include "unit/files/makers.h"

#include "files/digest.h"

static const char abc_sha256[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
static const char empty_sha256[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static void
digest_is_of_all_bytes_however_they_are_read(void **state)
{
	CLEAN_BUF bytes = {0};
	char first[SHA256_HEX] = "";

	(void)state;
	buf_init(&bytes, MAKER_BYTES_MAX);
	for (int i = 0; i < 50000; i++) {
		put_number(&bytes, (uint64_t)i, 2);
	}
	for (size_t step = 1; step < 200000; step = step * 7 + 3) {
		struct drip drip;
		struct digest digest;
		struct err err = {0};
		char block[1000];
		char hex[SHA256_HEX];
		struct source below = drip_source(&drip, &bytes, step);
		struct source hashed = digest_init(&digest, &below, CHECKSUM_NONE);

		assert_true(source_read_full(&hashed, block, sizeof(block), &err) == sizeof(block));
		assert_int_equal(digest_drain(&digest, &err), 0);
		assert_int_equal(digest.bytes, (int64_t)bytes.len);
		assert_false(drip.called_after_end);
		digest_end(&digest, hex);
		if (first[0] == '\0') {
			memcpy(first, hex, sizeof(first));
		}
		assert_string_equal(hex, first);
	}
}

static void
digest_of_known_bytes(void **state)
{
	const struct {
		const char *text;
		const char *hex;
	} cases[] = {{"abc", abc_sha256}, {"", empty_sha256}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mem_source memory;
		struct source below = mem_source_init(&memory, cases[i].text, strlen(cases[i].text));
		struct digest digest;
		struct err err = {0};
		char hex[SHA256_HEX];

		(void)digest_init(&digest, &below, CHECKSUM_NONE);
		assert_int_equal(digest_drain(&digest, &err), 0);
		digest_end(&digest, hex);
		assert_string_equal(hex, cases[i].hex);
	}
}

static void
digest_passes_the_end_and_the_failure_on_and_asks_no_more(void **state)
{
	CLEAN_BUF bytes = {0};
	struct drip drip;
	struct digest digest;
	struct err err = {0};
	char block[8];

	(void)state;
	buf_init(&bytes, MAKER_BYTES_MAX);
	put(&bytes, "0123456789", 10);
	struct source below = drip_source(&drip, &bytes, 4);
	drip.fails_at = 8;
	struct source hashed = digest_init(&digest, &below, CHECKSUM_NONE);
	assert_int_equal(source_read_full(&hashed, block, sizeof(block), &err), 8);
	assert_int_equal(source_read(&hashed, block, sizeof(block), &err), -1);
	assert_int_equal(err.kind, ERR_UNAVAILABLE);
	assert_int_equal(source_read(&hashed, block, sizeof(block), &err), 0);
	assert_int_equal(digest.bytes, 8);
	assert_false(drip.called_after_end);
}

static void
digest_drain_tells_the_failure_below(void **state)
{
	CLEAN_BUF bytes = {0};
	struct drip drip;
	struct digest digest;
	struct err err = {0};

	(void)state;
	buf_init(&bytes, MAKER_BYTES_MAX);
	put(&bytes, "0123456789", 10);
	struct source below = drip_source(&drip, &bytes, 4);
	drip.fails_at = 5;
	(void)digest_init(&digest, &below, CHECKSUM_NONE);
	assert_int_equal(digest_drain(&digest, &err), -1);
	assert_string_equal(err.text, "the line is cut");
}

/* Around the size of the look: shorter, equal, longer. */
static void
peek_gives_every_byte_once(void **state)
{
	static const size_t lens[] = {0, 1, KIND_HEAD_BYTES - 1, KIND_HEAD_BYTES, KIND_HEAD_BYTES + 1, 5000};
	static char want[5000];
	static char got[6000];

	(void)state;
	for (size_t i = 0; i < sizeof(want); i++) {
		want[i] = (char)(i * 7 + i / 256);
	}
	for (size_t i = 0; i < ARRAY_LEN(lens); i++) {
		for (size_t step = 1; step <= 4096; step *= 8) {
			CLEAN_BUF bytes = {0};
			struct drip drip;
			struct peek peek;
			struct err err = {0};

			buf_init(&bytes, MAKER_BYTES_MAX);
			put(&bytes, want, lens[i]);
			struct source below = drip_source(&drip, &bytes, step);
			assert_int_equal(peek_init(&peek, &below, &err), 0);
			assert_int_equal(peek.len, lens[i] < KIND_HEAD_BYTES ? lens[i] : KIND_HEAD_BYTES);
			struct source whole = peek_source(&peek);
			assert_int_equal(source_read_full(&whole, got, sizeof(got), &err), (ssize_t)lens[i]);
			assert_memory_equal(got, want, lens[i]);
			assert_false(drip.called_after_end);
		}
	}
}

static void
peek_fails_as_its_source(void **state)
{
	CLEAN_BUF bytes = {0};
	struct drip drip;
	struct peek peek;
	struct err err = {0};

	(void)state;
	buf_init(&bytes, MAKER_BYTES_MAX);
	put_zeros(&bytes, 100);
	struct source below = drip_source(&drip, &bytes, 10);
	drip.fails_at = 50;
	assert_int_equal(peek_init(&peek, &below, &err), -1);
	assert_int_equal(err.kind, ERR_UNAVAILABLE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(digest_is_of_all_bytes_however_they_are_read),
	    cmocka_unit_test(digest_of_known_bytes),
	    cmocka_unit_test(digest_passes_the_end_and_the_failure_on_and_asks_no_more),
	    cmocka_unit_test(digest_drain_tells_the_failure_below),
	    cmocka_unit_test(peek_gives_every_byte_once),
	    cmocka_unit_test(peek_fails_as_its_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
