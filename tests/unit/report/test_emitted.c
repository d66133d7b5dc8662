/* The names that a run emitted, from its record or its metric file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report/emitted.h"
#include "unit/scratch.h"

static char root[SCRATCH_PATH];
static struct emitted emitted;

static int
set_up(void **state)
{
	(void)state;
	scratch_make(root);
	emitted.count = 0;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	emitted_release(&emitted);
	scratch_remove(root);
	return 0;
}

static void
expect_kind(const char *name, enum err_kind kind)
{
	struct err err = {0};

	assert_int_equal(emitted_read(&emitted, scratch_path(root, name), &err), kind == ERR_NONE ? 0 : -1);
	assert_int_equal(err.kind, kind);
}

static void
names_come_once_and_in_order(void **state)
{
	(void)state;
	scratch_write(root, "metrics-x.jsonl",
	    "{\"name\":\"b\",\"value\":1}\n{\"name\":\"a\",\"value\":1}\n{\"name\":\"b\",\"value\":2}\n{\"name\":\"cut");
	expect_kind("metrics-x.jsonl", ERR_NONE);
	assert_int_equal(emitted.count, 2);
	assert_string_equal(emitted.names[0], "b");
	assert_string_equal(emitted.names[1], "a");
}

static void
lines_may_lie_across_blocks(void **state)
{
	enum { LINES = 20000 };
	CLEAN_BUF text = {0};
	struct err err = {0};

	(void)state;
	buf_init(&text, 1 << 20);
	for (int i = 0; i < LINES; i++) {
		buf_printf(&text, "{\"name\":\"m%d\",\"value\":%d}\n", i % 37, i);
	}
	assert_int_equal(
	    fd_write_file(AT_FDCWD, scratch_path(root, "metrics-x.jsonl"), text.data, text.len, 0644, &err), 0);
	expect_kind("metrics-x.jsonl", ERR_NONE);
	assert_int_equal(emitted.count, 37);
	assert_string_equal(emitted.names[36], "m36");
}

static void
record_names_them_too(void **state)
{
	(void)state;
	scratch_write(root, "run-a.json", "{\"metrics\": [{\"name\": \"x\"}, {\"name\": \"y\"}]}");
	expect_kind("run-a.json", ERR_NONE);
	assert_int_equal(emitted.count, 2);
	assert_string_equal(emitted.names[1], "y");
}

static void
hosts_are_united(void **state)
{
	(void)state;
	scratch_write(root, "metrics-a.jsonl", "{\"name\":\"x\",\"value\":1}\n{\"name\":\"y\",\"value\":1}\n");
	scratch_write(root, "metrics-b.jsonl", "{\"name\":\"z\",\"value\":1}\n{\"name\":\"y\",\"value\":1}\n");
	scratch_write(root, "other.jsonl", "{}\n");
	expect_kind("", ERR_NONE);
	assert_int_equal(emitted.count, 3);
	assert_string_equal(emitted.names[2], "z");
}

static void
names_beyond_the_limit_were_never_published(void **state)
{
	CLEAN_BUF text = {0};
	struct err err = {0};

	(void)state;
	buf_init(&text, 1 << 20);
	for (int i = 0; i < METRICS_NAMES_MAX + 10; i++) {
		buf_printf(&text, "{\"name\":\"m%d\",\"value\":1}\n", i);
	}
	assert_int_equal(
	    fd_write_file(AT_FDCWD, scratch_path(root, "metrics-x.jsonl"), text.data, text.len, 0644, &err), 0);
	expect_kind("metrics-x.jsonl", ERR_NONE);
	assert_int_equal(emitted.count, METRICS_NAMES_MAX);
}

static void
what_is_no_run_is_an_error(void **state)
{
	(void)state;
	expect_kind("missing", ERR_IO);
	expect_kind("", ERR_USAGE);
	scratch_write(root, "short.jsonl", "{\n");
	expect_kind("short.jsonl", ERR_SETTINGS);
	scratch_write(root, "empty-name.jsonl", "{\"name\":\"\",\"value\":1}\n");
	expect_kind("empty-name.jsonl", ERR_SETTINGS);
	scratch_write(root, "run-x.json", "{\"metrics\": {}}");
	expect_kind("run-x.json", ERR_SETTINGS);
	scratch_write(root, "metrics-x.jsonl", "{\n");
	expect_kind("", ERR_SETTINGS);
	assert_int_equal(emitted.count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(names_come_once_and_in_order),
	    TEST(lines_may_lie_across_blocks),
	    TEST(record_names_them_too),
	    TEST(hosts_are_united),
	    TEST(names_beyond_the_limit_were_never_published),
	    TEST(what_is_no_run_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
