/* The tar's headers, byte by byte, where no folder of a test is large enough. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "files/pack_tar.h"

enum {
	BLOCK = 512,
	NAME = 0,
	MODE = 100,
	SIZE = 124,
	MTIME = 136,
	CHECKSUM = 148,
	KIND = 156,
	TARGET = 157,
	MAGIC = 257,
	PREFIX = 345
};

static int
keep(void *self, const void *bytes, size_t len, struct err *err)
{
	(void)err;
	return buf_add(self, bytes, len);
}

/* Ends at once, whatever size was promised. */
static ssize_t
read_nothing(void *self, void *bytes, size_t len, struct err *err)
{
	(void)self;
	(void)bytes;
	(void)len;
	(void)err;
	return 0;
}

static void
add(struct buf *out, const struct pack_entry *entry, int64_t size, int64_t mtime)
{
	const struct source content = {.read = read_nothing};
	const struct pack_tar tar = {.to = {.write = keep, .self = out}, .mtime = mtime};
	struct err err = {0};

	assert_int_equal(pack_tar_add(&tar, entry, S_ISREG(entry->mode) ? &content : NULL, size, &err), 0);
	assert_false(out->full);
}

static void
assert_sealed(const char *header)
{
	unsigned long sum = 0;

	for (size_t i = 0; i < BLOCK; i++) {
		sum += i >= CHECKSUM && i < CHECKSUM + 8 ? ' ' : (unsigned char)header[i];
	}
	assert_int_equal(strtoul(header + CHECKSUM, NULL, 8), sum);
	assert_memory_equal(header + MAGIC,
	    "ustar\0"
	    "00",
	    8);
}

static void
tar_header_is_posix(void **state)
{
	struct pack_entry entry = {.path = (char[]){"src/run.sh"}, .mode = S_IFREG | 0755};
	CLEAN_BUF out = {0};

	(void)state;
	buf_init(&out, 1 << 16);
	add(&out, &entry, 0, 1234567890);
	assert_int_equal(out.len, BLOCK);
	assert_string_equal(out.data + NAME, "src/run.sh");
	assert_string_equal(out.data + MODE, "0000755");
	assert_string_equal(out.data + MODE + 8, "0000000");
	assert_string_equal(out.data + MODE + 16, "0000000");
	assert_string_equal(out.data + SIZE, "00000000000");
	assert_string_equal(out.data + MTIME, "11145401322");
	assert_int_equal(out.data[KIND], '0');
	assert_sealed(out.data);
}

static void
tar_end_is_two_blocks_of_zeros(void **state)
{
	static const char zeros[2 * BLOCK];
	CLEAN_BUF out = {0};
	struct err err = {0};
	const struct pack_tar tar = {.to = {.write = keep, .self = &out}};

	(void)state;
	buf_init(&out, 1 << 16);
	assert_int_equal(pack_tar_end(&tar, &err), 0);
	assert_int_equal(out.len, sizeof(zeros));
	assert_memory_equal(out.data, zeros, sizeof(zeros));
}

static void
tar_says_eight_gigabytes_in_a_pax_header(void **state)
{
	struct pack_entry entry = {.path = (char[]){"big"}, .mode = S_IFREG | 0644};
	CLEAN_BUF last = {0};
	CLEAN_BUF first = {0};

	(void)state;
	buf_init(&last, 1 << 16);
	add(&last, &entry, 8589934591, 0);
	assert_int_equal(last.data[KIND], '0');
	assert_string_equal(last.data + SIZE, "77777777777");

	buf_init(&first, 1 << 16);
	add(&first, &entry, 8589934592, 0);
	assert_int_equal(first.data[KIND], 'x');
	assert_sealed(first.data);
	assert_string_equal(first.data + BLOCK, "19 size=8589934592\n");
	assert_string_equal(first.data + SIZE, "00000000023");
	assert_string_equal(first.data + (ptrdiff_t)2 * BLOCK + NAME, "big");
	assert_string_equal(first.data + (ptrdiff_t)2 * BLOCK + SIZE, "00000000000");
	assert_sealed(first.data + (ptrdiff_t)2 * BLOCK);
}

static void
tar_cuts_a_name_at_a_slash_where_it_can(void **state)
{
	char path[300] = "";
	struct pack_entry entry = {.path = path, .mode = S_IFREG | 0644};
	CLEAN_BUF out = {0};

	(void)state;
	memset(path, 'p', 155);
	path[155] = '/';
	memset(path + 156, 'n', 100);
	buf_init(&out, 1 << 16);
	add(&out, &entry, 0, 0);
	assert_int_equal(out.len, BLOCK);
	assert_memory_equal(out.data + PREFIX, path, 155);
	assert_memory_equal(out.data + NAME, path + 156, 100);
	assert_int_equal(out.data[PREFIX + 155], 0);

	path[256] = 'n';
	buf_reset(&out);
	add(&out, &entry, 0, 0);
	assert_int_equal(out.data[KIND], 'x');
	assert_non_null(strstr(out.data + BLOCK, "267 path=pppp"));
	assert_memory_equal(out.data + (ptrdiff_t)2 * BLOCK, path, 100);
	assert_int_equal(out.data[(ptrdiff_t)2 * BLOCK + PREFIX], 0);
}

/* The length of a record counts its own digits: where they become more it is easily one too small. */
static void
tar_counts_the_digits_of_a_record(void **state)
{
	char path[1200] = "";
	struct pack_entry entry = {.path = path, .mode = S_IFREG | 0644};
	CLEAN_BUF out = {0};

	(void)state;
	buf_init(&out, 1 << 16);
	for (size_t len = 980; len < 1000; len++) {
		memset(path, 'p', len);
		buf_reset(&out);
		add(&out, &entry, 0, 0);
		size_t told = strtoul(out.data + BLOCK, NULL, 10);
		assert_int_equal(told, strlen(out.data + BLOCK));
		assert_int_equal(told, strtoul(out.data + SIZE, NULL, 8));
		assert_int_equal(out.data[BLOCK + told - 1], '\n');
	}
}

static void
tar_keeps_link_targets_of_any_length(void **state)
{
	char target[102] = "";
	struct pack_entry entry = {.path = (char[]){"l"}, .target = target, .mode = S_IFLNK | 0777};
	CLEAN_BUF out = {0};

	(void)state;
	buf_init(&out, 1 << 16);
	memset(target, 't', 100);
	add(&out, &entry, 0, 0);
	assert_int_equal(out.len, BLOCK);
	assert_int_equal(out.data[KIND], '2');
	assert_memory_equal(out.data + TARGET, target, 100);
	assert_memory_equal(out.data + MAGIC, "ustar", 6);

	target[100] = 't';
	buf_reset(&out);
	add(&out, &entry, 0, 0);
	assert_int_equal(out.data[KIND], 'x');
	assert_non_null(strstr(out.data + BLOCK, "115 linkpath=ttt"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tar_header_is_posix),
	    cmocka_unit_test(tar_end_is_two_blocks_of_zeros),
	    cmocka_unit_test(tar_says_eight_gigabytes_in_a_pax_header),
	    cmocka_unit_test(tar_cuts_a_name_at_a_slash_where_it_can),
	    cmocka_unit_test(tar_counts_the_digits_of_a_record),
	    cmocka_unit_test(tar_keeps_link_targets_of_any_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
