/* One JSON file of the job. */
#include "unit/config/jobroot.h"

#include <errno.h>
#include <sys/wait.h>

#include "config/config_file.h"

enum { NOBODY = 65534, ROOT_MAX = 256 };

static void
config_file_is_read_whole_and_knows_places(void **state)
{
	CLEAN_CONFIG_FILE file = {0};
	struct err err = {0};
	char root[ROOT_MAX];
	char place[CONFIG_PLACE_MAX];
	char expected[CONFIG_PLACE_MAX];

	(void)state;
	scratch_make(root);
	scratch_write(root, "a.json", "{\"one\": 1,\n  \"two\": [2]}");
	assert_int_equal(config_file_read(&file, root, "a.json", &err), 1);
	(void)snprintf(expected, sizeof(expected), "'%s/a.json:2:10'", root);
	assert_string_equal(config_file_place(&file, json_member(&file.json, 0, "two"), place), expected);
	scratch_drop(root);
}

static void
config_file_may_be_missing_or_empty(void **state)
{
	static const char *const names[] = {"missing.json", "empty.json", "empty.json/below"};
	char root[ROOT_MAX];

	(void)state;
	scratch_make(root);
	scratch_write(root, "empty.json", "");
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CLEAN_CONFIG_FILE file = {0};
		struct err err = {0};

		assert_int_equal(config_file_read(&file, root, names[i], &err), 0);
		assert_int_equal(err.kind, ERR_NONE);
		assert_int_equal(json_type(&file.json, JSON_NONE), JSON_NULL);
	}
	scratch_drop(root);
}

static void
config_file_that_is_no_json_is_named_with_the_place(void **state)
{
	CLEAN_CONFIG_FILE file = {0};
	struct err err = {0};
	char root[ROOT_MAX];

	(void)state;
	scratch_make(root);
	scratch_write(root, "a.json", "{\"one\": 1,\n\"two\"}");
	assert_int_equal(config_file_read(&file, root, "a.json", &err), -1);
	assert_int_equal(err.kind, ERR_SETTINGS);
	assert_non_null(strstr(err.text, "/a.json:2:"));
	scratch_drop(root);
}

static void
config_file_that_is_a_folder_or_a_pipe_is_no_file(void **state)
{
	char root[ROOT_MAX];
	char path[ROOT_MAX + 16];

	(void)state;
	scratch_make(root);
	(void)snprintf(path, sizeof(path), "%s/folder", root);
	assert_int_equal(mkdir(path, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/pipe", root);
	assert_int_equal(mkfifo(path, 0644), 0);
	for (int i = 0; i < 2; i++) {
		CLEAN_CONFIG_FILE file = {0};
		struct err err = {0};

		assert_int_equal(config_file_read(&file, root, i == 0 ? "folder" : "pipe", &err), -1);
		assert_non_null(strstr(err.text, root));
	}
	scratch_drop(root);
}

static void
config_file_over_the_limit_is_refused(void **state)
{
	CLEAN_CONFIG_FILE file = {0};
	struct err err = {0};
	char root[ROOT_MAX];
	char path[ROOT_MAX + 16];

	(void)state;
	scratch_make(root);
	scratch_write(root, "big.json", "{}");
	(void)snprintf(path, sizeof(path), "%s/big.json", root);
	assert_int_equal(truncate(path, CONFIG_FILE_MAX + 1), 0);
	assert_int_equal(config_file_read(&file, root, "big.json", &err), -1);
	assert_non_null(strstr(err.text, "big.json"));
	scratch_drop(root);
}

/* Reads as a user that may not enter the folder. In a child, because that user cannot become root again. */
static int
read_as_nobody(const char *root, char text[ERR_TEXT_MAX])
{
	int ends[2];
	int status = 0;

	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct config_file file = {0};
		struct err err = {0};
		int found = -2;

		if (geteuid() != 0 || (setgid(NOBODY) == 0 && setuid(NOBODY) == 0)) {
			found = config_file_read(&file, root, "input/config/hyperparameters.json", &err);
			config_file_release(&file);
		}
		_exit(write(ends[1], err.text, sizeof(err.text)) < 0 || found != -1 || err.kind != ERR_SETTINGS);
	}
	(void)close(ends[1]);
	assert_int_equal(read(ends[0], text, ERR_TEXT_MAX), ERR_TEXT_MAX);
	(void)close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void
config_file_that_may_not_be_read_says_who_could(void **state)
{
	char root[ROOT_MAX];
	char path[ROOT_MAX + 16];
	char text[ERR_TEXT_MAX] = "";

	(void)state;
	scratch_make(root);
	assert_int_equal(chmod(root, 0755), 0);
	scratch_write(root, "input/config/hyperparameters.json", "{}");
	(void)snprintf(path, sizeof(path), "%s/input/config", root);
	assert_int_equal(chmod(path, 0644), 0); /* as SageMaker has made it: C§1.3 */
	assert_int_equal(read_as_nobody(root, text), 0);
	assert_non_null(strstr(text, "may not read '"));
	assert_non_null(strstr(text, "let the image run as root"));
	assert_int_equal(chmod(path, 0755), 0);
	scratch_drop(root);
}

static void
config_file_place_keeps_its_numbers_under_a_long_root(void **state)
{
	CLEAN_CONFIG_FILE file = {0};
	struct err err = {0};
	char root[ROOT_MAX];
	char deep[1024];
	char place[CONFIG_PLACE_MAX];
	size_t len = 0;

	(void)state;
	scratch_make(root);
	for (int i = 0; i < 4; i++) {
		memset(deep + len, 'd', 200);
		len += 200;
		deep[len++] = '/';
	}
	(void)snprintf(deep + len, sizeof(deep) - len, "a.json");
	scratch_write(root, deep, "[\n1]");
	assert_int_equal(config_file_read(&file, root, deep, &err), 1);
	assert_non_null(strstr(config_file_place(&file, json_first(&file.json, 0), place), "dd/a.json:2:1'"));
	assert_int_equal(place[0], '\'');
	scratch_drop(root);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(config_file_is_read_whole_and_knows_places),
	    cmocka_unit_test(config_file_may_be_missing_or_empty),
	    cmocka_unit_test(config_file_that_is_no_json_is_named_with_the_place),
	    cmocka_unit_test(config_file_that_is_a_folder_or_a_pipe_is_no_file),
	    cmocka_unit_test(config_file_over_the_limit_is_refused),
	    cmocka_unit_test(config_file_that_may_not_be_read_says_who_could),
	    cmocka_unit_test(config_file_place_keeps_its_numbers_under_a_long_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
