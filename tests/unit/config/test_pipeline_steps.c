/* What pipeline.json says to run: a command, a call, or steps. */
#include "unit/config/reading.h"

#include "base/limits.h"

static void
pipeline_command_is_one_step_without_a_name(void **state)
{
	static const char *const texts[] = {
	    "{\"command\": [\"python3\", \"train.py\"]}",
	    "{\"command\": \" python3\\ttrain.py \"}",
	    "{\"command\": \"[\\\"python3\\\", \\\"train.py\\\"]\"}",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CLEAN_READING read = {0};

		reading_good(&read, texts[i]);
		assert_int_equal(read.pipeline.step_count, 1);
		assert_null(read.pipeline.steps[0].name);
		assert_string_equal(read.pipeline.steps[0].command[0], "python3");
		assert_string_equal(read.pipeline.steps[0].command[1], "train.py");
		assert_null(read.pipeline.steps[0].command[2]);
		assert_int_equal(read.pipeline.steps[0].arguments, ARGUMENTS_NONE);
		/* It is the setting `command`, too, so that plan and record show it with its source. */
		assert_int_equal(settings_source(&read.settings, SETTING_COMMAND), SOURCE_PIPELINE);
		assert_string_equal(settings_words(&read.settings, SETTING_COMMAND)[1], "train.py");
	}
}

static void
pipeline_command_keeps_words_that_only_a_list_can_say(void **state)
{
	CLEAN_READING read = {0};

	(void)state;
	reading_good(&read, "{\"command\": [\"sh\", \"-c\", \"a  b; c\", \"\", \"caf\\u00e9\"]}");
	assert_string_equal(read.pipeline.steps[0].command[2], "a  b; c");
	assert_string_equal(read.pipeline.steps[0].command[3], "");
	assert_string_equal(read.pipeline.steps[0].command[4], "caf\xc3\xa9");
}

static void
pipeline_command_that_is_none_is_one_mistake(void **state)
{
	static const char *const values[] = {"[]", "\"\"", "\"  \"", "7", "null", "true", "{}", "[1]", "[\"\"]",
	    "[\"\", \"x\"]", "[\"a\\u0000\"]", "\"[\""};
	char text[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		(void)snprintf(text, sizeof(text), "{\"command\": %s}", values[i]);
		reading_bad(text, "1:13", "a command is a list of words, or one string that is split at blanks");
		(void)snprintf(text, sizeof(text), "{\"steps\": [{\"name\": \"a\", \"command\": %s}]}", values[i]);
		reading_bad(text, "1:37", "a command is a list of words, or one string that is split at blanks");
	}
}

static void
pipeline_call_is_module_and_function(void **state)
{
	static const char *const good[] = {"a:b", "churn.pipeline:train", "_a1.b_2:C.d", "caf\xc3\xa9:x"};
	static const char *const bad[] = {"", "a", ":", "a:", ":b", "a:b:c", "a b:c", "a:b()", "a-b:c", "1a:b", "a.:b",
	    ".a:b", "a..b:c", "a:b.", "a:.b", "a/b:c", "a:b;x"};
	char text[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		CLEAN_READING read = {0};

		(void)snprintf(text, sizeof(text), "{\"call\": \"%s\"}", good[i]);
		reading_good(&read, text);
		assert_int_equal(read.pipeline.step_count, 1);
		assert_string_equal(read.pipeline.steps[0].call, good[i]);
		assert_null(read.pipeline.steps[0].command);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		(void)snprintf(text, sizeof(text), "{\"call\": \"%s\"}", bad[i]);
		reading_bad(text, "1:10", "a call is 'module:function'");
	}
	reading_bad("{\"call\": [\"a:b\"]}", "1:10", "a call is 'module:function'");
}

static void
pipeline_steps_keep_their_order_and_form(void **state)
{
	CLEAN_READING read = {0};
	const struct pipeline *pipeline = &read.pipeline;

	(void)state;
	/* "arguments" of the top level stands behind the steps, and counts for those that have none of their own. */
	reading_good(&read,
	    "{\"steps\": [{\"name\": \"b\", \"command\": \"x\"}, {\"name\": \"a\", \"call\": \"m:f\", \"arguments\": \"none\"}, "
	    "{\"arguments\": \"key=value\", \"command\": [\"y\"], \"name\": \"c\"}], \"arguments\": \"--key=value\"}");
	assert_int_equal(pipeline->step_count, 3);
	assert_string_equal(pipeline->steps[0].name, "b");
	assert_int_equal(pipeline->steps[0].arguments, ARGUMENTS_KEY_IS_VALUE);
	assert_int_equal(pipeline->steps[1].arguments, ARGUMENTS_NONE);
	assert_string_equal(pipeline->steps[1].call, "m:f");
	assert_int_equal(pipeline->steps[2].arguments, ARGUMENTS_PLAIN);
	assert_null(settings_words(&read.settings, SETTING_COMMAND));
}

