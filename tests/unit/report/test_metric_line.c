/* Records as pipelines write them, lines as SageMaker reads them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/metric_line.h"

static struct metric_record record;
static char scratch[8192];

/* NULL when it was taken, else why not. */
static const char *
read_record(const char *text)
{
	size_t len = strlen(text);

	memcpy(scratch, text, len);
	return metric_record_read(scratch, len, &record);
}

static void
assert_value(size_t at, const char *name, double value)
{
	assert_true(at < record.count);
	assert_int_equal(record.values[at].name_len, strlen(name));
	assert_memory_equal(record.values[at].name, name, strlen(name));
	assert_true(record.values[at].value == value);
}

static void
json_record_gives_values_and_labels(void **state)
{
	(void)state;
	assert_null(read_record("{\"train:loss\": 0.25, \"step\": 100}"));
	assert_int_equal(record.count, 1);
	assert_value(0, "train:loss", 0.25);
	assert_true(record.labels.given[LABEL_STEP] && record.labels.value[LABEL_STEP] == 100);
	assert_false(record.labels.given[LABEL_EPOCH]);
	assert_null(read_record("  {\"a\":1e-5,\"epoch\":2,\"b\":-3.5E+2,\"time\":1700000000.5,\"c\":.5 }\r"));
	assert_int_equal(record.count, 3);
	assert_value(0, "a", 1e-5);
	assert_value(1, "b", -350);
	assert_value(2, "c", 0.5);
	assert_true(record.labels.value[LABEL_TIME] == 1700000000.5);
}

static void
short_record_gives_values_and_labels(void **state)
{
	(void)state;
	assert_null(read_record("train:loss=0.25"));
	assert_value(0, "train:loss", 0.25);
	assert_null(read_record("loss=0.25 step=100  acc=1\tepoch=3"));
	assert_int_equal(record.count, 2);
	assert_value(1, "acc", 1);
	assert_true(record.labels.value[LABEL_STEP] == 100 && record.labels.value[LABEL_EPOCH] == 3);
}

static void
escaped_slash_in_a_name_is_a_slash(void **state)
{
	(void)state;
	assert_null(read_record("{\"val\\/loss\": 1}"));
	assert_value(0, "val/loss", 1);
}

static void
nan_infinity_and_null_are_taken_as_no_number(void **state)
{
	static const char *const words[] = {
	    "NaN", "nan", "Infinity", "-Infinity", "inf", "-inf", "null", "1e999", "-1e999"};
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		(void)snprintf(text, sizeof(text), "{\"loss\": %s, \"ok\": 1}", words[i]);
		assert_null(read_record(text));
		assert_true(isnan(record.values[0].value));
		assert_value(1, "ok", 1);
		(void)snprintf(text, sizeof(text), "loss=%s", words[i]);
		assert_null(read_record(text));
		assert_true(isnan(record.values[0].value));
	}
}

static void
bad_records_are_refused(void **state)
{
	static const char *const texts[] = {
	    "",
	    "   ",
	    "hello",
	    "loss",
	    "loss=",
	    "=1",
	    "loss = 1",
	    "loss=1,acc=2",
	    "loss=0x10",
	    "loss=1_000",
	    "loss=1e",
	    "loss=.",
	    "loss=--1",
	    "loss=1 2",
	    "step=1",
	    "loss=1 step=nan",
	    "lo\x1bss=1",
	    "l\xc3\xb6ss=1",
	    "agent:fetch_seconds=1",
	    "{",
	    "{}",
	    "{\"loss\"}",
	    "{\"loss\":}",
	    "{\"loss\":1",
	    "{\"loss\":1}}",
	    "{\"loss\":1} {\"loss\":2}",
	    "{\"loss\":1,}",
	    "{\"loss\":\"1\"}",
	    "{\"loss\":true}",
	    "{\"loss\":[1]}",
	    "{\"loss\":{\"a\":1}}",
	    "{loss:1}",
	    "{\"\":1}",
	    "{\"a b\":1}",
	    "{\"a\\u0041\":1}",
	    "{\"a\\\":1}",
	    "{\"a\\",
	    "{\"step\":1}",
	    "{\"step\":null,\"a\":1}",
	    "{\"agent:x\":1}",
	    "[1]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		assert_non_null(read_record(texts[i]));
	}
}

static void
names_have_a_length_and_an_alphabet(void **state)
{
	char name[METRICS_NAME_MAX + 1];

	(void)state;
	memset(name, 'n', sizeof(name));
	assert_true(metric_name_is_good(name, METRICS_NAME_MAX));
	assert_false(metric_name_is_good(name, METRICS_NAME_MAX + 1));
	assert_false(metric_name_is_good(name, 0));
	assert_true(metric_name_is_good("aZ9_:./@%+-", 11));
	for (int c = 0; c < 256; c++) {
		char one = (char)c;
		int good = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		           (c != 0 && c < 128 && strchr("_:./@%+-", c) != NULL);

		assert_int_equal(metric_name_is_good(&one, 1), good);
	}
}

static void
record_may_hold_512_values_and_no_more(void **state)
{
	char text[8192];
	size_t len = 0;

	(void)state;
	for (int i = 0; i < METRICS_RECORD_VALUES_MAX; i++) {
		len += (size_t)snprintf(text + len, sizeof(text) - len, "a=%d ", i % 10);
	}
	assert_null(read_record(text));
	assert_int_equal(record.count, METRICS_RECORD_VALUES_MAX);
	(void)snprintf(text + len, sizeof(text) - len, "a=1");
	assert_non_null(read_record(text));
}

static void
line_prints_labels_in_their_order(void **state)
{
	char line[METRICS_LINE_OUT];
	struct metric_labels labels = {0};

	(void)state;
	assert_int_equal(metric_line_format(line, "train:loss", 0.25, &labels), strlen("#metric train:loss=0.25;\n"));
	assert_string_equal(line, "#metric train:loss=0.25;\n");
	labels.given[LABEL_TIME] = labels.given[LABEL_EPOCH] = labels.given[LABEL_STEP] = 1;
	labels.value[LABEL_STEP] = 100;
	labels.value[LABEL_EPOCH] = 2;
	labels.value[LABEL_TIME] = 1700000000;
	(void)metric_line_format(line, "a", -1e-7, &labels);
	assert_string_equal(line, "#metric a=-1e-07; step=100 epoch=2 time=1700000000\n");
}

static void
longest_line_fits(void **state)
{
	char name[METRICS_NAME_MAX + 1];
	char line[METRICS_LINE_OUT];
	struct metric_labels labels;
	size_t len;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	name[METRICS_NAME_MAX] = '\0';
	for (int i = 0; i < LABELS; i++) {
		labels.given[i] = 1;
		labels.value[i] = -1.2345678901234567e-300;
	}
	len = metric_line_format(line, name, -1.2345678901234567e-300, &labels);
	assert_int_equal(len, strlen(line));
	assert_int_equal(line[len - 1], '\n');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(json_record_gives_values_and_labels),
	    cmocka_unit_test(short_record_gives_values_and_labels),
	    cmocka_unit_test(escaped_slash_in_a_name_is_a_slash),
	    cmocka_unit_test(nan_infinity_and_null_are_taken_as_no_number),
	    cmocka_unit_test(bad_records_are_refused),
	    cmocka_unit_test(names_have_a_length_and_an_alphabet),
	    cmocka_unit_test(record_may_hold_512_values_and_no_more),
	    cmocka_unit_test(line_prints_labels_in_their_order),
	    cmocka_unit_test(longest_line_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
