#include "base/checksum.h"

#include <string.h>

struct polynomial {
	const char *name;
	size_t bytes;
	uint64_t reflected; /* 0: not ours */
};

/* Catalogue of parametrised CRC algorithms: CRC-64/NVME, CRC-32/ISCSI, CRC-32/ISO-HDLC. Each begins and ends with all bits turned. */
static const struct polynomial polynomials[CHECKSUM_KINDS] = {
    [CHECKSUM_NONE] = {"none", 0, 0},
    [CHECKSUM_CRC64NVME] = {"crc64nvme", 8, 0x9a6c9329ac4bc9b5},
    [CHECKSUM_CRC32C] = {"crc32c", 4, 0x82f63b78},
    [CHECKSUM_CRC32] = {"crc32", 4, 0xedb88320},
    [CHECKSUM_SHA256] = {"sha256", 32, 0},
};

size_t
checksum_bytes(enum checksum_kind kind)
{
	return polynomials[kind].bytes;
}

const char *
checksum_name(enum checksum_kind kind)
{
	return polynomials[kind].name;
}

/* tables[k][b] is what the byte b does to the sum when k more bytes follow it. */
static void
fill_tables(struct checksum *checksum, uint64_t reflected)
{
	for (unsigned byte = 0; byte < 256; byte++) {
		uint64_t crc = byte;

		for (int bit = 0; bit < 8; bit++) {
			crc = (crc >> 1) ^ ((crc & 1) != 0 ? reflected : 0);
		}
		checksum->tables[0][byte] = crc;
	}
	for (unsigned byte = 0; byte < 256; byte++) {
		for (int k = 1; k < CHECKSUM_TABLES; k++) {
			uint64_t before = checksum->tables[k - 1][byte];

			checksum->tables[k][byte] = (before >> 8) ^ checksum->tables[0][before & 0xff];
		}
	}
}

void
checksum_init(struct checksum *checksum, enum checksum_kind kind)
{
	checksum->kind = kind;
	checksum->crc = checksum_bytes(kind) == 8 ? UINT64_MAX : UINT32_MAX;
	if (polynomials[kind].reflected != 0) {
		fill_tables(checksum, polynomials[kind].reflected);
	}
}

static uint64_t
load(const unsigned char *bytes)
{
	uint64_t word = 0;

	for (int i = 7; i >= 0; i--) {
		word = word << 8 | bytes[i];
	}
	return word;
}

void
checksum_add(struct checksum *checksum, const void *bytes, size_t len)
{
	const unsigned char *at = bytes;
	uint64_t(*const tables)[256] = checksum->tables;
	uint64_t crc = checksum->crc;

	if (polynomials[checksum->kind].reflected == 0) {
		return;
	}
	for (; len >= CHECKSUM_TABLES; len -= CHECKSUM_TABLES, at += CHECKSUM_TABLES) {
		uint64_t word = load(at) ^ crc;

		crc = tables[7][word & 0xff] ^ tables[6][word >> 8 & 0xff] ^ tables[5][word >> 16 & 0xff] ^
		      tables[4][word >> 24 & 0xff] ^ tables[3][word >> 32 & 0xff] ^ tables[2][word >> 40 & 0xff] ^
		      tables[1][word >> 48 & 0xff] ^ tables[0][word >> 56];
	}
	for (; len > 0; len--, at++) {
		crc = (crc >> 8) ^ tables[0][(crc ^ *at) & 0xff];
	}
	checksum->crc = crc;
}

void
checksum_end(const struct checksum *checksum, struct checksum_value *value)
{
	size_t bytes = polynomials[checksum->kind].reflected != 0 ? checksum_bytes(checksum->kind) : 0;

	*value = (struct checksum_value){.kind = checksum->kind};
	for (size_t i = 0; i < bytes; i++) {
		value->bytes[i] = (unsigned char)(~checksum->crc >> (8 * (bytes - 1 - i)));
	}
}
