/*
 * Thousands of damaged and hostile archives, made from good ones by a fixed seed. Whatever comes of one: it is unpacked or refused in words, nothing outside
 * of the folder is touched, and nothing is inside that the rules forbid.
 */
#include "unit/files/box.h"
#include "unit/files/makers.h"

#include <ftw.h>

#include "files/within.h"

enum { ROUNDS = 600, CHANGES_MAX = 4, PIECE_MAX = 64, SEED = 20260115 };

static uint32_t random_state;

static size_t
random_below(size_t bound)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return bound == 0 ? 0 : random_state % bound;
}

/* ---- changes ---- */

/* Removes some bytes and puts others, or none, in their place. */
static void
replace(struct buf *bytes, size_t at, size_t remove, const void *insert, size_t len)
{
	CLEAN_BUF changed = {0};

	remove = remove > bytes->len - at ? bytes->len - at : remove;
	buf_init(&changed, MAKER_BYTES_MAX);
	put(&changed, bytes->data, at);
	put(&changed, insert, len);
	put(&changed, bytes->data + at + remove, bytes->len - at - remove);
	buf_reset(bytes);
	put(bytes, changed.data, changed.len);
}

/* Words that mean something to an unpacker. */
static void
put_word(struct buf *bytes, size_t at)
{
	static const struct {
		const char *bytes;
		size_t len;
	} words[] = {{"../", 3}, {"..", 2}, {"/", 1}, {"./", 2}, {"/etc/", 5}, {"", 1}, {"\xff\xff\xff\xff", 4},
	    {"77777777777", 11}, {"PK\x05\x06", 4}, {"PK\x03\x04", 4}, {"\x1f\x8b\x08", 3}, {"\x28\xb5\x2f\xfd", 4},
	    {"2", 1}, {"1", 1}, {"x", 1}, {"\x80\x00\x00\x00\x00\x00\x00\x00\x7f", 9}, {"04777", 5},
	    {"9 path=/x\n", 10}, {"a\0b", 3}};
	size_t i = random_below(ARRAY_LEN(words));
	size_t len = words[i].len > bytes->len - at ? bytes->len - at : words[i].len;

	patch(bytes, at, words[i].bytes, len);
}

static void
change(struct buf *bytes)
{
	size_t at = random_below(bytes->len);
	size_t len = 1 + random_below(PIECE_MAX);
	char piece[PIECE_MAX];

	switch (random_below(8)) {
	case 0:
	case 1:
		bytes->data[at] = (char)(bytes->data[at] ^ (1 << random_below(8)));
		return;
	case 2:
		bytes->data[at] = (char)random_below(256);
		return;
	case 3:
	case 4:
		put_word(bytes, at);
		return;
	case 5: /* a piece twice */
		len = len > bytes->len - at ? bytes->len - at : len;
		memcpy(piece, bytes->data + at, len);
		replace(bytes, random_below(bytes->len), 0, piece, len);
		return;
	case 6: /* a piece gone */
		replace(bytes, at, len, "", 0);
		return;
	default: /* cut */
		replace(bytes, at, bytes->len, "", 0);
		return;
	}
}

static void
change_some(struct buf *bytes)
{
	for (size_t i = 1 + random_below(CHANGES_MAX); i > 0 && bytes->len > 0; i--) {
		change(bytes);
	}
}

/* Gives every block that looks like a header a fitting checksum: else most changes would stop there. */
static void
seal(struct buf *tar)
{
	for (size_t at = 0; at + TAR_HEAD <= tar->len; at += TAR_HEAD) {
		CLEAN_BUF sealed = {0};
		struct tar_head head;

		if (memcmp(tar->data + at + 257, "ustar", 5) != 0) {
			continue;
		}
		memcpy(head.bytes, tar->data + at, TAR_HEAD);
		buf_init(&sealed, MAKER_BYTES_MAX);
		tar_put(&sealed, &head, "", 0);
		patch(tar, at, sealed.data, TAR_HEAD);
	}
}

/* ---- good archives ---- */

static void
make_tar(struct buf *tar)
{
	buf_init(tar, MAKER_BYTES_MAX);
	tar_folder(tar, "./", 0755);
	tar_folder(tar, "d/", 0755);
	tar_file(tar, "d/f", 0755, "content of a file\n");
	tar_link(tar, "d/l", '2', "../d/f");
	tar_link(tar, "h", '1', "d/f");
	tar_pax(tar, "path", "d/pax");
	tar_file(tar, "x", 0644, "pax");
	tar_gnu_long(tar, 'L', "d/gnu/long/name");
	tar_file(tar, "y", 0644, "gnu");
	tar_pax(tar, "linkpath", "d/../d");
	tar_link(tar, "pl", '2', "z");
	tar_end(tar);
}

