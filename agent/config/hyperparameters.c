#include "config/hyperparameters.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "config/pytext.h"

static const char AGENT_PREFIX[] = "train:";
static const char TOOLKIT_PREFIX[] = "sagemaker_";
static const char TUNER_NAME[] = "_tuning_objective_metric";

enum {
	VALUE_TEXT_MAX =
	    8 * HYPERPARAMETER_VALUE_MAX /* a decoded value as ASCII JSON: one byte may become \u0000 and quotes */
};

enum hyperparameter_owner
hyperparameter_owner(const char *name)
{
	if (strncmp(name, AGENT_PREFIX, strlen(AGENT_PREFIX)) == 0) {
		return OWNER_AGENT;
	}
	if (strncmp(name, TOOLKIT_PREFIX, strlen(TOOLKIT_PREFIX)) == 0) {
		return OWNER_TOOLKIT;
	}
	return strcmp(name, TUNER_NAME) == 0 ? OWNER_TUNER : OWNER_USER;
}

static void
release_one(struct hyperparameter *hp)
{
	free(hp->name);
	free(hp->raw);
	free(hp->json);
	free(hp->argument);
	free(hp->variable);
	*hp = (struct hyperparameter){0};
}

static char *
spell(const struct json *json, int value, void (*how)(const struct json *, int, struct buf *))
{
	CLEAN_BUF out;

	buf_init(&out, VALUE_TEXT_MAX);
	buf_adds(&out, "");
	how(json, value, &out);
	return buf_take(&out);
}

/* The three spellings of a value that is in a document. */
static void
take_value(struct hyperparameter *hp, const struct json *json, int value)
{
	hp->json = spell(json, value, pytext_json);
	hp->argument = spell(json, value, pytext_argument);
	hp->variable = spell(json, value, pytext_variable);
}

/* The spellings of a string that stays what it is. */
static void
take_string(struct hyperparameter *hp)
{
	CLEAN_BUF out;

	buf_init(&out, VALUE_TEXT_MAX);
	pytext_string(hp->raw, strlen(hp->raw), &out);
	hp->json = buf_take(&out);
	hp->argument = strdup(hp->raw);
	hp->variable = strdup(hp->raw);
}

/*
 * Decodes what an SDK encoded. The toolkit does the same: what reads as JSON is that value, all else is a string. A \u0000 could
 * stand in no argument, so a value with one stays as it is.
 */
static void
take_encoded(struct hyperparameter *hp)
{
	struct err no_json = {0};
	CLEAN_JSON json = {0};

	if (strstr(hp->raw, "\\u0000") != NULL || json_parse(&json, hp->raw, strlen(hp->raw), hp->name, &no_json) < 0) {
		take_string(hp);
	} else {
		take_value(hp, &json, 0);
	}
}

static int
compare_names(const void *a, const void *b)
{
	const struct hyperparameter *x = a;
	const struct hyperparameter *y = b;

	return strcmp(x->name, y->name);
}

const struct hyperparameter *
hyperparameters_find(const struct hyperparameters *hps, const char *name)
{
	for (size_t i = 0; i < hps->count; i++) {
		if (strcmp(hps->list[i].name, name) == 0) {
			return &hps->list[i];
		}
	}
	return NULL;
}

/* Takes 'hp' over, complete or not; the list grows by one. */
static int
append(struct hyperparameters *hps, struct hyperparameter *hp, struct err *err)
{
	struct hyperparameter *list = NULL;

	if (hp->name != NULL && hp->raw != NULL && hp->json != NULL && hp->argument != NULL && hp->variable != NULL) {
		list = realloc(hps->list, (hps->count + 1) * sizeof(*list));
	}
	if (list == NULL) {
		release_one(hp);
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot keep a hyperparameter");
	}
	hps->list = list;
	hps->list[hps->count++] = *hp;
	return 0;
}

static int
add_member(struct hyperparameters *hps, const struct json *json, int key, int is_default, struct err *err)
{
	int value = json_of_key(json, key);
	int is_string = json_type(json, value) == JSON_STRING;
	struct hyperparameter hp = {.name = json_string(json, key, NULL), .is_default = is_default};

	json_place(json, value, &hp.line, &hp.column);
	hp.raw = is_string ? json_string(json, value, NULL) : spell(json, value, pytext_json);
	if (hp.name == NULL || hp.raw == NULL) {
		release_one(&hp);
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot keep a hyperparameter");
	}
	if (hyperparameters_find(hps, hp.name) != NULL) {
		release_one(&hp);
		return 0;
	}
	if (is_string && !is_default) {
		take_encoded(&hp);
	} else {
		take_value(&hp, json, value);
	}
	return append(hps, &hp, err);
}

/* What is wrong with a member, or NULL. */
static const char *
trouble_of(const struct json *json, int key)
{
	size_t key_len = 0;
	size_t value_len = 0;
	CLEAN_TEXT *name = json_string(json, key, &key_len);

	(void)json_raw(json, json_of_key(json, key), &value_len);
	if (name == NULL || key_len == 0 || key_len > HYPERPARAMETER_NAME_MAX) {
		return "the name of a hyperparameter has 1 to 256 bytes";
	}
	if (value_len > HYPERPARAMETER_VALUE_MAX) {
		return "the value of a hyperparameter has at most 65536 bytes";
	}
	if (json_type(json, json_of_key(json, key)) == JSON_STRING) {
		CLEAN_TEXT *text = json_string(json, json_of_key(json, key), NULL);

		return text != NULL ? NULL : "\\u0000 cannot be passed on";
	}
	return NULL;
}

