/*
 * Bytes that must never be printed: keys, tokens, passwords. The type has no way into a format string, and is wiped on release.
 */
#ifndef TRAIN_BASE_SECRET_H
#define TRAIN_BASE_SECRET_H

#include <stddef.h>

#include "base/attr.h"

struct secret {
	char *bytes; /* zero-terminated, or NULL when empty */
	size_t len;
};

/* Copies 'len' bytes; releases what was there. 0, or -1 when memory was refused. */
MUST_CHECK int secret_set(struct secret *secret, const char *bytes, size_t len);

/* Wipes and frees. Safe on a zeroed one and twice. */
void secret_release(struct secret *secret);
#define CLEAN_SECRET CLEANUP(secret_release) struct secret

/* "" when empty. The only door to the bytes: grep for it to see who reads secrets. */
const char *secret_reveal(const struct secret *secret);

/* Overwrites memory in a way the compiler keeps. */
void secret_wipe(void *bytes, size_t len);

#endif
