#include "config/pipeline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_read.h"
#include "base/limits.h"
#include "base/text.h"
#include "config/pipeline_read.h"

enum { NEAR_EDITS = 3 /* letters by which a key may miss a known one and still be recognised */ };

static const char NAME_LETTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
static const char METRIC_LETTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:./@%+-";
static const char AGENT_METRICS[] = "agent:";

int
pipeline_no_memory(struct pipeline_reading *reading)
{
	return err_set(reading->err, ERR_SYSTEM, ENOMEM, "cannot keep '%s'", reading->file);
}

void
pipeline_mistake(struct pipeline_reading *reading, int value, const char *what)
{
	int line = 0;
	int column = 0;

	json_place(reading->json, value, &line, &column);
	notes_add(&reading->settings->mistakes, "'%s:%d:%d': %s", reading->file, line, column, what);
}

void
pipeline_warn_unknown(struct pipeline_reading *reading, int key, const char *const *known)
{
	CLEAN_TEXT *name = json_string(reading->json, key, NULL);
	const char *nearest = name != NULL ? text_nearest(name, known, NEAR_EDITS) : NULL;
	int line = 0;
	int column = 0;

	json_place(reading->json, key, &line, &column);
	notes_add(&reading->settings->warnings, "'%s:%d:%d': the key '%s' is not known and is ignored%s%s%s",
	    reading->file, line, column, name != NULL ? name : "", nearest != NULL ? "; did you mean '" : "",
	    nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "");
}

static int
is_known(const struct json *json, int key, const char *const *known)
{
	for (; *known != NULL; known++) {
		if (json_equals(json, key, *known)) {
			return 1;
		}
	}
	return 0;
}

void
pipeline_warn_others(struct pipeline_reading *reading, int object, const char *const *known)
{
	const struct json *json = reading->json;

	for (int key = json_first(json, object); key >= 0; key = json_next(json, object, key)) {
		if (!is_known(json, key, known)) {
			pipeline_warn_unknown(reading, key, known);
		}
	}
}

/* ---- what names look like ---- */

static int
is_made_of(const char *text, const char *letters, size_t max)
{
	size_t len = text != NULL ? strlen(text) : 0;

	return len > 0 && len <= max && strspn(text, letters) == len;
}

int
pipeline_is_name(const char *text)
{
	return is_made_of(text, NAME_LETTERS, PIPELINE_NAME_MAX);
}

int
pipeline_is_metric(const char *text)
{
	static const char *const labels[] = {"step", "epoch", "time"};

	for (size_t i = 0; i < ARRAY_LEN(labels) && text != NULL; i++) {
		if (strcmp(text, labels[i]) == 0) {
			return 0; /* what stands beside a value in a record (product §11) and is never published */
		}
	}
	return is_made_of(text, METRIC_LETTERS, METRIC_NAME_MAX) &&
	       strncmp(text, AGENT_METRICS, strlen(AGENT_METRICS)) != 0;
}

/* ---- the keys of the top level ---- */

static int
keep_command(struct pipeline_reading *reading, int value)
{
	reading->ways[WAY_COMMAND] = value;
	return 0;
}

static int
keep_call(struct pipeline_reading *reading, int value)
{
	reading->ways[WAY_CALL] = value;
	return 0;
}

static int
keep_steps(struct pipeline_reading *reading, int value)
{
	reading->ways[WAY_STEPS] = value;
	return 0;
}

static int
keep_arguments(struct pipeline_reading *reading, int value)
{
	reading->arguments = pipeline_read_form(reading, value);
	return 0;
}

static int
read_name(struct pipeline_reading *reading, int value)
{
	reading->pipeline->name = json_string(reading->json, value, NULL);
	if (!pipeline_is_name(reading->pipeline->name)) {
		pipeline_mistake(reading, value, "'name' has 1 to 128 letters, digits, '.', '_' or '-'");
	}
	return 0;
}

static int
read_objective(struct pipeline_reading *reading, int value)
{
	reading->pipeline->objective = json_string(reading->json, value, NULL);
	if (!pipeline_is_metric(reading->pipeline->objective)) {
		pipeline_mistake(reading, value, "'objective' is the name of a metric");
	}
	return 0;
}

