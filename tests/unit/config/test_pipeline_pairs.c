/* The objects of pipeline.json that map names to texts: data, links, env, metrics. */
#include "unit/config/reading.h"

enum { TEXT_MAX = 131072 };

static void
pipeline_pairs_keep_the_files_order(void **state)
{
	CLEAN_READING read = {0};
	const struct pipeline_pairs *data = &read.pipeline.data;

	(void)state;
	reading_good(&read, "{\"data\": {\"z\": \"one\", \"a\": \"two\", \"my folder\": \"three\"}}");
	assert_int_equal(data->count, 3);
	assert_string_equal(data->list[0].name, "z");
	assert_string_equal(data->list[1].value, "two");
	assert_string_equal(pipeline_pairs_find(data, "my folder", NULL), "three");
}

static void
pipeline_pairs_tell_null_from_missing(void **state)
{
	CLEAN_READING read = {0};
	int found = 7;

	(void)state;
	reading_good(&read, "{\"links\": {\"output\": false, \"model\": \"artifacts\"}}");
	assert_null(pipeline_pairs_find(&read.pipeline.links, "output", &found));
	assert_int_equal(found, 1);
	assert_null(pipeline_pairs_find(&read.pipeline.links, "checkpoints", &found));
	assert_int_equal(found, 0);
	assert_null(pipeline_pairs_find(&read.pipeline.links, "Model", NULL));
}

static void
pipeline_data_maps_folders_to_channels(void **state)
{
	static const char *const names[] = {"", ".", "..", "a/b", "/", "a\\u0000", "a\\n"};
	char text[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(text, sizeof(text), "{\"data\": {\"%s\": \"c\"}}", names[i]);
		reading_bad(text, "1:11", "'data' maps the names of folders to channels");
		(void)snprintf(text, sizeof(text), "{\"data\": {\"f\": \"%s\"}}", names[i]);
		reading_bad(text, "1:16", "the name of a channel is expected here");
	}
	reading_bad("{\"data\": {\"f\": 1}}", "1:16", "the name of a channel is expected here");
	reading_bad("{\"data\": {\"f\": false}}", "1:16", "the name of a channel is expected here");
	reading_bad("{\"data\": [\"f\"]}", "1:10", "an object is expected here");
}

static void
pipeline_links_are_three_and_renamed_or_left_out(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		static const char *const names[] = {"model", "output", "checkpoints"};
		CLEAN_READING read = {0};
		char text[128];

		(void)snprintf(text, sizeof(text), "{\"links\": {\"%s\": \"other\"}}", names[i]);
		reading_good(&read, text);
		assert_string_equal(pipeline_pairs_find(&read.pipeline.links, names[i], NULL), "other");
	}
	reading_bad("{\"links\": {\"data\": \"x\"}}", "1:12", "'links' names 'model', 'output' or 'checkpoints'");
	reading_bad("{\"links\": {\"model\": true}}", "1:21", "the name of a folder, or false, is expected here");
	reading_bad("{\"links\": {\"model\": null}}", "1:21", "the name of a folder, or false, is expected here");
	reading_bad("{\"links\": {\"model\": \"a/b\"}}", "1:21", "the name of a folder, or false, is expected here");
	reading_bad("{\"links\": {\"model\": \"..\"}}", "1:21", "the name of a folder, or false, is expected here");
	reading_bad("{\"links\": false}", "1:11", "an object is expected here");
}

static void
pipeline_links_do_not_take_each_others_place(void **state)
{
	CLEAN_READING swapped = {0};
	CLEAN_READING freed = {0};

	(void)state;
	reading_good(&swapped, "{\"links\": {\"model\": \"output\", \"output\": \"model\"}}");
	reading_good(&freed, "{\"links\": {\"model\": \"output\", \"output\": false}}");
	reading_bad(
	    "{\"links\": {\"model\": \"x\", \"output\": \"x\"}}", "1:11", "'model' and 'output' cannot both be 'x'");
	reading_bad("{\"links\": {\"model\": \"output\"}}", "1:11", "'model' and 'output' cannot both be 'output'");
	reading_bad(
	    "{\"links\": {\"checkpoints\": \"model\"}}", "1:11", "'model' and 'checkpoints' cannot both be 'model'");
	reading_bad("{\"links\": {\"model\": \"data\"}}", "1:11", "'model' cannot be 'data', which holds the channels");
}

static void
pipeline_env_takes_names_and_texts(void **state)
{
	CLEAN_READING read = {0};

	(void)state;
	reading_good(&read, "{\"env\": {\"OMP_NUM_THREADS\": 4, \"_x9\": \"\", \"LR\": 1e-3, \"A\": \"b=c d\"}}");
	assert_string_equal(pipeline_pairs_find(&read.pipeline.env, "OMP_NUM_THREADS", NULL), "4");
	assert_string_equal(pipeline_pairs_find(&read.pipeline.env, "_x9", NULL), "");
	assert_string_equal(pipeline_pairs_find(&read.pipeline.env, "LR", NULL), "1e-3");
	assert_string_equal(pipeline_pairs_find(&read.pipeline.env, "A", NULL), "b=c d");
	reading_bad("{\"env\": {\"\": \"x\"}}", "1:10", "the name of a variable has letters, digits and '_'");
	reading_bad("{\"env\": {\"9A\": \"x\"}}", "1:10", "the name of a variable");
	reading_bad("{\"env\": {\"A=B\": \"x\"}}", "1:10", "the name of a variable");
	reading_bad("{\"env\": {\"A-B\": \"x\"}}", "1:10", "the name of a variable");
	reading_bad("{\"env\": {\"A\": true}}", "1:15", "a string or a number is expected here");
	reading_bad("{\"env\": {\"A\": null}}", "1:15", "a string or a number is expected here");
	reading_bad("{\"env\": {\"A\": \"\\u0000\"}}", "1:15", "a string or a number is expected here");
}

