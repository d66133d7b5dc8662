#include "report/definitions.h"

#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json_read.h"
#include "base/json_write.h"
#include "base/text.h"
#include "report/metric_line.h"
#include "report/pattern.h"

/* ---- what the request needs ---- */

static const char *const own_names[] = {
    "agent:startup_seconds",
    "agent:tags_seconds",
    "agent:fetch_seconds",
    "agent:fetch_bytes",
    "agent:unpack_seconds",
    "agent:pipeline_seconds",
    "agent:peak_memory_bytes",
};

/* A step's name as metrics_add_own makes it a metric's. */
static void
step_metric(char out[METRICS_NAME_MAX + 1], const char *step)
{
	(void)snprintf(out, METRICS_NAME_MAX + 1, "agent:step_seconds:%s", step);
	for (char *c = out; *c != '\0'; c++) {
		if (!metric_name_is_good(c, 1)) {
			*c = '_';
		}
	}
}

/* {"Name": "train:loss", "Regex": "#metric train:loss=([-+]?[0-9][-+0-9.eE]*);"} on a line of its own. */
static void
add_definition(struct json_writer *writer, const char *name)
{
	char regex[2 * METRICS_NAME_MAX + 64];
	size_t len = (size_t)snprintf(regex, sizeof(regex), "#metric ");

	for (const char *c = name; *c != '\0'; c++) {
		/* Of the bytes that a name may have only these two mean something else in a regex. */
		if (*c == '.' || *c == '+') {
			regex[len++] = '\\';
		}
		regex[len++] = *c;
	}
	(void)snprintf(regex + len, sizeof(regex) - len, "=([-+]?[0-9][-+0-9.eE]*);");
	json_open_object(writer, NULL);
	json_add_string(writer, "Name", name);
	json_add_string(writer, "Regex", regex);
	json_close_object(writer);
}

static int
has_name(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], name) == 0) {
			return 1;
		}
	}
	return 0;
}

static int
check_names(const struct definitions_wish *wish, struct err *err)
{
	size_t total = wish->name_count + (wish->agent ? ARRAY_LEN(own_names) + wish->step_count : 0) + wish->own_count;

	for (size_t i = 0; i < wish->name_count; i++) {
		size_t len = strlen(wish->names[i]);

		if (!metric_name_is_good(wish->names[i], len) || metric_name_is_own(wish->names[i], len)) {
			return err_set(err, ERR_SETTINGS, 0,
			    "the metric name '%s' is not 1 to %d of A-Z a-z 0-9 _ : . / @ %% + - without "
			    "'agent:' in front",
			    wish->names[i], METRICS_NAME_MAX);
		}
		if (has_name(wish->names, i, wish->names[i])) {
			return err_set(err, ERR_SETTINGS, 0, "the metric '%s' is named twice", wish->names[i]);
		}
	}
	if (wish->objective != NULL && !has_name(wish->names, wish->name_count, wish->objective)) {
		return err_set(err, ERR_SETTINGS, 0, "the objective '%s' is not among the metrics", wish->objective);
	}
	if (total > DEFINITIONS_MAX) {
		return err_set(err, ERR_SETTINGS, 0, "%zu metric definitions, but a training job takes at most %d%s",
		    total, DEFINITIONS_MAX, total > wish->name_count ? ": leave out '--agent' or some metrics" : "");
	}
	return 0;
}

int
definitions_write(const struct definitions_wish *wish, struct buf *out, struct err *err)
{
	struct json_writer writer;

	if (check_names(wish, err) < 0) {
		return -1;
	}
	json_writer_init(&writer, out, 2);
	json_open_array(&writer, NULL);
	for (size_t i = 0; i < wish->name_count; i++) {
		add_definition(&writer, wish->names[i]);
	}
	for (size_t i = 0; wish->agent && i < ARRAY_LEN(own_names); i++) {
		add_definition(&writer, own_names[i]);
	}
	for (size_t i = 0; wish->agent && i < wish->step_count; i++) {
		char name[METRICS_NAME_MAX + 1];

		step_metric(name, wish->steps[i]);
		add_definition(&writer, name);
	}
	for (size_t i = 0; i < wish->own_count; i++) {
		add_definition(&writer, wish->own[i]);
	}
	json_close_array(&writer);
	buf_addc(out, '\n');
	return out->full ? err_set(err, ERR_BUG, 0, "the metric definitions need more than %zu bytes", out->max) : 0;
}