static void
make_zip(struct zip_maker *zip, const char *first_line)
{
	zip_begin(zip);
	put(&zip->out, first_line, strlen(first_line));
	zip_folder(zip, "d/");
	zip_file(zip, "d/f", 0755, "content of a file, content of a file\n");
	zip_link(zip, "d/l", "../d/f");
	zip_bytes(zip, "s", 0100644, ZIP_STORED, ZIP_BEHIND, "stored", 6);
	zip_bytes(zip, "__main__.pyc", 0100644, ZIP_DEFLATED, 0, "main main main", 14);
	zip_end(zip);
}

/* ---- what must hold ---- */

static const struct box *walked;

static int
check_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const char *inside = path + strlen(box_path(walked, "in"));

	(void)type;
	(void)ftw;
	assert_true(S_ISREG(st->st_mode) || S_ISDIR(st->st_mode) || S_ISLNK(st->st_mode));
	assert_true(S_ISLNK(st->st_mode) || (st->st_mode & (S_ISUID | S_ISGID)) == 0);
	assert_int_equal(st->st_uid, geteuid());
	if (S_ISLNK(st->st_mode)) {
		assert_false(within_leaves(walked->in_fd, inside + 1));
	}
	return 0;
}

/* Returns 1 when it was unpacked. */
static int
try(struct box *box, const struct buf *archive)
{
	int result = box_unpack(box, archive);

	if (result == 0) {
		walked = box;
		assert_int_equal(nftw(box_path(box, "in"), check_one, 16, FTW_PHYS), 0);
	}
	box_clear(box);
	return result == 0;
}

static void
start(struct box *box)
{
	random_state = SEED;
	box->wish.limits = (struct tree_limits){.bytes_max = 1 << 20, .entries_max = 100};
}

/* ---- by kind ---- */

static void
mutated_tars_do_no_harm(void **state)
{
	struct box *box = *state;
	int unpacked = 0;

	start(box);
	for (int i = 0; i < ROUNDS; i++) {
		CLEAN_BUF tar = {0};

		make_tar(&tar);
		change_some(&tar);
		if (i % 4 != 0) {
			seal(&tar);
		}
		unpacked += try(box, &tar);
	}
	assert_true(unpacked > 0 && unpacked < ROUNDS);
}

static void
mutated_compressed_tars_do_no_harm(void **state)
{
	struct box *box = *state;
	int unpacked = 0;

	start(box);
	for (int i = 0; i < 2 * ROUNDS; i++) {
		CLEAN_BUF tar = {0};
		CLEAN_BUF packed = {0};

		make_tar(&tar);
		if (i % 4 >= 2) {
			change_some(&tar);
			seal(&tar);
		}
		buf_init(&packed, MAKER_BYTES_MAX);
		if (i % 2 == 0) {
			gz_member(&packed, tar.data, tar.len, GZ_NAME | GZ_HEADER_CRC);
		} else {
			zst_frame(&packed, tar.data, tar.len, 1, 0, i % 3 == 0);
		}
		if (i % 4 < 2) {
			change_some(&packed);
		}
		unpacked += try(box, &packed);
	}
	assert_true(unpacked > 0 && unpacked < 2 * ROUNDS);
}

static void
mutated_zips_do_no_harm(void **state)
{
	struct box *box = *state;
	int unpacked = 0;

	start(box);
	for (int i = 0; i < 2 * ROUNDS; i++) {
		CLEAN_ZIP zip;

		make_zip(&zip, i % 2 == 0 ? "" : "#!/bin/sh\n");
		change_some(&zip.out);
		unpacked += try(box, &zip.out);
	}
	assert_true(unpacked > 0 && unpacked < 2 * ROUNDS);
}

/* The same change in both headers: what a liar with a hex editor would do. */
static void
mutated_names_of_zips_do_no_harm(void **state)
{
	struct box *box = *state;
	int unpacked = 0;

	start(box);
	for (int i = 0; i < ROUNDS; i++) {
		CLEAN_ZIP zip;
		CLEAN_BUF name = {0};

		buf_init(&name, 100);
		put(&name, "d/some/name", 11);
		change_some(&name);
		name.data[name.len] = '\0';
		zip_begin(&zip);
		zip_folder(&zip, "d/");
		zip_link(&zip, "d/some", i % 2 == 0 ? "../d" : "name");
		if (name.len > 0 && strlen(name.data) > 0) {
			zip_bytes(&zip, name.data, (unsigned)random_below(0x10000), ZIP_STORED, 0, "../x",
			    i % 3 == 0 ? 4 : 0);
		}
		zip_end(&zip);
		unpacked += try(box, &zip.out);
	}
	assert_true(unpacked > 0 && unpacked < ROUNDS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    BOX_TEST(mutated_tars_do_no_harm),
	    BOX_TEST(mutated_compressed_tars_do_no_harm),
	    BOX_TEST(mutated_zips_do_no_harm),
	    BOX_TEST(mutated_names_of_zips_do_no_harm),
	};

	/* Thousands of small files are made and removed: in memory, where the machine has such a place. */
	if (access("/dev/shm", W_OK | X_OK) == 0) {
		(void)setenv("TMPDIR", "/dev/shm", 0);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
