/* From a stream of bytes to a folder, by kind. */
#include "unit/files/box.h"
#include "unit/files/makers.h"

/* A small project as a tar. */
static void
make_tar(struct buf *tar)
{
	buf_init(tar, MAKER_BYTES_MAX);
	tar_folder(tar, "src", 0755);
	tar_file(tar, "src/run", 0755, "#!/bin/sh\necho hello\n");
	tar_link(tar, "run", '2', "src/run");
	tar_end(tar);
}

static void
assert_project(struct box *box, const char *kind)
{
	assert_string_equal(box->unpacked.kind, kind);
	assert_int_equal(box->unpacked.entries, 3);
	assert_int_equal(box->unpacked.bytes, 21);
	assert_false(box->unpacked.executable);
	assert_string_equal(box_read(box, "src/run"), "#!/bin/sh\necho hello\n");
	assert_int_equal(box_stat(box, "src/run").st_mode & 07777, 0755);
	assert_string_equal(box_link(box, "run"), "src/run");
	assert_int_equal(box_count(box, "in"), 2);
}

/* ---- compressed tars ---- */

static void
compressed_tars_unpack_in_any_steps(void **state)
{
	static const size_t steps[] = {1, 7, 100, 1024, SIZE_MAX};
	struct box *box = *state;
	CLEAN_BUF tar = {0};
	CLEAN_BUF gz = {0};
	CLEAN_BUF zst = {0};

	make_tar(&tar);
	buf_init(&gz, MAKER_BYTES_MAX);
	buf_init(&zst, MAKER_BYTES_MAX);
	gz_member(&gz, tar.data, 700, GZ_NAME);
	gz_member(&gz, tar.data + 700, tar.len - 700, 0);
	zst_frame(&zst, tar.data, 700, 1, 0, 0);
	zst_frame(&zst, tar.data + 700, tar.len - 700, 1, 0, 1);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		assert_int_equal(box_unpack_steps(box, &tar, steps[i]), 0);
		assert_project(box, "tar");
		box_clear(box);
		assert_int_equal(box_unpack_steps(box, &gz, steps[i]), 0);
		assert_project(box, "tar.gz");
		box_clear(box);
		assert_int_equal(box_unpack_steps(box, &zst, steps[i]), 0);
		assert_project(box, "tar.zst");
		box_clear(box);
	}
}

/* The last checked byte: everything was unpacked, and still it is refused. */
static void
compressed_tar_that_is_wrong_at_its_end_is_refused(void **state)
{
	struct box *box = *state;
	CLEAN_BUF tar = {0};
	CLEAN_BUF gz = {0};
	CLEAN_BUF zst = {0};

	make_tar(&tar);
	buf_init(&gz, MAKER_BYTES_MAX);
	buf_init(&zst, MAKER_BYTES_MAX);
	gz_member(&gz, tar.data, tar.len, 0);
	zst_frame(&zst, tar.data, tar.len, 1, 0, 1);
	gz.data[gz.len - 1] ^= 1;
	zst.data[zst.len - 1] ^= 1;
	box_assert_refused(box, &gz, "the gzip checksum does not match");
	box_assert_refused(box, &zst, "the zstd checksum does not match");
	gz.data[gz.len - 1] ^= 1;
	put(&gz, "x", 1);
	box_assert_refused(box, &gz, "something that is no gzip follows");
}

/* Every single bit of a small tar.gz: refused, or it was one of those that nobody reads (time, system, name, padding). */
static void
compressed_tar_of_flipped_bits_never_unpacks_differently(void **state)
{
	struct box *box = *state;
	CLEAN_BUF tar = {0};
	CLEAN_BUF gz = {0};

	make_tar(&tar);
	buf_init(&gz, MAKER_BYTES_MAX);
	gz_member(&gz, tar.data, tar.len, GZ_NAME);
	for (size_t bit = 0; bit < gz.len * 8; bit++) {
		gz.data[bit / 8] = (char)(gz.data[bit / 8] ^ (1 << bit % 8));
		if (box_unpack(box, &gz) == 0) {
			assert_project(box, "tar.gz");
		} else {
			assert_int_equal(box->err.kind, ERR_ARCHIVE);
		}
		gz.data[bit / 8] = (char)(gz.data[bit / 8] ^ (1 << bit % 8));
		box_clear(box);
	}
}

