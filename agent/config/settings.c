#include "config/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/mask.h"
#include "config/code_address.h"

enum {
	SENTENCE_MAX = NOTE_BYTES_MAX,
	MS_PER_S = 1000,
	MEBIBYTE_SHIFT = 20,
};

void
settings_init(struct settings *settings)
{
	*settings = (struct settings){0};
	for (int i = 0; i < SETTINGS; i++) {
		const char *fallback = setting_row((enum setting)i)->fallback;

		if (fallback != NULL) {
			settings_default(settings, (enum setting)i, fallback);
		}
	}
}

void
settings_release(struct settings *settings)
{
	for (int i = 0; i < SETTINGS; i++) {
		for (int source = 0; source < SETTING_SOURCES; source++) {
			setting_value_release(&settings->offers[i][source].value);
		}
	}
	notes_release(&settings->mistakes);
	notes_release(&settings->warnings);
	free(settings->tag_trouble);
	*settings = (struct settings){0};
}

void
settings_default(struct settings *settings, enum setting setting, const char *value)
{
	struct setting_offer *offer = &settings->offers[setting][SOURCE_DEFAULT];

	setting_value_release(&offer->value);
	offer->given = setting_value_read(&offer->value, setting, value) == 0;
	CHECK(
	    offer
	        ->given); /* our own text; also when there is no memory for it, as this early there is no other way on */
}

/* "hyperparameter 'train:stop-grace' ('file:1:2')". */
static void
put_origin(struct buf *out, enum setting setting, enum setting_source source, const char *place)
{
	char spelling[SETTING_NAME_MAX];

	buf_printf(out, "%s '%s'", source == SOURCE_PIPELINE ? "setting" : setting_source_name(source),
	    setting_spelling(setting, source, spelling));
	if (place != NULL) {
		buf_printf(out, " (%s)", place);
	}
}

/* A source that may not set it: says where it may be set. */
static void
refuse_source(struct settings *settings, enum setting setting, enum setting_source source, const char *place)
{
	CLEAN_BUF text;
	char spelling[SETTING_NAME_MAX];
	const char *comma = " ";

	buf_init(&text, SENTENCE_MAX);
	put_origin(&text, setting, source, place);
	buf_adds(&text, source == SOURCE_TAG ? " is ignored; set it by" : " may not be set here; set it by");
	for (int other = SOURCE_COMMAND_LINE; other > SOURCE_DEFAULT; other--) {
		if ((setting_row(setting)->from & 1U << other) != 0) {
			buf_printf(&text, "%s%s '%s'", comma, setting_source_name((enum setting_source)other),
			    setting_spelling(setting, (enum setting_source)other, spelling));
			comma = ", ";
		}
	}
	notes_add(source == SOURCE_TAG ? &settings->warnings : &settings->mistakes, "%s", buf_text(&text));
}

/* What is wrong with a value. An address says it itself: some kinds are refused by name (product §3). */
static void
put_trouble(struct buf *out, enum setting setting, const char *value)
{
	CLEAN_CODE_ADDRESS address = {0};
	struct err err = {0};

	if (setting_row(setting)->kind == KIND_ADDRESS && code_address_parse(&address, value, &err) < 0) {
		buf_adds(out, ": ");
		mask_text(NULL, err.text, strlen(err.text), out);
		buf_adds(out, "; ");
		return;
	}
	buf_adds(out, " is '");
	setting_value_show(setting, value, out);
	buf_adds(out, "': ");
}

void
settings_refuse(
    struct settings *settings, enum setting setting, enum setting_source source, const char *value, const char *place)
{
	CLEAN_BUF text;

	buf_init(&text, SENTENCE_MAX);
	put_origin(&text, setting, source, place);
	put_trouble(&text, setting, value);
	buf_adds(&text, "it takes ");
	setting_value_form(setting, &text);
	if (source != SOURCE_TAG) {
		notes_add(&settings->mistakes, "%s", buf_text(&text));
		return;
	}
	notes_add(&settings->warnings, "%s; it is ignored", buf_text(&text));
	if (settings->tag_trouble == NULL) {
		settings->tag_trouble = buf_take(&text);
	}
}