/* A project may steer neither the agent nor the toolkit through its hyperparameters: those names belong to the job. */
static int
read_hyperparameters(struct pipeline_reading *reading, int value)
{
	for (int key = json_first(reading->json, value); key >= 0; key = json_next(reading->json, value, key)) {
		CLEAN_TEXT *name = json_string(reading->json, key, NULL);
		enum hyperparameter_owner owner = name != NULL ? hyperparameter_owner(name) : OWNER_USER;

		if (owner == OWNER_AGENT || owner == OWNER_TOOLKIT) {
			pipeline_mistake(
			    reading, key, "names that begin with 'train:' or 'sagemaker_' belong to the job");
		}
	}
	return hyperparameters_add(&reading->pipeline->defaults, reading->json, value, reading->file, 1,
	    &reading->settings->mistakes, reading->err);
}

/* `train job` reads it; a job that runs only wants it to be an object. */
static int
check_job(struct pipeline_reading *reading, int value)
{
	if (json_type(reading->json, value) != JSON_OBJECT) {
		pipeline_mistake(reading, value, "'job' is an object");
	}
	return 0;
}

/* Where editors find the schema. */
static int
check_schema(struct pipeline_reading *reading, int value)
{
	if (json_type(reading->json, value) != JSON_STRING) {
		pipeline_mistake(reading, value, "'$schema' is an address");
	}
	return 0;
}

/* The keys of the top level that are no settings, and who reads each. */
enum key {
	KEY_SCHEMA,
	KEY_NAME,
	KEY_COMMAND,
	KEY_CALL,
	KEY_STEPS,
	KEY_ARGUMENTS,
	KEY_DATA,
	KEY_LINKS,
	KEY_ENV,
	KEY_HYPERPARAMETERS,
	KEY_METRICS,
	KEY_OBJECTIVE,
	KEY_JOB,
	KEYS,
};

static const char *const KEY_NAMES[] = {
    [KEY_SCHEMA] = "$schema",
    [KEY_NAME] = "name",
    [KEY_COMMAND] = "command",
    [KEY_CALL] = "call",
    [KEY_STEPS] = "steps",
    [KEY_ARGUMENTS] = "arguments",
    [KEY_DATA] = "data",
    [KEY_LINKS] = "links",
    [KEY_ENV] = "env",
    [KEY_HYPERPARAMETERS] = "hyperparameters",
    [KEY_METRICS] = "metrics",
    [KEY_OBJECTIVE] = "objective",
    [KEY_JOB] = "job",
    [KEYS] = NULL,
};

/* Each returns -1 only when memory is refused. */
static int (*const KEY_READERS[])(struct pipeline_reading *reading, int value) = {
    [KEY_SCHEMA] = check_schema,
    [KEY_NAME] = read_name,
    [KEY_COMMAND] = keep_command,
    [KEY_CALL] = keep_call,
    [KEY_STEPS] = keep_steps,
    [KEY_ARGUMENTS] = keep_arguments,
    [KEY_DATA] = pipeline_read_data,
    [KEY_LINKS] = pipeline_read_links,
    [KEY_ENV] = pipeline_read_env,
    [KEY_HYPERPARAMETERS] = read_hyperparameters,
    [KEY_METRICS] = pipeline_read_metrics,
    [KEY_OBJECTIVE] = read_objective,
    [KEY_JOB] = check_job,
};

_Static_assert(ARRAY_LEN(KEY_READERS) == KEYS, "every key has a reader");

/* ---- settings among the keys ---- */

/* 1 when a value of this type can be one of that kind: true is no word, and a list no number. */
static int
fits(enum json_type type, enum setting_kind kind)
{
	switch (type) {
	case JSON_STRING:
		return 1;
	case JSON_ARRAY:
		return kind == KIND_WORDS;
	case JSON_BOOL:
		return kind == KIND_SWITCH;
	case JSON_NUMBER:
		return kind == KIND_COUNT || kind == KIND_SECONDS || kind == KIND_MEBIBYTES || kind == KIND_BYTES ||
		       kind == KIND_SIGNAL;
	case JSON_NULL:
	case JSON_OBJECT:
		break;
	}
	return 0;
}

/* The value as the text that settings_offer wants: strings as they are, switches as words, lists and numbers as they stand. */
static char *
setting_text(const struct json *json, int value)
{
	size_t len = 0;
	const char *raw = json_raw(json, value, &len);

	if (json_type(json, value) == JSON_BOOL) {
		return strdup(json_bool(json, value) == 1 ? "on" : "off");
	}
	return json_type(json, value) == JSON_STRING ? json_string(json, value, NULL) : strndup(raw, len);
}

