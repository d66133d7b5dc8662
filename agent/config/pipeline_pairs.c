#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "config/pipeline_read.h"

static const char VARIABLE_LETTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

/* The links of the working folder that a project may rename or leave out (product §6). */
static const char *const LINKS[] = {"model", "output", "checkpoints"};

/* A folder directly under another one. */
static int
is_folder_name(const char *text)
{
	size_t len = text != NULL ? strlen(text) : 0;

	if (len == 0 || len > PIPELINE_NAME_MAX || strcmp(text, ".") == 0 || strcmp(text, "..") == 0 ||
	    strchr(text, '/') != NULL) {
		return 0;
	}
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f) {
			return 0;
		}
	}
	return 1;
}

static int
is_variable_name(const char *text)
{
	size_t len = text != NULL ? strlen(text) : 0;

	return len > 0 && len <= PIPELINE_NAME_MAX && strspn(text, VARIABLE_LETTERS) == len &&
	       strchr("0123456789", text[0]) == NULL;
}

/* How one object of pairs is read. */
struct pairs_rule {
	struct pipeline_pairs *pairs;
	size_t max;
	int (*is_name)(const char *name);
	const char *name_form;
	/* The text for 'value': 0 and an owned text or NULL in '*out', 1 for a mistake. */
	int (*take)(const struct json *json, int value, char **out);
	const char *value_form;
	const char *const *keys; /* of a value that is an object, ended by NULL; else NULL */
};

static const char *const METRIC_KEYS[] = {"unit", NULL};

static int
read_pairs(struct pipeline_reading *reading, int object, const struct pairs_rule *rule)
{
	const struct json *json = reading->json;

	if (json_type(json, object) != JSON_OBJECT || (size_t)json_size(json, object) > rule->max) {
		char what[96];

		(void)snprintf(what, sizeof(what), "an object is expected here, of at most %zu names", rule->max);
		pipeline_mistake(reading, object, what);
		return 0;
	}
	rule->pairs->list = calloc((size_t)json_size(json, object) + 1, sizeof(*rule->pairs->list));
	if (rule->pairs->list == NULL) {
		return pipeline_no_memory(reading);
	}
	for (int key = json_first(json, object); key >= 0; key = json_next(json, object, key)) {
		struct pipeline_pair *pair = &rule->pairs->list[rule->pairs->count];

		pair->name = json_string(json, key, NULL);
		if (!rule->is_name(pair->name)) {
			pipeline_mistake(reading, key, rule->name_form);
		} else if (rule->take(json, json_of_key(json, key), &pair->value) != 0) {
			pipeline_mistake(reading, json_of_key(json, key), rule->value_form);
		} else {
			if (rule->keys != NULL) {
				pipeline_warn_others(reading, json_of_key(json, key), rule->keys);
			}
			rule->pairs->count++;
			continue;
		}
		text_free(&pair->name);
		text_free(&pair->value);
	}
	return 0;
}

static int
take_folder(const struct json *json, int value, char **out)
{
	*out = json_string(json, value, NULL);
	return is_folder_name(*out) ? 0 : 1;
}

static int
take_link(const struct json *json, int value, char **out)
{
	return json_bool(json, value) == 0 ? 0 : take_folder(json, value, out);
}

static int
take_variable(const struct json *json, int value, char **out)
{
	size_t len = 0;
	const char *raw = json_raw(json, value, &len);

	*out = json_type(json, value) == JSON_NUMBER ? strndup(raw, len) : json_string(json, value, NULL);
	return *out != NULL && strlen(*out) <= PIPELINE_ENV_VALUE_MAX ? 0 : 1;
}

/* 1 when 'word' is one of the words of 'list'. */
static int
is_among(const char *list, const char *word, size_t len)
{
	for (size_t n; *list != '\0'; list += n + (list[n] != '\0')) {
		n = strcspn(list, " ");
		if (n == len && memcmp(list, word, n) == 0) {
			return 1;
		}
	}
	return 0;
}

/* 1 for a unit of CloudWatch's (C§6.3). */
static int
is_unit(const char *text)
{
	static const char sizes[] =
	    "Count Bytes Kilobytes Megabytes Gigabytes Terabytes Bits Kilobits Megabits Gigabits Terabits";
	size_t len = strcspn(text, "/");

	return (is_among(sizes, text, len) && (text[len] == '\0' || strcmp(text + len, "/Second") == 0)) ||
	       is_among("None Percent Seconds Milliseconds Microseconds", text, strlen(text));
}