static void
compressed_files_that_are_no_tar_are_named(void **state)
{
	static const char elf[700] = "\x7f"
	                             "ELF";
	struct box *box = *state;
	CLEAN_BUF gz = {0};
	CLEAN_BUF zst = {0};

	buf_init(&gz, MAKER_BYTES_MAX);
	gz_member(&gz, elf, sizeof(elf), 0);
	box_assert_refused(box, &gz, "the gzip file holds no tar but a program (ELF)");
	buf_reset(&gz);
	gz_member(&gz, "", 0, 0);
	box_assert_refused(box, &gz, "the gzip file holds no tar but empty");
	buf_init(&zst, MAKER_BYTES_MAX);
	zst_frame(&zst, "#!/bin/sh\n", 10, 1, 0, 1);
	box_assert_refused(box, &zst, "the zstd file holds no tar but a script");
	zst_skippable(&zst, "note");
	buf_reset(&gz);
	gz_member(&gz, zst.data, zst.len, 0);
	box_assert_refused(box, &gz, "the gzip file holds no tar but a zstd file");
}

static void
compressed_tar_expands_within_the_limits_only(void **state)
{
	struct box *box = *state;
	CLEAN_BUF tar = {0};
	CLEAN_BUF gz = {0};
	char *zeros = calloc(1, 20 << 20);

	assert_non_null(zeros);
	buf_init(&tar, MAKER_BYTES_MAX);
	buf_init(&gz, MAKER_BYTES_MAX);
	tar_bytes(&tar, "bomb", 0644, zeros, 20 << 20);
	tar_end(&tar);
	gz_member(&gz, tar.data, tar.len, 0);
	box->wish.limits.bytes_max = 10 << 20;
	box_assert_refused(box, &gz, "entry 1 'bomb': more than 10485760 bytes in all: raise unpack-max-bytes");
	free(zeros);
}

static void
unknown_kinds_are_refused_by_what_they_look_like(void **state)
{
	static const struct {
		const char *bytes, *says;
	} cases[] = {
	    {"", "it looks like empty"},
	    {"\xfd\x37zXZ", "an xz file"},
	    {"<?xml version=\"1.0\"?><Error>", "an XML document"},
	    {"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"},
	    {"import os\n", "nothing known"},
	};
	struct box *box = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_BUF bytes = {0};

		buf_init(&bytes, MAKER_BYTES_MAX);
		put(&bytes, cases[i].bytes, strlen(cases[i].bytes));
		box_assert_refused(box, &bytes, cases[i].says);
		assert_int_equal(box_count(box, "in"), 0);
	}
}

/* ---- executable zips ---- */

static void
make_pex(struct zip_maker *zip, const char *first_line)
{
	zip_begin(zip);
	put(&zip->out, first_line, strlen(first_line));
	zip_file(zip, "__main__.py", 0644, "print('hello')\n");
	zip_bytes(zip, "lib/native.so", 0100755, ZIP_STORED, 0,
	    "\x7f"
	    "ELF and more",
	    13);
	zip_end(zip);
}

static void
assert_placed_whole(struct box *box, const struct zip_maker *zip, const char *interpreter)
{
	static char placed[8192];
	CLEAN_FD fd = openat(box->in_fd, UNPACK_PEX, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fd_read_full(fd, placed, sizeof(placed)), (ssize_t)zip->out.len);
	assert_memory_equal(placed, zip->out.data, zip->out.len);
	assert_int_equal(box_stat(box, UNPACK_PEX).st_mode & 07777, 0755);
	assert_int_equal(box_count(box, "in"), 1);
	assert_true(box->unpacked.executable);
	assert_string_equal(box->unpacked.kind, "executable zip");
	assert_string_equal(box->unpacked.interpreter, interpreter);
	assert_int_equal(box->unpacked.entries, 2);
}

static void
executable_zip_is_placed_whole(void **state)
{
	static const struct {
		const char *line, *interpreter;
	} cases[] = {
	    {"#!/usr/bin/env python3\n", "/usr/bin/env python3"},
	    {"#! /usr/bin/python3 -sE \n", "/usr/bin/python3 -sE"},
	    {"#!/bin/sh\r\n", "/bin/sh"},
	    {"", ""},
	};
	struct box *box = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_ZIP zip;

		make_pex(&zip, cases[i].line);
		box_assert_unpacks(box, &zip.out);
		assert_placed_whole(box, &zip, cases[i].interpreter);
		box_clear(box);
	}
}