static void
pipeline_env_values_are_bounded(void **state)
{
	CLEAN_BUF text;

	(void)state;
	for (int over = 0; over <= 1; over++) {
		buf_init(&text, TEXT_MAX);
		buf_adds(&text, "{\"env\": {\"A\": \"");
		for (int i = 0; i < PIPELINE_ENV_VALUE_MAX + over; i++) {
			buf_addc(&text, 'v');
		}
		buf_adds(&text, "\"}}");
		if (over) {
			reading_bad(buf_text(&text), "1:15", "of at most 32768 bytes");
		} else {
			CLEAN_READING read = {0};

			reading_good(&read, buf_text(&text));
		}
		buf_release(&text);
	}
}

static void
pipeline_pairs_are_bounded(void **state)
{
	static const struct {
		const char *key, *value;
		int most;
	} cases[] = {
	    {"data", "\"c\"", 64}, {"env", "\"v\"", PIPELINE_ENV_MAX}, {"metrics", "{}", PIPELINE_METRICS_MAX}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		for (int over = 0; over <= 1; over++) {
			CLEAN_BUF text;
			CLEAN_READING read = {0};
			char most[64];

			buf_init(&text, TEXT_MAX);
			buf_printf(&text, "{\"%s\": {", cases[i].key);
			for (int j = 0; j < cases[i].most + over; j++) {
				buf_printf(&text, "%s\"n%d\": %s", j == 0 ? "" : ",", j, cases[i].value);
			}
			buf_adds(&text, "}}");
			reading_parse(&read, buf_text(&text));
			assert_int_equal(read.settings.mistakes.count, over);
			(void)snprintf(
			    most, sizeof(most), "an object is expected here, of at most %d names", cases[i].most);
			assert_true(!over || notes_hold(&read.settings.mistakes, most));
		}
	}
}

static void
pipeline_metrics_have_names_and_maybe_a_unit(void **state)
{
	static const char *const units[] = {"", "percent", "Percent/Second", "Bytes/second", "Bytes/", "Hours"};
	CLEAN_READING read = {0}, more = {0};
	int found = 0;

	(void)state;
	reading_good(&read, "{\"metrics\": {\"validation:rmse\": {\"unit\": \"Percent\"}, \"a/b.c@%+-_\": {}}}");
	assert_string_equal(pipeline_pairs_find(&read.pipeline.metrics, "validation:rmse", NULL), "Percent");
	assert_null(pipeline_pairs_find(&read.pipeline.metrics, "a/b.c@%+-_", &found));
	assert_int_equal(found, 1);
	reading_bad("{\"metrics\": {\"a b\": {}}}", "1:14", "the name of a metric has 1 to 200 of");
	reading_bad("{\"metrics\": {\"agent:fetch_seconds\": {}}}", "1:14", "does not begin with 'agent:'");
	reading_good(&more, "{\"metrics\": {\"a\": {\"unit\": \"Terabits/Second\"}, \"b\": {\"unit\": \"None\"}}}");
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		char text[96];

		(void)snprintf(text, sizeof(text), "{\"metrics\": {\"a\": {\"unit\": \"%s\"}}}", units[i]);
		reading_bad(text, "1:19", "a CloudWatch 'unit'");
	}
	reading_bad("{\"metrics\": {\"a\": 1}}", "1:19", "an object, maybe with a CloudWatch 'unit'");
	reading_bad("{\"metrics\": {\"a\": {\"unit\": 1}}}", "1:19", "an object, maybe with a CloudWatch 'unit'");
	reading_bad("{\"metrics\": [\"a\"]}", "1:13", "an object is expected here");
}

static void
pipeline_metrics_are_not_named_like_labels(void **state)
{
	(void)state;
	/* step, epoch and time are labels of a record (product §11): a metric of that name would never be published. */
	reading_bad("{\"metrics\": {\"step\": {}}}", "1:14", "the name of a metric");
	reading_bad("{\"metrics\": {\"epoch\": {}}}", "1:14", "the name of a metric");
	reading_bad("{\"objective\": \"time\"}", "1:15", "'objective' is the name of a metric");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pipeline_pairs_keep_the_files_order),
	    cmocka_unit_test(pipeline_pairs_tell_null_from_missing),
	    cmocka_unit_test(pipeline_data_maps_folders_to_channels),
	    cmocka_unit_test(pipeline_links_are_three_and_renamed_or_left_out),
	    cmocka_unit_test(pipeline_links_do_not_take_each_others_place),
	    cmocka_unit_test(pipeline_env_takes_names_and_texts),
	    cmocka_unit_test(pipeline_env_values_are_bounded),
	    cmocka_unit_test(pipeline_pairs_are_bounded),
	    cmocka_unit_test(pipeline_metrics_have_names_and_maybe_a_unit),
	    cmocka_unit_test(pipeline_metrics_are_not_named_like_labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
