/*
 * The evidence of a failure (base/evidence.h) in words. Stateless.
 */
#ifndef TRAIN_REPORT_EVIDENCE_TEXT_H
#define TRAIN_REPORT_EVIDENCE_TEXT_H

#include "base/buf.h"
#include "base/evidence.h"

enum { EVIDENCE_BYTES = 24 /* "1023 MiB", or a number below 1024 */ };

/* "64 MiB", "1.5 GiB": at most one digit behind the point. */
void evidence_bytes(char out[EVIDENCE_BYTES], uint64_t bytes);

/* A sentence a line for each count that rose; 'kills' is 0 where the first line of the failure text tells of them. */
void evidence_of_counts(struct buf *out, const struct kernel_counts *counts, int kills);

/* A sentence a line for each volume that is full or has no inodes left; with 'shm' one about /dev/shm however it is. */
void evidence_of_volumes(struct buf *out, const struct volume *volumes, size_t count, int shm);

/* The path of the one volume that is full; NULL where none is, or several. */
const char *evidence_full_volume(const struct volume *volumes, size_t count);

#endif
