/* The input channels: inputdataconfig.json and, where it fits, init-config.json. */
#include "unit/config/jobroot.h"

#include "config/channels.h"
#include "config/config_file.h"

/* Writes 'text' as a.json under a scratch root and opens it. The caller drops the root. */
static void
open_text(struct config_file *file, char root[256], const char *text)
{
	struct err err = {0};

	scratch_make(root);
	scratch_write(root, "a.json", text);
	if (config_file_read(file, root, "a.json", &err) != 1) {
		fail_msg("%s", err.text);
	}
}

/* Reads channels from 'text'. */
static void
read_text(struct channels *channels, struct notes *mistakes, const char *text)
{
	CLEAN_CONFIG_FILE file = {0};
	struct err err = {0};
	char root[256];

	open_text(&file, root, text);
	assert_int_equal(channels_read(channels, &file, "/opt/ml", mistakes, &err), 0);
	scratch_drop(root);
}

static void
channels_keep_what_the_file_says(void **state)
{
	CLEAN_NOTES mistakes = {0};
	struct channels channels = {0};

	(void)state;
	read_text(&channels, &mistakes,
	    "{\"train\":{\"ContentType\":\"text/csv\",\"TrainingInputMode\":\"File\",\"Later\":[1]},"
	    "\"b\":{\"TrainingInputMode\":\"FastFile\"},\"p\":{\"TrainingInputMode\":\"Pipe\"},\"nothing\":{}}");
	assert_int_equal(mistakes.count, 0);
	assert_int_equal(channels.count, 4);
	assert_string_equal(channels.list[0].name, "b");
	assert_string_equal(channels.list[0].mode, "FastFile");
	assert_false(channels.list[0].is_pipe);
	assert_null(channels.list[0].content_type);
	assert_string_equal(channels.list[1].name, "nothing");
	assert_string_equal(channels.list[1].mode, "File");
	assert_true(channels.list[2].is_pipe);
	assert_string_equal(channels.list[3].content_type, "text/csv");
	assert_string_equal(channels.list[3].path, "/opt/ml/input/data/train");
	assert_null(channels.list[3].s3_uri);
	assert_string_equal(channels.json,
	    "{\"b\":{\"TrainingInputMode\":\"FastFile\"},\"nothing\":{},\"p\":{\"TrainingInputMode\":\"Pipe\"},"
	    "\"train\":{\"ContentType\":\"text/csv\",\"Later\":[1],\"TrainingInputMode\":\"File\"}}");
	assert_ptr_equal(channels_find(&channels, "p"), &channels.list[2]);
	assert_null(channels_find(&channels, "P"));
	channels_release(&channels);
	assert_int_equal(channels.count, 0);
}

static void
channels_without_a_file_are_none(void **state)
{
	CLEAN_NOTES mistakes = {0};
	struct channels channels = {0};
	struct err err = {0};

	(void)state;
	assert_int_equal(channels_read(&channels, NULL, "/opt/ml", &mistakes, &err), 0);
	assert_int_equal(channels.count, 0);
	assert_string_equal(channels.json, "{}");
	assert_null(channels_find(&channels, "training"));
	channels_release(&channels);
}

static void
channels_take_every_name_the_service_takes(void **state)
{
	static const char name[] = "ABCxyz019.-_ABCxyz019.-_ABCxyz019.-_ABCxyz019.-_ABCxyz019.-_ABCx";
	CLEAN_NOTES mistakes = {0};
	struct channels channels = {0};
	char text[256];

	(void)state;
	assert_int_equal(strlen(name), CHANNEL_NAME_MAX);
	(void)snprintf(text, sizeof(text), "{\"%s\":{}, \".hidden\":{}, \"...\":{}}", name);
	read_text(&channels, &mistakes, text);
	assert_int_equal(mistakes.count, 0);
	assert_int_equal(channels.count, 3);
	assert_non_null(channels_find(&channels, name));
	channels_release(&channels);
}

