/* Tar, byte by byte: what is unpacked, and how it must end. */
#include "unit/files/box.h"
#include "unit/files/makers.h"

/* ---- what is unpacked ---- */

static void
tar_brings_files_folders_and_links(void **state)
{
	struct box *box = *state;
	CLEAN_BUF tar = {0};

	buf_init(&tar, MAKER_BYTES_MAX);
	tar_folder(&tar, "./", 0755);
	tar_folder(&tar, "./src/", 0700);
	tar_file(&tar, "./src/run", 0755, "#!/bin/sh\n");
	tar_file(&tar, "src/empty", 0600, "");
	tar_link(&tar, "latest", '2', "src/run");
	tar_link(&tar, "copy", '1', "src/run");
	tar_end(&tar);
	for (size_t step = 1; step < 20000; step = step * 31 + 1) {
		assert_int_equal(box_unpack_steps(box, &tar, step), 0);
		assert_string_equal(box->unpacked.kind, "tar");
		assert_int_equal(box->unpacked.entries, 6);
		assert_int_equal(box->unpacked.bytes, 10);
		assert_string_equal(box_read(box, "src/run"), "#!/bin/sh\n");
		assert_int_equal(box_stat(box, "src/run").st_mode & 07777, 0755);
		assert_int_equal(box_stat(box, "src/empty").st_mode & 07777, 0644);
		assert_int_equal(box_stat(box, "src").st_mode & 07777, 0755);
		assert_int_equal(box_stat(box, "src").st_mtim.tv_sec, MAKER_MTIME);
		assert_int_equal(box_stat(box, "src/run").st_mtim.tv_sec, MAKER_MTIME);
		assert_string_equal(box_link(box, "latest"), "src/run");
		assert_int_equal(box_stat(box, "copy").st_ino, box_stat(box, "src/run").st_ino);
		box_clear(box);
	}
}

static void
tar_of_nothing_is_an_empty_folder(void **state)
{
	struct box *box = *state;
	CLEAN_BUF tar = {0};

	buf_init(&tar, MAKER_BYTES_MAX);
	tar_end(&tar);
	box_assert_unpacks(box, &tar);
	assert_int_equal(box->unpacked.entries, 0);
	assert_int_equal(box_count(box, "in"), 0);
}

static void
tar_owner_is_not_restored(void **state)
{
	struct box *box = *state;
	struct tar_head head = tar_head("f", '0', 0644, 1);
	CLEAN_BUF tar = {0};

	buf_init(&tar, MAKER_BYTES_MAX);
	tar_octal(&head, 108, 7, 12345);
	tar_octal(&head, 116, 7, 12345);
	tar_text(&head, 265, 32, "nobody");
	tar_text(&head, 297, 32, "nogroup");
	tar_put(&tar, &head, "x", 1);
	tar_end(&tar);
	box_assert_unpacks(box, &tar);
	assert_int_equal(box_stat(box, "f").st_uid, geteuid());
	assert_int_equal(box_stat(box, "f").st_gid, getegid());
}

static void
tar_from_before_posix_is_read(void **state)
{
	struct box *box = *state;
	struct tar_head folder = tar_head("old/", '\0', 0755, 0);
	struct tar_head file = tar_head("old/file", '\0', 0644, 3);
	CLEAN_BUF tar = {0};

	buf_init(&tar, MAKER_BYTES_MAX);
	memset(folder.bytes + 257, 0, 8);
	memset(file.bytes + 257, 0, 8);
	tar_put(&tar, &folder, "", 0);
	tar_put(&tar, &file, "old", 3);
	tar_end(&tar);
	box_assert_unpacks(box, &tar);
	assert_true(S_ISDIR(box_stat(box, "old").st_mode));
	assert_string_equal(box_read(box, "old/file"), "old");
}

