/* docs/pipeline.schema.json says what the code accepts: the same keys, choices, ranges and defaults. */
#include "unit/config/jobroot.h"

#include "base/json_read.h"
#include "base/limits.h"
#include "base/text.h"
#include "config/pipeline.h"
#include "config/setting_table.h"

#define SCHEMA "docs/pipeline.schema.json"

/* The schema, read once for each test. */
struct schema {
	struct buf text;
	struct json json;
};

static void
schema_read(struct schema *schema)
{
	struct err err = {0};

	buf_init(&schema->text, CONFIG_FILE_MAX);
	if (fd_read_file(AT_FDCWD, SCHEMA, &schema->text, &err) < 0 ||
	    json_parse(&schema->json, buf_text(&schema->text), schema->text.len, SCHEMA, &err) < 0) {
		fail_msg("%s (unit tests run from the repository's top)", err.text);
	}
}

static void
schema_release(struct schema *schema)
{
	json_release(&schema->json);
	buf_release(&schema->text);
}

#define CLEAN_SCHEMA CLEANUP(schema_release) struct schema

/* A value by its path, as "$defs/step/properties". */
static int
at(const struct json *json, const char *path)
{
	char copy[256];
	int value = 0;

	(void)snprintf(copy, sizeof(copy), "%s", path);
	for (char *rest = copy, *key; (key = strsep(&rest, "/")) != NULL;) {
		value = json_member(json, value, key);
		if (value < 0) {
			fail_msg("%s has no '%s'", SCHEMA, path);
		}
	}
	return value;
}

/* The definition of a property: its own keys, else those of what it refers to. */
static int
member(const struct json *json, int property, const char *key)
{
	int own = json_member(json, property, key);
	CLEAN_TEXT *ref = json_string(json, json_member(json, property, "$ref"), NULL);

	if (own >= 0 || ref == NULL) {
		return own;
	}
	assert_int_equal(strncmp(ref, "#/", 2), 0);
	return json_member(json, at(json, ref + 2), key);
}

static int
is_setting(const char *name)
{
	enum setting setting = setting_find(name, SOURCE_PIPELINE);

	return setting != SETTING_NONE && (setting_row(setting)->from & FROM_P) != 0;
}

static int
is_in(const char *name, const char *const *names)
{
	for (; *names != NULL; names++) {
		if (strcmp(*names, name) == 0) {
			return 1;
		}
	}
	return 0;
}

/* The properties at 'object' are exactly 'keys', with 'settings' also those that pipeline.json may set. */
static void
expect_properties(const struct json *json, int object, const char *const *keys, int settings)
{
	for (int key = json_first(json, object); key >= 0; key = json_next(json, object, key)) {
		CLEAN_TEXT *name = json_string(json, key, NULL);

		if (!is_in(name, keys) && !(settings && is_setting(name))) {
			fail_msg("the schema has '%s', the code has not", name);
		}
	}
	for (; *keys != NULL; keys++) {
		if (json_member(json, object, *keys) < 0) {
			fail_msg("the code has '%s', the schema has not", *keys);
		}
	}
	for (int i = 0; i < SETTINGS && settings; i++) {
		char spelling[SETTING_NAME_MAX];
		const char *name = setting_spelling((enum setting)i, SOURCE_PIPELINE, spelling);

		if (is_setting(name) != (json_member(json, object, name) >= 0)) {
			fail_msg("the setting '%s' stands in one of the code and the schema only", name);
		}
	}
}

static void
pipeline_schema_has_the_codes_keys(void **state)
{
	static const char *const links[] = {"model", "output", "checkpoints", NULL};
	CLEAN_SCHEMA schema = {0};

	(void)state;
	schema_read(&schema);
	expect_properties(&schema.json, at(&schema.json, "properties"), pipeline_keys(), 1);
	expect_properties(&schema.json, at(&schema.json, "$defs/step/properties"), pipeline_step_keys(), 0);
	expect_properties(&schema.json, at(&schema.json, "properties/metrics/additionalProperties/properties"),
	    pipeline_metric_keys(), 0);
	expect_properties(&schema.json, at(&schema.json, "properties/links/properties"), links, 0);
}