int
hyperparameters_add(struct hyperparameters *hps, const struct json *json, int value, const char *file, int is_default,
    struct notes *mistakes, struct err *err)
{
	int line = 0;
	int column = 0;

	json_place(json, value, &line, &column);
	if (json_type(json, value) != JSON_OBJECT) {
		notes_add(
		    mistakes, "'%s:%d:%d': hyperparameters are an object of names and values", file, line, column);
		return 0;
	}
	if (json_size(json, value) > HYPERPARAMETERS_MAX) {
		notes_add(
		    mistakes, "'%s:%d:%d': more than %d hyperparameters", file, line, column, (int)HYPERPARAMETERS_MAX);
		return 0;
	}
	for (int key = json_first(json, value); key >= 0; key = json_next(json, value, key)) {
		const char *trouble = trouble_of(json, key);

		if (trouble != NULL) {
			json_place(json, key, &line, &column);
			notes_add(mistakes, "'%s:%d:%d': %s", file, line, column, trouble);
		} else if (add_member(hps, json, key, is_default, err) < 0) {
			return -1;
		}
	}
	if (hps->count > 0) {
		qsort(hps->list, hps->count, sizeof(*hps->list), compare_names);
	}
	return 0;
}

static void
remove_one(struct hyperparameters *hps, const char *name)
{
	for (size_t i = 0; i < hps->count; i++) {
		if (strcmp(hps->list[i].name, name) == 0) {
			release_one(&hps->list[i]);
			memmove(&hps->list[i], &hps->list[i + 1], (hps->count - i - 1) * sizeof(*hps->list));
			hps->count--;
			return;
		}
	}
}

int
hyperparameters_set(struct hyperparameters *hps, const char *name, const char *raw, struct err *err)
{
	struct hyperparameter hp = {0};

	if (*name == '\0' || strlen(name) > HYPERPARAMETER_NAME_MAX || strlen(raw) > HYPERPARAMETER_VALUE_MAX) {
		return err_set(err, ERR_SETTINGS, 0, "the hyperparameter '%s' has no name or is too long", name);
	}
	remove_one(hps, name);
	if (hps->count >= HYPERPARAMETERS_MAX) {
		return err_set(err, ERR_SETTINGS, 0, "more than %d hyperparameters", (int)HYPERPARAMETERS_MAX);
	}
	hp.name = strdup(name);
	hp.raw = strdup(raw);
	if (hp.name == NULL || hp.raw == NULL) {
		release_one(&hp);
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot keep a hyperparameter");
	}
	take_encoded(&hp);
	if (append(hps, &hp, err) < 0) {
		return -1;
	}
	qsort(hps->list, hps->count, sizeof(*hps->list), compare_names);
	return 0;
}

int
hyperparameters_merge(struct hyperparameters *hps, const struct hyperparameters *defaults, struct err *err)
{
	for (size_t i = 0; i < defaults->count; i++) {
		const struct hyperparameter *from = &defaults->list[i];
		struct hyperparameter copy = {.line = from->line, .column = from->column, .is_default = 1};

		if (hyperparameters_find(hps, from->name) != NULL) {
			continue;
		}
		copy.name = strdup(from->name);
		copy.raw = strdup(from->raw);
		copy.json = strdup(from->json);
		copy.argument = strdup(from->argument);
		copy.variable = strdup(from->variable);
		if (append(hps, &copy, err) < 0) {
			return -1;
		}
	}
	if (hps->count > 0) {
		qsort(hps->list, hps->count, sizeof(*hps->list), compare_names);
	}
	return 0;
}

static void
write_names(const struct hyperparameters *hps, int with_tuner, struct buf *out)
{
	const char *comma = "";

	buf_addc(out, '{');
	for (size_t i = 0; i < hps->count; i++) {
		const struct hyperparameter *hp = &hps->list[i];
		enum hyperparameter_owner owner = hyperparameter_owner(hp->name);

		if (owner == OWNER_USER || (owner == OWNER_TUNER && with_tuner)) {
			buf_adds(out, comma);
			pytext_string(hp->name, strlen(hp->name), out);
			buf_printf(out, ":%s", hp->json);
			comma = ",";
		}
	}
	buf_addc(out, '}');
}

void
hyperparameters_write(const struct hyperparameters *hps, struct buf *out)
{
	write_names(hps, 1, out);
}

void
hyperparameters_write_user(const struct hyperparameters *hps, struct buf *out)
{
	write_names(hps, 0, out);
}

void
hyperparameters_release(struct hyperparameters *hps)
{
	for (size_t i = 0; i < hps->count; i++) {
		release_one(&hps->list[i]);
	}
	free(hps->list);
	*hps = (struct hyperparameters){0};
}
