/*
 * Archives made in memory, field by field, so that a test can lie in any of them. Good ones need one call an entry; a hostile one changes what was made
 * before it is sealed or closed.
 */
#ifndef TESTS_UNIT_FILES_MAKERS_H
#define TESTS_UNIT_FILES_MAKERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/attr.h"
#include "base/buf.h"

#define MAKER __attribute__((unused)) static

enum { MAKER_BYTES_MAX = 64 << 20, MAKER_MTIME = 1700000000 };

MAKER void
put(struct buf *out, const void *bytes, size_t len)
{
	assert_int_equal(buf_add(out, bytes, len), 0);
}

/* A number of 'count' bytes, the low one first. */
MAKER void
put_number(struct buf *out, uint64_t value, int count)
{
	while (count-- > 0) {
		put(out, &(unsigned char){(unsigned char)value}, 1);
		value >>= 8;
	}
}

MAKER void
put_zeros(struct buf *out, size_t len)
{
	static const char zeros[4096];

	for (size_t n = 0; len > 0; len -= n) {
		n = len < sizeof(zeros) ? len : sizeof(zeros);
		put(out, zeros, n);
	}
}

/* Overwrites bytes that are there already. */
MAKER void
patch(struct buf *out, size_t at, const void *bytes, size_t len)
{
	assert_true(at + len <= out->len);
	memcpy(out->data + at, bytes, len);
}

MAKER void
patch_number(struct buf *out, size_t at, uint64_t value, int count)
{
	for (int i = 0; i < count; i++) {
		patch(out, at + (size_t)i, &(unsigned char){(unsigned char)(value >> (8 * i))}, 1);
	}
}

/* ---- tar ---- */

enum { TAR_HEAD = 512 };

/* A header that a test may still change; tar_seal computes its checksum. */
struct tar_head {
	unsigned char bytes[TAR_HEAD];
};

MAKER void
tar_octal(struct tar_head *head, size_t at, int digits, uint64_t value)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%0*llo", digits, (unsigned long long)value);
	memcpy(head->bytes + at, text, strlen(text) + 1);
}

MAKER void
tar_text(struct tar_head *head, size_t at, size_t room, const char *text)
{
	memset(head->bytes + at, 0, room);
	memcpy(head->bytes + at, text, strlen(text) < room ? strlen(text) : room);
}

/* A number that octal digits cannot say: GNU's base 256. */
MAKER void
tar_base256(struct tar_head *head, size_t at, size_t room, int64_t value)
{
	for (size_t i = room; i-- > 0; value >>= 8) {
		head->bytes[at + i] = (unsigned char)value;
	}
	head->bytes[at] |= 0x80;
}

MAKER struct tar_head
tar_head(const char *name, char type, unsigned mode, uint64_t size)
{
	struct tar_head head = {{0}};

	tar_text(&head, 0, 100, name);
	tar_octal(&head, 100, 7, mode);
	tar_octal(&head, 108, 7, 0);
	tar_octal(&head, 116, 7, 0);
	tar_octal(&head, 124, 11, size);
	tar_octal(&head, 136, 11, MAKER_MTIME);
	head.bytes[156] = (unsigned char)type;
	memcpy(head.bytes + 257, "ustar\00000", 8);
	return head;
}

MAKER void
tar_put(struct buf *out, struct tar_head *head, const void *content, size_t len)
{
	unsigned sum = 0;

	memset(head->bytes + 148, ' ', 8);
	for (size_t i = 0; i < TAR_HEAD; i++) {
		sum += head->bytes[i];
	}
	tar_octal(head, 148, 6, sum);
	put(out, head->bytes, TAR_HEAD);
	put(out, content, len);
	put_zeros(out, (TAR_HEAD - len % TAR_HEAD) % TAR_HEAD);
}

MAKER void
tar_bytes(struct buf *out, const char *name, unsigned mode, const void *content, size_t len)
{
	struct tar_head head = tar_head(name, '0', mode, len);

	tar_put(out, &head, content, len);
}

MAKER void
tar_file(struct buf *out, const char *name, unsigned mode, const char *content)
{
	tar_bytes(out, name, mode, content, strlen(content));
}

