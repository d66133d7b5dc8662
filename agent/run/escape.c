#include "run/escape.h"

#define ESC 0x1b
#define BEL 0x07

/* What comes after ESC: a control sequence, a string, a character-set choice (which goes on) or a single final byte. */
static enum escape_state
begun(unsigned char c)
{
	if (c == '[') {
		return ESCAPE_CONTROL;
	}
	if (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_') {
		return ESCAPE_STRING;
	}
	return c >= 0x20 && c <= 0x2f ? ESCAPE_BEGUN : ESCAPE_TEXT;
}

static enum escape_state
in_string(unsigned char c)
{
	if (c == ESC) {
		return ESCAPE_STRING_END;
	}
	return c == BEL ? ESCAPE_TEXT : ESCAPE_STRING;
}

/* Moves on by one byte; '*keep' says whether it is text. */
static enum escape_state
next(enum escape_state state, unsigned char c, int *keep)
{
	*keep = 0;
	if (c == '\n' || c == '\r') {
		*keep = 1;
		return ESCAPE_TEXT;
	}
	switch (state) {
	case ESCAPE_BEGUN:
		if (c == ESC) {
			return ESCAPE_BEGUN;
		}
		/* Control bytes and bytes above ASCII belong to no sequence: the lone ESC goes, they stay. */
		*keep = c < 0x20 || c > 0x7e;
		return *keep ? ESCAPE_TEXT : begun(c);
	case ESCAPE_CONTROL:
		if (c >= 0x20 && c <= 0x3f) {
			return ESCAPE_CONTROL;
		}
		if (c == ESC) {
			return ESCAPE_BEGUN;
		}
		*keep = c < 0x20 || c > 0x7e;
		return ESCAPE_TEXT;
	case ESCAPE_STRING:
		return in_string(c);
	case ESCAPE_STRING_END:
		/* ESC \ ends it; any other sequence does too, and begins. */
		if (c == ESC) {
			return ESCAPE_STRING_END;
		}
		return c == '\\' ? ESCAPE_TEXT : begun(c);
	case ESCAPE_TEXT:
	case ESCAPE_STATES:
	default:
		*keep = c != ESC;
		return *keep ? ESCAPE_TEXT : ESCAPE_BEGUN;
	}
}

size_t
escape_strip(enum escape_state *state, char *bytes, size_t len)
{
	size_t left = 0;

	for (size_t i = 0; i < len; i++) {
		int keep;

		*state = next(*state, (unsigned char)bytes[i], &keep);
		if (keep) {
			bytes[left++] = bytes[i];
		}
	}
	return left;
}