static int
take_unit(const struct json *json, int value, char **out)
{
	int unit = json_member(json, value, "unit");

	*out = json_string(json, unit, NULL);
	return json_type(json, value) == JSON_OBJECT && (unit < 0 || (*out != NULL && is_unit(*out))) ? 0 : 1;
}

static int
is_link_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(LINKS) && name != NULL; i++) {
		if (strcmp(name, LINKS[i]) == 0) {
			return 1;
		}
	}
	return 0;
}

/* Where a link will stand: NULL for one that is left out. */
static const char *
link_place(const struct pipeline_pairs *links, const char *name)
{
	int found = 0;
	const char *place = pipeline_pairs_find(links, name, &found);

	return found ? place : name;
}

/* Renamed links must not take the place of another one, nor that of the channels. */
static void
check_places(struct pipeline_reading *reading, int value)
{
	const struct pipeline_pairs *links = &reading->pipeline->links;
	char what[3 * PIPELINE_NAME_MAX];

	for (size_t i = 0; i < ARRAY_LEN(LINKS); i++) {
		const char *place = link_place(links, LINKS[i]);

		if (place != NULL && strcmp(place, "data") == 0) {
			(void)snprintf(what, sizeof(what), "'%s' cannot be 'data', which holds the channels", LINKS[i]);
			pipeline_mistake(reading, value, what);
		}
		for (size_t j = i + 1; j < ARRAY_LEN(LINKS) && place != NULL; j++) {
			const char *other = link_place(links, LINKS[j]);

			if (other != NULL && strcmp(place, other) == 0) {
				(void)snprintf(
				    what, sizeof(what), "'%s' and '%s' cannot both be '%s'", LINKS[i], LINKS[j], place);
				pipeline_mistake(reading, value, what);
			}
		}
	}
}

int
pipeline_read_data(struct pipeline_reading *reading, int value)
{
	return read_pairs(reading, value,
	    &(struct pairs_rule){.pairs = &reading->pipeline->data,
	        .max = CHANNELS_MAX,
	        .is_name = is_folder_name,
	        .name_form = "'data' maps the names of folders to channels",
	        .take = take_folder,
	        .value_form = "the name of a channel is expected here"});
}

int
pipeline_read_links(struct pipeline_reading *reading, int value)
{
	int result = read_pairs(reading, value,
	    &(struct pairs_rule){.pairs = &reading->pipeline->links,
	        .max = CHANNELS_MAX,
	        .is_name = is_link_name,
	        .name_form = "'links' names 'model', 'output' or 'checkpoints'",
	        .take = take_link,
	        .value_form = "the name of a folder, or false, is expected here"});

	check_places(reading, value);
	return result;
}

int
pipeline_read_env(struct pipeline_reading *reading, int value)
{
	return read_pairs(reading, value,
	    &(struct pairs_rule){.pairs = &reading->pipeline->env,
	        .max = PIPELINE_ENV_MAX,
	        .is_name = is_variable_name,
	        .name_form = "the name of a variable has letters, digits and '_'",
	        .take = take_variable,
	        .value_form = "a string or a number is expected here, of at most 32768 bytes"});
}

int
pipeline_read_metrics(struct pipeline_reading *reading, int value)
{
	return read_pairs(reading, value,
	    &(struct pairs_rule){.pairs = &reading->pipeline->metrics,
	        .max = PIPELINE_METRICS_MAX,
	        .is_name = pipeline_is_metric,
	        .name_form = "the name of a metric has 1 to 200 of A-Z a-z 0-9 _ : . / @ % + -, does not begin with "
	                     "'agent:' and is not 'step', 'epoch' or 'time'",
	        .take = take_unit,
	        .value_form = "an object, maybe with a CloudWatch 'unit', is expected here",
	        .keys = METRIC_KEYS});
}

const char *const *
pipeline_metric_keys(void)
{
	return METRIC_KEYS;
}

const char *
pipeline_pairs_find(const struct pipeline_pairs *pairs, const char *name, int *found)
{
	for (size_t i = 0; i < pairs->count; i++) {
		if (strcmp(pairs->list[i].name, name) == 0) {
			if (found != NULL) {
				*found = 1;
			}
			return pairs->list[i].value;
		}
	}
	if (found != NULL) {
		*found = 0;
	}
	return NULL;
}

void
pipeline_pairs_release(struct pipeline_pairs *pairs)
{
	for (size_t i = 0; i < pairs->count; i++) {
		free(pairs->list[i].name);
		free(pairs->list[i].value);
	}
	free(pairs->list);
}
