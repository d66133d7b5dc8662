/* The zip's numbers where no folder of a test is large enough, and its calendar. The unpacker's own check of zips reads them. */
#include "unit/files/packing.h"

#include <sys/stat.h>

#include "files/pack_zip.h"
#include "files/zip.h"

enum { MANY = 70000, LOCAL_TIME = 10, LOCAL_VERSION = 4 };

static const int64_t GIGABYTE = 1 << 30;

/* A zip being written at out/code.zip. */
struct writing {
	struct packing *packing;
	struct pack_out out;
	struct pack_zip zip;
	struct err err;
};

static void
begin(struct writing *writing, struct packing *packing, int64_t mtime)
{
	*writing = (struct writing){.packing = packing};
	assert_int_equal(pack_out_open(&writing->out, packing_path(packing, "out/code.zip"), &writing->err), 0);
	assert_int_equal(pack_zip_open(&writing->zip, &writing->out, mtime, &writing->err), 0);
}

static void
add_text(struct writing *writing, const char *path, const char *text, int64_t size)
{
	char name[PACKING_PATH];
	struct pack_entry entry = {.path = name, .mode = S_IFREG | 0644};
	struct mem_source mem;
	struct source content = mem_source_init(&mem, text, strlen(text));

	(void)snprintf(name, sizeof(name), "%s", path);
	assert_int_equal(pack_zip_add(&writing->zip, &entry, &content, size, &writing->err), 0);
}

static void
end(struct writing *writing, struct buf *bytes, struct zip_facts *facts)
{
	char sha256[SHA256_HEX];
	const char *path = packing_path(writing->packing, "out/code.zip");

	assert_int_equal(pack_zip_end(&writing->zip, &writing->err), 0);
	assert_int_equal(pack_out_finish(&writing->out, sha256, &writing->err), 0);
	pack_zip_release(&writing->zip);
	pack_out_release(&writing->out);
	buf_init(bytes, 64 << 20);
	assert_int_equal(fd_read_file(AT_FDCWD, path, bytes, &writing->err), 0);
	CLEAN_FD fd = open(path, O_RDONLY | O_CLOEXEC);
	struct budget budget;
	budget_init(&budget, 64 << 20);
	if (zip_check(fd, &budget, facts, &writing->err) < 0) {
		fail_msg("%s", writing->err.text);
	}
}

static int
holds(const struct buf *bytes, const char *what, size_t len)
{
	return memmem(bytes->data, bytes->len, what, len) != NULL;
}