static void
channels_refuse_names_that_leave_their_folder(void **state)
{
	/* The last one is a byte longer than the service allows. */
	static const char *const refused[] = {"", ".", "..", "a/b", "/a", "..\\u002f", "a\\nb", "a\\u0000b",
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		CLEAN_NOTES mistakes = {0};
		struct channels channels = {0};
		char text[256];

		(void)snprintf(text, sizeof(text), "{\"good\": {},\n \"%s\": {}}", refused[i]);
		read_text(&channels, &mistakes, text);
		assert_int_equal(mistakes.count, 1);
		assert_true(notes_hold(&mistakes, "/a.json:2:2': a channel is an object under a name of 1 to 64"));
		assert_int_equal(channels.count, 1);
		channels_release(&channels);
	}
}

static void
channels_tell_every_mistake_of_form(void **state)
{
	CLEAN_NOTES mistakes = {0};
	struct channels channels = {0};

	(void)state;
	read_text(&channels, &mistakes, "{\"a\": [], \"b\": null, \"c\": \"File\", \"d\": {}}");
	assert_int_equal(mistakes.count, 3);
	assert_int_equal(channels.count, 1);
	channels_release(&channels);
	read_text(&channels, &mistakes, "[]");
	assert_true(notes_hold(&mistakes, "/a.json:1:1': an object of at most 64 channels is expected"));
	channels_release(&channels);
}

static void
channels_are_bounded(void **state)
{
	CLEAN_BUF text;
	CLEAN_NOTES mistakes = {0};

	(void)state;
	for (int count = 64; count <= 65; count++) {
		struct channels channels = {0};

		buf_init(&text, 8192);
		for (int i = 0; i < count; i++) {
			buf_printf(&text, "%s\"c%d\":{}", i == 0 ? "{" : ",", i);
		}
		buf_addc(&text, '}');
		read_text(&channels, &mistakes, buf_text(&text));
		assert_int_equal(channels.count, count == 64 ? 64 : 0);
		assert_int_equal(mistakes.count, count == 64 ? 0 : 1);
		channels_release(&channels);
		buf_release(&text);
	}
}

static void
channels_learn_their_addresses_where_the_platform_tells(void **state)
{
	/* init-config.json is not documented: whatever does not fit is passed over, nothing is a mistake. */
	static const char *const odd[] = {"{}", "[]", "7", "{\"channels\": null}", "{\"channels\": []}",
	    "{\"channels\": {\"a\": 1}}", "{\"channels\": {\"a\": {\"s3DataSource\": null}}}",
	    "{\"channels\": {\"a\": {\"s3DataSource\": {\"s3Uri\": 5}}}}"};
	CLEAN_NOTES mistakes = {0};
	struct channels channels = {0};
	struct err err = {0};
	char root[256];

	(void)state;
	read_text(&channels, &mistakes, "{\"a\": {}, \"b\": {}}");
	for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
		CLEAN_CONFIG_FILE init = {0};

		open_text(&init, root, odd[i]);
		assert_int_equal(channels_locate(&channels, &init, &err), 0);
		assert_null(channels.list[0].s3_uri);
		scratch_drop(root);
	}
	CLEAN_CONFIG_FILE init = {0};
	open_text(&init, root,
	    "{\"channels\": {\"b\": {\"s3DataSource\": {\"s3Uri\": \"s3://x/b/\"}}, \"other\": {\"s3DataSource\": "
	    "{\"s3Uri\": \"s3://x/o\"}}}}");
	assert_int_equal(channels_locate(&channels, &init, &err), 0);
	assert_null(channels.list[0].s3_uri);
	assert_string_equal(channels.list[1].s3_uri, "s3://x/b/");
	channels_release(&channels);
	scratch_drop(root);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(channels_keep_what_the_file_says),
	    cmocka_unit_test(channels_without_a_file_are_none),
	    cmocka_unit_test(channels_take_every_name_the_service_takes),
	    cmocka_unit_test(channels_refuse_names_that_leave_their_folder),
	    cmocka_unit_test(channels_tell_every_mistake_of_form),
	    cmocka_unit_test(channels_are_bounded),
	    cmocka_unit_test(channels_learn_their_addresses_where_the_platform_tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
