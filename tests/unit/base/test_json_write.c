/* The JSON writer: commas, escapes, numbers; what it writes the reader takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_read.h"
#include "base/json_write.h"

static void
json_writes_nested_values_on_one_line(void **state)
{
	CLEAN_BUF out = {0};
	struct json_writer writer;

	(void)state;
	buf_init(&out, 4096);
	json_writer_init(&writer, &out, 0);
	json_open_object(&writer, NULL);
	json_add_string(&writer, "a", "x\"\n\x01\xff");
	json_open_array(&writer, "b");
	json_add_int(&writer, NULL, -5);
	json_add_double(&writer, NULL, 0.1);
	json_add_double(&writer, NULL, (double)NAN);
	json_add_bool(&writer, NULL, 1);
	json_open_object(&writer, NULL);
	json_close_object(&writer);
	json_close_array(&writer);
	json_add_null(&writer, "c");
	json_close_object(&writer);
	assert_string_equal(
	    buf_text(&out), "{\"a\":\"x\\\"\\n\\u0001\xef\xbf\xbd\",\"b\":[-5,0.1,null,true,{}],\"c\":null}");
}

static void
json_writes_what_the_reader_takes(void **state)
{
	CLEAN_BUF out = {0};
	CLEAN_JSON json = {0};
	struct json_writer writer;
	struct err err = {0};
	char every[257];

	(void)state;
	buf_init(&out, 65536);
	for (int i = 0; i < 256; i++) {
		every[i] = (char)i;
	}
	json_writer_init(&writer, &out, 2);
	json_open_object(&writer, NULL);
	json_add_bytes(&writer, "every", every, 256);
	json_close_object(&writer);
	assert_int_equal(json_parse(&json, buf_text(&out), out.len, "x", &err), 0);
}

static void
number_reads_back_the_same_and_is_short(void **state)
{
	static const struct {
		double number;
		const char *text;
	} cases[] = {{0, "0"}, {100, "100"}, {-3, "-3"}, {0.25, "0.25"}, {0.1, "0.1"}, {1e20, "1e+20"},
	    {5e-324, "5e-324"}, {1.0 / 3, "0.3333333333333333"}, {1.7976931348623157e308, "1.7976931348623157e+308"},
	    {123456789012345.0, "123456789012345"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[NUMBER_TEXT];

		number_format(text, cases[i].number);
		assert_string_equal(text, cases[i].text);
		assert_true(strtod(text, NULL) == cases[i].number);
	}
}

/* Fractions of few digits and of many, large, small and the smallest. */
static void
number_has_no_shorter_text_that_reads_back(void **state)
{
	static const double factors[] = {1, 1e-3, 1e-15, 1e21, 1e-290, 1e-315};
	uint64_t seed = 42;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		char text[NUMBER_TEXT], shorter[NUMBER_TEXT];
		int digits = 1 + i % 17;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		(void)snprintf(text, sizeof(text), "%.*g", digits,
		    (double)(seed >> 11) * 0x1p-53 * factors[(size_t)i % ARRAY_LEN(factors)]);
		double number = strtod(text, NULL);

		number_format(text, number);
		assert_true(strtod(text, NULL) == number);
		for (digits = 1; digits <= 17; digits++) {
			(void)snprintf(shorter, sizeof(shorter), "%.*g", digits, number);
			if (strtod(shorter, NULL) == number) {
				break;
			}
		}
		assert_true(strlen(text) <= strlen(shorter));
	}
}

static void
json_overflow_is_sticky(void **state)
{
	CLEAN_BUF out = {0};
	struct json_writer writer;

	(void)state;
	buf_init(&out, 8);
	json_writer_init(&writer, &out, 0);
	json_open_object(&writer, NULL);
	json_add_string(&writer, "a", "far too long for it");
	json_close_object(&writer);
	assert_true(out.full);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(json_writes_nested_values_on_one_line),
	    cmocka_unit_test(json_writes_what_the_reader_takes),
	    cmocka_unit_test(number_reads_back_the_same_and_is_short),
	    cmocka_unit_test(number_has_no_shorter_text_that_reads_back),
	    cmocka_unit_test(json_overflow_is_sticky),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
