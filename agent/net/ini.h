/*
 * The two files under ~/.aws: sections of "key = value" lines. Read in place, nothing is kept.
 */
#ifndef TRAIN_NET_INI_H
#define TRAIN_NET_INI_H

#include <stddef.h>

#include "base/secret.h"

/* 1 when the text has a section "[name]"; blanks inside the brackets do not count. */
int ini_has_section(const char *text, const char *section);

/*
 * The last value of 'key' (any case) in the section, without blanks around it, as a secret, because half of them
 * are. Nested settings (indented lines) and comments are skipped. 1, 0 when there is none, -1 when memory was
 * refused.
 */
int ini_find(const char *text, const char *section, const char *key, struct secret *value);

#endif
