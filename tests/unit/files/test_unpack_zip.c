/* Zips into a folder: what is unpacked, and what is refused with the entry's number and name. */
#include "unit/files/box.h"
#include "unit/files/makers.h"

static void
zip_unpacks_with_modes_and_links(void **state)
{
	struct box *box = *state;
	CLEAN_ZIP zip;

	zip_begin(&zip);
	zip_folder(&zip, "src/");
	zip_file(&zip, "src/run", 0755, "#!/bin/sh\necho hello\n");
	zip_link(&zip, "run", "src/run");
	zip_end(&zip);
	box_assert_unpacks(box, &zip.out);
	assert_string_equal(box->unpacked.kind, "zip");
	assert_false(box->unpacked.executable);
	assert_string_equal(box_read(box, "src/run"), "#!/bin/sh\necho hello\n");
	assert_int_equal(box_stat(box, "src/run").st_mode & 07777, 0755);
	assert_string_equal(box_link(box, "run"), "src/run");
	assert_int_equal(box_count(box, "in"), 2);
	assert_int_equal(box_stat(box, "src/run").st_mtim.tv_sec % 2, 0);
	assert_true(box_stat(box, "src/run").st_mtim.tv_sec < 1700000000); /* the time in its headers, of 2023-09-01 */
}

static void
zip_of_64_bits_and_streamed_members_unpacks(void **state)
{
	struct box *box = *state;
	CLEAN_ZIP zip;

	zip_begin(&zip);
	zip_bytes(&zip, "a", 0100644, ZIP_DEFLATED, ZIP_BEHIND, "streamed", 8);
	zip_bytes(&zip, "b", 0100755, ZIP_STORED, 0, "stored", 6);
	zip_bytes(&zip, "c", 0100644, ZIP_DEFLATED, 0, "", 0);
	zip_end64(&zip);
	box_assert_unpacks(box, &zip.out);
	assert_string_equal(box_read(box, "a"), "streamed");
	assert_string_equal(box_read(box, "b"), "stored");
	assert_string_equal(box_read(box, "c"), "");
	assert_int_equal(box->unpacked.entries, 3);
	assert_int_equal(box->unpacked.bytes, 14);
}

/* A name in an old character set and beside it the same in UTF-8, as Info-ZIP writes it, in both headers. */
static void
make_unicode_path(struct zip_maker *zip, const char *path, int lie)
{
	static const char old[] = "caf\x82.txt";
	CLEAN_BUF extra = {0};

	zip_begin(zip);
	buf_init(&extra, 64);
	put(&extra, "\x75\x70", 2);
	put_number(&extra, 5 + strlen(path), 2);
	put_number(&extra, 1, 1);
	put_number(&extra, crc32(0, (const Bytef *)old, sizeof(old) - 1), 4);
	put(&extra, path, strlen(path));
	struct zip_part part = {.name = "caf\x82.txt", .made_by = ZIP_UNIX, .mode = 0100644};
	memcpy(part.extra, extra.data, extra.len);
	part.extra_len = extra.len;
	part.extra[extra.len - 1] = (char)(part.extra[extra.len - 1] ^ lie);
	zip_local(zip, &part);
	patch_number(&zip->out, 28, extra.len, 2);
	put(&zip->out, extra.data, extra.len);
	zip->parts[zip->count++] = part;
	zip_end(zip);
}

static void
zip_names_in_utf8_beside_the_old_ones_are_taken(void **state)
{
	struct box *box = *state;
	CLEAN_ZIP zip;

	make_unicode_path(&zip, "caf\xc3\xa9.txt", 0);
	box_assert_unpacks(box, &zip.out);
	assert_true(box_has(box, "caf\xc3\xa9.txt"));
	assert_int_equal(box_count(box, "in"), 1);
	zip_release(&zip);
	make_unicode_path(&zip, "caf\xc3\xa9.txt", 1);
	box_assert_refused(box, &zip.out, "its local header disagrees with the directory");
	zip_release(&zip);
	make_unicode_path(&zip, "../canary", 0);
	box_assert_refused(box, &zip.out, "entry 1 '../canary': '..' in a name");
}

static void
zip_with_a_wrong_checksum_is_refused_by_number_and_name(void **state)
{
	static const unsigned methods[] = {ZIP_STORED, ZIP_DEFLATED};
	struct box *box = *state;

	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		CLEAN_ZIP zip;

		zip_begin(&zip);
		zip_file(&zip, "good", 0644, "x");
		size_t at = zip.out.len;
		struct zip_part *part = zip_bytes(&zip, "bad", 0100644, methods[i], 0, "content", 7);
		part->crc ^= 1;
		patch_number(&zip.out, at + 14, part->crc, 4);
		zip_end(&zip);
		box_assert_refused(box, &zip.out, "entry 2 'bad'");
	}
}

static void
zip_that_wants_out_is_refused(void **state)
{
	static const struct {
		const char *name, *target, *says;
	} cases[] = {
	    {"../canary", NULL, "'../canary': '..' in a name"},
	    {"/etc/passwd", NULL, "'/etc/passwd': an absolute name"},
	    {"a/../../canary", NULL, "'..' in a name"},
	    {"..\\canary", NULL, "a backslash in its name"}, /* a path from Windows */
	    {"l", "..", "'l': a link that leaves the folder"},
	    {"l", "/usr/bin/python3", "a virtual environment? publish a PEX or conda-pack"},
	};
	struct box *box = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_ZIP zip;

		zip_begin(&zip);
		if (cases[i].target != NULL) {
			zip_link(&zip, cases[i].name, cases[i].target);
		} else {
			zip_file(&zip, cases[i].name, 0644, "evil");
		}
		zip_end(&zip);
		box_assert_refused(box, &zip.out, cases[i].says);
	}
}

