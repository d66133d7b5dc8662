/*
 * Base64 (RFC 4648, 4): certificates, logins and checksums.
 */
#ifndef TRAIN_NET_BASE64_H
#define TRAIN_NET_BASE64_H

#include <stddef.h>

/* Characters that 'len' bytes make, and a zero. */
#define BASE64_SIZE(len) (((len) + 2) / 3 * 4 + 1)

/* Writes BASE64_SIZE(len) bytes. */
void base64_encode(char *out, const void *bytes, size_t len);

/* Exactly 'len' bytes from 'text' with its padding: 1, or 0 when it is something else. */
int base64_decode(unsigned char *out, size_t len, const char *text);

#endif
