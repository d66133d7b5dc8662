/* The content of a file that somebody still writes to. */
#include "unit/files/packing.h"

#include <errno.h>

#include "files/pack_file.h"

struct swallowed {
	int64_t bytes;
};

static int
swallow(void *self, const void *bytes, size_t len, struct err *err)
{
	struct swallowed *swallowed = self;

	(void)bytes;
	(void)err;
	swallowed->bytes += (int64_t)len;
	return 0;
}

static int
open_file(const struct packing *packing, struct pack_file *file, struct err *err)
{
	CLEAN_FD fd = open(packing_path(packing, "project"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return pack_file_open(file, fd, "a", err);
}

/* Opens 'a', whose size is 5, changes it to 'size', reads it. */
static int
read_changed(const struct packing *packing, off_t size, struct swallowed *swallowed, struct err *err)
{
	CLEAN_PACK_FILE file = {.fd = -1};
	struct sink sink = {.write = swallow, .self = swallowed};

	packing_file(packing, "project/a", "12345");
	assert_int_equal(open_file(packing, &file, err), 0);
	assert_int_equal(file.size, 5);
	assert_int_equal(truncate(packing_path(packing, "project/a"), size), 0);
	struct source source = pack_file_source(&file);
	return pack_pour(&source, &sink, err);
}

static void
file_is_poured_whole(void **state)
{
	struct swallowed swallowed = {0};
	struct err err = {0};

	assert_int_equal(read_changed(*state, 5, &swallowed, &err), 0);
	assert_int_equal(swallowed.bytes, 5);
}

static void
file_that_grew_is_an_error(void **state)
{
	struct swallowed swallowed = {0};
	struct err err = {0};

	assert_int_equal(read_changed(*state, 6, &swallowed, &err), -1);
	assert_int_equal(err.kind, ERR_IO);
	assert_string_equal(err.text, "'a' changed while it was packed");
	assert_int_equal(swallowed.bytes, 5);
}

static void
file_that_shrank_is_an_error(void **state)
{
	struct swallowed swallowed = {0};
	struct err err = {0};

	assert_int_equal(read_changed(*state, 4, &swallowed, &err), -1);
	assert_int_equal(err.kind, ERR_IO);
	assert_string_equal(err.text, "'a' changed while it was packed");
	assert_int_equal(swallowed.bytes, 0);
}

static void
file_that_became_something_else_is_an_error(void **state)
{
	struct packing *packing = *state;
	CLEAN_PACK_FILE file = {.fd = -1};
	struct err err = {0};

	assert_int_equal(mkfifo(packing_path(packing, "project/a"), 0644), 0);
	assert_int_equal(open_file(packing, &file, &err), -1);
	assert_string_equal(err.text, "'a' changed while it was packed");
	assert_int_equal(unlink(packing_path(packing, "project/a")), 0);
	pack_file_release(&file);
	assert_int_equal(open_file(packing, &file, &err), -1);
	assert_int_equal(err.kind, ERR_IO);
	assert_int_equal(err.sys, ENOENT);
	packing_folder(packing, "other");
	packing_file(packing, "other/secret", "s");
	packing_link(packing, "project/a", "../other/secret");
	assert_int_equal(open_file(packing, &file, &err), -1);
	assert_int_equal(err.kind, ERR_IO);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    PACKING_TEST(file_is_poured_whole),
	    PACKING_TEST(file_that_grew_is_an_error),
	    PACKING_TEST(file_that_shrank_is_an_error),
	    PACKING_TEST(file_that_became_something_else_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
