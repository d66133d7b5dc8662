/* pipeline.json as a whole: product §7. */
#include "unit/config/reading.h"

#include "config/pipeline_read.h"

#define REAL_EXAMPLE "examples/wine/pipeline.json"

/* The example of product §7, with a real role. */
static const char EXAMPLE[] =
    "{\n"
    "  \"name\": \"churn\",\n"
    "  \"steps\": [{\"name\": \"featurize\", \"command\": [\"./featurize\"]}, {\"name\": \"train\", \"call\": "
    "\"churn.pipeline:train\", \"arguments\": \"--key value\"}],\n"
    "  \"data\": {\"labels\": \"labels-v2\"},\n"
    "  \"links\": {\"model\": \"artifacts\"},\n"
    "  \"env\": {\"OMP_NUM_THREADS\": \"4\"},\n"
    "  \"hyperparameters\": {\"epochs\": 3},\n"
    "  \"metrics\": {\"validation:rmse\": {\"unit\": \"None\"}},\n"
    "  \"objective\": \"validation:rmse\",\n"
    "  \"stop_grace\": 90,\n"
    "  \"job\": {\"instance_type\": \"ml.m5.xlarge\", \"instance_count\": 1, \"volume_gb\": 30, \"max_runtime\": 86400, "
    "\"spot\": false,\n"
    "          \"channels\": {\"training\": \"s3://bucket/churn/\"}, \"output\": \"s3://bucket/models/\", \"role\": "
    "\"arn:aws:iam::123456789012:role/r\", \"request\": {}}\n"
    "}\n";

static void
pipeline_reads_the_published_example(void **state)
{
	CLEAN_READING read = {0};
	const struct pipeline *pipeline = &read.pipeline;
	int found = 0;

	(void)state;
	reading_good(&read, EXAMPLE);
	assert_true(pipeline->present);
	assert_string_equal(pipeline->name, "churn");
	assert_int_equal(pipeline->step_count, 2);
	assert_string_equal(pipeline->steps[0].name, "featurize");
	assert_string_equal(pipeline->steps[0].command[0], "./featurize");
	assert_null(pipeline->steps[0].command[1]);
	assert_null(pipeline->steps[0].call);
	assert_int_equal(pipeline->steps[0].arguments, ARGUMENTS_NONE);
	assert_string_equal(pipeline->steps[1].call, "churn.pipeline:train");
	assert_int_equal(pipeline->steps[1].arguments, ARGUMENTS_KEY_VALUE);
	assert_string_equal(pipeline_pairs_find(&pipeline->data, "labels", NULL), "labels-v2");
	assert_string_equal(pipeline_pairs_find(&pipeline->links, "model", &found), "artifacts");
	assert_int_equal(found, 1);
	assert_string_equal(pipeline_pairs_find(&pipeline->env, "OMP_NUM_THREADS", NULL), "4");
	assert_string_equal(pipeline_pairs_find(&pipeline->metrics, "validation:rmse", NULL), "None");
	assert_string_equal(pipeline->objective, "validation:rmse");
	assert_int_equal(pipeline->defaults.count, 1);
	assert_string_equal(pipeline->defaults.list[0].json, "3");
	assert_true(pipeline->defaults.list[0].is_default);
	assert_true(settings_number(&read.settings, SETTING_STOP_GRACE) == 90);
	assert_int_equal(settings_source(&read.settings, SETTING_STOP_GRACE), SOURCE_PIPELINE);
}

static void
pipeline_reads_the_example_project(void **state)
{
	CLEAN_READING read = {0};
	CLEAN_BUF text;
	struct err err = {0};

	(void)state;
	buf_init(&text, 65536);
	assert_int_equal(fd_read_file(AT_FDCWD, REAL_EXAMPLE, &text, &err), 0);
	reading_good(&read, buf_text(&text));
	assert_int_equal(read.pipeline.step_count, 3);
	assert_true(pipeline_is_metric(read.pipeline.objective));
	assert_non_null(hyperparameters_find(&read.pipeline.defaults, "epochs"));
}