/* Sizes over 32 bits stand in zip64's field; here the file was said to be large and is not, which makes no other headers. */
static void
zip_of_a_large_member_is_zip64(void **state)
{
	struct writing writing;
	CLEAN_BUF bytes = {0};
	struct zip_facts facts;

	begin(&writing, *state, PACK_TIME);
	add_text(&writing, "large", "not so large after all", 5 * GIGABYTE);
	add_text(&writing, "small", "small", 5);
	end(&writing, &bytes, &facts);
	assert_int_equal(facts.entries, 2);
	assert_int_equal(facts.bytes, 22 + 5);
	assert_int_equal(bytes.data[LOCAL_VERSION], 45);
	assert_memory_equal(bytes.data + 18, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	assert_memory_equal(bytes.data + 30, "large\x01\x00\x10\x00\x16\x00\x00\x00\x00\x00\x00\x00", 17);
	packing_unpack(*state, "out/code.zip");
	CLEAN_FD back = open(packing_path(*state, "back"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEAN_BUF text = {0};
	buf_init(&text, PACKING_TEXT_MAX);
	assert_int_equal(fd_read_file(back, "large", &text, &writing.err), 0);
	assert_string_equal(buf_text(&text), "not so large after all");
}

static void
zip_of_small_members_is_no_zip64(void **state)
{
	struct writing writing;
	CLEAN_BUF bytes = {0};
	struct zip_facts facts;

	begin(&writing, *state, PACK_TIME);
	add_text(&writing, "a", "a", 1);
	end(&writing, &bytes, &facts);
	assert_int_equal(bytes.data[LOCAL_VERSION], 20);
	assert_false(holds(&bytes, "PK\x06\x06", 4));
	assert_false(holds(&bytes, "\xff\xff\xff\xff", 4));
}

static void
zip_of_more_than_65535_members_is_zip64(void **state)
{
	struct writing writing;
	CLEAN_BUF bytes = {0};
	struct zip_facts facts;

	begin(&writing, *state, PACK_TIME);
	for (int i = 0; i < MANY; i++) {
		char name[16];
		struct pack_entry entry = {.path = name, .mode = S_IFDIR | 0755};

		(void)snprintf(name, sizeof(name), "%d", i);
		assert_int_equal(pack_zip_add(&writing.zip, &entry, NULL, 0, &writing.err), 0);
	}
	end(&writing, &bytes, &facts);
	assert_int_equal(facts.entries, MANY);
	assert_true(holds(&bytes, "PK\x06\x06", 4));
	assert_true(holds(&bytes, "PK\x06\x07", 4));
}

/* DOS time has seven bits for the years from 1980 and steps of two seconds; what lies outside is as near as it can be. */
static void
zip_calendar_is_utc_and_bounded(void **state)
{
	static const struct {
		int64_t mtime;
		unsigned year, month, day, hour, minute, second;
	} moments[] = {
	    {0, 1980, 1, 1, 0, 0, 0},
	    {315532799, 1980, 1, 1, 0, 0, 0},
	    {315532802, 1980, 1, 1, 0, 0, 2},
	    {951827696, 2000, 2, 29, 12, 34, 56},
	    {1893456001, 2030, 1, 1, 0, 0, 0},
	    {4354819199, 2107, 12, 31, 23, 59, 58},
	    {PACK_TIME_MAX, 2107, 12, 31, 23, 59, 58},
	};

	for (size_t i = 0; i < ARRAY_LEN(moments); i++) {
		struct writing writing;
		CLEAN_BUF bytes = {0};
		struct zip_facts facts;

		begin(&writing, *state, moments[i].mtime);
		add_text(&writing, "a", "a", 1);
		end(&writing, &bytes, &facts);
		const unsigned char *at = (const unsigned char *)bytes.data + LOCAL_TIME;
		unsigned time = (unsigned)(at[0] | at[1] << 8);
		unsigned date = (unsigned)(at[2] | at[3] << 8);
		assert_int_equal(1980 + (date >> 9), moments[i].year);
		assert_int_equal(date >> 5 & 15, moments[i].month);
		assert_int_equal(date & 31, moments[i].day);
		assert_int_equal(time >> 11, moments[i].hour);
		assert_int_equal(time >> 5 & 63, moments[i].minute);
		assert_int_equal((time & 31) * 2, moments[i].second);
		assert_int_equal(holds(&bytes, "UT\x05\x00\x01", 5), moments[i].mtime <= INT32_MAX);
	}
}

static void
zip_says_when_the_sink_fails(void **state)
{
	struct packing *packing = *state;
	struct writing writing;
	char name[] = "a";
	struct pack_entry entry = {.path = name, .mode = S_IFREG | 0644};
	struct mem_source mem;
	struct source content = mem_source_init(&mem, "abc", 3);

	begin(&writing, packing, PACK_TIME);
	fd_close(&writing.out.fd);
	writing.out.fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_true(writing.out.fd >= 0);
	assert_int_equal(pack_zip_add(&writing.zip, &entry, &content, 3, &writing.err), 0); /* buffered */
	char sha256[SHA256_HEX];
	assert_int_equal(pack_zip_end(&writing.zip, &writing.err), 0);
	assert_int_equal(pack_out_finish(&writing.out, sha256, &writing.err), -1);
	assert_int_equal(writing.err.kind, ERR_DISK_FULL);
	assert_non_null(strstr(writing.err.text, "out/code.zip"));
	pack_zip_release(&writing.zip);
	pack_out_release(&writing.out);
	assert_int_equal(packing_count(packing, "out"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    PACKING_TEST(zip_of_a_large_member_is_zip64),
	    PACKING_TEST(zip_of_small_members_is_no_zip64),
	    PACKING_TEST(zip_of_more_than_65535_members_is_zip64),
	    PACKING_TEST(zip_calendar_is_utc_and_bounded),
	    PACKING_TEST(zip_says_when_the_sink_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
