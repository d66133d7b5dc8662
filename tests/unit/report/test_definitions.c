/* MetricDefinitions, and whether SageMaker found our lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json_read.h"
#include "base/text.h"
#include "report/definitions.h"
#include "report/metric_line.h"

static struct buf out;
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
	buf_init(&out, 1 << 20);
	metrics_init(&metrics, &(struct metrics_setup){.publish = 1, .emit = take_line});
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	buf_release(&out);
	metrics_release(&metrics);
	return 0;
}

/* A value as if it had come through the FIFO. */
static void
publish(const char *record)
{
	char path[] = "/tmp/train-report-XXXXXX";
	struct err err = {0};

	assert_non_null(mkdtemp(path));
	assert_int_equal(metrics_listen(&metrics, path, &err), 0);
	assert_int_equal(write(metrics.fd, record, strlen(record)), strlen(record));
	(void)metrics_pump(&metrics);
	assert_int_equal(unlink(metrics.path), 0);
	assert_int_equal(rmdir(path), 0);
	metrics.path[0] = '\0';
	(void)close(metrics.fd);
	metrics.fd = -1;
}

static struct definitions_notes
check(const char *objective, const char *json)
{
	struct definitions_notes notes;

	definitions_check(&metrics, objective, json, json == NULL ? 0 : strlen(json), &notes);
	return notes;
}

static void
definitions_stand_in_the_pipelines_order(void **state)
{
	static const char *const names[] = {"train:loss", "a.b+c"};
	struct definitions_wish wish = {.names = names, .name_count = 2, .objective = "train:loss"};
	struct err err = {0};

	(void)state;
	assert_int_equal(definitions_write(&wish, &out, &err), 0);
	assert_non_null(strstr(buf_text(&out), "\"Name\": \"train:loss\""));
	assert_non_null(strstr(buf_text(&out), "\"Regex\": \"#metric train:loss=([-+]?[0-9][-+0-9.eE]*);\""));
	assert_non_null(strstr(buf_text(&out), "\"#metric a\\\\.b\\\\+c=([-+]?[0-9][-+0-9.eE]*);\""));
	assert_true(strstr(buf_text(&out), "train:loss") < strstr(buf_text(&out), "a.b+c"));
	assert_int_equal(out.data[out.len - 1], '\n');
}

static void
every_definition_takes_the_value_from_its_line(void **state)
{
	static const char *const names[] = {"train:loss", "a.b+c", "x/y@z%-_"};
	static const double values[] = {0.25, -1, 1e-300, 1e300, 123456789};
	struct definitions_wish wish = {.names = names, .name_count = 3};
	struct metric_labels labels = {.given = {1}, .value = {3}};
	struct err err = {0};
	CLEAN_JSON json = {0};
	size_t i = 0;

	(void)state;
	assert_int_equal(definitions_write(&wish, &out, &err), 0);
	assert_int_equal(json_parse(&json, out.data, out.len, "definitions", &err), 0);
	for (int item = json_first(&json, 0); item >= 0; item = json_next(&json, 0, item), i++) {
		CLEAN_TEXT *regex = json_string(&json, json_member(&json, item, "Regex"), NULL);
		regex_t compiled;

		assert_int_equal(regcomp(&compiled, regex, REG_EXTENDED), 0);
		for (size_t v = 0; v < ARRAY_LEN(values); v++) {
			char line[METRICS_LINE_OUT];
			regmatch_t groups[2];

			(void)metric_line_format(line, names[i], values[v], &labels);
			assert_int_equal(regexec(&compiled, line, 2, groups, 0), 0);
			assert_true(strtod(line + groups[1].rm_so, NULL) == values[v]);
		}
		regfree(&compiled);
	}
	assert_int_equal(i, 3);
}

static void
agent_names_come_after_the_pipelines(void **state)
{
	static const char *const names[] = {"loss"};
	static const char *const steps[] = {"my step"};
	struct definitions_wish wish = {.names = names, .name_count = 1, .agent = 1, .steps = steps, .step_count = 1};
	struct err err = {0};

	(void)state;
	assert_int_equal(definitions_write(&wish, &out, &err), 0);
	assert_non_null(strstr(buf_text(&out), "\"agent:step_seconds:my_step\""));
	assert_non_null(strstr(strstr(buf_text(&out), "\"loss\""), "\"agent:startup_seconds\""));
}

static void
agent_names_of_a_run_follow_as_they_are(void **state)
{
	static const char *const names[] = {"loss"};
	static const char *const own[] = {"agent:fetch_bytes", "agent:step_seconds:a.b"};
	struct definitions_wish wish = {.names = names, .name_count = 1, .own = own, .own_count = 2};
	struct err err = {0};

	(void)state;
	assert_int_equal(definitions_write(&wish, &out, &err), 0);
	assert_non_null(strstr(strstr(buf_text(&out), "\"loss\""), "\"agent:fetch_bytes\""));
	assert_non_null(strstr(buf_text(&out), "\"#metric agent:step_seconds:a\\\\.b=("));
	assert_null(strstr(buf_text(&out), "agent:startup_seconds"));
	wish.own_count = DEFINITIONS_MAX;
	assert_int_equal(definitions_write(&wish, &out, &err), -1);
	assert_non_null(strstr(err.text, "--agent"));
}

static void
no_name_gives_an_empty_array(void **state)
{
	struct definitions_wish wish = {0};
	struct err err = {0};

	(void)state;
	assert_int_equal(definitions_write(&wish, &out, &err), 0);
	assert_string_equal(buf_text(&out), "[]\n");
}