void
pipeline_offer(struct pipeline_reading *reading, enum setting setting, int value)
{
	CLEAN_TEXT *text = setting_text(reading->json, value);
	CLEAN_TEXT *place = NULL;
	size_t len = 0;
	const char *raw = json_raw(reading->json, value, &len);
	CLEAN_TEXT *written = strndup(raw, len);
	int may_stand = (setting_row(setting)->from & FROM_P) != 0;
	int line = 0;
	int column = 0;

	json_place(reading->json, value, &line, &column);
	place = text_format("'%s:%d:%d'", reading->file, line, column);
	/* One that may not stand here is refused for that, whatever its value is. */
	if (may_stand && (text == NULL || !fits(json_type(reading->json, value), setting_row(setting)->kind))) {
		settings_refuse(reading->settings, setting, SOURCE_PIPELINE, written != NULL ? written : "", place);
		return;
	}
	settings_offer(reading->settings, setting, SOURCE_PIPELINE, text != NULL ? text : "", place);
}

/* The keys that may stand at the top: our own and the settings that a project may make. */
static void
warn_unknown_key(struct pipeline_reading *reading, int key)
{
	char spellings[SETTINGS][SETTING_NAME_MAX];
	const char *known[KEYS + SETTINGS + 1];
	size_t count = 0;

	for (; count < KEYS; count++) {
		known[count] = KEY_NAMES[count];
	}
	for (int i = 0; i < SETTINGS; i++) {
		if ((setting_row((enum setting)i)->from & FROM_P) != 0) {
			known[count++] = setting_spelling((enum setting)i, SOURCE_PIPELINE, spellings[i]);
		}
	}
	known[count] = NULL;
	pipeline_warn_unknown(reading, key, known);
}

static int
read_key(struct pipeline_reading *reading, int key)
{
	int value = json_of_key(reading->json, key);
	CLEAN_TEXT *name = json_string(reading->json, key, NULL);
	enum setting setting = name != NULL ? setting_find(name, SOURCE_PIPELINE) : SETTING_NONE;

	for (int i = 0; i < KEYS && name != NULL; i++) {
		if (strcmp(name, KEY_NAMES[i]) == 0) {
			return KEY_READERS[i](reading, value);
		}
	}
	if (setting != SETTING_NONE) {
		pipeline_offer(reading, setting, value);
	} else {
		warn_unknown_key(reading, key);
	}
	return 0;
}

int
pipeline_parse(struct pipeline *pipeline, const char *text, size_t len, const char *file, struct settings *settings,
    struct err *err)
{
	CLEAN_JSON json = {0};
	struct pipeline_reading reading = {
	    .pipeline = pipeline,
	    .json = &json,
	    .file = file,
	    .settings = settings,
	    .arguments = ARGUMENTS_NONE,
	    .ways = {JSON_NONE, JSON_NONE, JSON_NONE},
	    .err = err,
	};

	*pipeline = (struct pipeline){.present = 1};
	if (json_parse(&json, text, len, file, err) < 0) {
		return -1;
	}
	if (json_type(&json, 0) != JSON_OBJECT) {
		return err_set(err, ERR_SETTINGS, 0, "'%s:1:1': a pipeline is an object", file);
	}
	for (int key = json_first(&json, 0); key >= 0; key = json_next(&json, 0, key)) {
		if (read_key(&reading, key) < 0) {
			return -1;
		}
	}
	return pipeline_read_way(&reading);
}

void
pipeline_release(struct pipeline *pipeline)
{
	for (size_t i = 0; i < pipeline->step_count; i++) {
		free(pipeline->steps[i].name);
		free(pipeline->steps[i].command);
		free(pipeline->steps[i].call);
	}
	free(pipeline->steps);
	free(pipeline->name);
	free(pipeline->objective);
	pipeline_pairs_release(&pipeline->data);
	pipeline_pairs_release(&pipeline->links);
	pipeline_pairs_release(&pipeline->env);
	pipeline_pairs_release(&pipeline->metrics);
	hyperparameters_release(&pipeline->defaults);
	*pipeline = (struct pipeline){0};
}

const char *const *
pipeline_keys(void)
{
	return KEY_NAMES;
}
