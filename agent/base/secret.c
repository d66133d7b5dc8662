#include "base/secret.h"

#include <stdlib.h>
#include <string.h>

void
secret_wipe(void *bytes, size_t len)
{
	volatile unsigned char *at = bytes;

	while (len-- > 0) {
		*at++ = 0;
	}
}

int
secret_set(struct secret *secret, const char *bytes, size_t len)
{
	char *copy = malloc(len + 1);

	if (copy == NULL) {
		return -1;
	}
	memcpy(copy, bytes, len);
	copy[len] = '\0';
	secret_release(secret);
	secret->bytes = copy;
	secret->len = len;
	return 0;
}

void
secret_release(struct secret *secret)
{
	if (secret->bytes != NULL) {
		secret_wipe(secret->bytes, secret->len);
		free(secret->bytes);
	}
	secret->bytes = NULL;
	secret->len = 0;
}

const char *
secret_reveal(const struct secret *secret)
{
	return secret->bytes == NULL ? "" : secret->bytes;
}
