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

#endif