static void
zip_with_odd_bits_is_refused(void **state)
{
	struct box *box = *state;
	CLEAN_ZIP zip;

	zip_begin(&zip);
	zip_bytes(&zip, "su", 0104755, ZIP_STORED, 0, "x", 1);
	zip_end(&zip);
	box_assert_refused(box, &zip.out, "'su': a set-uid or set-gid bit");
	zip_release(&zip);
	zip_begin(&zip);
	zip_file(&zip, "a", 0644, "x");
	zip_link(&zip, "./a", "b");
	zip_end(&zip);
	box_assert_refused(box, &zip.out, "'a': the name is there already with another kind");
}

static void
zip_limits_hold(void **state)
{
	struct box *box = *state;
	CLEAN_ZIP zip;
	char *zeros = calloc(1, 1 << 20);

	assert_non_null(zeros);
	zip_begin(&zip);
	zip_bytes(&zip, "a", 0100644, ZIP_DEFLATED, 0, zeros, 1 << 20);
	zip_bytes(&zip, "b", 0100644, ZIP_DEFLATED, 0, zeros, 1 << 20);
	zip_end(&zip);
	box->wish.limits.bytes_max = 2 << 20;
	box->wish.limits.entries_max = 2;
	box_assert_unpacks(box, &zip.out);
	box_clear(box);
	box->wish.limits.bytes_max = (2 << 20) - 1;
	box_assert_refused(box, &zip.out, "more than 2097151 bytes in all: raise unpack-max-bytes");
	box->wish.limits.bytes_max = (int64_t)zip.out.len - 1;
	box_assert_refused(box, &zip.out, "bytes: raise unpack-max-bytes");
	box->wish.limits.bytes_max = 2 << 20;
	box->wish.limits.entries_max = 1;
	box_assert_refused(box, &zip.out, "more than 1 entries: raise unpack-max-entries");
	free(zeros);
}

/* The sizes that the limits are held against are headers' words: what comes out must not be more, nor less. */
static void
zip_that_lies_about_a_size_is_refused(void **state)
{
	static const uint64_t lies[] = {10, 999, 1001, 0xfffffffe};
	struct box *box = *state;
	static char content[1000];

	box->wish.limits.bytes_max = INT64_MAX;
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		CLEAN_ZIP zip;

		zip_begin(&zip);
		struct zip_part *part = zip_bytes(&zip, "liar", 0100644, ZIP_DEFLATED, 0, content, sizeof(content));
		part->plain = lies[i];
		patch_number(&zip.out, 22, lies[i], 4);
		zip_end(&zip);
		box_assert_refused(box, &zip.out, "entry 1 'liar'");
		zip_release(&zip);

		zip_begin(&zip); /* the same where nothing is written */
		put(&zip.out, "#!/bin/sh\n", 10);
		part = zip_bytes(&zip, "liar", 0100644, ZIP_DEFLATED, 0, content, sizeof(content));
		part->plain = lies[i];
		patch_number(&zip.out, 10 + 22, lies[i], 4);
		zip_end(&zip);
		box_assert_refused(box, &zip.out, "entry 1 'liar'");
	}
}

/* libarchive compares sizes by their low 32 bits only. */
static void
zip_that_lies_by_four_gigabytes_is_refused(void **state)
{
	struct box *box = *state;
	CLEAN_ZIP zip;

	box->wish.limits.bytes_max = INT64_MAX;
	zip_begin(&zip);
	struct zip_part *part = zip_bytes(&zip, "liar", 0100644, ZIP_DEFLATED, ZIP_BEHIND, "content", 7);
	zip.out.len -= 16;
	put(&zip.out, "PK\x07\x08", 4);
	put_number(&zip.out, part->crc, 4);
	put_number(&zip.out, part->packed, 8);
	put_number(&zip.out, ((uint64_t)1 << 32) + 7, 8);
	memcpy(part->extra, "\x01\x00\x08\x00\x07\x00\x00\x00\x01\x00\x00\x00", 12);
	part->extra_len = 12;
	part->plain = 0xffffffff;
	zip_end(&zip);
	box_assert_refused(box, &zip.out, "entry 1 'liar'");
}

static void
zip_behind_foreign_bytes_is_refused(void **state)
{
	struct box *box = *state;
	CLEAN_ZIP zip;

	zip_begin(&zip);
	zip_file(&zip, "in-no-directory", 0644, "hidden");
	zip.count = 0;
	zip_file(&zip, "a", 0644, "x");
	zip_end(&zip);
	box_assert_refused(box, &zip.out, "bytes stand in front of the zip");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    BOX_TEST(zip_unpacks_with_modes_and_links),
	    BOX_TEST(zip_of_64_bits_and_streamed_members_unpacks),
	    BOX_TEST(zip_names_in_utf8_beside_the_old_ones_are_taken),
	    BOX_TEST(zip_with_a_wrong_checksum_is_refused_by_number_and_name),
	    BOX_TEST(zip_that_wants_out_is_refused),
	    BOX_TEST(zip_with_odd_bits_is_refused),
	    BOX_TEST(zip_limits_hold),
	    BOX_TEST(zip_that_lies_about_a_size_is_refused),
	    BOX_TEST(zip_that_lies_by_four_gigabytes_is_refused),
	    BOX_TEST(zip_behind_foreign_bytes_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
