/* Sources: pulled in any pieces, they give the same bytes, once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/fd.h"
#include "base/stream.h"

static const char text[] = "the quick brown fox";

static void
mem_source_gives_its_bytes_once_in_any_pieces(void **state)
{
	(void)state;
	for (size_t step = 1; step <= sizeof(text); step++) {
		struct mem_source memory;
		struct source source = mem_source_init(&memory, text, sizeof(text));
		struct err err = {0};
		char got[2 * sizeof(text)] = "";
		size_t len = 0;
		ssize_t n = 1;

		while (n > 0) {
			n = source_read(&source, got + len, step, &err);
			assert_true(n >= 0 && (size_t)n <= step);
			len += (size_t)n;
		}
		assert_int_equal(len, sizeof(text));
		assert_string_equal(got, text);
	}
}

static void
mem_source_of_nothing_ends_at_once(void **state)
{
	struct mem_source memory;
	struct source source = mem_source_init(&memory, NULL, 0);
	struct err err = {0};
	char byte = 'x';

	(void)state;
	assert_int_equal(source_read(&source, &byte, 1, &err), 0);
	assert_int_equal(byte, 'x');
}

static void
fd_source_gives_what_comes_and_then_its_end(void **state)
{
	struct fd_source storage;
	struct err err = {0};
	char got[64] = "";
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	struct source source = fd_source_init(&storage, ends[0], "pipe");
	assert_int_equal(fd_write_all(ends[1], "some", 4), 0);
	assert_int_equal(source_read(&source, got, sizeof(got), &err), 4); /* does not wait for more */
	assert_int_equal(fd_write_all(ends[1], "more", 4), 0);
	fd_close(&ends[1]);
	assert_int_equal(source_read(&source, got + 4, 2, &err), 2);
	assert_int_equal(source_read(&source, got + 6, sizeof(got) - 6, &err), 2);
	assert_string_equal(got, "somemore");
	assert_int_equal(source_read(&source, got, sizeof(got), &err), 0);
	fd_close(&ends[0]);
}

static void
fd_source_names_what_cannot_be_read(void **state)
{
	CLEAN_FD folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct fd_source storage;
	struct source source = fd_source_init(&storage, folder, "the root");
	struct err err = {0};
	char byte;

	(void)state;
	assert_int_equal(source_read(&source, &byte, 1, &err), -1);
	assert_int_equal(err.kind, ERR_IO);
	assert_int_equal(err.sys, EISDIR);
	assert_non_null(strstr(err.text, "cannot read 'the root'"));
}

struct scripted {
	const int *steps; /* bytes to give, 0 for the end, -1 to fail */
	int calls;
};

static ssize_t
scripted_read(void *self, void *bytes, size_t len, struct err *err)
{
	struct scripted *scripted = self;
	int step = scripted->steps[scripted->calls++];

	if (step < 0) {
		return err_set(err, ERR_UNAVAILABLE, 0, "gone");
	}
	assert_true((size_t)step <= len);
	memset(bytes, 'a' + scripted->calls - 1, (size_t)step);
	return step;
}

static void
read_full_asks_until_it_has_all_or_the_end(void **state)
{
	static const int whole[] = {3, 1, 4}, ends[] = {3, 2, 0}, fails[] = {3, -1};
	struct scripted scripted = {.steps = whole};
	struct source source = {.read = scripted_read, .self = &scripted};
	struct err err = {0};
	char got[16] = "";

	(void)state;
	assert_int_equal(source_read_full(&source, got, 8, &err), 8);
	assert_string_equal(got, "aaabcccc");
	assert_int_equal(scripted.calls, 3); /* and does not look whether there is more */
	scripted = (struct scripted){.steps = ends};
	assert_int_equal(source_read_full(&source, got, 8, &err), 5);
	assert_int_equal(scripted.calls, 3);
	scripted = (struct scripted){.steps = fails};
	assert_int_equal(source_read_full(&source, got, 8, &err), -1);
	assert_string_equal(err.text, "gone");
	assert_int_equal(source_read_full(&source, got, 0, &err), 0);
	assert_int_equal(scripted.calls, 2);
}

static int
count_write(void *self, const void *bytes, size_t len, struct err *err)
{
	size_t *total = self;

	(void)bytes;
	*total += len;
	return *total > 10 ? err_set(err, ERR_DISK_FULL, 0, "full") : 0;
}

static void
sink_takes_all_or_fails(void **state)
{
	size_t total = 0;
	struct sink sink = {.write = count_write, .self = &total};
	struct err err = {0};

	(void)state;
	assert_int_equal(sink_write(&sink, text, 10, &err), 0);
	assert_int_equal(sink_write(&sink, text, 1, &err), -1);
	assert_int_equal(err.kind, ERR_DISK_FULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(mem_source_gives_its_bytes_once_in_any_pieces),
	    cmocka_unit_test(mem_source_of_nothing_ends_at_once),
	    cmocka_unit_test(fd_source_gives_what_comes_and_then_its_end),
	    cmocka_unit_test(fd_source_names_what_cannot_be_read),
	    cmocka_unit_test(read_full_asks_until_it_has_all_or_the_end),
	    cmocka_unit_test(sink_takes_all_or_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
