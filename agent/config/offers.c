#include "config/offers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "config/code_address.h"
#include "config/variables.h"

enum {
	NEAR_EDITS = 3,          /* letters by which a name may miss a known one and still be recognised */
	NEAR_EDITS_VARIABLE = 2, /* product §3: other people's TRAIN_ variables are none of our business */
	PLACE_MAX = 400,
};

static const char AGENT_PREFIX[] = "train:";
static const char VARIABLE_PREFIX[] = "TRAIN_";

int
offers_is_other_variable(const char *name)
{
	static const char *const names[] = {
	    "TRAIN_CODE_TOKEN",
	    "TRAIN_CODE_TOKEN_FILE",
	    "TRAIN_CODE_TOKEN_HOST",
	    "TRAIN_CODE_INSECURE",
	    "TRAIN_JOB_NAME",
	    "TRAIN_JOB_ARN",
	    "TRAIN_HOST",
	    "TRAIN_HOSTS",
	    "TRAIN_RANK",
	    "TRAIN_MASTER",
	    "TRAIN_DATA_DIR",
	    "TRAIN_MODEL_DIR",
	    "TRAIN_OUTPUT_DIR",
	    "TRAIN_CHECKPOINT_DIR",
	    "TRAIN_METRICS",
	    "TRAIN_HYPERPARAMETERS",
	    "TRAIN_CODE_DIGEST",
	    "TRAIN_STEP",
	    "TRAIN_RUN_ID",
	    "TRAIN_IMAGE",
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(name, names[i]) == 0) {
			return 1;
		}
	}
	return 0;
}

/* ", did you mean 'x'?" or "". */
static const char *
suggestion(const char *name, enum setting_source source, char out[2 * SETTING_NAME_MAX])
{
	char nearest[SETTING_NAME_MAX];

	out[0] = '\0';
	if (setting_nearest(name, source, NEAR_EDITS, nearest) != NULL) {
		(void)snprintf(out, (size_t)2 * SETTING_NAME_MAX, "; did you mean '%s'?", nearest);
	}
	return out;
}

void
offers_command_line(struct settings *settings, const char *assignment)
{
	size_t len = variables_name_len(assignment);
	CLEAN_TEXT *name = text_format("--set %.*s", (int)len, assignment);
	char more[2 * SETTING_NAME_MAX];

	if (len == 0) {
		notes_add(&settings->mistakes, "'--set %s' is not of the form NAME=VALUE", assignment);
		return;
	}
	enum setting setting = name != NULL ? setting_find(name, SOURCE_COMMAND_LINE) : SETTING_NONE;
	if (setting == SETTING_NONE) {
		notes_add(&settings->mistakes, "there is no setting '%.*s'%s", (int)len, assignment,
		    suggestion(name != NULL ? name : "", SOURCE_COMMAND_LINE, more));
		return;
	}
	settings_offer(settings, setting, SOURCE_COMMAND_LINE, assignment + len + 1, NULL);
}

/*
 * The text of a setting. A string that an SDK encoded is decoded; all else stays as it was written: digits and an 'e' are a digest
 * here and no number. NULL for null, which is how an SDK writes "not given".
 */
static const char *
text_of(const struct hyperparameter *hp)
{
	if (strcmp(hp->json, "null") == 0) {
		return NULL;
	}
	return hp->json[0] == '"' ? hp->variable : hp->raw;
}

