/* Tar that wants what no archive may: refused with the entry's number and name, and nothing outside was touched. */
#include "unit/files/box.h"
#include "unit/files/makers.h"

/* One good entry, then a bad one: refused as number 2. */
static void
refused_as_second(struct box *box, void (*add)(struct buf *tar, const void *self), const void *self, const char *says)
{
	CLEAN_BUF tar = {0};

	buf_init(&tar, MAKER_BYTES_MAX);
	tar_file(&tar, "good", 0644, "x");
	add(&tar, self);
	tar_end(&tar);
	box_assert_refused(box, &tar, says);
}

static void
add_named(struct buf *tar, const void *self)
{
	tar_file(tar, self, 0644, "evil");
}

static void
add_pax_named(struct buf *tar, const void *self)
{
	tar_pax(tar, "path", self);
	tar_file(tar, "harmless", 0644, "evil");
}

static void
add_gnu_named(struct buf *tar, const void *self)
{
	tar_gnu_long(tar, 'L', self);
	tar_file(tar, "harmless", 0644, "evil");
}

static void
tar_names_that_lead_out_are_refused_however_they_are_given(void **state)
{
	static void (*const ways[])(struct buf *, const void *) = {add_named, add_pax_named, add_gnu_named};
	static const struct {
		const char *name, *says;
	} cases[] = {
	    {"../canary", "entry 2 '../canary': '..' in a name"},
	    {"a/../../canary", "'..' in a name"},
	    {"a/..", "'..' in a name"},
	    {"..", "'..' in a name"},
	    {"./../canary", "'..' in a name"},
	    {"/tmp/canary", "entry 2 '/tmp/canary': an absolute name"},
	    {"//canary", "an absolute name"},
	};
	struct box *box = *state;

	for (size_t way = 0; way < ARRAY_LEN(ways); way++) {
		for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
			refused_as_second(box, ways[way], cases[i].name, cases[i].says);
		}
	}
	refused_as_second(box, add_named, "", "entry 2 '': an entry without a name");
}

static void
add_special(struct buf *tar, const void *self)
{
	tar_special(tar, "odd", *(const char *)self);
}

static void
tar_devices_and_fifos_are_refused(void **state)
{
	struct box *box = *state;

	refused_as_second(box, add_special, "3", "entry 2 'odd': a device");
	refused_as_second(box, add_special, "4", "entry 2 'odd': a device");
	refused_as_second(box, add_special, "6", "entry 2 'odd': a FIFO");
}

static void
add_set_uid(struct buf *tar, const void *self)
{
	const unsigned *mode = self;

	tar_file(tar, "su", *mode, "x");
}

static void
tar_set_uid_bits_are_refused(void **state)
{
	struct box *box = *state;

	refused_as_second(box, add_set_uid, &(unsigned){04755}, "entry 2 'su': a set-uid or set-gid bit");
	refused_as_second(box, add_set_uid, &(unsigned){02755}, "entry 2 'su': a set-uid or set-gid bit");
}

static void
add_link(struct buf *tar, const void *self)
{
	tar_link(tar, "l", '2', self);
}

static void
add_long_link(struct buf *tar, const void *self)
{
	tar_pax(tar, "linkpath", self);
	tar_link(tar, "l", '2', "good");
}

static void
add_hard_link(struct buf *tar, const void *self)
{
	tar_link(tar, "h", '1', self);
}

static void
tar_links_that_leave_are_refused(void **state)
{
	struct box *box = *state;

	refused_as_second(box, add_link, "/usr/bin/python3",
	    "entry 2 'l': a link to an absolute name: a virtual environment? publish a PEX or conda-pack");
	refused_as_second(box, add_link, "..", "entry 2 'l': a link that leaves the folder");
	refused_as_second(box, add_link, "a/../../x", "entry 2 'l': a link that leaves the folder");
	refused_as_second(box, add_link, "", "entry 2 'l': a link without a target");
	refused_as_second(box, add_long_link, "../../x", "entry 2 'l': a link that leaves the folder");
	refused_as_second(box, add_hard_link, "../canary", "entry 2 'h': a hard link that leaves the folder");
	refused_as_second(box, add_hard_link, "/etc/passwd", "entry 2 'h': a hard link that leaves the folder");
	refused_as_second(box, add_hard_link, "later", "entry 2 'h': a hard link to what is no file of this archive");
}

/* Written through a link, a file would land outside. */
static void
add_through_link(struct buf *tar, const void *self)
{
	tar_link(tar, "a", '2', self);
	tar_file(tar, "a/canary", 0644, "overwritten");
}

static void
add_through_two_links(struct buf *tar, const void *self)
{
	(void)self;
	tar_folder(tar, "d", 0755);
	tar_link(tar, "d/b", '2', "..");
	tar_link(tar, "a", '2', "d/b/..");
	tar_file(tar, "a/canary", 0644, "overwritten");
}

static void
add_hard_link_through(struct buf *tar, const void *self)
{
	tar_link(tar, "a", '2', self);
	tar_link(tar, "h", '1', "a/canary");
}

static void
tar_entries_behind_links_are_refused(void **state)
{
	struct box *box = *state;

	refused_as_second(box, add_through_link, "..", "entry 3 'a/canary': it lies behind a link or a file");
	refused_as_second(box, add_through_link, ".", "entry 3 'a/canary': it lies behind a link or a file");
	refused_as_second(box, add_through_two_links, NULL, "entry 5 'a/canary': it lies behind a link or a file");
	refused_as_second(box, add_hard_link_through, "..", "entry 3 'h': a hard link to what is no file");
}