static void
forty_definitions_are_taken_and_not_one_more(void **state)
{
	char texts[DEFINITIONS_MAX + 1][16];
	const char *names[DEFINITIONS_MAX + 1];
	struct definitions_wish wish = {.names = names, .name_count = DEFINITIONS_MAX};
	struct err err = {0};

	(void)state;
	for (size_t i = 0; i <= DEFINITIONS_MAX; i++) {
		(void)snprintf(texts[i], sizeof(texts[i]), "m%zu", i);
		names[i] = texts[i];
	}
	assert_int_equal(definitions_write(&wish, &out, &err), 0);
	wish.name_count++;
	assert_int_equal(definitions_write(&wish, &out, &err), -1);
	assert_int_equal(err.kind, ERR_SETTINGS);
	assert_non_null(strstr(err.text, "41"));
	wish.name_count = DEFINITIONS_MAX;
	wish.agent = 1;
	assert_int_equal(definitions_write(&wish, &out, &err), -1);
	assert_non_null(strstr(err.text, "--agent"));
}

static void
bad_wishes_are_refused_by_name(void **state)
{
	static const char *const twice[] = {"loss", "loss"};
	static const char *const spaced[] = {"my loss"};
	static const char *const own[] = {"agent:loss"};
	static const char *const one[] = {"loss"};
	const struct {
		struct definitions_wish wish;
		const char *says;
	} cases[] = {
	    {{.names = twice, .name_count = 2}, "'loss' is named twice"},
	    {{.names = spaced, .name_count = 1}, "'my loss'"},
	    {{.names = own, .name_count = 1}, "'agent:loss'"},
	    {{.names = one, .name_count = 1, .objective = "acc"}, "objective 'acc'"},
	    {{.objective = "acc"}, "objective 'acc'"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = {0};

		assert_int_equal(definitions_write(&cases[i].wish, &out, &err), -1);
		assert_int_equal(err.kind, ERR_SETTINGS);
		assert_non_null(strstr(err.text, cases[i].says));
	}
}

static void
nothing_to_say_when_all_fits(void **state)
{
	(void)state;
	publish("val:rmse=0.5 step=3\n");
	assert_int_equal(
	    check("val:rmse", "[{\"Name\":\"val:rmse\",\"Regex\":\"#metric val:rmse=([-+]?[0-9][-+0-9.eE]*);\"}]")
	        .count,
	    0);
	assert_int_equal(check(NULL, "[]").count, 0);
	assert_int_equal(check(NULL, NULL).count, 0);
}

static void
objective_that_was_never_published_is_said(void **state)
{
	struct definitions_notes notes;

	(void)state;
	publish("loss=0.5\n");
	notes = check("val:rmse", NULL);
	assert_int_equal(notes.count, 1);
	assert_non_null(strstr(notes.text[0], "'val:rmse' was never published"));

	/* The job reads it from the plain log. */
	assert_int_equal(check("val:rmse", "[{\"Name\":\"val:rmse\",\"Regex\":\"rmse: (?P<v>.*)\"}]").count, 0);
}

static void
definitions_that_match_no_published_line_are_said(void **state)
{
	struct definitions_notes notes;

	(void)state;
	publish("loss=0.5\n");
	notes = check(
	    NULL, "[{\"Name\":\"a\",\"Regex\":\"#metric other=(\\\\d+);\"},{\"Name\":\"b\",\"Regex\":\"b=(.*?);\"}]");
	assert_int_equal(notes.count, 1);
	assert_non_null(strstr(notes.text[0], "matches"));
	assert_int_equal(
	    check(NULL,
	        "[{\"Name\":\"a\",\"Regex\":\"#metric other=(\\\\d+);\"},{\"Name\":\"b\",\"Regex\":\"loss=(.*?);\"}]")
	        .count,
	    0);
}

static void
doubt_says_nothing(void **state)
{
	(void)state;
	assert_int_equal(check(NULL, "[{\"Name\":\"a\",\"Regex\":\"other\"}]").count, 0); /* nothing was published */
	metrics_add_own(&metrics, "fetch_seconds", 1);
	assert_int_equal(check(NULL, "[{\"Name\":\"a\",\"Regex\":\"other\"}]").count, 0);
	publish("loss=0.5\n");
	assert_int_equal(check(NULL, "[{\"Name\":\"a\",\"Regex\":\"(?P<x>other)\"}]").count, 0);
	assert_int_equal(check(NULL, "[{\"Name\":\"a\"}]").count, 0);
	assert_int_equal(check(NULL, "[1, null]").count, 0);
	assert_int_equal(check(NULL, "{\"Regex\": \"other\"}").count, 0);
	assert_int_equal(check(NULL, "no json").count, 0);
	assert_int_equal(check(NULL, "").count, 0);
	metrics.setup.publish = 0;
	assert_int_equal(check("never", "[{\"Name\":\"a\",\"Regex\":\"other\"}]").count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(definitions_stand_in_the_pipelines_order),
	    TEST(every_definition_takes_the_value_from_its_line),
	    TEST(agent_names_come_after_the_pipelines),
	    TEST(agent_names_of_a_run_follow_as_they_are),
	    TEST(no_name_gives_an_empty_array),
	    TEST(forty_definitions_are_taken_and_not_one_more),
	    TEST(bad_wishes_are_refused_by_name),
	    TEST(nothing_to_say_when_all_fits),
	    TEST(objective_that_was_never_published_is_said),
	    TEST(definitions_that_match_no_published_line_are_said),
	    TEST(doubt_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