void
offers_hyperparameters(struct settings *settings, const struct hyperparameters *hps, const char *path)
{
	for (size_t i = 0; i < hps->count; i++) {
		const struct hyperparameter *hp = &hps->list[i];
		enum setting setting = setting_find(hp->name, SOURCE_HYPERPARAMETER);
		char place[PLACE_MAX];
		char more[2 * SETTING_NAME_MAX];

		if (hyperparameter_owner(hp->name) != OWNER_AGENT) {
			continue;
		}
		(void)snprintf(place, sizeof(place), "'%s:%d:%d'", path != NULL ? path : "", hp->line, hp->column);
		if (setting == SETTING_NONE) {
			notes_add(&settings->warnings, "hyperparameter '%s' is no setting and is ignored%s", hp->name,
			    suggestion(hp->name, SOURCE_HYPERPARAMETER, more));
		} else if (text_of(hp) != NULL) {
			settings_offer(settings, setting, SOURCE_HYPERPARAMETER, text_of(hp),
			    hp->line > 0 && path != NULL ? place : NULL);
		}
	}
}

static void
offer_variable(struct settings *settings, const char *name, const char *value)
{
	enum setting setting = setting_find(name, SOURCE_ENVIRONMENT);
	char nearest[SETTING_NAME_MAX];

	if (*value == '\0' || offers_is_other_variable(name)) {
		return;
	}
	if (setting != SETTING_NONE) {
		settings_offer(settings, setting, SOURCE_ENVIRONMENT, value, NULL);
	} else if (setting_nearest(name, SOURCE_ENVIRONMENT, NEAR_EDITS_VARIABLE, nearest) != NULL) {
		notes_add(&settings->warnings, "environment '%s' is no setting and is ignored; did you mean '%s'?",
		    name, nearest);
	}
}

void
offers_environment(struct settings *settings, char *const *envp)
{
	for (; *envp != NULL; envp++) {
		size_t len = variables_name_len(*envp);
		CLEAN_TEXT *name = NULL;

		if (len >= SETTING_NAME_MAX || strncmp(*envp, VARIABLE_PREFIX, strlen(VARIABLE_PREFIX)) != 0) {
			continue;
		}
		name = strndup(*envp, len);
		if (name != NULL) {
			offer_variable(settings, name, *envp + len + 1);
		}
	}
}

/* ---- tags ---- */

static const char *
tag_value(const struct job_tag *tags, size_t count, enum setting setting)
{
	char spelling[SETTING_NAME_MAX];

	(void)setting_spelling(setting, SOURCE_TAG, spelling);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(tags[i].key, spelling) == 0) {
			return tags[i].value;
		}
	}
	return NULL;
}

/* What a tag is weighed against: the code that the request or a default names; NULL when the tag is the only one. */
static const char *
code_of_request(const struct settings *settings, const char *found)
{
	const char *named = settings_text(settings, SETTING_CODE);

	return named != NULL ? named : found;
}

/* Digests are kept in lower case, whatever they came in. */
static int
is_same(enum setting setting, const char *value, const char *request)
{
	return setting == SETTING_CODE_SHA256 ? strcasecmp(value, request) == 0 : strcmp(value, request) == 0;
}

/* A tag that would change what the request says (NULL: nothing): it is not used, and one line shows both. 1 when there was a line. */
static int
refuse_tag(struct settings *settings, enum setting setting, const char *value, const char *request)
{
	CLEAN_BUF tag;
	CLEAN_BUF kept;
	char spelling[SETTING_NAME_MAX];
	char origin[SETTING_ORIGIN_MAX];
	int named = settings_source(settings, setting) != SOURCE_DEFAULT;

	buf_init(&tag, NOTE_BYTES_MAX);
	buf_init(&kept, NOTE_BYTES_MAX);
	if (value == NULL || (request != NULL && is_same(setting, value, request))) {
		return 0;
	}
	setting_value_show(setting, value, &tag);
	if (request == NULL) {
		buf_adds(&kept, "has none");
	} else {
		buf_adds(&kept, "says '");
		setting_value_show(setting, request, &kept);
		buf_printf(&kept, "' (%s)", named ? settings_origin(settings, setting, origin) : "without a setting");
	}
	notes_add(&settings->warnings, "tag '%s' is '%s' and is ignored: a tag does not change the request, which %s",
	    setting_spelling(setting, SOURCE_TAG, spelling), buf_text(&tag), buf_text(&kept));
	return 1;
}

