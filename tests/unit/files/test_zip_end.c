/* Where a zip's directory lies: one place for every reader, or none. */
#include "unit/files/zips.h"

static void
zip_prefix_is_told_in_both_ways(void **state)
{
	(void)state;
	for (size_t base = 0; base <= 10; base += 10) {
		CLEAN_ZIP zip;
		struct zip_facts facts;

		zip_begin(&zip);
		put(&zip.out, "#!/bin/sh\n", 10);
		zip.base = base;
		zip_file(&zip, "__main__.py", 0644, "x");
		zip_end(&zip);
		assert_good(&zip.out, &facts);
		assert_int_equal(facts.prefix, 10);
		assert_true(facts.has_main);
	}
}

static void
zip_comment_is_allowed(void **state)
{
	CLEAN_ZIP zip;
	struct zip_facts facts;

	(void)state;
	zip_begin(&zip);
	zip.comment = "a comment, PK and all";
	zip_file(&zip, "a", 0644, "x");
	zip_end(&zip);
	assert_good(&zip.out, &facts);
}

static void
zip64_records_are_read(void **state)
{
	CLEAN_ZIP zip;
	struct zip_facts facts;

	(void)state;
	zip_begin(&zip);
	zip_file(&zip, "a", 0644, "x");
	zip_file(&zip, "b", 0644, "yy");
	zip_end64(&zip);
	assert_good(&zip.out, &facts);
	assert_int_equal(facts.entries, 2);
	assert_int_equal(facts.bytes, 3);
}

static void
zip_cut_anywhere_is_refused(void **state)
{
	CLEAN_ZIP zip;
	struct zip_facts facts;
	struct err err;

	(void)state;
	zip_begin(&zip);
	zip.comment = "bye";
	zip_file(&zip, "a", 0644, "content");
	zip_link(&zip, "l", "a");
	zip_end(&zip);
	for (size_t len = 0; len < zip.out.len; len++) {
		struct buf cut = {.data = zip.out.data, .len = len};

		assert_int_equal(zip_tried(&cut, &facts, &err), -1);
		assert_int_equal(err.kind, ERR_ARCHIVE);
	}
	put(&zip.out, "x", 1);
	assert_bad(&zip.out, "no end record at its end: it is cut, or something was added behind it");
}

static void
zip_with_a_second_end_in_its_comment_is_refused(void **state)
{
	CLEAN_ZIP zip;
	static const char comment[] = "0123456789PK\x05\x06 and the rest of a record that is none";

	(void)state;
	zip_begin(&zip);
	zip.comment = comment;
	zip_file(&zip, "a", 0644, "content");
	zip_end(&zip);
	assert_bad(&zip.out, "no end record at its end");
}

static void
zip_end_that_lies_is_refused(void **state)
{
	static const struct {
		size_t at;
		int len;
		uint64_t value;
		const char *says;
	} lies[] = {
	    {4, 2, 1, "one part of several"},
	    {6, 2, 1, "one part of several"},
	    {8, 2, 1, "one part of several"},
	    {10, 2, 3, "one part of several"},
	    {8, 4, 0x00030003, "has not the 3 entries that its end tells"},
	    {8, 4, 0x00010001, "has not the 1 entries that its end tells"},
	    {8, 4, 0xffffffff, "has not the 65535 entries that its end tells"},
	    {12, 4, 0xffffffff, "end record is damaged"},
	    {12, 4, 1 << 29, "end record is damaged"},
	    {12, 4, 0, "has not the 2 entries that its end tells"},
	    {16, 4, 0xffffffff, "end record is damaged"},
	    {16, 4, 100000, "end record is damaged"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		CLEAN_ZIP zip;

		zip_begin(&zip);
		zip_file(&zip, "a", 0644, "content");
		zip_file(&zip, "b", 0644, "content");
		zip_end(&zip);
		patch_number(&zip.out, zip.out.len - 22 + lies[i].at, lies[i].value, lies[i].len);
		if (lies[i].at == 12 && lies[i].value == 0) {
			patch_number(&zip.out, zip.out.len - 22 + 16, zip.out.len - 22, 4);
		}
		assert_bad(&zip.out, lies[i].says);
	}
}

static void
zip64_end_that_lies_is_refused(void **state)
{
	static const struct {
		size_t back; /* from the file's end */
		int len;
		uint64_t value;
		const char *says;
	} lies[] = {
	    {22 + 20 + 56, 1, 'Q', "zip64 end record is not in its place"},
	    {22 + 20 + 52, 8, 45, "zip64 end record is not in its place"},
	    {22 + 20 + 32, 8, 2, "zip64 end record is damaged"},
	    {22 + 20 + 24, 8, 2, "zip64 end record is damaged"},
	    {22 + 20 + 16, 8, UINT64_MAX, "zip64 end record is damaged"},
	    {22 + 20 + 16, 8, 1, "zip64 end record is damaged"},
	    {22 + 20 + 8, 8, 1, "zip64 end record is damaged"},
	    {22 + 20 + 8, 8, UINT64_MAX, "zip64 end record is damaged"},
	    {22 + 12, 8, 0, "zip64 end record is not in its place"},
	    {22 + 12, 8, UINT64_MAX, "zip64 end record is not in its place"},
	    {22 + 4, 4, 2, "zip64 end record is damaged"},
	    {22 - 8, 4, 0x00020002, "zip64 end record is damaged"},
	    {22 - 12, 4, 1, "zip64 end record is damaged"},
	    {22 - 16, 4, 1, "zip64 end record is damaged"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		CLEAN_ZIP zip;

		zip_begin(&zip);
		zip_file(&zip, "a", 0644, "content");
		zip_end64(&zip);
		patch_number(&zip.out, zip.out.len - lies[i].back, lies[i].value, lies[i].len);
		assert_bad(&zip.out, lies[i].says);
	}
}

static void
zip64_behind_an_uncounted_prefix_is_refused(void **state)
{
	(void)state;
	for (size_t base = 0; base <= 10; base += 10) {
		CLEAN_ZIP zip;
		struct zip_facts facts;

		zip_begin(&zip);
		put(&zip.out, "#!/bin/sh\n", 10);
		zip.base = base;
		zip_file(&zip, "a", 0644, "content");
		zip_end64(&zip);
		if (base == 0) {
			assert_good(&zip.out, &facts);
			assert_int_equal(facts.prefix, 10);
		} else {
			assert_bad(&zip.out, "or something was put in front of it");
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(zip_prefix_is_told_in_both_ways),
	    cmocka_unit_test(zip_comment_is_allowed),
	    cmocka_unit_test(zip64_records_are_read),
	    cmocka_unit_test(zip_cut_anywhere_is_refused),
	    cmocka_unit_test(zip_with_a_second_end_in_its_comment_is_refused),
	    cmocka_unit_test(zip_end_that_lies_is_refused),
	    cmocka_unit_test(zip64_end_that_lies_is_refused),
	    cmocka_unit_test(zip64_behind_an_uncounted_prefix_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
