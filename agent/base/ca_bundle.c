#include "base/ca_bundle.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/check.h"

unsigned char *
ca_bundle_unfold(void)
{
	unsigned char *der = malloc(ca_bundle_der_bytes);
	uLongf bytes = ca_bundle_der_bytes;

	if (der == NULL) {
		return NULL;
	}
	int result = uncompress(der, &bytes, ca_bundle_squeezed, ca_bundle_squeezed_bytes);

	if (result == Z_MEM_ERROR) {
		free(der);
		return NULL;
	}
	CHECK(result == Z_OK && bytes == ca_bundle_der_bytes);
	return der;
}
