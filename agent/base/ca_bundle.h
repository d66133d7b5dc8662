/*
 * Mozilla's root certificates, inside the program: for images without a CA file of their own. Made at build time from Debian's
 * package ca-certificates, pinned in agent/deps/ROOTS (agent/deps/ca_bundle.py), and kept squeezed, because most images have a CA file and never need it.
 */
#ifndef TRAIN_BASE_CA_BUNDLE_H
#define TRAIN_BASE_CA_BUNDLE_H

#include <stddef.h>

#include "base/attr.h"

/* Certificates in DER, one behind the other, as a zlib stream (RFC 1950), and their bytes once unfolded. */
extern const unsigned char ca_bundle_squeezed[];
extern const size_t ca_bundle_squeezed_bytes;
extern const size_t ca_bundle_der_bytes;

/* The package's version: the date of the bundle. How many certificates it holds, and the SHA-256 of their DER, unfolded. */
extern const char ca_bundle_version[];
extern const size_t ca_bundle_count;
extern const char ca_bundle_sha256[];

/* Unfolds it: ca_bundle_der_bytes of DER to be freed by the caller, or NULL when memory was refused. */
unsigned char *ca_bundle_unfold(void);

#endif
