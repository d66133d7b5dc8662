/*
 * A list of sentences that a room wants said: warnings that do not stop the job, mistakes that are told all at once. The hall logs
 * them; rooms never do.
 *
 * Invariants: adding cannot fail. What is over the limit, or refused by memory, is counted in 'lost'.
 */
#ifndef TRAIN_CONFIG_NOTES_H
#define TRAIN_CONFIG_NOTES_H

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"

enum {
	NOTES_MAX = 100,       /* nobody reads more, and a file of 4 MB may hold a mistake in every line */
	NOTE_BYTES_MAX = 1024, /* one sentence; longer subjects are cut at a character border */
};

struct notes {
	char **texts;
	size_t count;
	size_t lost; /* sentences that found no room */
};

void notes_add(struct notes *notes, const char *fmt, ...) PRINTF_LIKE(2, 3);

/*
 * 0 when the list is empty; else -1 with 'err' of kind ERR_SETTINGS: the one sentence, or the first ones behind their number and
 * 'what' ("3 mistakes in pipeline.json: ...").
 */
MUST_CHECK int notes_to_err(const struct notes *notes, const char *what, struct err *err);

void notes_release(struct notes *notes);
#define CLEAN_NOTES CLEANUP(notes_release) struct notes

#endif