/* A first line makes it executable; without __main__.py its interpreter knows what to do with it. */
static void
executable_zip_needs_a_line_or_a_main(void **state)
{
	struct box *box = *state;
	CLEAN_ZIP zip;

	zip_begin(&zip);
	put(&zip.out, "#!/usr/bin/java -jar\n", 21);
	zip_file(&zip, "Main.class", 0644, "x");
	zip_end(&zip);
	box_assert_unpacks(box, &zip.out);
	assert_true(box->unpacked.executable);
	assert_string_equal(box->unpacked.interpreter, "/usr/bin/java -jar");
}

static void
executable_zip_is_checked_member_by_member(void **state)
{
	struct box *box = *state;
	CLEAN_ZIP zip;

	make_pex(&zip, "#!/usr/bin/env python3\n");
	size_t at = zip.parts[1].offset + 30 + strlen(zip.parts[1].name);
	zip.out.data[at + 5] ^= 1;
	box_assert_refused(box, &zip.out, "entry 2 'lib/native.so'");
	(void)box_unpack(box, &zip.out);
	assert_int_equal(box_count(box, "in"), 0);
}

static void
script_without_a_zip_is_refused(void **state)
{
	struct box *box = *state;
	CLEAN_BUF script = {0};

	buf_init(&script, MAKER_BYTES_MAX);
	put(&script, "#!/bin/sh\necho hello\n", 21);
	box_assert_refused(box, &script, "a script that is no executable zip");
	buf_reset(&script);
	put(&script, "#!", 2);
	box_assert_refused(box, &script, "a script that is no executable zip");
}

/* The kernel reads 255 bytes of the line; more would be another command. */
static void
executable_zip_with_a_line_too_long_is_refused(void **state)
{
	struct box *box = *state;
	char line[400];

	memset(line, 'x', sizeof(line));
	memcpy(line, "#!/", 3);
	memcpy(line + sizeof(line) - 2, "\n", 2);
	CLEAN_ZIP zip;
	make_pex(&zip, line);
	box_assert_refused(box, &zip.out, "the '#!' line of the executable zip is too long");
}

/* Where it lies: nothing is written, and the file's own bytes are the ones that were checked. */
static void
executable_zip_is_found_in_its_place(void **state)
{
	struct box *box = *state;
	CLEAN_ZIP pex;
	CLEAN_ZIP plain;
	CLEAN_BUF tar = {0};

	make_pex(&pex, "#!/usr/bin/env python3\n");
	zip_begin(&plain);
	zip_file(&plain, "a", 0644, "x");
	zip_end(&plain);
	make_tar(&tar);
	const struct {
		const struct buf *bytes;
		int result;
	} cases[] = {{&pex.out, 1}, {&plain.out, 0}, {&tar, 0}, {&(struct buf){0}, 0}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = {0};

		assert_int_equal(
		    fd_write_file(box->in_fd, "file", buf_text(cases[i].bytes), cases[i].bytes->len, 0644, &err), 0);
		CLEAN_FD fd = openat(box->in_fd, "file", O_RDONLY | O_CLOEXEC);
		assert_int_equal(
		    unpack_in_place(fd, &box->wish.limits, &box->budget, &box->unpacked, &err), cases[i].result);
		assert_int_equal(err.kind, ERR_NONE);
	}
	pex.out.data[pex.parts[1].offset + 30 + 13 + 5] ^= 1;
	struct err err = {0};
	assert_int_equal(fd_write_file(box->in_fd, "file", pex.out.data, pex.out.len, 0644, &err), 0);
	CLEAN_FD fd = openat(box->in_fd, "file", O_RDONLY | O_CLOEXEC);
	assert_int_equal(unpack_in_place(fd, &box->wish.limits, &box->budget, &box->unpacked, &err), -1);
	assert_int_equal(err.kind, ERR_ARCHIVE);
}

/* ---- one folder around everything ---- */

static int
single_folder(struct box *box, const char *command, char name[FOLDER_NAME_MAX])
{
	box->err = (struct err){0};
	return unpack_single_folder(box->in_fd, &box->unpacked, command, name, &box->err);
}

