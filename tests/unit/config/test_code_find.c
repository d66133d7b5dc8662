/* Where the code is when no setting says so: product §3, the default of `code`. */
#include "unit/config/jobroot.h"

#include "config/code_find.h"

static char *const NO_VARIABLES[] = {NULL};

static enum code_found
look(const char *root, int has_command, struct code_find *find, struct notes *warnings)
{
	CLEAN_OPT_ML job = {0};
	struct err err = {0};

	scratch_read(&job, root, NO_VARIABLES);
	if (code_find_default(find, &job, has_command, warnings, &err) < 0) {
		fail_msg("%s", err.text);
	}
	return find->how;
}

static void
code_find_looks_in_order(void **state)
{
	CLEAN_NOTES warnings = {0};
	char root[256];

	(void)state;
	scratch_make(root);
	for (int turn = 0; turn < 6; turn++) {
		static const enum code_found expected[] = {CODE_FOUND_NONE, CODE_FOUND_HERE, CODE_FOUND_HERE,
		    CODE_FOUND_FOLDER, CODE_FOUND_SUBMIT, CODE_FOUND_CHANNEL};
		static const char *const labels[] = {
		    NULL, "the working directory", "the working directory", "/code", "s3://b/k", "channel:code"};
		CLEAN_CODE_FIND find = {0};

		if (turn == 2) { /* an empty folder and an empty channel are no find */
			scratch_write(root, "code/x", "");
			scratch_write(root, "input/data/code/x", "");
			scratch_write(
			    root, "input/config/inputdataconfig.json", "{\"code\": {\"TrainingInputMode\": \"File\"}}");
			char path[512];
			(void)snprintf(path, sizeof(path), "%s/code/x", root);
			assert_int_equal(unlink(path), 0);
			(void)snprintf(path, sizeof(path), "%s/input/data/code/x", root);
			assert_int_equal(unlink(path), 0);
		} else if (turn == 3) {
			scratch_write(root, "code/.hidden", "");
		} else if (turn == 4) {
			scratch_write(root, "input/config/hyperparameters.json",
			    "{\"sagemaker_submit_directory\": \"\\\"s3://b/k\\\"\"}");
		} else if (turn == 5) {
			scratch_write(root, "input/data/code/.hidden", "");
		}
		assert_int_equal(look(root, turn > 0, &find, &warnings), expected[turn]);
		const char *label = code_find_label(&find);
		assert_true((label == NULL) == (labels[turn] == NULL));
		assert_true(label == NULL || strstr(label, labels[turn]) != NULL);
	}
	assert_int_equal(warnings.count, 0);
	scratch_drop(root);
}

static void
code_find_passes_over_a_folder_of_another_machine(void **state)
{
	CLEAN_CODE_FIND find = {0};
	CLEAN_NOTES warnings = {0};
	char root[256];

	(void)state;
	scratch_make(root);
	scratch_copy(root, "input/config/hyperparameters.json",
	    FIXTURES "/local-mode-sdk/opt-ml/input/config/hyperparameters.json");
	scratch_write(root, "code/train.py", "");
	assert_int_equal(look(root, 0, &find, &warnings), CODE_FOUND_FOLDER);
	assert_true(notes_hold(
	    &warnings, "sagemaker_submit_directory names 'file:///home/user/project/src', where nothing is"));
	scratch_drop(root);
}

static void
code_find_refuses_a_piped_channel(void **state)
{
	CLEAN_OPT_ML job = {0};
	CLEAN_CODE_FIND find = {0};
	CLEAN_NOTES warnings = {0};
	struct err err = {0};
	char root[256];

	(void)state;
	scratch_make(root);
	scratch_write(root, "input/config/inputdataconfig.json", "{\"code\": {\"TrainingInputMode\": \"Pipe\"}}");
	scratch_read(&job, root, NO_VARIABLES);
	assert_int_equal(code_find_default(&find, &job, 0, &warnings, &err), -1);
	assert_int_equal(err.kind, ERR_SETTINGS);
	assert_non_null(strstr(err.text, "Pipe mode"));
	scratch_drop(root);
}

/* A job with one hyperparameter sagemaker_submit_directory. */
static enum code_found
look_at_submit(const char *root, const char *value, struct code_find *find, struct notes *warnings)
{
	char text[1024];

	(void)snprintf(text, sizeof(text), "{\"sagemaker_submit_directory\": \"%s\"}", value);
	scratch_write(root, "input/config/hyperparameters.json", text);
	return look(root, 0, find, warnings);
}