static void
tar_long_names_come_in_three_ways(void **state)
{
	struct box *box = *state;
	struct tar_head head = tar_head("name", '0', 0644, 1);
	CLEAN_BUF tar = {0};
	char part[201];
	char path[700];
	char text[800];

	buf_init(&tar, MAKER_BYTES_MAX);
	memset(part, 'n', 200);
	part[200] = '\0';
	(void)snprintf(path, sizeof(path), "%s/%s/%s", part, part, part);
	(void)snprintf(text, sizeof(text), "gnu/%s", path);
	tar_gnu_long(&tar, 'L', text);
	tar_file(&tar, "cut", 0644, "gnu");
	(void)snprintf(text, sizeof(text), "pax/%s", path);
	tar_pax(&tar, "path", text);
	tar_file(&tar, "cut", 0644, "pax");
	tar_text(&head, 345, 155, "a/prefix/of/ustar");
	tar_put(&tar, &head, "u", 1);
	tar_gnu_long(&tar, 'K', path);
	tar_link(&tar, "gnu-link", '2', "cut");
	tar_pax(&tar, "linkpath", path);
	tar_link(&tar, "pax-link", '2', "cut");
	tar_end(&tar);
	box_assert_unpacks(box, &tar);
	(void)snprintf(text, sizeof(text), "gnu/%s", path);
	assert_string_equal(box_read(box, text), "gnu");
	(void)snprintf(text, sizeof(text), "pax/%s", path);
	assert_string_equal(box_read(box, text), "pax");
	assert_string_equal(box_read(box, "a/prefix/of/ustar/name"), "u");
	assert_true(box_stat(box, "gnu-link").st_size == (off_t)strlen(path));
	assert_true(box_stat(box, "pax-link").st_size == (off_t)strlen(path));
	assert_int_equal(box->unpacked.entries, 5);
}

static void
tar_pax_times_are_exact(void **state)
{
	struct box *box = *state;
	CLEAN_BUF tar = {0};

	buf_init(&tar, MAKER_BYTES_MAX);
	tar_pax(&tar, "mtime", "1600000000.123456789");
	tar_file(&tar, "f", 0644, "");
	tar_pax(&tar, "mtime", "-1.5");
	tar_file(&tar, "before", 0644, "");
	tar_pax(&tar, "mtime", "99999999999999999999");
	tar_file(&tar, "far", 0644, "");
	tar_end(&tar);
	box_assert_unpacks(box, &tar);
	assert_int_equal(box_stat(box, "f").st_mtim.tv_sec, 1600000000);
	assert_int_equal(box_stat(box, "f").st_mtim.tv_nsec, 123456789);
	assert_true(box_has(box, "before") && box_has(box, "far"));
}

/* What git archive writes in front of everything. */
static void
tar_global_header_is_no_entry(void **state)
{
	struct box *box = *state;
	CLEAN_BUF tar = {0};
	CLEAN_BUF records = {0};

	buf_init(&tar, MAKER_BYTES_MAX);
	buf_init(&records, MAKER_BYTES_MAX);
	pax_record(&records, "comment", "0123456789012345678901234567890123456789");
	struct tar_head head = tar_head("pax_global_header", 'g', 0666, records.len);
	tar_put(&tar, &head, records.data, records.len);
	tar_file(&tar, "f", 0644, "x");
	tar_end(&tar);
	box_assert_unpacks(box, &tar);
	assert_int_equal(box->unpacked.entries, 1);
	assert_int_equal(box_count(box, "in"), 1);
}

static void
tar_names_are_bytes(void **state)
{
	static const char *const names[] = {"\xc3\xa9.txt", "\xe9 latin", "tab\tand\nline", "a\\b", "-", " ", "\xff"};
	struct box *box = *state;
	CLEAN_BUF tar = {0};

	buf_init(&tar, MAKER_BYTES_MAX);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		tar_file(&tar, names[i], 0644, names[i]);
	}
	tar_pax(&tar, "path", "pax/\xe6\x97\xa5\xe6\x9c\xac");
	tar_file(&tar, "x", 0644, "pax");
	tar_end(&tar);
	box_assert_unpacks(box, &tar);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_string_equal(box_read(box, names[i]), names[i]);
	}
	assert_string_equal(box_read(box, "pax/\xe6\x97\xa5\xe6\x9c\xac"), "pax");
}

