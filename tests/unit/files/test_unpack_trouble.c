/* Unpacking where the machine says no: no room, no rights, no new system calls. */
#include "unit/base/apart.h"
#include "unit/files/box.h"
#include "unit/files/makers.h"

enum { BIG = 200000, SMALL = 100 };

/* Mounts of our own, and 'in' or 'spool' is a small file system. */
static int
enter_small(struct box *box, const char *name, const char *options)
{
	if (apart_mounts() < 0) {
		return -1;
	}
	if (mount("none", box_path(box, name), "tmpfs", 0, options) < 0) {
		return -1;
	}
	fd_close(&box->in_fd);
	fd_close(&box->spool_fd);
	box->in_fd = open(box_path(box, "in"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	box->spool_fd = open(box_path(box, "spool"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	box->wish.spool_fd = box->spool_fd;
	return 0;
}

static int
unpack_quietly(struct box *box, const struct buf *archive)
{
	struct drip drip;
	struct source source = drip_source(&drip, archive, 5000);

	box->err = (struct err){0};
	return unpack(&source, box->in_fd, &box->wish, &box->unpacked, &box->err);
}

/* Bytes that no compression makes small. */
static void
put_noise(struct buf *out, size_t len)
{
	uint32_t random = 1;

	for (size_t i = 0; i < len; i++) {
		random = random * 1103515245U + 12345U;
		put_number(out, random >> 16, 1);
	}
}

static void
make_archives(struct buf *tar, struct zip_maker *zip)
{
	CLEAN_BUF noise = {0};

	buf_init(&noise, MAKER_BYTES_MAX);
	put_noise(&noise, BIG);
	buf_init(tar, MAKER_BYTES_MAX);
	tar_file(tar, "small", 0644, "x");
	tar_bytes(tar, "big", 0644, noise.data, noise.len);
	tar_end(tar);
	zip_begin(zip);
	zip_file(zip, "small", 0644, "x");
	zip_bytes(zip, "big", 0100644, ZIP_STORED, 0, noise.data, noise.len);
	zip_end(zip);
}

static int
without_room(void *self)
{
	struct box *box = self;
	CLEAN_BUF tar = {0};
	CLEAN_ZIP zip;

	make_archives(&tar, &zip);
	if (enter_small(box, "in", "size=64k,mode=0700") < 0) {
		return APART_SKIPPED;
	}
	APART_CHECK(unpack_quietly(box, &tar) == -1);
	APART_CHECK(box->err.kind == ERR_DISK_FULL && box->err.sys == ENOSPC && strstr(box->err.text, "'big'") != NULL);
	APART_CHECK(unpack_quietly(box, &zip.out) == -1);
	APART_CHECK(box->err.kind == ERR_DISK_FULL && strstr(box->err.text, "'big'") != NULL);
	return 0;
}

static void
full_disk_is_said_with_the_entry(void **state)
{
	apart(without_room, *state);
}

static int
without_room_to_spool(void *self)
{
	struct box *box = self;
	CLEAN_BUF tar = {0};
	CLEAN_ZIP zip;

	make_archives(&tar, &zip);
	if (enter_small(box, "spool", "size=64k,mode=0700") < 0) {
		return APART_SKIPPED;
	}
	APART_CHECK(unpack_quietly(box, &tar) == 0); /* never touches it */
	APART_CHECK(unpack_quietly(box, &zip.out) == -1);
	APART_CHECK(box->err.kind == ERR_DISK_FULL && strstr(box->err.text, "cannot spool the zip") != NULL);
	APART_CHECK(box_count(box, "spool") == 0);
	return 0;
}

static void
full_disk_while_spooling_is_said(void **state)
{
	apart(without_room_to_spool, *state);
}

static int
without_inodes(void *self)
{
	struct box *box = self;
	CLEAN_BUF tar = {0};

	buf_init(&tar, MAKER_BYTES_MAX);
	for (int i = 0; i < SMALL; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "d%d/f", i);
		tar_file(&tar, name, 0644, "x");
	}
	tar_end(&tar);
	if (enter_small(box, "in", "nr_inodes=50,mode=0700") < 0) {
		return APART_SKIPPED;
	}
	APART_CHECK(unpack_quietly(box, &tar) == -1);
	APART_CHECK(box->err.kind == ERR_DISK_FULL && strstr(box->err.text, "entry ") != NULL);
	return 0;
}

static void
no_inodes_is_a_full_disk_too(void **state)
{
	apart(without_inodes, *state);
}

/* A pex is placed whole: in the folder there is no room for it. */
static int
without_room_for_a_pex(void *self)
{
	struct box *box = self;
	CLEAN_BUF noise = {0};
	CLEAN_ZIP zip;

	buf_init(&noise, MAKER_BYTES_MAX);
	put_noise(&noise, BIG);
	zip_begin(&zip);
	zip_bytes(&zip, "__main__.py", 0100644, ZIP_STORED, 0, noise.data, noise.len);
	zip_end(&zip);
	if (enter_small(box, "in", "size=64k,mode=0700") < 0) {
		return APART_SKIPPED;
	}
	APART_CHECK(unpack_quietly(box, &zip.out) == -1);
	APART_CHECK(box->err.kind == ERR_DISK_FULL && strstr(box->err.text, UNPACK_PEX) != NULL);
	return 0;
}

static void
full_disk_under_an_executable_zip_is_said(void **state)
{
	apart(without_room_for_a_pex, *state);
}

static int
read_only(void *self)
{
	struct box *box = self;
	CLEAN_BUF tar = {0};
	CLEAN_ZIP zip;

	make_archives(&tar, &zip);
	if (enter_small(box, "in", "size=64k,mode=0700") < 0) {
		return APART_SKIPPED;
	}
	APART_CHECK(mount(NULL, box_path(box, "in"), NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
	APART_CHECK(unpack_quietly(box, &tar) == -1);
	APART_CHECK(
	    box->err.kind == ERR_IO && box->err.sys == EROFS && strstr(box->err.text, "entry 1 'small'") != NULL);
	return 0;
}

static void
read_only_folder_is_said(void **state)
{
	apart(read_only, *state);
}

/* ---- old kernels and strict profiles ---- */

/* A file system without files that have no name: the spool gets one, which is gone at once. */
static int
without_tmpfile(void *self)
{
	struct box *box = self;
	CLEAN_BUF tar = {0};
	CLEAN_ZIP zip;

	make_archives(&tar, &zip);
	APART_CHECK(apart_without_flag(SYS_openat, 2, O_TMPFILE & ~O_DIRECTORY, EOPNOTSUPP) == 0);
	APART_CHECK(openat(box->spool_fd, ".", O_TMPFILE | O_RDWR, 0600) < 0 && errno == EOPNOTSUPP);
	APART_CHECK(unpack_quietly(box, &zip.out) == 0);
	APART_CHECK(box_has(box, "big") && box_count(box, "spool") == 0);
	return 0;
}

static void
zip_is_spooled_without_files_that_have_no_name(void **state)
{
	apart(without_tmpfile, *state);
}

struct without {
	struct box *box;
	int error;
};

/* Hard links and times of folders need a descriptor below the folder; a link in the way is refused there, too. */
static int
without_openat2(void *self)
{
	const struct without *without = self;
	struct box *box = without->box;
	CLEAN_BUF good = {0};
	CLEAN_BUF bad = {0};

	buf_init(&good, MAKER_BYTES_MAX);
	tar_folder(&good, "d", 0755);
	tar_file(&good, "d/f", 0644, "x");
	tar_link(&good, "h", '1', "d/f");
	tar_end(&good);
	buf_init(&bad, MAKER_BYTES_MAX);
	tar_link(&bad, "out", '2', "..");
	tar_link(&bad, "h", '1', "out/canary");
	tar_end(&bad);
	APART_CHECK(apart_without(SYS_openat2, without->error) == 0);
	APART_CHECK(unpack_quietly(box, &good) == 0);
	APART_CHECK(box_stat(box, "h").st_nlink == 2 && box_stat(box, "d").st_mtim.tv_sec == MAKER_MTIME);
	APART_CHECK(unpack_quietly(box, &bad) == -1);
	APART_CHECK(strstr(box->err.text, "entry 2 'h': a hard link to what is no file") != NULL);
	return 0;
}

static void
tar_unpacks_without_openat2(void **state)
{
	struct without cases[] = {{*state, ENOSYS}, {*state, EPERM}};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		apart(without_openat2, &cases[i]);
		box_clear(*state);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    BOX_TEST(full_disk_is_said_with_the_entry),
	    BOX_TEST(full_disk_while_spooling_is_said),
	    BOX_TEST(no_inodes_is_a_full_disk_too),
	    BOX_TEST(full_disk_under_an_executable_zip_is_said),
	    BOX_TEST(read_only_folder_is_said),
	    BOX_TEST(zip_is_spooled_without_files_that_have_no_name),
	    BOX_TEST(tar_unpacks_without_openat2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