static void
add_other_kind(struct buf *tar, const void *self)
{
	tar_link(tar, "good", '2', self);
}

static void
add_folder_over_file(struct buf *tar, const void *self)
{
	tar_folder(tar, self, 0755);
}

static void
tar_name_given_twice_with_another_kind_is_refused(void **state)
{
	struct box *box = *state;

	refused_as_second(box, add_other_kind, "x", "entry 2 'good': the name is there already with another kind");
	refused_as_second(box, add_folder_over_file, "good", "entry 2 'good': the name is there already");
	refused_as_second(box, add_named, "good/x", "entry 2 'good/x': it lies behind a link or a file");
	refused_as_second(box, add_named, ".", "entry 2 '.': a file that is named like the folder itself");
}

static void
add_size(struct buf *tar, const void *self)
{
	const int64_t *size = self;
	struct tar_head head = tar_head("f", '0', 0644, 0);

	tar_base256(&head, 124, 12, *size);
	tar_put(tar, &head, "x", 1);
}

static void
tar_sizes_that_lie_are_refused(void **state)
{
	struct box *box = *state;

	refused_as_second(box, add_size, &(int64_t){-1}, "entry 2");
	refused_as_second(box, add_size, &(int64_t){INT64_MIN}, "entry 2");
	refused_as_second(box, add_size, &(int64_t){INT64_MAX}, "entry 2");
	refused_as_second(
	    box, add_size, &(int64_t){(int64_t)1 << 40}, "entry 2 'f': more than 1073741824 bytes in all");
	refused_as_second(box, add_size, &(int64_t){100000}, "entry 2 'f'");
}

/* One of the archive's sparse files alone may say terabytes. */
static void
tar_sparse_size_counts_whole(void **state)
{
	struct box *box = *state;
	struct tar_head head = tar_head("sparse", 'S', 0644, 0);
	CLEAN_BUF tar = {0};

	buf_init(&tar, MAKER_BYTES_MAX);
	memcpy(head.bytes + 257, "ustar  \0", 8);
	tar_base256(&head, 483, 12, (int64_t)1 << 40);
	tar_put(&tar, &head, "", 0);
	tar_end(&tar);
	box_assert_refused(box, &tar, "entry 1 'sparse': more than 1073741824 bytes in all: raise unpack-max-bytes");
}

static void
tar_limits_hold(void **state)
{
	struct box *box = *state;
	CLEAN_BUF tar = {0};

	buf_init(&tar, MAKER_BYTES_MAX);
	tar_file(&tar, "a", 0644, "12345");
	tar_file(&tar, "b", 0644, "123456");
	tar_end(&tar);
	box->wish.limits.bytes_max = 11;
	box->wish.limits.entries_max = 2;
	box_assert_unpacks(box, &tar);
	box_clear(box);
	box->wish.limits.bytes_max = 10;
	box_assert_refused(box, &tar, "entry 2 'b': more than 10 bytes in all: raise unpack-max-bytes");
	box->wish.limits.bytes_max = 11;
	box->wish.limits.entries_max = 1;
	box_assert_refused(box, &tar, "more than 1 entries: raise unpack-max-entries");
}

static void
tar_header_with_a_wrong_checksum_is_refused(void **state)
{
	struct box *box = *state;
	CLEAN_BUF tar = {0};

	buf_init(&tar, MAKER_BYTES_MAX);
	tar_file(&tar, "first", 0644, "x");
	size_t at = tar.len;
	tar_file(&tar, "second", 0644, "y");
	tar_end(&tar);
	tar.data[at] ^= 1;
	box_assert_refused(box, &tar, "entry 2");
}

static void
tar_pax_header_that_lies_is_refused(void **state)
{
	static const char *const records[] = {"999 path=x\n", "3 x\n", "path=x\n", "11 path=xyz", "-5 path=x\n",
	    "99999999999999999999 path=x\n", "0 path=x\n"};
	struct box *box = *state;

	for (size_t i = 0; i < ARRAY_LEN(records); i++) {
		CLEAN_BUF tar = {0};
		struct tar_head head = tar_head("pax", 'x', 0644, strlen(records[i]));

		buf_init(&tar, MAKER_BYTES_MAX);
		tar_put(&tar, &head, records[i], strlen(records[i]));
		tar_file(&tar, "f", 0644, "x");
		tar_end(&tar);
		box_assert_refused(box, &tar, "entry 1");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    BOX_TEST(tar_names_that_lead_out_are_refused_however_they_are_given),
	    BOX_TEST(tar_devices_and_fifos_are_refused),
	    BOX_TEST(tar_set_uid_bits_are_refused),
	    BOX_TEST(tar_links_that_leave_are_refused),
	    BOX_TEST(tar_entries_behind_links_are_refused),
	    BOX_TEST(tar_name_given_twice_with_another_kind_is_refused),
	    BOX_TEST(tar_sizes_that_lie_are_refused),
	    BOX_TEST(tar_sparse_size_counts_whole),
	    BOX_TEST(tar_limits_hold),
	    BOX_TEST(tar_header_with_a_wrong_checksum_is_refused),
	    BOX_TEST(tar_pax_header_that_lies_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
