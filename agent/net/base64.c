#include "net/base64.h"

#include <stdint.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
base64_encode(char *out, const void *bytes, size_t len)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < len; i += 3) {
		uint32_t word = (uint32_t)at[i] << 16;

		word |= i + 1 < len ? (uint32_t)at[i + 1] << 8 : 0;
		word |= i + 2 < len ? at[i + 2] : 0;
		out[0] = digits[word >> 18];
		out[1] = digits[word >> 12 & 63];
		out[2] = '=';
		out[3] = '=';
		if (i + 1 < len) {
			out[2] = digits[word >> 6 & 63];
		}
		if (i + 2 < len) {
			out[3] = digits[word & 63];
		}
		out += 4;
	}
	*out = '\0';
}

int
base64_decode(unsigned char *out, size_t len, const char *text)
{
	size_t used = (len * 4 + 2) / 3, done = 0;
	uint32_t bits = 0;

	if (strlen(text) != (len + 2) / 3 * 4 || strspn(text + used, "=") != strlen(text + used)) {
		return 0;
	}
	for (size_t i = 0; i < used; i++) {
		const char *digit = memchr(digits, text[i], sizeof(digits) - 1);

		if (digit == NULL) {
			return 0;
		}
		bits = bits << 6 | (uint32_t)(digit - digits);
		if (i % 4 != 0) {
			out[done++] = (unsigned char)(bits >> (6 - 2 * (i % 4)));
		}
	}
	return done == len;
}
