/*
 * What to do about the errors that training programs run into most: words that such an error's line has, and the advice. Stateless.
 */
#ifndef TRAIN_REPORT_CLUES_H
#define TRAIN_REPORT_CLUES_H

#include "report/span.h"
#include "report/traceback.h"

enum { CLUES_ADVICE_MAX = 256 };

/*
 * Looks for a known error, first in what 'found' holds, then, where that is no Python exception, in the lines of 'text' from the last one on. The
 * advice, static or in 'made'; NULL when there is none. 'channels' are the job's, ended by NULL; or NULL.
 */
const char *clues_find(
    const struct buf *text, const struct traceback *found, const char *const *channels, char made[CLUES_ADVICE_MAX]);

/* The same advice, but where it speaks of a full disk and the one volume that is full, 'full' (NULL: none, or several), is /dev/shm, that of /dev/shm. */
const char *clues_of_volume(const char *advice, const char *full);

#endif
