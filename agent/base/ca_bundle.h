/*
 * Mozilla's root certificates, inside the program: for images without a CA file of their own. Generated at build time from Debian's
 * package ca-certificates (agent/deps/ca_bundle.py).
 */
#ifndef TRAIN_BASE_CA_BUNDLE_H
#define TRAIN_BASE_CA_BUNDLE_H

#include <stddef.h>

/* Certificates in DER, one behind the other: each tells its own length. */
extern const unsigned char ca_bundle_der[];
extern const size_t ca_bundle_der_bytes;

/* The package's version: the date of the bundle. */
extern const char ca_bundle_version[];

#endif