MAKER void
tar_folder(struct buf *out, const char *name, unsigned mode)
{
	struct tar_head head = tar_head(name, '5', mode, 0);

	tar_put(out, &head, "", 0);
}

/* 'type' is '1' for a hard link, '2' for a symbolic one. */
MAKER void
tar_link(struct buf *out, const char *name, char type, const char *target)
{
	struct tar_head head = tar_head(name, type, 0777, 0);

	tar_text(&head, 157, 100, target);
	tar_put(out, &head, "", 0);
}

/* An entry that has no content: a device, a FIFO. */
MAKER void
tar_special(struct buf *out, const char *name, char type)
{
	struct tar_head head = tar_head(name, type, 0644, 0);

	tar_put(out, &head, "", 0);
}

/* One pax record, whose length counts its own digits. */
MAKER void
pax_record(struct buf *out, const char *key, const char *value)
{
	size_t body = strlen(key) + strlen(value) + 3;
	size_t len = body + 1;

	while (len != body + (size_t)snprintf(NULL, 0, "%zu", len)) {
		len = body + (size_t)snprintf(NULL, 0, "%zu", len);
	}
	assert_int_equal(buf_printf(out, "%zu %s=%s\n", len, key, value), 0);
}

/* An extended header with one record, before the entry that it is for. */
MAKER void
tar_pax(struct buf *out, const char *key, const char *value)
{
	CLEAN_BUF records = {0};

	buf_init(&records, MAKER_BYTES_MAX);
	pax_record(&records, key, value);
	struct tar_head head = tar_head("./PaxHeaders/x", 'x', 0644, records.len);
	tar_put(out, &head, records.data, records.len);
}

/* GNU's long name ('L') or long link target ('K') for the next entry. */
MAKER void
tar_gnu_long(struct buf *out, char type, const char *text)
{
	struct tar_head head = tar_head("././@LongLink", type, 0644, strlen(text) + 1);

	memcpy(head.bytes + 257, "ustar  \0", 8);
	tar_put(out, &head, text, strlen(text) + 1);
}

MAKER void
tar_end(struct buf *out)
{
	put_zeros(out, (size_t)2 * TAR_HEAD);
}

/* ---- gzip and zstd ---- */

MAKER void
deflate_raw(struct buf *out, const void *bytes, size_t len, int window_bits)
{
	z_stream stream = {0};
	size_t room = len + len / 100 + 1024;
	unsigned char *packed = malloc(room);

	assert_non_null(packed);
	assert_int_equal(
	    deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	stream.next_in = (Bytef *)(uintptr_t)bytes;
	stream.avail_in = (uInt)len;
	stream.next_out = packed;
	stream.avail_out = (uInt)room;
	assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
	put(out, packed, stream.total_out);
	(void)deflateEnd(&stream);
	free(packed);
}

enum { GZ_TEXT = 1, GZ_HEADER_CRC = 2, GZ_EXTRA = 4, GZ_NAME = 8, GZ_COMMENT = 16 };

/* One member with a header of those flags (RFC 1952). */
MAKER void
gz_member(struct buf *out, const void *bytes, size_t len, int flags)
{
	size_t begin = out->len;

	put(out, "\x1f\x8b\x08", 3);
	put_number(out, (unsigned)flags, 1);
	put_number(out, MAKER_MTIME, 4);
	put(out, "\x02\x03", 2);
	if ((flags & GZ_EXTRA) != 0) {
		put_number(out, 9, 2);
		put(out, "ab\x05\x00extra", 9);
	}
	if ((flags & GZ_NAME) != 0) {
		put(out, "name.tar", 9);
	}
	if ((flags & GZ_COMMENT) != 0) {
		put(out, "a comment", 10);
	}
	if ((flags & GZ_HEADER_CRC) != 0) {
		put_number(out, crc32(0, (const Bytef *)out->data + begin, (uInt)(out->len - begin)) & 0xffff, 2);
	}
	deflate_raw(out, bytes, len, -15);
	put_number(out, crc32(0, bytes, (uInt)len), 4);
	put_number(out, len, 4);
}

/* One frame; 'window_log' 0 leaves it to the library. A size that is not told ('told' 0) makes a header with a window byte. */
MAKER void
zst_frame(struct buf *out, const void *bytes, size_t len, int checksum, int window_log, int told)
{
	size_t room = ZSTD_compressBound(len) + 1024;
	void *packed = malloc(room);
	ZSTD_CCtx *zstd = ZSTD_createCCtx();

	assert_non_null(packed);
	assert_non_null(zstd);
	assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, checksum)));
	assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, told)));
	assert_false(ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, window_log)));
	size_t n = ZSTD_compress2(zstd, packed, room, bytes, len);
	assert_false(ZSTD_isError(n));
	put(out, packed, n);
	(void)ZSTD_freeCCtx(zstd);
	free(packed);
}