/* ---- whether SageMaker found our lines ---- */

enum answer { NO_MATCH, MATCH, UNKNOWN };

static void note(struct definitions_notes *notes, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void
note(struct definitions_notes *notes, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(notes->text[notes->count++], DEFINITIONS_NOTE_BYTES, fmt, args);
	va_end(args);
}

/* Does 'regex', which is Python's, match the line of one of the pipeline's metrics, or of the one called 'name'? */
static enum answer
matches(const char *regex, const struct metrics *metrics)
{
	enum answer answer = NO_MATCH;
	regex_t compiled;
	CLEAN_BUF posix = {0};

	buf_init(&posix, (size_t)8 * DEFINITION_REGEX_MAX);
	if (strlen(regex) > DEFINITION_REGEX_MAX || pattern_translate(regex, &posix) < 0 ||
	    regcomp(&compiled, buf_text(&posix), REG_EXTENDED | REG_NOSUB) != 0) {
		return UNKNOWN;
	}
	for (size_t i = 0; i < metrics->name_count && answer == NO_MATCH; i++) {
		const struct metric *metric = &metrics->names[i];
		char line[METRICS_LINE_OUT];

		line[metric_line_format(line, metric->name, metric->last, &metric->labels) - 1] = '\0';
		answer = regexec(&compiled, line, 0, NULL, 0) == 0 ? MATCH : NO_MATCH;
	}
	regfree(&compiled);
	return answer;
}

/* NO_MATCH only when there are definitions, each could be tried, and none matched. */
static enum answer
any_matches(const struct json *json, const struct metrics *metrics)
{
	enum answer answer = json_size(json, 0) > 0 ? NO_MATCH : UNKNOWN;
	int tried = 0;

	for (int item = json_first(json, 0); item >= 0 && answer == NO_MATCH; item = json_next(json, 0, item)) {
		CLEAN_TEXT *regex = json_string(json, json_member(json, item, "Regex"), NULL);

		answer = regex == NULL || tried++ == DEFINITIONS_MAX ? UNKNOWN : matches(regex, metrics);
	}
	return answer;
}

static int
pipeline_published(const struct metrics *metrics)
{
	for (size_t i = 0; i < metrics->name_count; i++) {
		if (!metrics->names[i].own) {
			return 1;
		}
	}
	return 0;
}

/* The definition of that name, if the job has one, may read the objective from the pipeline's plain log or from another
 * metric. */
static int
defined_elsewhere(const struct json *json, const char *objective, const struct metrics *metrics)
{
	for (int item = json_first(json, 0); item >= 0; item = json_next(json, 0, item)) {
		CLEAN_TEXT *regex = json_string(json, json_member(json, item, "Regex"), NULL);

		if (regex != NULL && json_equals(json, json_member(json, item, "Name"), objective)) {
			return strstr(regex, "#metric ") == NULL || matches(regex, metrics) == MATCH;
		}
	}
	return 0;
}

static int
was_published(const struct metrics *metrics, const char *name)
{
	for (size_t i = 0; i < metrics->name_count; i++) {
		if (strcmp(metrics->names[i].name, name) == 0) {
			return 1;
		}
	}
	return 0;
}

void
definitions_check(const struct metrics *metrics, const char *objective, const char *json, size_t json_len,
    struct definitions_notes *notes)
{
	CLEAN_JSON definitions = {0};
	struct err ignored = {0};

	*notes = (struct definitions_notes){0};
	if (!metrics->setup.publish) {
		return;
	}
	/* The file is undocumented: one that is no array of objects says nothing. */
	if (json != NULL && (json_parse(&definitions, json, json_len, "metric-definition-regex.json", &ignored) < 0 ||
	                        json_type(&definitions, 0) != JSON_ARRAY)) {
		json_release(&definitions);
	}
	if (objective != NULL && !was_published(metrics, objective) &&
	    !defined_elsewhere(&definitions, objective, metrics)) {
		note(notes, "the tuning objective '%.200s' was never published: write it to $TRAIN_METRICS", objective);
	}
	if (pipeline_published(metrics) && any_matches(&definitions, metrics) == NO_MATCH) {
		note(notes, "none of the job's metric definitions matches a published metric: "
		            "'train metrics' prints the ones that do");
	}
}