static void
code_find_takes_what_the_submit_directory_names(void **state)
{
	CLEAN_NOTES warnings = {0};
	char root[256];
	char value[512];

	(void)state;
	scratch_make(root);
	scratch_write(root, "elsewhere/train.py", "");
	for (int i = 0; i < 4; i++) {
		static const char *const forms[] = {
		    "s3://b/sourcedir.tar.gz", "\\\"s3://b/x\\\"", "%s/elsewhere", "file://%s/elsewhere"};
		static const char *const ends[] = {"s3://b/sourcedir.tar.gz", "s3://b/x", "/elsewhere", "/elsewhere"};
		CLEAN_CODE_FIND find = {0};
		const char *hole = strstr(forms[i], "%s");

		if (hole != NULL) {
			(void)snprintf(
			    value, sizeof(value), "%.*s%s%s", (int)(hole - forms[i]), forms[i], root, hole + 2);
		} else {
			(void)snprintf(value, sizeof(value), "%s", forms[i]);
		}
		assert_int_equal(look_at_submit(root, value, &find, &warnings), CODE_FOUND_SUBMIT);
		assert_string_equal(find.address + strlen(find.address) - strlen(ends[i]), ends[i]);
	}
	assert_int_equal(warnings.count, 0);
	scratch_drop(root);
}

static void
code_find_takes_an_empty_submit_directory_as_none(void **state)
{
	CLEAN_NOTES warnings = {0};
	CLEAN_CODE_FIND find = {0};
	char root[256];

	(void)state;
	scratch_make(root);
	assert_int_equal(look_at_submit(root, "\\\"\\\"", &find, &warnings), CODE_FOUND_NONE);
	assert_int_equal(warnings.count, 0);
	scratch_drop(root);
}

static void
code_find_channel_without_a_folder_is_no_find(void **state)
{
	CLEAN_NOTES warnings = {0};
	CLEAN_CODE_FIND find = {0};
	char root[256];

	(void)state;
	/* Another channel is never code, whatever is in it. */
	scratch_make(root);
	scratch_write(root, "input/config/inputdataconfig.json", "{\"code\": {}, \"training\": {}}");
	scratch_write(root, "input/data/training/train.py", "");
	scratch_write(root, "input/data/code-manifest", "s3://b/");
	assert_int_equal(look(root, 0, &find, &warnings), CODE_FOUND_NONE);
	assert_null(code_find_label(&find));
	scratch_drop(root);
}

static void
code_find_folder_code_without_a_channel_is_no_find(void **state)
{
	CLEAN_NOTES warnings = {0};
	CLEAN_CODE_FIND find = {0};
	char root[256];

	(void)state;
	/* Channels come from inputdataconfig.json, never from what lies there. */
	scratch_make(root);
	scratch_write(root, "input/data/code/train.py", "");
	assert_int_equal(look(root, 1, &find, &warnings), CODE_FOUND_HERE);
	assert_null(find.address);
	assert_string_equal(code_find_label(&find), "the working directory");
	scratch_drop(root);
}

static void
code_find_has_a_name_for_each_way(void **state)
{
	static const enum code_found ways[] = {CODE_FOUND_NONE, CODE_FOUND_NAMED, CODE_FOUND_CHANNEL, CODE_FOUND_SUBMIT,
	    CODE_FOUND_FOLDER, CODE_FOUND_HERE};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		for (size_t j = i + 1; j < ARRAY_LEN(ways); j++) {
			assert_string_not_equal(code_find_name(ways[i]), code_find_name(ways[j]));
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(code_find_looks_in_order),
	    cmocka_unit_test(code_find_passes_over_a_folder_of_another_machine),
	    cmocka_unit_test(code_find_refuses_a_piped_channel),
	    cmocka_unit_test(code_find_takes_what_the_submit_directory_names),
	    cmocka_unit_test(code_find_takes_an_empty_submit_directory_as_none),
	    cmocka_unit_test(code_find_channel_without_a_folder_is_no_find),
	    cmocka_unit_test(code_find_folder_code_without_a_channel_is_no_find),
	    cmocka_unit_test(code_find_has_a_name_for_each_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