void
settings_offer(
    struct settings *settings, enum setting setting, enum setting_source source, const char *value, const char *place)
{
	struct setting_offer *offer = &settings->offers[setting][source];
	struct setting_value read = {0};

	if ((setting_row(setting)->from & 1U << source) == 0) {
		refuse_source(settings, setting, source, place);
		return;
	}
	if (setting_value_read(&read, setting, value) < 0) {
		settings_refuse(settings, setting, source, value, place);
		return;
	}
	if (offer->given && source != SOURCE_COMMAND_LINE) {
		setting_value_release(&read);
		return;
	}
	setting_value_release(&offer->value);
	*offer = (struct setting_offer){.value = read, .given = 1};
}

int
settings_freeze(struct settings *settings, struct err *err)
{
	settings->frozen++;
	return notes_to_err(&settings->mistakes, "settings are wrong", err);
}

/* ---- reading ---- */

static enum setting_source
highest(const struct settings *settings, enum setting setting)
{
	for (int source = SETTING_SOURCES - 1; source > SOURCE_DEFAULT; source--) {
		if (settings->offers[setting][source].given) {
			return (enum setting_source)source;
		}
	}
	return SOURCE_DEFAULT;
}

enum setting_source
settings_source(const struct settings *settings, enum setting setting)
{
	enum setting_source code = highest(settings, SETTING_CODE);

	/* Version and digest belong to the code that the same source names: never half of one with half of another. */
	if (setting == SETTING_CODE_VERSION || setting == SETTING_CODE_SHA256) {
		if (code != SOURCE_DEFAULT) {
			return settings->offers[setting][code].given ? code : SOURCE_DEFAULT;
		}
		return highest(settings, setting) == SOURCE_TAG ? SOURCE_DEFAULT : highest(settings, setting);
	}
	return highest(settings, setting);
}

/* The value that holds, or NULL. */
static const struct setting_value *
value_of(const struct settings *settings, enum setting setting)
{
	const struct setting_offer *offer = &settings->offers[setting][settings_source(settings, setting)];

	return offer->given ? &offer->value : NULL;
}

const char *
settings_text(const struct settings *settings, enum setting setting)
{
	const struct setting_value *value = value_of(settings, setting);

	return value != NULL ? value->text : NULL;
}

int64_t
settings_number(const struct settings *settings, enum setting setting)
{
	const struct setting_value *value = value_of(settings, setting);

	return value != NULL ? value->number : 0;
}

int64_t
settings_ms(const struct settings *settings, enum setting setting)
{
	return settings_number(settings, setting) * MS_PER_S;
}

int64_t
settings_bytes(const struct settings *settings, enum setting setting)
{
	int64_t number = settings_number(settings, setting);

	return setting_row(setting)->kind == KIND_MEBIBYTES ? number << MEBIBYTE_SHIFT : number;
}

int
settings_is(const struct settings *settings, enum setting setting, const char *word)
{
	const char *text = settings_text(settings, setting);

	return text != NULL && strcmp(text, word) == 0;
}

char *const *
settings_words(const struct settings *settings, enum setting setting)
{
	const struct setting_value *value = value_of(settings, setting);

	return value != NULL ? value->words : NULL;
}

const char *
settings_binding_sha256(const struct settings *settings)
{
	for (int source = SOURCE_COMMAND_LINE; source >= SOURCE_ENVIRONMENT; source--) {
		const struct setting_offer *digest = &settings->offers[SETTING_CODE_SHA256][source];

		if (digest->given && !settings->offers[SETTING_CODE][source].given) {
			return digest->value.text;
		}
	}
	return NULL;
}

const char *
settings_origin(const struct settings *settings, enum setting setting, char out[SETTING_ORIGIN_MAX])
{
	enum setting_source source = settings_source(settings, setting);
	char spelling[SETTING_NAME_MAX];

	if (source == SOURCE_DEFAULT) {
		(void)snprintf(out, SETTING_ORIGIN_MAX, "%s", setting_source_name(source));
	} else {
		(void)snprintf(out, SETTING_ORIGIN_MAX, "%s %s", setting_source_name(source),
		    setting_spelling(setting, source, spelling));
	}
	return out;
}