MAKER void
zst_skippable(struct buf *out, const char *text)
{
	put(out, "\x5a\x2a\x4d\x18", 4);
	put_number(out, strlen(text), 4);
	put(out, text, strlen(text));
}

/* ---- zip ---- */

enum {
	ZIP_STORED = 0,
	ZIP_DEFLATED = 8,
	ZIP_ENCRYPTED = 1,
	ZIP_BEHIND = 8,
	ZIP_UTF8 = 1 << 11,
	ZIP_MEMBERS_MAX = 16,
	ZIP_UNIX = 3 << 8 | 30, /* made by */
	ZIP_TIME = 0x6000,
	ZIP_DATE = 0x5721, /* 2023-09-01 12:00 */
};

/* What a member's central header says; where it lies, zip_maker knows. */
struct zip_part {
	char name[300];
	unsigned made_by, flags, method;
	uint32_t crc;
	uint64_t packed, plain, offset;
	unsigned mode; /* of Unix, with the kind of file */
	char extra[64];
	size_t extra_len;
};

struct zip_maker {
	struct buf out;
	struct zip_part parts[ZIP_MEMBERS_MAX];
	size_t count;
	size_t base; /* offsets count from here */
	const char *comment;
};

MAKER void
zip_release(struct zip_maker *zip)
{
	buf_release(&zip->out);
}
#define CLEAN_ZIP CLEANUP(zip_release) struct zip_maker

MAKER void
zip_begin(struct zip_maker *zip)
{
	*zip = (struct zip_maker){.comment = ""};
	buf_init(&zip->out, MAKER_BYTES_MAX);
}

MAKER void
zip_local(struct zip_maker *zip, const struct zip_part *part)
{
	int behind = (part->flags & ZIP_BEHIND) != 0;

	put(&zip->out, "PK\x03\x04", 4);
	put_number(&zip->out, 20, 2);
	put_number(&zip->out, part->flags, 2);
	put_number(&zip->out, part->method, 2);
	put_number(&zip->out, ZIP_TIME, 2);
	put_number(&zip->out, ZIP_DATE, 2);
	put_number(&zip->out, behind ? 0 : part->crc, 4);
	put_number(&zip->out, behind ? 0 : part->packed, 4);
	put_number(&zip->out, behind ? 0 : part->plain, 4);
	put_number(&zip->out, strlen(part->name), 2);
	put_number(&zip->out, 0, 2);
	put(&zip->out, part->name, strlen(part->name));
}

/* Adds a member and gives what its central header will say, for lies. */
MAKER struct zip_part *
zip_bytes(struct zip_maker *zip, const char *name, unsigned mode, unsigned method, unsigned flags, const void *bytes,
    size_t len)
{
	struct zip_part *part = &zip->parts[zip->count++];
	CLEAN_BUF packed = {0};

	assert_true(zip->count <= ZIP_MEMBERS_MAX);
	buf_init(&packed, MAKER_BYTES_MAX);
	if (method == ZIP_DEFLATED) {
		deflate_raw(&packed, bytes, len, -15);
	} else {
		put(&packed, bytes, len);
	}
	*part = (struct zip_part){
	    .made_by = ZIP_UNIX,
	    .flags = flags,
	    .method = method,
	    .crc = (uint32_t)crc32(0, bytes, (uInt)len),
	    .packed = packed.len,
	    .plain = len,
	    .offset = zip->out.len - zip->base,
	    .mode = mode,
	};
	(void)snprintf(part->name, sizeof(part->name), "%s", name);
	zip_local(zip, part);
	put(&zip->out, packed.data, packed.len);
	if ((flags & ZIP_BEHIND) != 0) {
		put(&zip->out, "PK\x07\x08", 4);
		put_number(&zip->out, part->crc, 4);
		put_number(&zip->out, part->packed, 4);
		put_number(&zip->out, part->plain, 4);
	}
	return part;
}

