/* A member is told twice, and both must say the same. */
#include "unit/files/zips.h"

static void
zip64_sizes_stand_in_the_extra_fields(void **state)
{
	CLEAN_ZIP zip;
	struct zip_facts facts;
	struct zip_part *part = NULL;
	CLEAN_BUF extra = {0};

	(void)state;
	zip_begin(&zip);
	part = zip_bytes(&zip, "a", 0100644, ZIP_STORED, 0, "12345", 5);
	buf_init(&extra, 100);
	put(&extra, "\x01\x00\x18\x00", 4);
	put_number(&extra, part->plain, 8);
	put_number(&extra, part->packed, 8);
	put_number(&extra, part->offset, 8);
	memcpy(part->extra, extra.data, extra.len);
	part->extra_len = extra.len;
	part->plain = part->packed = part->offset = 0xffffffff;
	zip_end(&zip);
	assert_good(&zip.out, &facts);
	assert_int_equal(facts.bytes, 5);
	/* the field is cut: there is no room for the offset */
	zip_release(&zip);
	zip_begin(&zip);
	part = zip_bytes(&zip, "a", 0100644, ZIP_STORED, 0, "12345", 5);
	memcpy(part->extra, extra.data, 20);
	memcpy(part->extra, "\x01\x00\x10\x00", 4);
	part->extra_len = 20;
	part->plain = part->packed = part->offset = 0xffffffff;
	zip_end(&zip);
	assert_bad(&zip.out, "entry 1 'a': its extra fields are damaged");
}

