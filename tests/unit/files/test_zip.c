/* A zip as a whole: what its members are together. */
#include "unit/files/zips.h"

static void
zip_of_every_usual_kind_is_good(void **state)
{
	CLEAN_ZIP zip;
	struct zip_facts facts;

	(void)state;
	zip_begin(&zip);
	zip_folder(&zip, "d/");
	zip_file(&zip, "d/deflated", 0644, "some text, some text, some text");
	zip_bytes(&zip, "stored", 0100755, ZIP_STORED, 0, "#!/bin/sh\n", 10);
	zip_bytes(&zip, "behind", 0100644, ZIP_DEFLATED, ZIP_BEHIND, "written as a stream", 19);
	zip_bytes(&zip, "empty", 0100644, ZIP_DEFLATED, 0, "", 0);
	zip_link(&zip, "link", "d/deflated");
	zip_bytes(&zip, "long-link", 0120777, ZIP_DEFLATED, 0, "d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d/d", 35);
	zip_bytes(&zip, "\xc3\xa9", 0100644, ZIP_STORED, ZIP_UTF8, "x", 1);
	zip_end(&zip);
	assert_good(&zip.out, &facts);
	assert_int_equal(facts.entries, 8);
	assert_int_equal(facts.bytes, 31 + 10 + 19 + 10 + 35 + 1);
	assert_int_equal(facts.prefix, 0);
	assert_false(facts.has_main);
}

static void
zip_of_nothing_is_good(void **state)
{
	CLEAN_ZIP zip;
	struct zip_facts facts;

	(void)state;
	zip_begin(&zip);
	zip_end(&zip);
	assert_good(&zip.out, &facts);
	assert_int_equal(facts.entries, 0);
	assert_int_equal(facts.prefix, 0);
}

static void
zip_whose_directory_takes_too_much_memory_is_refused(void **state)
{
	static const size_t budgets[] = {
	    10, 300}; /* too little for the directory, and for what is remembered of its members */
	CLEAN_ZIP zip;
	struct zip_facts facts;

	(void)state;
	zip_begin(&zip);
	for (char name[] = "a"; *name <= 'd'; ++*name) {
		zip_file(&zip, name, 0644, "x");
	}
	zip_end(&zip);
	for (size_t i = 0; i < ARRAY_LEN(budgets); i++) {
		struct err err;

		assert_int_equal(zip_tried_within(budgets[i], &zip.out, &facts, &err), -1);
		assert_int_equal(err.kind, ERR_ARCHIVE);
		assert_non_null(strstr(err.text, "4 entries does not fit into fetch-memory"));
	}
}

static void
zip_from_dos_has_no_modes(void **state)
{
	CLEAN_ZIP zip;
	struct zip_facts facts;

	(void)state;
	zip_begin(&zip);
	zip_file(&zip, "a", 0, "x")->made_by = 20;
	zip_folder(&zip, "d/")->made_by = 20;
	zip_end(&zip);
	assert_good(&zip.out, &facts);
	assert_int_equal(facts.entries, 2);
}

static void
zip_main_counts_only_at_its_root(void **state)
{
	static const char *const names[] = {"d/__main__.py", "__main__.pyc", "__main__", "_main__.py", "__MAIN__.py"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEAN_ZIP zip;
		struct zip_facts facts;

		zip_begin(&zip);
		zip_file(&zip, names[i], 0644, "x");
		zip_end(&zip);
		assert_good(&zip.out, &facts);
		assert_false(facts.has_main);
	}
}

static void
zip_name_given_twice_is_refused(void **state)
{
	CLEAN_ZIP zip;

	(void)state;
	zip_begin(&zip);
	zip_file(&zip, "a", 0644, "one");
	zip_file(&zip, "ab", 0644, "one");
	zip_file(&zip, "a", 0644, "two");
	zip_end(&zip);
	assert_bad(&zip.out, "entry 3 'a': the name stands twice in the zip");
}

static void
zip_members_that_overlap_are_refused(void **state)
{
	CLEAN_ZIP zip;
	CLEAN_BUF inner = {0};

	(void)state;
	/* the second member's whole header and data are the first one's stored content */
	zip_begin(&zip);
	zip_bytes(&zip, "inner", 0100644, ZIP_STORED, 0, "hello", 5);
	buf_init(&inner, 1000);
	put(&inner, zip.out.data, zip.out.len);
	struct zip_part part = zip.parts[0];
	zip_release(&zip);
	zip_begin(&zip);
	zip_bytes(&zip, "outer", 0100644, ZIP_STORED, 0, inner.data, inner.len);
	part.offset = zip.out.len - inner.len;
	zip.parts[zip.count++] = part;
	zip_end(&zip);
	assert_bad(&zip.out, "entry 2 'inner': it overlaps with another member");
}

static void
zip_sizes_are_added_without_overflow(void **state)
{
	CLEAN_ZIP zip;
	struct zip_facts facts;

	(void)state;
	zip_begin(&zip);
	for (int i = 0; i < 3; i++) {
		char name[16];
		CLEAN_BUF extra = {0};

		(void)snprintf(name, sizeof(name), "f%d", i);
		struct zip_part *part = zip_bytes(&zip, name, 0100644, ZIP_DEFLATED, ZIP_BEHIND, "x", 1);
		zip.out.len -= 16;
		put(&zip.out, "PK\x07\x08", 4);
		put_number(&zip.out, part->crc, 4);
		put_number(&zip.out, part->packed, 8);
		put_number(&zip.out, UINT64_MAX / 2 + 1, 8);
		buf_init(&extra, 100);
		put(&extra, "\x01\x00\x08\x00", 4);
		put_number(&extra, UINT64_MAX / 2 + 1, 8);
		memcpy(part->extra, extra.data, extra.len);
		part->extra_len = extra.len;
		part->plain = 0xffffffff;
	}
	zip_end(&zip);
	assert_good(&zip.out, &facts);
	assert_true(facts.bytes == INT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(zip_of_every_usual_kind_is_good),
	    cmocka_unit_test(zip_of_nothing_is_good),
	    cmocka_unit_test(zip_whose_directory_takes_too_much_memory_is_refused),
	    cmocka_unit_test(zip_from_dos_has_no_modes),
	    cmocka_unit_test(zip_main_counts_only_at_its_root),
	    cmocka_unit_test(zip_name_given_twice_is_refused),
	    cmocka_unit_test(zip_members_that_overlap_are_refused),
	    cmocka_unit_test(zip_sizes_are_added_without_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
