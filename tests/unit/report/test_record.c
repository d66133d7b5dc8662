/* The record against its published schema. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>

#include "base/attr.h"
#include "base/json_read.h"
#include "base/mask.h"
#include "base/text.h"
#include "report/record.h"
#include "unit/scratch.h"

static char root[SCRATCH_PATH];
static struct metrics metrics;

static int
take_line(void *self, const char *line, size_t len)
{
	(void)self;
	(void)line;
	(void)len;
	return 0;
}

static int
set_up(void **state)
{
	(void)state;
	scratch_make(root);
	metrics_init(&metrics, &(struct metrics_setup){.publish = 1, .emit = take_line});
	metrics_add_own(&metrics, "fetch_seconds", 1.25);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	mask_set_global(NULL);
	metrics_release(&metrics);
	scratch_remove(root);
	return 0;
}

static const struct record_setting settings[] = {
    {"code", "s3://b/k", "environment TRAIN_CODE"}, {"timeout", "0", "default"}};
static const struct record_fetch fetch = {
    .seconds = 2.5, .network = 1, .connections = 4, .slow = 2, .memory_max = 48 << 20, .memory_peak = 34 << 20};
static const struct record_code code = {
    "s3://b/k", "v1", "\"etag\"", "00ff", 123, "tar.gz", "environment TRAIN_CODE", 1, &fetch};
static const struct record_channel channels[] = {{"training", "File", NULL}};
static const struct record_value values[] = {{"epochs", "3"}, {"name", "\"a\\u0041\""}, {"list", "[1, {\"a\": null}]"},
    {"raw", "not json"}, {"esc\x1b", "\"\x1b\""}};
static const char *const masked[] = {"api_key"};
static const char *const variables[] = {"PATH", "HOME"};
static const struct record_tag tags[] = {{"train:code", "s3://b/k"}};
static const struct record_phase phases[] = {{"fetch", 0.0123456, 1.5}};
static const char *const words[] = {"python3", "-c", "print('\n')", NULL};
static const struct record_step steps[] = {{"train", words, 3, 2.5}, {"evaluate", words, -1, 0}, {NULL, words, 0, 0}};
static const char *const hosts[] = {"algo-1", "algo-2"};
static const char *const warnings[] = {"a warning"};

static struct record
full_record(void)
{
	return (struct record){
	    .agent = {"1.0", "abc", "def", "0123"},
	    .job = {"job", "arn:aws:x", "id", root, "algo-1", hosts, 2, 0},
	    .image = "image:1",
	    .started = 1700000000.25,
	    .ended = 1700000004,
	    .settings = settings,
	    .setting_count = ARRAY_LEN(settings),
	    .code = &code,
	    .channels = channels,
	    .channel_count = ARRAY_LEN(channels),
	    .hyperparameters = values,
	    .hyperparameter_count = ARRAY_LEN(values),
	    .masked = masked,
	    .masked_count = ARRAY_LEN(masked),
	    .variables = variables,
	    .variable_count = ARRAY_LEN(variables),
	    .tags = tags,
	    .tag_count = ARRAY_LEN(tags),
	    .phases = phases,
	    .phase_count = ARRAY_LEN(phases),
	    .steps = steps,
	    .step_count = ARRAY_LEN(steps),
	    .metrics = &metrics,
	    .exit_code = 3,
	    .outcome = "failed",
	    .reason = "exit-3",
	    .ended_by = "pipeline",
	    .failure = "[exit-3] step 'train' ended with exit code 3.",
	    .peak_memory_bytes = 1 << 20,
	    .warnings = warnings,
	    .warning_count = ARRAY_LEN(warnings),
	};
}

/* The document and its text; both are released by the caller. */
static void
compose(const struct record *record, struct buf *text, struct json *json)
{
	struct err err = {0};

	buf_init(text, RECORD_BYTES_MAX);
	assert_int_equal(record_compose(record, text, &err), 0);
	assert_int_equal(json_parse(json, text->data, text->len, "record", &err), 0);
}