/* Old GNU sparse: a hole of 4 KiB, 3 bytes, a hole to the end. */
static void
tar_sparse_files_get_their_holes(void **state)
{
	struct box *box = *state;
	struct tar_head head = tar_head("sparse", 'S', 0644, 3);
	CLEAN_BUF tar = {0};
	static char content[8193];

	buf_init(&tar, MAKER_BYTES_MAX);
	memcpy(head.bytes + 257, "ustar  \0", 8);
	tar_octal(&head, 386, 11, 4096);
	tar_octal(&head, 398, 11, 3);
	tar_octal(&head, 410, 11, 8192);
	tar_octal(&head, 422, 11, 0);
	tar_octal(&head, 483, 11, 8192);
	tar_put(&tar, &head, "abc", 3);
	tar_end(&tar);
	box_assert_unpacks(box, &tar);
	assert_int_equal(box_stat(box, "sparse").st_size, 8192);
	CLEAN_FD fd = openat(box->in_fd, "sparse", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fd_read_full(fd, content, sizeof(content)), 8192);
	assert_memory_equal(content + 4096, "abc\0", 4);
	assert_int_equal(content[0], 0);
	assert_int_equal(box->unpacked.bytes, 8192);
}

static void
tar_size_in_base_256_is_a_size(void **state)
{
	struct box *box = *state;
	struct tar_head head = tar_head("f", '0', 0644, 0);
	CLEAN_BUF tar = {0};

	buf_init(&tar, MAKER_BYTES_MAX);
	tar_base256(&head, 124, 12, 5);
	tar_put(&tar, &head, "hello", 5);
	tar_end(&tar);
	box_assert_unpacks(box, &tar);
	assert_string_equal(box_read(box, "f"), "hello");
}

static void
tar_name_given_twice_is_the_later_one(void **state)
{
	struct box *box = *state;
	CLEAN_BUF tar = {0};

	buf_init(&tar, MAKER_BYTES_MAX);
	tar_file(&tar, "f", 0644, "first");
	tar_file(&tar, "./f", 0755, "second");
	tar_end(&tar);
	box_assert_unpacks(box, &tar);
	assert_string_equal(box_read(box, "f"), "second");
}

/* ---- its end ---- */

static void
tar_without_its_end_is_cut(void **state)
{
	struct box *box = *state;
	CLEAN_BUF tar = {0};

	buf_init(&tar, MAKER_BYTES_MAX);
	tar_file(&tar, "a", 0644, "content");
	tar_file(&tar, "b", 0644, "content");
	box_assert_refused(box, &tar, "no end marker: the archive is cut");
	put_zeros(&tar, 512);
	box_assert_refused(box, &tar, "no end marker: the archive is cut");
	put_zeros(&tar, 511);
	box_assert_refused(box, &tar, "no end marker: the archive is cut");
	put_zeros(&tar, 1);
	box_assert_unpacks(box, &tar);
}

static void
tar_cut_anywhere_is_refused(void **state)
{
	struct box *box = *state;
	CLEAN_BUF tar = {0};

	buf_init(&tar, MAKER_BYTES_MAX);
	tar_file(&tar, "a", 0644, "content");
	tar_pax(&tar, "path", "b");
	tar_file(&tar, "x", 0644, "content");
	tar_end(&tar);
	for (size_t len = 1024; len < tar.len; len += len % 512 == 511 || len % 512 < 2 ? 1 : 127) {
		struct buf cut = {.data = tar.data, .len = len};

		box_assert_refused(box, &cut, "");
	}
}

static void
tar_may_be_followed_by_zeros_only(void **state)
{
	static const size_t zeros[] = {1, 100, 512, 9216, 300000};
	struct box *box = *state;

	for (size_t i = 0; i < ARRAY_LEN(zeros); i++) {
		CLEAN_BUF tar = {0};

		buf_init(&tar, MAKER_BYTES_MAX);
		tar_file(&tar, "a", 0644, "content");
		tar_end(&tar);
		put_zeros(&tar, zeros[i]);
		box_assert_unpacks(box, &tar);
		box_clear(box);
		tar.data[tar.len - 1] = 1;
		box_assert_refused(box, &tar, "something follows the end of the tar");
		put_zeros(&tar, 5000);
		box_assert_refused(box, &tar, "something follows the end of the tar");
	}
}

