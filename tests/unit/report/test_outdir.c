/* Folders and names below <root>/output. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>

#include "report/outdir.h"
#include "unit/scratch.h"

static char folder[SCRATCH_PATH];

static int
set_up(void **state)
{
	(void)state;
	scratch_make(folder);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	scratch_remove(folder);
	return 0;
}

static void
outdir_makes_what_is_missing(void **state)
{
	struct err err = {0};
	CLEAN_FD fd = outdir_open(scratch_path(folder, "opt/ml"), "output/data/_train", &err);

	(void)state;
	assert_true(fd >= 0);
	assert_true(scratch_exists(folder, "opt/ml/output/data/_train"));
	fd_close(&fd);
	fd = outdir_open(scratch_path(folder, "opt/ml"), "output", &err);
	assert_true(fd >= 0);
}

static void
outdir_names_the_folder_that_cannot_be_made(void **state)
{
	struct err err = {0};

	(void)state;
	scratch_write(folder, "ml", "a file");
	assert_int_equal(outdir_open(scratch_path(folder, "ml"), "output", &err), -1);
	assert_int_equal(err.kind, ERR_OUTPUT);
	assert_non_null(strstr(err.text, "/ml"));
}

static void
outdir_name_takes_no_path_from_a_host(void **state)
{
	char name[OUTDIR_NAME];

	(void)state;
	outdir_name(name, "run", "algo-1", ".json");
	assert_string_equal(name, "run-algo-1.json");
	outdir_name(name, "run", "../../etc/\x1b[1m\n", ".json");
	assert_string_equal(name, "run-.._.._etc___1m_.json");
	outdir_name(name, "metrics",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	    ".jsonl");
	assert_int_equal(strlen(name), strlen("metrics-") + 64 + strlen(".jsonl"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(outdir_makes_what_is_missing, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(outdir_names_the_folder_that_cannot_be_made, set_up, tear_down),
	    cmocka_unit_test(outdir_name_takes_no_path_from_a_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
