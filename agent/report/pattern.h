/*
 * Regular expressions as SageMaker takes them (Python's, C§6.1), said in POSIX extended ones as far as both can say the
 * same. Enough to answer "does it match this line?"; which part a group takes is not kept.
 */
#ifndef TRAIN_REPORT_PATTERN_H
#define TRAIN_REPORT_PATTERN_H

#include "base/attr.h"
#include "base/buf.h"

/*
 * Appends the POSIX form of 'python': lazy quantifiers become greedy, (?:...) a group, \d \w \s and their opposites
 * bracket expressions, escaped punctuation stays itself. 0, or -1 when it uses what has no such form (look-around,
 * named groups, flags, references, \b, escapes in brackets but \d \w \s and \. \- at the ends) or does not fit into
 * 'out'.
 */
MUST_CHECK int pattern_translate(const char *python, struct buf *out);

#endif
