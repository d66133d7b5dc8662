/* What is left out of an archive, and what is said about it. */
#include "unit/files/packing.h"

/* The report's row for a rule, or NULL. */
static const struct pack_left *
row(const struct packing *packing, const char *rule)
{
	for (size_t i = 0; i < packing->report.left_count; i++) {
		if (strcmp(packing->report.left[i].rule, rule) == 0) {
			return &packing->report.left[i];
		}
	}
	return NULL;
}

static void
assert_left_out(const struct packing *packing, const char *rule, int64_t count)
{
	const struct pack_left *left = row(packing, rule);

	if (left == NULL) {
		fail_msg("the rule '%s' met nothing", rule);
		return;
	}
	assert_int_equal(left->count, count);
	assert_null(left->kept_for);
}

static void
pack_and_unpack(struct packing *packing)
{
	packing_assert_packs(packing, "out/code.tar");
	packing_unpack(packing, "out/code.tar");
}

static void
rules_leave_out_what_a_job_fills(void **state)
{
	static const char *const names[] = {"data", "model", "output", "checkpoints", ".train", ".git"};
	struct packing *packing = *state;
	char path[PACKING_PATH];

	packing_file(packing, "project/a", "a");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(path, sizeof(path), "project/%s", names[i]);
		packing_folder(packing, path);
		(void)snprintf(path, sizeof(path), "project/%s/file.csv", names[i]);
		packing_file(packing, path, "x");
	}
	pack_and_unpack(packing);
	assert_int_equal(packing_count(packing, "back"), 1);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(path, sizeof(path), "/%s/", names[i]);
		assert_left_out(packing, path, 1);
	}
	assert_int_equal(packing->report.left_count, ARRAY_LEN(names));
	for (size_t i = 1; i < packing->report.left_count; i++) {
		assert_true(strcmp(packing->report.left[i - 1].rule, packing->report.left[i].rule) < 0);
	}
}

static void
rules_are_anchored_at_the_root(void **state)
{
	struct packing *packing = *state;

	packing_folder(packing, "project/src");
	packing_folder(packing, "project/src/data");
	packing_file(packing, "project/src/data/table.csv", "x");
	packing_folder(packing, "project/src/.git");
	packing_folder(packing, "project/mydata");
	packing_folder(packing, "project/model.d");
	pack_and_unpack(packing);
	packing_assert_same(packing, PACK_TIME);
	assert_int_equal(packing->report.left_count, 0);
}

static void
rules_are_for_folders_and_not_for_files(void **state)
{
	struct packing *packing = *state;

	packing_file(packing, "project/model", "#!/bin/sh\n");
	packing_file(packing, "project/data", "x");
	packing_file(packing, "project/__pycache__", "x");
	packing_link(packing, "project/output", "model");
	pack_and_unpack(packing);
	packing_assert_same(packing, PACK_TIME);
}

/* In a worktree or submodule it is a file that names a folder of this machine. */
static void
rules_leave_out_a_git_file(void **state)
{
	struct packing *packing = *state;

	packing_file(packing, "project/.git", "gitdir: /home/me/.git/worktrees/x\n");
	packing_file(packing, "project/.gitignore", "*.o\n");
	pack_and_unpack(packing);
	assert_false(packing_has(packing, "back/.git"));
	assert_true(packing_has(packing, "back/.gitignore"));
	assert_left_out(packing, "/.git/", 1);
}

static void
rules_leave_out_pycache_anywhere(void **state)
{
	struct packing *packing = *state;

	packing_folder(packing, "project/__pycache__");
	packing_folder(packing, "project/a");
	packing_file(packing, "project/a/a.py", "x");
	packing_folder(packing, "project/a/__pycache__");
	packing_file(packing, "project/a/__pycache__/a.pyc", "x");
	pack_and_unpack(packing);
	assert_int_equal(packing_count(packing, "back"), 1);
	assert_int_equal(packing_count(packing, "back/a"), 1);
	assert_left_out(packing, "__pycache__/", 2);
}

static void
rules_keep_a_folder_that_holds_source(void **state)
{
	struct packing *packing = *state;

	packing_folder(packing, "project/model");
	packing_folder(packing, "project/model/net");
	packing_folder(packing, "project/model/net/empty");
	packing_file(packing, "project/model/weights.bin", "w");
	packing_file(packing, "project/model/net/layers.py", "x");
	packing_folder(packing, "project/data");
	packing_file(packing, "project/data/notes.json", "x");
	pack_and_unpack(packing);
	assert_true(packing_has(packing, "back/model/net/layers.py"));
	assert_true(packing_has(packing, "back/model/weights.bin"));
	assert_false(packing_has(packing, "back/data"));
	assert_left_out(packing, "/data/", 1);
	const struct pack_left *model = row(packing, "/model/");
	assert_non_null(model);
	assert_int_equal(model->count, 0);
	assert_string_equal(model->kept_for, "model/net/layers.py");
}