static void
pipeline_may_be_almost_empty(void **state)
{
	CLEAN_READING read = {0};

	(void)state;
	reading_good(&read, "{}");
	assert_true(read.pipeline.present);
	assert_int_equal(read.pipeline.step_count, 0);
	assert_null(read.pipeline.name);
	assert_int_equal(read.pipeline.links.count, 0);
	assert_null(pipeline_pairs_find(&read.pipeline.links, "model", NULL));
}

static void
pipeline_that_is_no_object_fails_with_its_place(void **state)
{
	static const char *const cases[][2] = {
	    {"[]", "'pipeline.json:1:1': a pipeline is an object"},
	    {"\"x\"", "'pipeline.json:1:1': a pipeline is an object"},
	    {"{\"name\": \"x\"\n \"call\"", "pipeline.json:2:2"},
	    {"", "pipeline.json"},
	    {"{\"name\": \"a\", \"name\": \"b\"}", "pipeline.json:1:15"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_READING read = {0};
		struct err err = {0};

		settings_init(&read.settings);
		assert_int_equal(pipeline_parse(&read.pipeline, cases[i][0], strlen(cases[i][0]), "pipeline.json",
		                     &read.settings, &err),
		    -1);
		assert_int_equal(err.kind, ERR_SETTINGS);
		if (strstr(err.text, cases[i][1]) == NULL) {
			fail_msg("'%s' gave '%s'", cases[i][0], err.text);
		}
	}
}

static void
pipeline_tells_every_mistake_at_once(void **state)
{
	CLEAN_READING read = {0};
	struct err err = {0};

	(void)state;
	reading_parse(&read, "{\"name\": \"a b\",\n"
	                     " \"objective\": 7,\n"
	                     " \"arguments\": \"--key  value\",\n"
	                     " \"job\": [],\n"
	                     " \"$schema\": {},\n"
	                     " \"hyperparameters\": {\"train:code\": 1, \"sagemaker_program\": 2},\n"
	                     " \"steps\": [{\"name\": \"x\"}, 7],\n"
	                     " \"stop_signal\": \"SIGKILL\",\n"
	                     " \"metrics\": {\"agent:x\": {}}}");
	assert_int_equal(read.settings.mistakes.count, 11);
	assert_true(notes_hold(&read.settings.mistakes, "'pipeline.json:1:10': 'name' has 1 to 128 letters"));
	assert_true(notes_hold(&read.settings.mistakes, "'pipeline.json:2:15': 'objective' is the name of a metric"));
	assert_true(notes_hold(&read.settings.mistakes, "'pipeline.json:3:15': 'arguments' is 'none', '--key value'"));
	assert_true(notes_hold(&read.settings.mistakes, "'pipeline.json:4:9': 'job' is an object"));
	assert_true(notes_hold(&read.settings.mistakes, "'pipeline.json:5:13': '$schema' is an address"));
	assert_true(notes_hold(&read.settings.mistakes, "'pipeline.json:6:22': names that begin with 'train:'"));
	assert_true(notes_hold(&read.settings.mistakes, "'pipeline.json:6:39': names that begin with 'train:'"));
	assert_true(notes_hold(&read.settings.mistakes, "'pipeline.json:7:12': a step has either"));
	assert_true(notes_hold(&read.settings.mistakes, "'pipeline.json:7:27': a step is an object"));
	assert_true(notes_hold(&read.settings.mistakes, "('pipeline.json:8:17') is 'SIGKILL'"));
	assert_true(notes_hold(&read.settings.mistakes, "'pipeline.json:9:14': the name of a metric"));
	assert_int_equal(settings_freeze(&read.settings, &err), -1);
	assert_non_null(strstr(err.text, "11 settings are wrong: 1) 'pipeline.json:1:10'"));
}

static void
pipeline_warns_of_unknown_keys_and_names_the_nearest(void **state)
{
	CLEAN_READING read = {0};
	struct err err = {0};

	(void)state;
	reading_parse(&read,
	    "{\"comand\": \"x\",\n \"stop-grace\": 1,\n \"colour_of_thing\": 3, \"metrics\": {\"loss\": {\"units\": \"s\"}},\n"
	    " \"steps\": [{\"name\": \"a\", \"command\": [\"b\"], \"argument\": \"none\"}]}");
	assert_int_equal(read.settings.mistakes.count, 0);
	assert_int_equal(read.settings.warnings.count, 5);
	assert_true(notes_hold(&read.settings.warnings,
	    "'pipeline.json:1:2': the key 'comand' is not known and is ignored; did you mean 'command'?"));
	assert_true(notes_hold(&read.settings.warnings, "'pipeline.json:2:2': the key 'stop-grace' is not known and is "
	                                                "ignored; did you mean 'stop_grace'?"));
	assert_true(notes_hold(&read.settings.warnings, "'pipeline.json:3:2': the key 'colour_of_thing'"));
	assert_true(notes_hold(&read.settings.warnings, "'pipeline.json:3:45': the key 'units' is not known and is "
	                                                "ignored; did you mean 'unit'?"));
	assert_true(notes_hold(&read.settings.warnings, "'pipeline.json:4:44': the key 'argument' is not known and is "
	                                                "ignored; did you mean 'arguments'?"));
	assert_int_equal(settings_freeze(&read.settings, &err), 0);
}

static void
pipeline_settings_are_those_of_the_table(void **state)
{
	(void)state;
	for (int i = 0; i < SETTINGS; i++) {
		CLEAN_READING read = {0};
		const struct setting_row *row = setting_row((enum setting)i);
		char spelling[SETTING_NAME_MAX];
		char text[256];

		(void)snprintf(text, sizeof(text), "{\"%s\": \"%s\"}",
		    setting_spelling((enum setting)i, SOURCE_PIPELINE, spelling),
		    row->fallback != NULL ? row->fallback : "word");
		reading_parse(&read, text);
		assert_int_equal(read.settings.warnings.count, 0);
		if ((row->from & FROM_P) != 0) {
			assert_int_equal(read.settings.mistakes.count, 0);
			assert_true(read.settings.offers[i][SOURCE_PIPELINE].given);
		} else {
			assert_int_equal(read.settings.mistakes.count, 1);
			assert_true(
			    notes_hold(&read.settings.mistakes, "may not be set here; set it by command line '--set "));
		}
	}
}

static void
pipeline_settings_take_the_types_of_json(void **state)
{
	CLEAN_READING read = {0};

	(void)state;
	reading_good(&read,
	    "{\"timeout\": 60, \"stop_signal\": 2, \"record\": false, \"failure_tail\": \"off\", \"wrapper\": [\"a b\", \"c\"], "
	    "\"redact\": \"X Y\", \"log\": \"raw\", \"python\": \"python3.11\"}");
	assert_true(settings_ms(&read.settings, SETTING_TIMEOUT) == 60000);
	assert_true(settings_number(&read.settings, SETTING_STOP_SIGNAL) == 2);
	assert_true(settings_number(&read.settings, SETTING_RECORD) == 0);
	assert_true(settings_number(&read.settings, SETTING_FAILURE_TAIL) == 0);
	assert_string_equal(settings_words(&read.settings, SETTING_WRAPPER)[0], "a b");
	assert_string_equal(settings_words(&read.settings, SETTING_REDACT)[1], "Y");
	assert_string_equal(settings_text(&read.settings, SETTING_PYTHON), "python3.11");
}

static void
pipeline_settings_of_the_wrong_type_are_mistakes(void **state)
{
	(void)state;
	reading_bad("{\"timeout\": true}", "1:13", ": it takes a whole number of seconds from 0 to");
	reading_bad("{\"stop_grace\": null}", "1:16", ": it takes a whole number");
	reading_bad("{\"stop_grace\": [1]}", "1:16", ": it takes a whole number");
	reading_bad("{\"record\": 1}", "1:12", ": it takes 'on' or 'off'");
	reading_bad("{\"log\": [\"raw\"]}", "1:9", ": it takes one of 'lines', 'raw'");
	reading_bad("{\"log\": \"\\u0000\"}", "1:9", ": it takes one of 'lines', 'raw'");
	reading_bad("{\"wrapper\": 5}", "1:13", ": it takes words separated by blanks");
	reading_bad("{\"python\": {}}", "1:12", ": it takes 1 to 1024 characters");
	/* Where it may not stand at all, its type is not what is wrong with it. */
	reading_bad("{\"root\": 5}", "1:10", "may not be set here; set it by command line '--set root'");
	reading_bad("{\"code\": null}", "1:10", "may not be set here");
}

static void
pipeline_hyperparameters_keep_their_types(void **state)
{
	CLEAN_READING read = {0};

	(void)state;
	reading_good(&read,
	    "{\"hyperparameters\": {\"n\": 3, \"s\": \"5\", \"t\": true, \"l\": [1, 2], \"o\": {\"b\": 1, \"a\": 2}, \"z\": null}}");
	static const char *const expected[][2] = {
	    {"l", "[1,2]"}, {"n", "3"}, {"o", "{\"a\":2,\"b\":1}"}, {"s", "\"5\""}, {"t", "true"}, {"z", "null"}};
	assert_int_equal(read.pipeline.defaults.count, ARRAY_LEN(expected));
	for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
		assert_string_equal(read.pipeline.defaults.list[i].name, expected[i][0]);
		assert_string_equal(read.pipeline.defaults.list[i].json, expected[i][1]);
	}
	reading_bad("{\"hyperparameters\": []}", "1:21", "hyperparameters are an object of names and values");
}

