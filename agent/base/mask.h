/*
 * What may be shown (product §10, "Masking"): which names hold secrets, and text with secrets replaced by "***". Used for the agent's
 * lines, the failure text, the record and, for what 'redact' names, the pipeline's log.
 *
 * A name is split at _ - . : and at a change from lower to upper case; it is secret when a word is secret, password, passwd, token,
 * credential, credentials, or key directly after api, access, private or secret. So max_tokens, tokenizer and num_keys stay readable.
 * Patterns masked in any text: AKIA/ASIA access-key ids, the values of X-Amz-Signature, X-Amz-Credential and X-Amz-Security-Token,
 * Authorization: values, and user:password@ in an address.
 */
#ifndef TRAIN_BASE_MASK_H
#define TRAIN_BASE_MASK_H

#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"

enum {
	MASK_VALUE_MIN = 4,     /* a shorter value is not looked for inside other text: "1" would mask everything */
	MASK_VALUES_MAX = 1024, /* values that one set holds; more is refused */
	MASK_LINES_MAX = 512,   /* once it holds so many, lines of further values are not looked for alone */
};

/* The values to hide. Borrow nothing: values are copied and wiped on release. A zeroed one is an empty set. */
struct mask {
	char **values;
	size_t *lens;
	size_t count;
	unsigned char first[256]; /* bytes that a value begins with: most positions are dismissed by one look */
};

int mask_name_is_secret(const char *name);

/*
 * Adds a value, and where it has several lines (a private key) each of them: a log shows them one by one. Shorter than MASK_VALUE_MIN
 * is ignored. 0, or -1 when full or out of memory.
 */
MUST_CHECK int mask_add(struct mask *mask, const char *value, size_t len);
void mask_release(struct mask *mask);

/* Appends 'text' to 'out' with every value of 'mask' (may be NULL) and every pattern replaced by "***". */
void mask_text(const struct mask *mask, const char *text, size_t len, struct buf *out);

/* Replaces only the values, not the patterns, and only if there is one: 1 when 'out' was filled, 0 when the text is clean. */
int mask_values(const struct mask *mask, const char *text, size_t len, struct buf *out);

/* How many bytes at the end of 'text' may be the beginning of a value of 'mask' (may be NULL) that goes on: not to be shown in two halves. */
size_t mask_begun(const struct mask *mask, const char *text, size_t len);

/* The set that log lines and the failure text go through: the job's one mask. Borrowed; NULL for patterns only. */
void mask_set_global(const struct mask *mask);
const struct mask *mask_global(void);

#endif
