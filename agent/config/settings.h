/*
 * The settings of one job: what every source offers, merged, checked and frozen in two steps (product §3).
 *
 * Life: settings_init; offers of C, H, E (config/offers.h); settings_tags_wanted; maybe offers of tags; settings_freeze. After
 * unpacking: offers of pipeline.json; settings_freeze again. Each freeze tells all mistakes at once. Values read before the second
 * freeze are those of the request; a pipeline.json cannot change one that it may not set.
 *
 * 'code', 'code-version' and 'code-sha256' are one unit: the getters give the version and digest of the source that names the code.
 */
#ifndef TRAIN_CONFIG_SETTINGS_H
#define TRAIN_CONFIG_SETTINGS_H

#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "config/notes.h"
#include "config/setting_table.h"
#include "config/setting_value.h"

struct setting_offer {
	struct setting_value value;
	int given;
};

struct settings {
	struct setting_offer offers[SETTINGS][SETTING_SOURCES];
	struct notes mistakes;
	struct notes warnings;
	char *
	    tag_trouble; /* the first thing that was wrong with a tag that names code: the reason where tags were the only hope; or NULL */
	int frozen; /* how many freezes there were */
};

void settings_init(struct settings *settings);
void settings_release(struct settings *settings);
#define CLEAN_SETTINGS CLEANUP(settings_release) struct settings

/*
 * Offers one value. 'place' is "file:line:column" for files, else NULL. A source outside the row's "from", or a value of the wrong
 * form, becomes a mistake (in a tag: a warning). The first offer of a source stands, but for the command line, where the last does.
 */
void settings_offer(
    struct settings *settings, enum setting setting, enum setting_source source, const char *value, const char *place);

/* Says that 'value' has the wrong form, as settings_offer does: for what is not even a text (true, 7 or {} in a file). */
void settings_refuse(
    struct settings *settings, enum setting setting, enum setting_source source, const char *value, const char *place);

/* Changes a default, as `train run` does with keep-workspace. The value must be right. */
void settings_default(struct settings *settings, enum setting setting, const char *value);

/* 0, or -1 with ERR_SETTINGS that holds all mistakes; they stand in settings->mistakes, too. */
MUST_CHECK int settings_freeze(struct settings *settings, struct err *err);

/* ---- reading ---- */

/* The value's text, borrowed; NULL when nobody named one and the table has no default. */
const char *settings_text(const struct settings *settings, enum setting setting);

/* Its number: whole numbers in the row's unit (bytes for KIND_BYTES and MiB rows: see settings_bytes), 1/0 for switches, the index of a
 * choice in the row's list, the number of a signal. 0 when there is no value. */
int64_t settings_number(const struct settings *settings, enum setting setting);

/* Seconds as milliseconds; MiB or bytes as bytes. */
int64_t settings_ms(const struct settings *settings, enum setting setting);
int64_t settings_bytes(const struct settings *settings, enum setting setting);

/* 1 for the choice 'word'. */
int settings_is(const struct settings *settings, enum setting setting, const char *word);

/* Its words, ended by NULL, borrowed; NULL when there are none. */
char *const *settings_words(const struct settings *settings, enum setting setting);

/* Who said so; SOURCE_DEFAULT when nobody did. */
enum setting_source settings_source(const struct settings *settings, enum setting setting);

/*
 * The digest that binds whatever archive is used: of the highest of C, H, E that names a code-sha256 and no code beside it; NULL
 * without one. Checked besides the code's own (product §3).
 */
const char *settings_binding_sha256(const struct settings *settings);

/* "hyperparameter train:code", "environment TRAIN_CODE", "default": for plan, record and messages. Returns 'out'. */
enum { SETTING_ORIGIN_MAX = 96 };
const char *settings_origin(const struct settings *settings, enum setting setting, char out[SETTING_ORIGIN_MAX]);

#endif