static void
pipeline_names_are_bounded(void **state)
{
	char name[PIPELINE_NAME_MAX + 2];
	char text[512];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[PIPELINE_NAME_MAX] = '\0';
	assert_true(pipeline_is_name(name) && pipeline_is_metric(name));
	name[PIPELINE_NAME_MAX] = 'n';
	name[PIPELINE_NAME_MAX + 1] = '\0';
	assert_false(pipeline_is_name(name));
	(void)snprintf(text, sizeof(text), "{\"name\": \"%s\"}", name);
	reading_bad(text, "1:10", "'name' has 1 to 128 letters, digits, '.', '_' or '-'");
	assert_false(
	    pipeline_is_name("") || pipeline_is_name(NULL) || pipeline_is_name("a b") || pipeline_is_name("a/b"));
	assert_true(pipeline_is_name("a.b_c-9") && pipeline_is_metric("val:loss/a.b@5%+-_"));
	assert_false(pipeline_is_metric("") || pipeline_is_metric(NULL) || pipeline_is_metric("a b") ||
	             pipeline_is_metric("agent:x") || pipeline_is_metric("a;b"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pipeline_reads_the_published_example),
	    cmocka_unit_test(pipeline_reads_the_example_project),
	    cmocka_unit_test(pipeline_may_be_almost_empty),
	    cmocka_unit_test(pipeline_that_is_no_object_fails_with_its_place),
	    cmocka_unit_test(pipeline_tells_every_mistake_at_once),
	    cmocka_unit_test(pipeline_warns_of_unknown_keys_and_names_the_nearest),
	    cmocka_unit_test(pipeline_settings_are_those_of_the_table),
	    cmocka_unit_test(pipeline_settings_take_the_types_of_json),
	    cmocka_unit_test(pipeline_settings_of_the_wrong_type_are_mistakes),
	    cmocka_unit_test(pipeline_hyperparameters_keep_their_types),
	    cmocka_unit_test(pipeline_names_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
