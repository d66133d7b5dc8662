/*
 * The checksums that S3 keeps of whole objects besides SHA-256 (C§9.6): CRC-64/NVME, CRC-32C (Castagnoli), CRC-32 (as gzip). All three are the same
 * arithmetic over another polynomial, least bit first.
 */
#ifndef TRAIN_BASE_CHECKSUM_H
#define TRAIN_BASE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Strongest first. */
enum checksum_kind {
	CHECKSUM_NONE,
	CHECKSUM_SHA256,
	CHECKSUM_CRC64NVME,
	CHECKSUM_CRC32C,
	CHECKSUM_CRC32,
	CHECKSUM_KINDS
};

enum {
	CHECKSUM_BYTES_MAX = 32,
	CHECKSUM_TABLES = 8, /* bytes that go in one step */
};

/* A value as it is kept and sent: most significant byte first. */
struct checksum_value {
	enum checksum_kind kind;
	unsigned char bytes[CHECKSUM_BYTES_MAX];
};

struct checksum {
	enum checksum_kind kind;
	uint64_t crc;
	uint64_t tables[CHECKSUM_TABLES][256];
};

/* Of one of the three CRCs, or of nothing: CHECKSUM_NONE and CHECKSUM_SHA256 (which is base/hash.h's) compute nothing. */
void checksum_init(struct checksum *checksum, enum checksum_kind kind);
void checksum_add(struct checksum *checksum, const void *bytes, size_t len);
void checksum_end(const struct checksum *checksum, struct checksum_value *value);

/* Bytes of a value: 8, 4 or 32; 0 for CHECKSUM_NONE. And its name, as S3 spells it in headers: "crc64nvme". */
size_t checksum_bytes(enum checksum_kind kind);
const char *checksum_name(enum checksum_kind kind);

#endif