static void
zip_headers_that_disagree_are_refused(void **state)
{
	static const struct {
		size_t at, len;
		uint64_t value;
		const char *says;
	} lies[] = {
	    {0, 1, 'Q', "entry 2 'liar': its local header is missing"},
	    {CRC_AT, 4, 1, "entry 2 'liar': its local header disagrees with the directory"},
	    {PACKED_AT, 4, 1, "its local header disagrees with the directory"},
	    {PACKED_AT, 4, 0xffffffff, "its local header disagrees with the directory"},
	    {PLAIN_AT, 4, 1, "its local header disagrees with the directory"},
	    {PLAIN_AT, 4, 0xffffffff, "its local header disagrees with the directory"},
	    {METHOD_AT, 2, ZIP_STORED, "its local header disagrees with the directory"},
	    {FLAGS_AT, 2, ZIP_ENCRYPTED, "its local header disagrees with the directory"},
	    {FLAGS_AT, 2, ZIP_UTF8, "its local header disagrees with the directory"},
	    {FLAGS_AT, 2, 1 << 6, "its local header disagrees with the directory"},
	    {LOCAL_NAME_AT, 1, 'L', "entry 2 'liar': its local header has another name"},
	    {26, 2, 3, "its local header has another name"},
	    {26, 2, 0xffff, "its local header has another name"},
	    {28, 2, 0xffff, "lies outside of the zip"},
	    {28, 2, 5, "its extra fields are damaged"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		CLEAN_ZIP zip;

		zip_begin(&zip);
		zip_file(&zip, "first", 0644, "content");
		size_t at = zip_file(&zip, "liar", 0644, "content content content")->offset;
		zip_end(&zip);
		patch_number(&zip.out, at + lies[i].at, lies[i].value, (int)lies[i].len);
		assert_bad(&zip.out, lies[i].says);
	}
}

static void
zip_sizes_behind_the_data_must_agree(void **state)
{
	(void)state;
	for (size_t back = 1; back <= 16; back++) {
		CLEAN_ZIP zip;

		zip_begin(&zip);
		zip_bytes(&zip, "stream", 0100644, ZIP_DEFLATED, ZIP_BEHIND, "content content", 15);
		size_t end = zip.out.len;
		zip_end(&zip);
		zip.out.data[end - back] ^= 1;
		assert_bad(&zip.out, "entry 1 'stream': what stands behind its data disagrees");
	}
}

static void
zip_sizes_behind_the_data_have_four_forms(void **state)
{
	(void)state;
	for (int form = 0; form < 4; form++) {
		CLEAN_ZIP zip;
		struct zip_facts facts;

		zip_begin(&zip);
		struct zip_part *part = zip_bytes(&zip, "s", 0100644, ZIP_STORED, ZIP_BEHIND, "content", 7);
		zip.out.len -= 16;
		put(&zip.out, "PK\x07\x08", (form & 1) != 0 ? 4 : 0);
		put_number(&zip.out, part->crc, 4);
		put_number(&zip.out, 7, (form & 2) != 0 ? 8 : 4);
		put_number(&zip.out, 7, (form & 2) != 0 ? 8 : 4);
		zip_end(&zip);
		assert_good(&zip.out, &facts);
	}
}

static void
zip_attributes_in_the_local_header_must_agree(void **state)
{
	(void)state;
	for (int lie = 0; lie < 2; lie++) {
		CLEAN_ZIP zip;
		struct zip_facts facts;

		zip_begin(&zip);
		struct zip_part part = {.name = "a", .made_by = ZIP_UNIX, .mode = 0100644};
		zip_local(&zip, &part);
		patch_number(&zip.out, 28, 11, 2);
		put(&zip.out, "\x78\x6c\x07\x00\x05", 5);
		put_number(&zip.out, ZIP_UNIX, 2);
		put_number(&zip.out, lie ? (uint64_t)0120777 << 16 : (uint64_t)0100644 << 16, 4);
		zip.parts[zip.count++] = part;
		zip_end(&zip);
		if (lie) {
			assert_bad(&zip.out, "entry 1 'a': its local header disagrees with the directory");
		} else {
			assert_good(&zip.out, &facts);
		}
	}
}

static void
zip_empty_unicode_path_in_one_header_only_is_refused(void **state)
{
	CLEAN_ZIP zip;

	(void)state;
	zip_begin(&zip);
	struct zip_part part = {.name = "a", .made_by = ZIP_UNIX, .mode = 0100644};
	zip_local(&zip, &part);
	patch_number(&zip.out, 28, 4, 2);
	put(&zip.out, "up\0\0", 4);
	zip.parts[zip.count++] = part;
	zip_end(&zip);
	assert_bad(&zip.out, "entry 1 'a': its local header disagrees with the directory");
}

static void
zip_folders_of_dos_have_no_content(void **state)
{
	(void)state;
	for (size_t len = 0; len < 2; len++) {
		CLEAN_ZIP zip;
		struct zip_facts facts;

		zip_begin(&zip);
		struct zip_part *part = zip_bytes(&zip, "folder", 0, ZIP_STORED, 0, "x", len);
		part->made_by = 20;
		zip_end(&zip);
		/* the external attributes' low half, which the maker leaves empty */
		patch_number(&zip.out, zip.out.len - 22 - 46 - strlen("folder") + 38, 0x10, 4);
		if (len > 0) {
			assert_bad(&zip.out, "entry 1 'folder': a folder with content");
		} else {
			assert_good(&zip.out, &facts);
		}
	}
}

static void
zip_members_of_other_kinds_are_refused(void **state)
{
	static const struct {
		unsigned mode;
		const char *says;
	} cases[] = {
	    {0010644, "entry 1 'odd': a FIFO"},
	    {0020644, "entry 1 'odd': a device"},
	    {0060644, "entry 1 'odd': a device"},
	    {0140644, "entry 1 'odd': a socket"},
	    {0170644, "a kind of entry that is not known"},
	    {0040755, "a folder with content"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_ZIP zip;

		zip_begin(&zip);
		zip_bytes(&zip, "odd", cases[i].mode, ZIP_STORED, 0, "x", 1);
		zip_end(&zip);
		assert_bad(&zip.out, cases[i].says);
	}
}

static void
zip_members_that_cannot_be_read_are_refused(void **state)
{
	static const struct {
		unsigned method, flags;
		const char *says;
	} cases[] = {
	    {ZIP_DEFLATED, ZIP_ENCRYPTED, "entry 1 'x': it is encrypted"},
	    {ZIP_DEFLATED, 1 << 13, "it is encrypted"},
	    {99, 0, "a compression method other than stored and deflated"},
	    {12, 0, "a compression method other than stored and deflated"},
	    {93, 0, "a compression method other than stored and deflated"},
	    {ZIP_DEFLATED, 1 << 5, "a compression method other than stored and deflated"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_ZIP zip;

		zip_begin(&zip);
		zip_bytes(&zip, "x", 0100644, cases[i].method, cases[i].flags, "content", 7);
		zip_end(&zip);
		assert_bad(&zip.out, cases[i].says);
	}
}

static void
zip_name_with_a_zero_byte_is_refused(void **state)
{
	CLEAN_ZIP zip;

	(void)state;
	zip_begin(&zip);
	size_t at = zip_file(&zip, "good.txt", 0644, "x")->offset;
	size_t central = zip.out.len;
	zip_end(&zip);
	zip.out.data[at + LOCAL_NAME_AT + 4] = '\0';
	zip.out.data[central + 46 + 4] = '\0';
	assert_bad(&zip.out, "entry 1 'good': a zero byte in its name");
}

static void
zip_name_with_a_backslash_is_refused(void **state)
{
	CLEAN_ZIP zip;

	(void)state;
	zip_begin(&zip);
	(void)zip_file(&zip, "a\\b", 0644, "x");
	zip_end(&zip);
	assert_bad(&zip.out, "entry 1 'a\\b': a backslash in its name");
}

static void
zip_sizes_that_cannot_be_are_refused(void **state)
{
	CLEAN_ZIP zip;

	(void)state;
	zip_begin(&zip);
	struct zip_part *part = zip_bytes(&zip, "stored", 0100644, ZIP_STORED, 0, "content", 7);
	part->plain = 8;
	patch_number(&zip.out, PLAIN_AT, 8, 4);
	zip_end(&zip);
	assert_bad(&zip.out, "entry 1 'stored': its sizes disagree");
	zip_release(&zip);

	/* no packed bytes at all: nobody would look at the checksum */
	zip_begin(&zip);
	part = zip_bytes(&zip, "none", 0100644, ZIP_STORED, 0, "", 0);
	part->method = ZIP_DEFLATED;
	part->plain = 1000;
	patch_number(&zip.out, METHOD_AT, ZIP_DEFLATED, 2);
	patch_number(&zip.out, PLAIN_AT, 1000, 4);
	zip_end(&zip);
	assert_bad(&zip.out, "entry 1 'none': its sizes disagree");
	zip_release(&zip);

	zip_begin(&zip);
	part = zip_bytes(&zip, "sum", 0100644, ZIP_STORED, 0, "", 0);
	part->crc = 7;
	patch_number(&zip.out, CRC_AT, 7, 4);
	zip_end(&zip);
	assert_bad(&zip.out, "entry 1 'sum': its checksum does not match");
}

static void
zip_members_outside_of_it_are_refused(void **state)
{
	static const uint64_t offsets[] = {0xfffffffe, 1 << 20, 100000, 0xffffffff};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
		CLEAN_ZIP zip;

		zip_begin(&zip);
		zip_file(&zip, "far", 0644, "x")->offset = offsets[i];
		zip_end(&zip);
		assert_bad(&zip.out, "entry 1 'far': its local header lies outside of the zip");
	}
}

static void
zip_data_that_reaches_into_the_directory_is_refused(void **state)
{
	CLEAN_ZIP zip;

	(void)state;
	zip_begin(&zip);
	struct zip_part *part = zip_bytes(&zip, "x", 0100644, ZIP_STORED, 0, "content", 7);
	part->packed = part->plain = 8;
	patch_number(&zip.out, PACKED_AT, 8, 4);
	patch_number(&zip.out, PLAIN_AT, 8, 4);
	zip_end(&zip);
	assert_bad(&zip.out, "entry 1 'x': its data reaches beyond the zip");
}

static void
zip_links_are_proved_too(void **state)
{
	static const unsigned methods[] = {ZIP_STORED, ZIP_DEFLATED};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		CLEAN_ZIP zip;

		zip_begin(&zip);
		zip_bytes(&zip, "l", 0120777, methods[i], 0, "target", 6);
		zip.out.data[LOCAL_NAME_AT + 1 + 2] ^= 1;
		zip_end(&zip);
		assert_bad(&zip.out, "entry 1 'l': its");
		zip_release(&zip);
		zip_begin(&zip);
		zip_bytes(&zip, "l", 0120777, methods[i], 0, "tar\0get", 7);
		zip_end(&zip);
		assert_bad(&zip.out, "entry 1 'l': a zero byte in its target");
	}
}

static void
zip_link_targets_have_a_bound(void **state)
{
	CLEAN_ZIP zip;
	static char target[5000];

	(void)state;
	memset(target, 't', sizeof(target));
	zip_begin(&zip);
	zip_bytes(&zip, "l", 0120777, ZIP_DEFLATED, 0, target, sizeof(target));
	zip_end(&zip);
	assert_bad(&zip.out, "entry 1 'l': a link whose target is too long");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(zip64_sizes_stand_in_the_extra_fields),
	    cmocka_unit_test(zip_headers_that_disagree_are_refused),
	    cmocka_unit_test(zip_sizes_behind_the_data_must_agree),
	    cmocka_unit_test(zip_sizes_behind_the_data_have_four_forms),
	    cmocka_unit_test(zip_attributes_in_the_local_header_must_agree),
	    cmocka_unit_test(zip_empty_unicode_path_in_one_header_only_is_refused),
	    cmocka_unit_test(zip_folders_of_dos_have_no_content),
	    cmocka_unit_test(zip_members_of_other_kinds_are_refused),
	    cmocka_unit_test(zip_members_that_cannot_be_read_are_refused),
	    cmocka_unit_test(zip_name_with_a_zero_byte_is_refused),
	    cmocka_unit_test(zip_name_with_a_backslash_is_refused),
	    cmocka_unit_test(zip_sizes_that_cannot_be_are_refused),
	    cmocka_unit_test(zip_members_outside_of_it_are_refused),
	    cmocka_unit_test(zip_data_that_reaches_into_the_directory_is_refused),
	    cmocka_unit_test(zip_links_are_proved_too),
	    cmocka_unit_test(zip_link_targets_have_a_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
