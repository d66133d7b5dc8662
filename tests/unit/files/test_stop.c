/* Work on the disk alone asks all the time whether the job goes on, as a download does. */
#include "unit/files/box.h"
#include "unit/files/makers.h"

enum { PLAIN = 24 << 20 /* bytes of one member, a few thousand when packed */ };

/* Says "stop" when it was asked so many times; never with -1. */
struct patience {
	int left, asked;
};

static int
stop_later(void *self, struct err *err)
{
	struct patience *patience = self;

	patience->asked++;
	return patience->left >= 0 && patience->asked > patience->left ? err_set(err, ERR_STOPPED, 0, "stopped") : 0;
}

/* A zip that starts itself, with one member that is large when it is read. */
static void
make_executable(struct zip_maker *zip)
{
	char *zeros = calloc(1, PLAIN);

	assert_non_null(zeros);
	zip_begin(zip);
	zip_file(zip, "__main__.py", 0644, "print()\n");
	zip_bytes(zip, "weights", 0100644, ZIP_DEFLATED, 0, zeros, PLAIN);
	zip_end(zip);
	free(zeros);
}

static int
save(const struct box *box, const struct buf *bytes)
{
	struct err err = {0};

	assert_int_equal(fd_write_file(box->spool_fd, "app", bytes->data, bytes->len, 0644, &err), 0);
	int fd = openat(box->spool_fd, "app", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(unlinkat(box->spool_fd, "app", 0), 0);
	return fd;
}

static void
a_stop_ends_the_proof_of_a_zip_that_stays_where_it_is(void **state)
{
	struct box *box = *state;
	struct patience patience = {.left = -1};
	CLEAN_ZIP zip;

	make_executable(&zip);
	CLEAN_FD fd = save(box, &zip.out);
	box->wish.limits.go_on = stop_later;
	box->wish.limits.self = &patience;
	assert_int_equal(unpack_in_place(fd, &box->wish.limits, &box->budget, &box->unpacked, &box->err), 1);
	assert_true(patience.asked > 20); /* so it was asked within the large member, not only between the two */
	for (int left = 0; left < patience.asked; left += 5) {
		struct patience short_one = {.left = left};

		box->wish.limits.self = &short_one;
		box->err = (struct err){0};
		assert_int_equal(unpack_in_place(fd, &box->wish.limits, &box->budget, &box->unpacked, &box->err), -1);
		assert_int_equal(box->err.kind, ERR_STOPPED);
		assert_int_equal(short_one.asked, left + 1); /* and nothing was read behind it */
	}
}

static void
a_stop_ends_the_placing_of_a_zip_that_was_proved(void **state)
{
	struct box *box = *state;
	struct patience patience = {.left = -1};
	CLEAN_ZIP zip;

	make_executable(&zip);
	box->wish.limits.go_on = stop_later;
	box->wish.limits.self = &patience;
	box_assert_unpacks(box, &zip.out);
	assert_true(box->unpacked.executable && box_has(box, UNPACK_PEX));
	for (int left = patience.asked - 1; left >= 0; left -= 7) {
		struct patience short_one = {.left = left};

		box_clear(box);
		box->wish.limits.self = &short_one;
		assert_int_equal(box_unpack(box, &zip.out), -1);
		assert_int_equal(box->err.kind, ERR_STOPPED);
	}
}

static void
a_damaged_member_of_a_zip_that_is_only_proved_is_named(void **state)
{
	struct box *box = *state;
	CLEAN_ZIP zip;

	zip_begin(&zip);
	zip_file(&zip, "__main__.py", 0644, "print()\n");
	zip_bytes(&zip, "weights", 0100644, ZIP_STORED, 0, "0123456789", 10);
	patch(&zip.out, zip.out.len - 5, "x", 1);
	zip_end(&zip);
	CLEAN_FD fd = save(box, &zip.out);
	assert_int_equal(unpack_in_place(fd, &box->wish.limits, &box->budget, &box->unpacked, &box->err), -1);
	assert_int_equal(box->err.kind, ERR_ARCHIVE);
	assert_non_null(strstr(box->err.text, "entry 2 'weights': "));
}

static void
blanks_around_the_words_of_a_first_line_do_not_count(void **state)
{
	static const char *const lines[] = {"#!/usr/bin/env -S python3\n", "#! /usr/bin/env -S python3\n",
	    "#!\t/usr/bin/env -S python3 \t\n", "#!   /usr/bin/env -S python3\r\n"};
	struct box *box = *state;
	CLEAN_ZIP zip;

	zip_begin(&zip);
	zip_file(&zip, "app.py", 0644, "print()\n");
	zip_end(&zip);
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		CLEAN_BUF pex = {0};

		buf_init(&pex, 1 << 20);
		put(&pex, lines[i], strlen(lines[i]));
		put(&pex, zip.out.data, zip.out.len);
		box_assert_unpacks(box, &pex);
		assert_true(box->unpacked.executable);
		assert_string_equal(box->unpacked.interpreter, "/usr/bin/env -S python3");
		box_clear(box);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    BOX_TEST(a_stop_ends_the_proof_of_a_zip_that_stays_where_it_is),
	    BOX_TEST(a_stop_ends_the_placing_of_a_zip_that_was_proved),
	    BOX_TEST(a_damaged_member_of_a_zip_that_is_only_proved_is_named),
	    BOX_TEST(blanks_around_the_words_of_a_first_line_do_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
