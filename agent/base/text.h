/*
 * UTF-8 and words: the few text questions that several rooms ask.
 */
#ifndef TRAIN_BASE_TEXT_H
#define TRAIN_BASE_TEXT_H

#include <stddef.h>

#include "base/attr.h"

/* Length in bytes of the valid UTF-8 character at 'text' (RFC 3629: no surrogates, no overlong forms), 0 when there is none. */
size_t utf8_char_len(const char *text, size_t len);

/* The largest count of bytes, at most 'max', that does not cut a character. */
size_t utf8_cut(const char *text, size_t len, size_t max);

/* A name for a message: whole, or its first bytes and "...", so that it does not take the room of the reason. Returns 'out'. */
enum { TEXT_SHOWN = 204 };
const char *text_shown(char out[TEXT_SHOWN], const char *name);

/* The entry of 'names' (ended by NULL) nearest to 'word' by edits, if it is within 'edits_max'; else NULL. Case counts. */
const char *text_nearest(const char *word, const char *const *names, size_t edits_max);

/*
 * Splits at blanks and tabs into a NULL-ended array of copies in one allocation (free it with free). No quoting: there is no shell.
 * NULL with errno E2BIG (more than COMMAND_WORDS_MAX) or ENOMEM.
 */
char **text_split(const char *text, size_t *count);

/* strdup of "fmt": freed by the caller, NULL when memory was refused. */
char *text_format(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* free(*p) for pointers of any type, for cleanup. */
void text_free(char **text);
#define CLEAN_TEXT CLEANUP(text_free) char

#endif
