/*
 * The last lines of stderr, for the failure text. Of each the beginning is kept, which says what it is about: one line of a megabyte
 * pushes nobody out. Adding costs no more than looking at the last lines of what is added.
 */
#ifndef TRAIN_RUN_TAIL_H
#define TRAIN_RUN_TAIL_H

#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/mask.h"

enum {
	TAIL_LINES = 64,       /* a long traceback; the failure text takes under 1 kB of it, but chooses its lines */
	TAIL_LINE_BYTES = 512, /* of each line, newline not counted */
	TAIL_WORD_BYTES =
	    256, /* of a word that may be half a secret by its form: an address with a password, a signature */
	TAIL_MARK_BYTES = 3, /* "...", behind a line that was longer */
	TAIL_TEXT_MAX = TAIL_LINES * (TAIL_LINE_BYTES + TAIL_MARK_BYTES + 1),
};

/* A zeroed one is empty. */
struct tail {
	char bytes[TAIL_LINES][TAIL_LINE_BYTES];
	unsigned short lens[TAIL_LINES]; /* one over TAIL_LINE_BYTES: the line was longer */
	size_t begun;                    /* lines so far; the last of them may still grow */
	int ended;                       /* its newline came */
};

void tail_reset(struct tail *tail);
void tail_add(struct tail *tail, const char *bytes, size_t len);

/*
 * Appends what is held to 'out', at most TAIL_TEXT_MAX bytes, each line but an unfinished last one with its newline; no escape sequences. A line that was
 * longer ends before its last word, and before what may be half a value of 'mask' (may be NULL): half a secret would not be known for one.
 */
void tail_text(const struct tail *tail, const struct mask *mask, struct buf *out);

#endif