static void
pipeline_arguments_have_four_forms(void **state)
{
	static const struct {
		const char *text;
		enum argument_form form;
	} forms[] = {
	    {"none", ARGUMENTS_NONE},
	    {"--key value", ARGUMENTS_KEY_VALUE},
	    {"--key=value", ARGUMENTS_KEY_IS_VALUE},
	    {"key=value", ARGUMENTS_PLAIN},
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		CLEAN_READING read = {0};

		(void)snprintf(text, sizeof(text), "{\"call\": \"a:b\", \"arguments\": \"%s\"}", forms[i].text);
		reading_good(&read, text);
		assert_int_equal(read.pipeline.steps[0].arguments, forms[i].form);
	}
	reading_bad(
	    "{\"arguments\": \"--k v\"}", "1:15", "'arguments' is 'none', '--key value', '--key=value' or 'key=value'");
	reading_bad("{\"arguments\": true}", "1:15", "'arguments' is 'none'");
	reading_bad(
	    "{\"steps\": [{\"name\": \"a\", \"call\": \"a:b\", \"arguments\": 1}]}", "1:54", "'arguments' is 'none'");
}

static void
pipeline_says_one_way_to_run(void **state)
{
	static const char sentence[] = "only one of 'command', 'call' and 'steps' may say what to run";

	(void)state;
	reading_bad("{\"command\": \"x\", \"call\": \"a:b\"}", "1:26", sentence);
	reading_bad("{\"steps\": [{\"name\": \"a\", \"command\": \"x\"}], \"command\": \"x\"}", "1:11", sentence);
	reading_bad("{\"call\": \"a:b\", \"steps\": []}", "1:26", sentence);
}

static void
pipeline_steps_have_unique_names(void **state)
{
	(void)state;
	reading_bad("{\"steps\": [{\"name\": \"a\", \"command\": \"x\"}, {\"name\": \"a\", \"command\": \"y\"}]}",
	    "1:52", "another step has this name");
	reading_bad("{\"steps\": [{\"command\": \"x\"}]}", "1:12", "a step has a 'name' of 1 to 128");
	reading_bad(
	    "{\"steps\": [{\"name\": \"a b\", \"command\": \"x\"}]}", "1:21", "a step has a 'name' of 1 to 128");
	reading_bad("{\"steps\": [{\"name\": 5, \"command\": \"x\"}]}", "1:21", "a step has a 'name' of 1 to 128");
}

static void
pipeline_steps_have_a_command_or_a_call(void **state)
{
	(void)state;
	reading_bad("{\"steps\": [{\"name\": \"a\"}]}", "1:12", "a step has either a 'command' or a 'call'");
	reading_bad("{\"steps\": [{\"name\": \"a\", \"command\": \"x\", \"call\": \"a:b\"}]}", "1:12",
	    "a step has either a 'command' or a 'call'");
	reading_bad("{\"steps\": [\"x\"]}", "1:12", "a step is an object");
}

static void
pipeline_steps_are_bounded(void **state)
{
	(void)state;
	for (int count = STEPS_MAX; count <= STEPS_MAX + 1; count++) {
		CLEAN_BUF text;
		CLEAN_READING read = {0};

		buf_init(&text, 65536);
		buf_adds(&text, "{\"steps\": [");
		for (int i = 0; i < count; i++) {
			buf_printf(&text, "%s{\"name\": \"s%d\", \"command\": \"x\"}", i == 0 ? "" : ", ", i);
		}
		buf_adds(&text, "]}");
		reading_parse(&read, buf_text(&text));
		assert_int_equal(read.settings.mistakes.count, count > STEPS_MAX);
		assert_int_equal(read.pipeline.step_count, count > STEPS_MAX ? 0 : STEPS_MAX);
	}
	reading_bad("{\"steps\": []}", "1:11", "'steps' is a list of 1 to 64 steps");
	reading_bad("{\"steps\": {}}", "1:11", "'steps' is a list of 1 to 64 steps");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pipeline_command_is_one_step_without_a_name),
	    cmocka_unit_test(pipeline_command_keeps_words_that_only_a_list_can_say),
	    cmocka_unit_test(pipeline_command_that_is_none_is_one_mistake),
	    cmocka_unit_test(pipeline_call_is_module_and_function),
	    cmocka_unit_test(pipeline_steps_keep_their_order_and_form),
	    cmocka_unit_test(pipeline_arguments_have_four_forms),
	    cmocka_unit_test(pipeline_says_one_way_to_run),
	    cmocka_unit_test(pipeline_steps_have_unique_names),
	    cmocka_unit_test(pipeline_steps_have_a_command_or_a_call),
	    cmocka_unit_test(pipeline_steps_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
