/*
 * One value of a setting: checked against its row and brought into its one form.
 */
#ifndef TRAIN_CONFIG_SETTING_VALUE_H
#define TRAIN_CONFIG_SETTING_VALUE_H

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "config/setting_table.h"

enum { SETTING_TEXT_MAX = 65536 /* the longest value: a command of 1,024 words */ };

struct setting_value {
	char *text; /* as given, but digests in lower case and switches as "on" or "off" */
	int64_t
	    number; /* numbers in their unit (bytes for KIND_BYTES), switches as 0 and 1, choices as their index, signals */
	char **words; /* KIND_WORDS and KIND_PREFIXES: ended by NULL, one allocation */
};

/*
 * Reads 'text' as 'setting' wants it. 0 and an owned value; -1 when it does not fit (say setting_value_form) or memory was refused
 * ('value' is then released).
 */
MUST_CHECK int setting_value_read(struct setting_value *value, enum setting setting, const char *text);

/* Appends the accepted form: "a whole number of seconds from 0 to 3600". */
void setting_value_form(enum setting setting, struct buf *out);

/* Appends the value as it may be shown: secrets masked, addresses without userinfo and query, at most 100 bytes. */
void setting_value_show(enum setting setting, const char *text, struct buf *out);

void setting_value_release(struct setting_value *value);

/* Words of KIND_WORDS: split at blanks, or a JSON array of strings. Owned array ended by NULL (free it with free), or NULL. */
char **setting_words(const char *text);

#endif