/* The schema of 'key' below the object schema 'at'. */
static int
schema_of(const struct json *schema, int at, const char *key)
{
	return json_member(schema, json_member(schema, at, "properties"), key);
}

/* Every object has exactly the members that its schema requires, and every one of them is described. */
static void
compare(const struct json *schema, int rule, const struct json *record, int value)
{
	int required = json_member(schema, rule, "required");

	if (json_type(record, value) == JSON_ARRAY) {
		assert_true(json_size(record, value) > 0); /* or the test sees nothing */
		for (int item = json_first(record, value); item >= 0; item = json_next(record, value, item)) {
			compare(schema, json_member(schema, rule, "items"), record, item);
		}
	}
	if (json_type(record, value) != JSON_OBJECT || required < 0) {
		return;
	}
	assert_int_equal(json_size(record, value), json_size(schema, required));
	for (int name = json_first(schema, required); name >= 0; name = json_next(schema, required, name)) {
		CLEAN_TEXT *key = json_string(schema, name, NULL);
		int member = json_member(record, value, key);

		if (member < 0 || schema_of(schema, rule, key) < 0) {
			fail_msg("'%s' is missing in the record or in the schema's properties", key);
		}
		compare(schema, schema_of(schema, rule, key), record, member);
	}
}

static void
full_record_has_exactly_the_members_of_the_schema(void **state)
{
	struct record record = full_record();
	struct err err = {0};
	CLEAN_BUF schema_text = {0};
	CLEAN_BUF text = {0};
	CLEAN_JSON schema = {0};
	CLEAN_JSON json = {0};

	(void)state;
	buf_init(&schema_text, 1 << 16);
	assert_int_equal(fd_read_file(AT_FDCWD, "docs/record.schema.json", &schema_text, &err), 0);
	assert_int_equal(json_parse(&schema, schema_text.data, schema_text.len, "docs/record.schema.json", &err), 0);
	compose(&record, &text, &json);
	assert_true(json_size(&schema, json_member(&schema, 0, "required")) > 20);
	compare(&schema, 0, &json, 0);
}

static void
values_come_out_as_they_went_in(void **state)
{
	struct record record = full_record();
	CLEAN_BUF text = {0};
	CLEAN_JSON json = {0};
	double number;
	int64_t whole;

	(void)state;
	compose(&record, &text, &json);
	int hyper = json_member(&json, 0, "hyperparameters");

	assert_int_equal(json_type(&json, json_member(&json, hyper, "epochs")), JSON_NUMBER);
	assert_true(json_equals(&json, json_member(&json, hyper, "name"), "aA"));
	assert_int_equal(json_type(&json, json_member(&json, hyper, "list")), JSON_ARRAY);
	assert_true(json_equals(&json, json_member(&json, hyper, "raw"), "not json"));
	assert_true(json_equals(&json, json_member(&json, hyper, "esc\x1b"), "\"\x1b\""));
	assert_true(json_equals(&json, json_member(&json, 0, "started"), "2023-11-14T22:13:20Z"));
	assert_int_equal(json_double(&json, json_member(&json, 0, "seconds"), &number), 0);
	assert_true(number == 3.75);
	int at = json_member(&json, 0, "code");
	assert_int_equal(json_int(&json, json_member(&json, at, "size"), &whole), 0);
	assert_int_equal(whole, 123);
	assert_int_equal(json_type(&json, json_member(&json, at, "cached")), JSON_BOOL);
	at = json_member(&json, at, "fetch");
	assert_int_equal(json_int(&json, json_member(&json, at, "connections"), &whole), 0);
	assert_int_equal(whole, 4);
	assert_int_equal(json_int(&json, json_member(&json, json_member(&json, at, "retries"), "slow"), &whole), 0);
	assert_int_equal(whole, 2);
	assert_null(memchr(text.data, 0x1b, text.len));
}