static void
pipeline_schema_lets_unknown_keys_pass(void **state)
{
	CLEAN_SCHEMA schema = {0};

	(void)state;
	schema_read(&schema);
	assert_int_equal(json_bool(&schema.json, at(&schema.json, "additionalProperties")), 1);
	assert_int_equal(json_bool(&schema.json, at(&schema.json, "$defs/step/additionalProperties")), 1);
	CLEAN_TEXT *description = json_string(&schema.json, at(&schema.json, "description"), NULL);
	assert_non_null(strstr(description, "A key that is not listed is allowed and ignored"));
	CLEAN_TEXT *dialect = json_string(&schema.json, at(&schema.json, "$schema"), NULL);
	assert_string_equal(dialect, "https://json-schema.org/draft/2020-12/schema");
}

/* The choices are the row's, in its order. */
static void
expect_choices(const struct json *json, int list, const struct setting_row *row)
{
	size_t count = 0;

	for (int i = json_first(json, list); i >= 0; i = json_next(json, list, i), count++) {
		assert_non_null(row->choices[count]);
		assert_true(json_equals(json, i, row->choices[count]));
	}
	assert_true(count > 0 && row->choices[count] == NULL);
}

static void
expect_number(const struct json *json, int value, int64_t expected)
{
	int64_t number = -1;

	assert_int_equal(json_int(json, value, &number), 0);
	assert_true(number == expected);
}

static void
expect_setting(const struct json *json, int property, const struct setting_row *row)
{
	int fallback = json_member(json, property, "default");
	size_t len = 0;

	if (row->choices != NULL) {
		expect_choices(json, member(json, property, "enum"), row);
	}
	if (row->kind == KIND_SECONDS) {
		expect_number(json, member(json, property, "minimum"), row->min);
		expect_number(json, member(json, property, "maximum"), row->max);
	}
	assert_int_equal(fallback < 0, row->fallback == NULL);
	if (fallback >= 0 && json_type(json, fallback) == JSON_NUMBER) {
		const char *raw = json_raw(json, fallback, &len);

		assert_true(len == strlen(row->fallback) && memcmp(raw, row->fallback, len) == 0);
	} else if (fallback >= 0) {
		assert_true(json_equals(json, fallback, row->fallback));
	}
	assert_int_equal(json_type(json, json_member(json, property, "description")), JSON_STRING);
}

static void
pipeline_schema_has_the_settings_choices_ranges_and_defaults(void **state)
{
	CLEAN_SCHEMA schema = {0};

	(void)state;
	schema_read(&schema);
	for (int i = 0; i < SETTINGS; i++) {
		const struct setting_row *row = setting_row((enum setting)i);
		char spelling[SETTING_NAME_MAX];

		if ((row->from & FROM_P) != 0) {
			int properties = at(&schema.json, "properties");

			expect_setting(&schema.json,
			    json_member(
			        &schema.json, properties, setting_spelling((enum setting)i, SOURCE_PIPELINE, spelling)),
			    row);
		}
	}
}

static void
pipeline_schema_has_the_codes_limits(void **state)
{
	static const struct {
		const char *path;
		int limit;
	} limits[] = {
	    {"properties/steps/maxItems", STEPS_MAX},
	    {"properties/data/maxProperties", CHANNELS_MAX},
	    {"properties/env/maxProperties", PIPELINE_ENV_MAX},
	    {"properties/env/additionalProperties/maxLength", PIPELINE_ENV_VALUE_MAX},
	    {"properties/metrics/maxProperties", PIPELINE_METRICS_MAX},
	    {"properties/hyperparameters/maxProperties", HYPERPARAMETERS_MAX},
	    {"properties/hyperparameters/propertyNames/maxLength", HYPERPARAMETER_NAME_MAX},
	};
	CLEAN_SCHEMA schema = {0};
	char pattern[64];

	(void)state;
	schema_read(&schema);
	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		expect_number(&schema.json, at(&schema.json, limits[i].path), limits[i].limit);
	}
	(void)snprintf(pattern, sizeof(pattern), "^[A-Za-z0-9._-]{1,%d}$", (int)PIPELINE_NAME_MAX);
	assert_true(json_equals(&schema.json, at(&schema.json, "$defs/name/pattern"), pattern));
	(void)snprintf(pattern, sizeof(pattern), "^[A-Za-z0-9_:./@%%+-]{1,%d}$", (int)METRIC_NAME_MAX);
	assert_true(json_equals(&schema.json, at(&schema.json, "$defs/metric/pattern"), pattern));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pipeline_schema_has_the_codes_keys),
	    cmocka_unit_test(pipeline_schema_lets_unknown_keys_pass),
	    cmocka_unit_test(pipeline_schema_has_the_settings_choices_ranges_and_defaults),
	    cmocka_unit_test(pipeline_schema_has_the_codes_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
