/*
 * The last bytes of stderr, for the failure text. A ring: adding costs no more than copying its size.
 */
#ifndef TRAIN_RUN_TAIL_H
#define TRAIN_RUN_TAIL_H

#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"

enum {
	TAIL_BYTES = 8192, /* a long traceback; the failure text takes under 1 kB of it, but chooses its lines */
};

struct tail {
	char bytes[TAIL_BYTES];
	size_t at;    /* where the next byte goes */
	size_t count; /* bytes held */
	int cut;      /* 1 once something was overwritten */
};

void tail_reset(struct tail *tail);
void tail_add(struct tail *tail, const char *bytes, size_t len);

/* Appends what is held to 'out', from the beginning of a line on (unless one line fills it), without escape sequences. */
void tail_text(const struct tail *tail, struct buf *out);

#endif