/* Other code comes with its own version and digest, so the line about the code says it all. */
static void
refuse_tags(struct settings *settings, const char *code, const char *version, const char *digest, const char *request)
{
	if (!refuse_tag(settings, SETTING_CODE, code, request)) {
		refuse_tag(settings, SETTING_CODE_VERSION, version, settings_text(settings, SETTING_CODE_VERSION));
		refuse_tag(settings, SETTING_CODE_SHA256, digest, settings_text(settings, SETTING_CODE_SHA256));
	}
}

static void
offer_tag_code(struct settings *settings, const struct job_tag *tags, size_t count, const char *code)
{
	static const enum setting rest[] = {SETTING_CODE_VERSION, SETTING_CODE_SHA256};

	if (strncmp(code, "s3://", 5) != 0 && strncmp(code, "https://", 8) != 0) {
		CLEAN_BUF shown;

		buf_init(&shown, NOTE_BYTES_MAX);
		setting_value_show(SETTING_CODE, code, &shown);
		notes_add(&settings->warnings,
		    "tag 'train:code' is '%s' and is ignored: a tag takes s3:// or https:// only", buf_text(&shown));
		free(settings->tag_trouble);
		settings->tag_trouble =
		    text_format("tag 'train:code' is '%s': a tag takes s3:// or https:// only", buf_text(&shown));
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(rest); i++) {
		const char *value = tag_value(tags, count, rest[i]);

		if (value != NULL) {
			settings_offer(settings, rest[i], SOURCE_TAG, value, NULL);
		}
	}
	/* A digest or version that cannot be read must not leave the code without it: then the tag names nothing. */
	if (settings->tag_trouble == NULL) {
		settings_offer(settings, SETTING_CODE, SOURCE_TAG, code, NULL);
	}
}

/* Tags that can never be settings: one line each. */
static void
warn_of_others(struct settings *settings, const struct job_tag *tags, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		enum setting setting = setting_find(tags[i].key, SOURCE_TAG);
		char more[2 * SETTING_NAME_MAX];

		if (strncmp(tags[i].key, AGENT_PREFIX, strlen(AGENT_PREFIX)) != 0) {
			continue;
		}
		if (setting == SETTING_NONE) {
			notes_add(&settings->warnings, "tag '%s' is no setting and is ignored%s", tags[i].key,
			    suggestion(tags[i].key, SOURCE_TAG, more));
		} else if ((setting_row(setting)->from & FROM_T) == 0) {
			settings_offer(settings, setting, SOURCE_TAG, tags[i].value, NULL);
		}
	}
}

void
offers_tags(struct settings *settings, const struct job_tag *tags, size_t count, const char *found)
{
	const char *code = tag_value(tags, count, SETTING_CODE);
	const char *request = code_of_request(settings, found);
	const char *version = tag_value(tags, count, SETTING_CODE_VERSION);
	const char *digest = tag_value(tags, count, SETTING_CODE_SHA256);

	if (settings_is(settings, SETTING_TAGS, "off")) {
		return;
	}
	warn_of_others(settings, tags, count);
	if (code == NULL && (version != NULL || digest != NULL)) {
		notes_add(&settings->warnings,
		    "tags 'train:code-version' and 'train:code-sha256' are ignored without a tag 'train:code' beside them");
	} else if (code != NULL && request != NULL) {
		refuse_tags(settings, code, version, digest, request);
	} else if (code != NULL) {
		offer_tag_code(settings, tags, count, code);
	}
}

int
offers_tags_wanted(const struct settings *settings, const struct opt_ml *job, const char *found)
{
	if (settings->mistakes.count > 0 || job->has_tags || job->arn == NULL ||
	    settings_is(settings, SETTING_TAGS, "off")) {
		return 0;
	}
	return settings_is(settings, SETTING_TAGS, "always") || code_of_request(settings, found) == NULL;
}
