/*
 * Terminal escape sequences (ECMA-48): taken out of what goes to no terminal. The state lives across reads, because a sequence may
 * be cut anywhere.
 */
#ifndef TRAIN_RUN_ESCAPE_H
#define TRAIN_RUN_ESCAPE_H

#include <stddef.h>

enum escape_state {
	ESCAPE_TEXT,       /* outside of any */
	ESCAPE_BEGUN,      /* after ESC */
	ESCAPE_CONTROL,    /* in ESC [ ... */
	ESCAPE_STRING,     /* in ESC ] ... and its kin, until BEL or ESC \ */
	ESCAPE_STRING_END, /* after an ESC in there */
	ESCAPE_STATES
};

/*
 * Removes sequences from bytes[0..len) in place and returns how many bytes are left. A newline or carriage return always ends a
 * sequence and is kept, so a broken one never eats more than its line.
 */
size_t escape_strip(enum escape_state *state, char *bytes, size_t len);

#endif