MAKER struct zip_part *
zip_file(struct zip_maker *zip, const char *name, unsigned mode, const char *content)
{
	return zip_bytes(zip, name, 0100000 | mode, ZIP_DEFLATED, 0, content, strlen(content));
}

MAKER struct zip_part *
zip_folder(struct zip_maker *zip, const char *name)
{
	return zip_bytes(zip, name, 040755, ZIP_STORED, 0, "", 0);
}

MAKER struct zip_part *
zip_link(struct zip_maker *zip, const char *name, const char *target)
{
	return zip_bytes(zip, name, 0120777, ZIP_STORED, 0, target, strlen(target));
}

MAKER void
zip_central(struct zip_maker *zip, const struct zip_part *part)
{
	put(&zip->out, "PK\x01\x02", 4);
	put_number(&zip->out, part->made_by, 2);
	put_number(&zip->out, 20, 2);
	put_number(&zip->out, part->flags, 2);
	put_number(&zip->out, part->method, 2);
	put_number(&zip->out, ZIP_TIME, 2);
	put_number(&zip->out, ZIP_DATE, 2);
	put_number(&zip->out, part->crc, 4);
	put_number(&zip->out, part->packed, 4);
	put_number(&zip->out, part->plain, 4);
	put_number(&zip->out, strlen(part->name), 2);
	put_number(&zip->out, part->extra_len, 2);
	put_number(&zip->out, 0, 2 + 2 + 2); /* no comment, first disk, binary */
	put_number(&zip->out, (uint64_t)part->mode << 16, 4);
	put_number(&zip->out, part->offset, 4);
	put(&zip->out, part->name, strlen(part->name));
	put(&zip->out, part->extra, part->extra_len);
}

MAKER void
zip_end_record(struct zip_maker *zip, size_t count, size_t directory_bytes, size_t directory_at)
{
	put(&zip->out, "PK\x05\x06", 4);
	put_number(&zip->out, 0, 4);
	put_number(&zip->out, count, 2);
	put_number(&zip->out, count, 2);
	put_number(&zip->out, directory_bytes, 4);
	put_number(&zip->out, directory_at, 4);
	put_number(&zip->out, strlen(zip->comment), 2);
	put(&zip->out, zip->comment, strlen(zip->comment));
}

/* The central directory and the end record. */
MAKER void
zip_end(struct zip_maker *zip)
{
	size_t at = zip->out.len;

	for (size_t i = 0; i < zip->count; i++) {
		zip_central(zip, &zip->parts[i]);
	}
	zip_end_record(zip, zip->count, zip->out.len - at, at - zip->base);
}

/* The same with the records of zip64 in front of the end record, which then says nothing itself. */
MAKER void
zip_end64(struct zip_maker *zip)
{
	size_t at = zip->out.len;

	for (size_t i = 0; i < zip->count; i++) {
		zip_central(zip, &zip->parts[i]);
	}
	size_t end64 = zip->out.len;
	put(&zip->out, "PK\x06\x06", 4);
	put_number(&zip->out, 44, 8);
	put_number(&zip->out, ZIP_UNIX, 2);
	put_number(&zip->out, 45, 2);
	put_number(&zip->out, 0, 8);
	put_number(&zip->out, zip->count, 8);
	put_number(&zip->out, zip->count, 8);
	put_number(&zip->out, end64 - at, 8);
	put_number(&zip->out, at - zip->base, 8);
	put(&zip->out, "PK\x06\x07", 4);
	put_number(&zip->out, 0, 4);
	put_number(&zip->out, end64 - zip->base, 8);
	put_number(&zip->out, 1, 4);
	zip_end_record(zip, 0xffff, 0xffffffff, 0xffffffff);
}

#endif