static void
single_folder_is_stripped_when_the_project_lies_inside(void **state)
{
	struct box *box = *state;
	CLEAN_BUF tar = {0};
	char name[FOLDER_NAME_MAX];

	buf_init(&tar, MAKER_BYTES_MAX);
	tar_file(&tar, "project-1.0/pipeline.json", 0644, "{}");
	tar_file(&tar, "project-1.0/bin/run", 0755, "x");
	tar_link(&tar, "project-1.0/latest", '2', "bin/../bin/run");
	tar_end(&tar);
	box_assert_unpacks(box, &tar);
	assert_int_equal(single_folder(box, NULL, name), 1);
	assert_string_equal(name, "project-1.0");
	assert_int_equal(unlinkat(box->in_fd, "project-1.0/pipeline.json", 0), 0);
	assert_int_equal(single_folder(box, NULL, name), 0);
	assert_int_equal(single_folder(box, "/project-1.0/bin/run", name), 0);
	assert_int_equal(single_folder(box, "python3", name), 0);
	assert_int_equal(single_folder(box, "bin/run", name), 1);
	assert_int_equal(single_folder(box, "project-1.0/bin/run", name), 0);
}

static void
single_folder_must_hold_everything(void **state)
{
	struct box *box = *state;
	CLEAN_BUF tar = {0};
	char name[FOLDER_NAME_MAX];

	buf_init(&tar, MAKER_BYTES_MAX);
	tar_end(&tar);
	box_assert_unpacks(box, &tar);
	assert_int_equal(single_folder(box, "run", name), 0);
	buf_reset(&tar);
	tar_file(&tar, "project/pipeline.json", 0644, "{}");
	tar_file(&tar, ".hidden", 0644, "");
	tar_end(&tar);
	box_assert_unpacks(box, &tar);
	assert_int_equal(single_folder(box, NULL, name), 0);
	box_clear(box);
	buf_reset(&tar);
	tar_file(&tar, "pipeline.json", 0644, "{}");
	tar_end(&tar);
	box_assert_unpacks(box, &tar);
	assert_int_equal(single_folder(box, NULL, name), 0);
}

/* Inside the archive the link is harmless; with its folder as the root it would leave the workspace. */
static void
single_folder_takes_no_link_out_of_it_along(void **state)
{
	struct box *box = *state;
	CLEAN_BUF tar = {0};
	char name[FOLDER_NAME_MAX];

	buf_init(&tar, MAKER_BYTES_MAX);
	tar_file(&tar, "top/pipeline.json", 0644, "{}");
	tar_link(&tar, "top/inside", '2', "sub/../pipeline.json");
	tar_link(&tar, "top/beside", '2', "../canary");
	tar_end(&tar);
	box_assert_unpacks(box, &tar);
	assert_int_equal(single_folder(box, NULL, name), -1);
	assert_int_equal(box->err.kind, ERR_ARCHIVE);
	assert_string_equal(
	    box->err.text, "entry 3 'top/beside': a link that leaves the folder 'top', which holds the project");
	/* without a project inside the folder stays where it is, and so does what the link means */
	assert_int_equal(unlinkat(box->in_fd, "top/pipeline.json", 0), 0);
	assert_int_equal(single_folder(box, NULL, name), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    BOX_TEST(compressed_tars_unpack_in_any_steps),
	    BOX_TEST(compressed_tar_that_is_wrong_at_its_end_is_refused),
	    BOX_TEST(compressed_tar_of_flipped_bits_never_unpacks_differently),
	    BOX_TEST(compressed_files_that_are_no_tar_are_named),
	    BOX_TEST(compressed_tar_expands_within_the_limits_only),
	    BOX_TEST(unknown_kinds_are_refused_by_what_they_look_like),
	    BOX_TEST(executable_zip_is_placed_whole),
	    BOX_TEST(executable_zip_needs_a_line_or_a_main),
	    BOX_TEST(executable_zip_is_checked_member_by_member),
	    BOX_TEST(script_without_a_zip_is_refused),
	    BOX_TEST(executable_zip_with_a_line_too_long_is_refused),
	    BOX_TEST(executable_zip_is_found_in_its_place),
	    BOX_TEST(single_folder_is_stripped_when_the_project_lies_inside),
	    BOX_TEST(single_folder_must_hold_everything),
	    BOX_TEST(single_folder_takes_no_link_out_of_it_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