static void
rules_take_only_source_for_source(void **state)
{
	static const char *const source[] = {"a.py", "run.sh", "fit.R", "kernel.cu", "main.go", "lib.rs", "x.h"};
	static const char *const other[] = {
	    "a.csv", "a.pyc", "report.ipynb", "plot.js", "dump.sql", "py", ".py", "a.py.gz"};
	struct packing *packing = *state;
	char path[PACKING_PATH];

	packing_file(packing, "project/a", "a");
	packing_folder(packing, "project/output");
	packing_folder(packing, "project/output/folder.py");
	for (size_t i = 0; i < ARRAY_LEN(other); i++) {
		(void)snprintf(path, sizeof(path), "project/output/%s", other[i]);
		packing_file(packing, path, "x");
	}
	packing_link(packing, "project/output/link.py", "../a");
	packing_assert_packs(packing, "out/code.tar");
	assert_left_out(packing, "/output/", 1);
	for (size_t i = 0; i < ARRAY_LEN(source); i++) {
		(void)snprintf(path, sizeof(path), "project/output/%s", source[i]);
		packing_file(packing, path, "x");
		packing_assert_packs(packing, "out/code.tar");
		assert_int_equal(row(packing, "/output/")->count, 0);
		assert_string_equal(row(packing, "/output/")->kept_for, path + strlen("project/"));
		assert_int_equal(unlink(packing_path(packing, path)), 0);
	}
}

/* At home data lies elsewhere and is linked; in the job its place is taken by the channels. */
static void
rules_leave_out_links_to_folders_elsewhere(void **state)
{
	struct packing *packing = *state;

	packing_file(packing, "project/a", "a");
	packing_folder(packing, "other");
	packing_file(packing, "other/read.py", "x");
	packing_link(packing, "project/data", "../other");
	packing_link(packing, "project/output", "/tmp");
	packing_link(packing, "project/checkpoints", "/not/there");
	pack_and_unpack(packing);
	assert_int_equal(packing_count(packing, "back"), 1);
	assert_left_out(packing, "/data/", 1);
	assert_left_out(packing, "/output/", 1);
	assert_left_out(packing, "/checkpoints/", 1);
}

static void
rules_keep_a_link_to_source_in_the_project(void **state)
{
	struct packing *packing = *state;

	packing_folder(packing, "project/src");
	packing_folder(packing, "project/src/model");
	packing_file(packing, "project/src/model/net.py", "x");
	packing_link(packing, "project/model", "src/model");
	pack_and_unpack(packing);
	packing_assert_same(packing, PACK_TIME);
	assert_string_equal(row(packing, "/model/")->kept_for, "model/net.py");
}

static void
rules_leave_out_the_archive_itself(void **state)
{
	struct packing *packing = *state;
	char first[SHA256_HEX];

	packing_folder(packing, "project/dist");
	packing_file(packing, "project/a", "a");
	packing_file(packing, "project/code.zip.part", "mine");
	for (int i = 0; i < 3; i++) {
		packing_assert_packs(packing, "project/code.zip");
		assert_int_equal(packing->report.files, 2);
		if (i > 0) {
			assert_string_equal(packing->report.sha256, first);
			assert_left_out(packing, "/code.zip", 1);
		}
		memcpy(first, packing->report.sha256, sizeof(first));
	}
	assert_int_equal(unlink(packing_path(packing, "project/code.zip")), 0);
	packing_file(packing, "project/dist/code.zip.0123456789ab.part", "half");
	packing_file(packing, "project/dist/code.zip", "old");
	packing_assert_packs(packing, "project/dist/code.zip");
	assert_left_out(packing, "/dist/code.zip", 1);
	assert_left_out(packing, "/dist/code.zip.*.part", 1);
	assert_int_equal(packing->report.files, 2);
}

static void
rules_do_not_stop_at_folders_that_cannot_be_read(void **state)
{
	struct packing *packing = *state;

	packing_file(packing, "project/a", "a");
	packing_folder(packing, "project/data");
	packing_folder(packing, "project/data/lost+found");
	assert_int_equal(chmod(packing_path(packing, "project/data/lost+found"), 0), 0);
	assert_int_equal(chmod(packing->path, 0755), 0);
	assert_int_equal(chmod(packing_path(packing, "out"), 0777), 0);
	int was_root = geteuid() == 0 && seteuid(65534) == 0;
	packing_assert_packs(packing, "out/code.tar");
	assert_true(!was_root || seteuid(0) == 0);
	assert_left_out(packing, "/data/", 1);
	assert_int_equal(chmod(packing_path(packing, "project/data/lost+found"), 0700), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    PACKING_TEST(rules_leave_out_what_a_job_fills),
	    PACKING_TEST(rules_are_anchored_at_the_root),
	    PACKING_TEST(rules_are_for_folders_and_not_for_files),
	    PACKING_TEST(rules_leave_out_a_git_file),
	    PACKING_TEST(rules_leave_out_pycache_anywhere),
	    PACKING_TEST(rules_keep_a_folder_that_holds_source),
	    PACKING_TEST(rules_take_only_source_for_source),
	    PACKING_TEST(rules_leave_out_links_to_folders_elsewhere),
	    PACKING_TEST(rules_keep_a_link_to_source_in_the_project),
	    PACKING_TEST(rules_leave_out_the_archive_itself),
	    PACKING_TEST(rules_do_not_stop_at_folders_that_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