static void
record_of_a_job_that_never_got_anywhere_is_whole(void **state)
{
	static const struct metrics none;
	struct record record = {
	    .job = {.root = root, .host = "local"}, .metrics = &none, .outcome = "failed", .ended_by = "agent"};
	CLEAN_BUF text = {0};
	CLEAN_JSON json = {0};

	(void)state;
	compose(&record, &text, &json);
	assert_int_equal(json_type(&json, json_member(&json, 0, "code")), JSON_NULL);
	assert_int_equal(json_type(&json, json_member(&json, 0, "reason")), JSON_NULL);
	assert_int_equal(json_type(&json, json_member(&json, 0, "steps")), JSON_ARRAY);
	assert_int_equal(json_size(&json, json_member(&json, 0, "metrics")), 0);
}

static void
secrets_are_masked_in_every_text(void **state)
{
	static const char *const secret_words[] = {"run", "--token=hunter22", NULL};
	static const struct record_step secret_step = {"hunter22", secret_words, 0, 0};
	static const struct record_value secret_values[] = {
	    {"a", "\"hunter22\""}, {"b", "\"hunter\\u00322\""}, {"c", "[\"hunter22\"]"}};
	static const char *const secret_names[] = {"hunter22"};
	static const struct record_setting secret_setting = {
	    "code", "https://user:hunter22@host/x?X-Amz-Signature=abcdef", "hunter22"};
	struct record record = full_record();
	struct mask mask = {0};
	CLEAN_BUF text = {0};
	CLEAN_JSON json = {0};

	(void)state;
	assert_int_equal(mask_add(&mask, "hunter22", 8), 0);
	mask_set_global(&mask);
	record.job.name = "hunter22";
	record.image = "hunter22";
	record.failure = "hunter22";
	record.settings = &secret_setting;
	record.setting_count = 1;
	record.steps = &secret_step;
	record.step_count = 1;
	record.hyperparameters = secret_values;
	record.hyperparameter_count = ARRAY_LEN(secret_values);
	record.warnings = secret_names;
	record.variables = secret_names;
	record.variable_count = 1;
	compose(&record, &text, &json);
	assert_null(strstr(text.data, "hunter"));
	assert_null(strstr(text.data, "abcdef"));
	mask_set_global(NULL);
	mask_release(&mask);
}

static void
record_is_written_whole_under_the_hosts_name(void **state)
{
	struct record record = full_record();
	char path[PATH_BYTES_MAX];
	struct err err = {0};
	struct stat st;

	(void)state;
	assert_int_equal(record_write(&record, path, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_true(st.st_size > 1000);
	assert_true(scratch_exists(root, "output/data/_train/run-algo-1.json"));
	assert_memory_equal(scratch_read(root, "output/data/_train/run-algo-1.json"), "{\n  \"schema\": 1,\n", 17);
}

static void
record_that_cannot_be_written_is_an_output_error(void **state)
{
	struct record record = full_record();
	char path[PATH_BYTES_MAX];
	struct err err = {0};

	(void)state;
	scratch_write(root, "output", "a file");
	assert_int_equal(record_write(&record, path, &err), -1);
	assert_int_equal(err.kind, ERR_OUTPUT);
}

static void
record_that_does_not_fit_is_refused(void **state)
{
	struct record record = full_record();
	struct err err = {0};
	CLEAN_BUF text = {0};

	(void)state;
	buf_init(&text, 100);
	assert_int_equal(record_compose(&record, &text, &err), -1);
	assert_int_equal(err.kind, ERR_OUTPUT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(full_record_has_exactly_the_members_of_the_schema),
	    TEST(values_come_out_as_they_went_in),
	    TEST(record_of_a_job_that_never_got_anywhere_is_whole),
	    TEST(secrets_are_masked_in_every_text),
	    TEST(record_is_written_whole_under_the_hosts_name),
	    TEST(record_that_cannot_be_written_is_an_output_error),
	    TEST(record_that_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
