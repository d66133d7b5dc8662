/*
 * The running program as a file.
 */
#ifndef TRAIN_BASE_SELF_H
#define TRAIN_BASE_SELF_H

#include "base/attr.h"
#include "base/err.h"
#include "base/limits.h"

/* SHA-256 of the running executable's own bytes, by /proc/self/exe. -1 with ERR_IO. */
MUST_CHECK int self_digest(char hex[SHA256_HEX], struct err *err);

#endif