/* Another reader, told to look behind the marker, would see more. */
static void
tar_behind_a_tar_is_refused(void **state)
{
	struct box *box = *state;
	CLEAN_BUF tar = {0};

	buf_init(&tar, MAKER_BYTES_MAX);
	tar_file(&tar, "a", 0644, "content");
	tar_end(&tar);
	tar_file(&tar, "b", 0644, "hidden");
	tar_end(&tar);
	box_assert_refused(box, &tar, "something follows the end of the tar");
}

/* A single block of zeros in between, where some readers go on. */
static void
tar_goes_on_behind_one_block_of_zeros_for_nobody(void **state)
{
	struct box *box = *state;
	CLEAN_BUF tar = {0};

	buf_init(&tar, MAKER_BYTES_MAX);
	tar_file(&tar, "a", 0644, "content");
	put_zeros(&tar, 512);
	tar_file(&tar, "b", 0644, "hidden");
	tar_end(&tar);
	box_assert_refused(box, &tar, "");
}

/* ---- the source ---- */

static void
tar_source_that_fails_is_the_reason(void **state)
{
	static const size_t places[] = {100, 600, 1100, 200000, 400000};
	struct box *box = *state;
	CLEAN_BUF tar = {0};
	char *content = calloc(1, 300000);

	assert_non_null(content);
	buf_init(&tar, MAKER_BYTES_MAX);
	tar_file(&tar, "a", 0644, "x");
	tar_bytes(&tar, "big", 0644, content, 300000);
	tar_end(&tar);
	put_zeros(&tar, 200000);
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		struct drip drip;
		struct source source = drip_source(&drip, &tar, 50);

		drip.fails_at = places[i];
		box->err = (struct err){.phase = PHASE_FETCH};
		assert_int_equal(unpack(&source, box->in_fd, &box->wish, &box->unpacked, &box->err), -1);
		assert_int_equal(box->err.kind, ERR_UNAVAILABLE);
		assert_int_equal(box->err.phase, PHASE_FETCH);
		assert_false(drip.called_after_end);
		box_clear(box);
	}
	free(content);
}

/* The locale of the process is not ours to change. */
static void
tar_leaves_the_locale_as_it_was(void **state)
{
	struct box *box = *state;
	CLEAN_BUF tar = {0};
	char euro[8];

	buf_init(&tar, MAKER_BYTES_MAX);
	tar_pax(&tar, "path", "\xe2\x82\xac");
	tar_file(&tar, "x", 0644, "");
	tar_end(&tar);
	box_assert_unpacks(box, &tar);
	assert_true(box_has(box, "\xe2\x82\xac"));
	assert_int_equal(wctomb(euro, L'\x20ac'), -1); /* still the C locale */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    BOX_TEST(tar_brings_files_folders_and_links),
	    BOX_TEST(tar_of_nothing_is_an_empty_folder),
	    BOX_TEST(tar_owner_is_not_restored),
	    BOX_TEST(tar_from_before_posix_is_read),
	    BOX_TEST(tar_long_names_come_in_three_ways),
	    BOX_TEST(tar_pax_times_are_exact),
	    BOX_TEST(tar_global_header_is_no_entry),
	    BOX_TEST(tar_names_are_bytes),
	    BOX_TEST(tar_sparse_files_get_their_holes),
	    BOX_TEST(tar_size_in_base_256_is_a_size),
	    BOX_TEST(tar_name_given_twice_is_the_later_one),
	    BOX_TEST(tar_without_its_end_is_cut),
	    BOX_TEST(tar_cut_anywhere_is_refused),
	    BOX_TEST(tar_may_be_followed_by_zeros_only),
	    BOX_TEST(tar_behind_a_tar_is_refused),
	    BOX_TEST(tar_goes_on_behind_one_block_of_zeros_for_nobody),
	    BOX_TEST(tar_source_that_fails_is_the_reason),
	    BOX_TEST(tar_leaves_the_locale_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
