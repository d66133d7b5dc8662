/*
 * SHA-256 rounds on the CPU's own instructions. Only base/hash.c calls this.
 */
#ifndef TRAIN_BASE_HASH_BLOCK_H
#define TRAIN_BASE_HASH_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* Runs whole blocks of 64 bytes through 'state'. 0, or -1 with 'state' untouched when this CPU has no such instructions. */
MUST_CHECK int sha256_blocks_by_cpu(uint32_t state[8], const unsigned char *bytes, size_t blocks);

/* 1 when it has: for `train version` and the benchmarks. */
int sha256_cpu_has(void);

#endif
