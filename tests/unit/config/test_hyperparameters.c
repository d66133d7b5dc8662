#include "unit/config/jobroot.h"

#include "config/hyperparameters.h"

/* Reads 'text' as the job's file, or with 'is_default' as pipeline.json's object. */
static void
add(struct hyperparameters *hps, const char *text, int is_default, struct notes *mistakes)
{
	struct err err = {0};
	CLEAN_JSON json = {0};

	assert_int_equal(json_parse(&json, text, strlen(text), "h.json", &err), 0);
	assert_int_equal(hyperparameters_add(hps, &json, 0, "h.json", is_default, mistakes, &err), 0);
}

static void
hyperparameters_read_as_the_toolkit_reads_them(void **state)
{
	/* The arguments and variables are what Python's str and json.dumps give. */
	static const struct {
		const char *raw, *json, *argument, *variable;
	} cases[] = {
	    {"5", "5", "5", "5"},
	    {"-0", "0", "0", "0"},
	    {"1.0", "1.0", "1.0", "1.0"},
	    {"1e3", "1000.0", "1000.0", "1000.0"},
	    {"1e-05", "1e-05", "1e-05", "1e-05"},
	    {"0.0001", "0.0001", "0.0001", "0.0001"},
	    {"0.001", "0.001", "0.001", "0.001"},
	    {"0.25", "0.25", "0.25", "0.25"},
	    {"1.5e10", "15000000000.0", "15000000000.0", "15000000000.0"},
	    {"1e16", "1e+16", "1e+16", "1e+16"},
	    {"-1.25e-7", "-1.25e-07", "-1.25e-07", "-1.25e-07"},
	    {"123456789012345678901234567890", "123456789012345678901234567890", "123456789012345678901234567890",
	        "123456789012345678901234567890"},
	    {"0.1", "0.1", "0.1", "0.1"},
	    {"1e999", "1e999", "1e999", "1e999"},
	    {"true", "true", "True", "true"},
	    {"null", "null", "", ""},
	    {"hello", "\"hello\"", "hello", "hello"},
	    {"\"hello\"", "\"hello\"", "hello", "hello"},
	    {"\"5\"", "\"5\"", "5", "5"},
	    {"", "\"\"", "", ""},
	    {"a\\u0000b", "\"a\\\\u0000b\"", "a\\u0000b", "a\\u0000b"},
	    {"[1, \"a\", true, null]", "[1,\"a\",true,null]", "[1, 'a', True, None]", "[1,\"a\",true,null]"},
	    {"[\"it's\", \"a\\\"b'c\", \"\\n\"]", "[\"it's\",\"a\\\"b'c\",\"\\n\"]", "[\"it's\", 'a\"b\\'c', '\\n']",
	        "[\"it's\",\"a\\\"b'c\",\"\\n\"]"},
	    {"{\"b\": [1], \"a\": {\"x\": false}}", "{\"a\":{\"x\":false},\"b\":[1]}", "a={'x': False},b=[1]",
	        "{\"a\":{\"x\":false},\"b\":[1]}"},
	    {"caf\xc3\xa9 \xf0\x9f\x98\x80", "\"caf\\u00e9 \\ud83d\\ude00\"", "caf\xc3\xa9 \xf0\x9f\x98\x80",
	        "caf\xc3\xa9 \xf0\x9f\x98\x80"},
	    {"{} {}", "\"{} {}\"", "{} {}", "{} {}"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_HYPERPARAMETERS hps = {0};
		struct err err = {0};

		assert_int_equal(hyperparameters_set(&hps, "h", cases[i].raw, &err), 0);
		assert_string_equal(hps.list[0].raw, cases[i].raw);
		assert_string_equal(hps.list[0].json, cases[i].json);
		assert_string_equal(hps.list[0].argument, cases[i].argument);
		assert_string_equal(hps.list[0].variable, cases[i].variable);
	}
}

static void
hyperparameters_may_be_numbers_and_booleans(void **state)
{
	CLEAN_HYPERPARAMETERS hps = {0};
	struct notes mistakes = {0};

	(void)state;
	add(&hps, "{\n \"n\": 100, \"lr\": 0.01, \"v\": true, \"s\": \"\\\"x\\\"\"}", 0, &mistakes);
	assert_int_equal(mistakes.count, 0);
	assert_string_equal(hyperparameters_find(&hps, "n")->argument, "100");
	assert_string_equal(hyperparameters_find(&hps, "v")->argument, "True");
	assert_string_equal(hyperparameters_find(&hps, "s")->argument, "x");
	assert_int_equal(hyperparameters_find(&hps, "n")->line, 2);
	assert_int_equal(hyperparameters_find(&hps, "n")->column, 7);
}

static void
hyperparameters_of_the_job_come_before_defaults(void **state)
{
	CLEAN_HYPERPARAMETERS hps = {0};
	CLEAN_HYPERPARAMETERS defaults = {0};
	CLEAN_BUF out;
	struct notes mistakes = {0};
	struct err err = {0};

	(void)state;
	add(&hps,
	    "{\"epochs\": \"7\", \"sagemaker_program\": \"x.py\", \"train:log\": \"raw\", \"_tuning_objective_metric\": \"m\"}",
	    0, &mistakes);
	add(&defaults, "{\"epochs\": 3, \"depth\": \"5\", \"a\": \"\\\"q\\\"\"}", 1, &mistakes);
	assert_int_equal(hyperparameters_merge(&hps, &defaults, &err), 0);
	assert_int_equal(hps.count, 6);
	assert_string_equal(hyperparameters_find(&hps, "epochs")->json, "7");
	assert_false(hyperparameters_find(&hps, "epochs")->is_default);
	assert_string_equal(hyperparameters_find(&hps, "depth")->json, "\"5\"");
	assert_true(hyperparameters_find(&hps, "depth")->is_default);
	buf_init(&out, 4096);
	hyperparameters_write(&hps, &out);
	assert_string_equal(
	    buf_text(&out), "{\"_tuning_objective_metric\":\"m\",\"a\":\"\\\"q\\\"\",\"depth\":\"5\",\"epochs\":7}");
}

static void
hyperparameters_belong_to_user_toolkit_agent_or_tuner(void **state)
{
	(void)state;
	assert_int_equal(hyperparameter_owner("epochs"), OWNER_USER);
	assert_int_equal(hyperparameter_owner("train:code"), OWNER_AGENT);
	assert_int_equal(hyperparameter_owner("train"), OWNER_USER);
	assert_int_equal(hyperparameter_owner("sagemaker_program"), OWNER_TOOLKIT);
	assert_int_equal(hyperparameter_owner("_tuning_objective_metric"), OWNER_TUNER);
}

static void
hyperparameters_out_of_bounds_are_mistakes(void **state)
{
	CLEAN_HYPERPARAMETERS hps = {0};
	CLEAN_BUF big;
	struct notes mistakes = {0};
	struct err err = {0};
	char name[HYPERPARAMETER_NAME_MAX + 2];

	(void)state;
	add(&hps, "{\"\": 1, \"a\\u0000\": 2, \"b\": \"\\u0000\", \"ok\": 1}", 0, &mistakes);
	assert_int_equal(mistakes.count, 3);
	assert_int_equal(hps.count, 1);
	assert_true(notes_hold(&mistakes, "'h.json:1:2': the name of a hyperparameter has 1 to 256 bytes"));
	add(&hps, "[1]", 0, &mistakes);
	assert_true(notes_hold(&mistakes, "'h.json:1:1': hyperparameters are an object"));
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(hyperparameters_set(&hps, name, "1", &err), -1);
	assert_int_equal(err.kind, ERR_SETTINGS);
	buf_init(&big, 1 << 20);
	buf_addc(&big, '{');
	for (int i = 0; i <= HYPERPARAMETERS_MAX; i++) {
		buf_printf(&big, "%s\"k%d\":1", i > 0 ? "," : "", i);
	}
	buf_addc(&big, '}');
	add(&hps, buf_text(&big), 0, &mistakes);
	assert_true(notes_hold(&mistakes, "more than 1024 hyperparameters"));
	assert_int_equal(hps.count, 1);
	notes_release(&mistakes);
}

static void
hyperparameters_set_replaces(void **state)
{
	CLEAN_HYPERPARAMETERS hps = {0};
	struct err err = {0};

	(void)state;
	assert_int_equal(hyperparameters_set(&hps, "b", "1", &err), 0);
	assert_int_equal(hyperparameters_set(&hps, "a", "1", &err), 0);
	assert_int_equal(hyperparameters_set(&hps, "b", "two", &err), 0);
	assert_int_equal(hps.count, 2);
	assert_string_equal(hps.list[0].name, "a");
	assert_string_equal(hps.list[1].json, "\"two\"");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(hyperparameters_read_as_the_toolkit_reads_them),
	    cmocka_unit_test(hyperparameters_may_be_numbers_and_booleans),
	    cmocka_unit_test(hyperparameters_of_the_job_come_before_defaults),
	    cmocka_unit_test(hyperparameters_belong_to_user_toolkit_agent_or_tuner),
	    cmocka_unit_test(hyperparameters_out_of_bounds_are_mistakes),
	    cmocka_unit_test(hyperparameters_set_replaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
