#include "files/pack_zip.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/limits.h"
#include "files/pack_file.h"

enum {
	MADE_ON_UNIX = 3 << 8,
	VERSION_PLAIN = 20,
	VERSION_ZIP64 = 45,
	FLAG_UTF8 = 1 << 11,
	METHOD_STORED = 0,
	METHOD_DEFLATED = 8,
	DOS_FOLDER = 0x10,
	EXTRA_ZIP64 = 1,
	EXTRA_TIME = 0x5455,
	LOCAL_CRC_AT = 14,  /* checksum and both sizes, which are patched */
	LOCAL_FIXED = 30,   /* bytes of a local header without name and extra fields */
	ZIP64_SIZES_AT = 4, /* in its extra field, which stands first */
	HEADER_MAX = LOCAL_FIXED + PATH_BYTES_MAX + 64,
	END_MAX = 128,
	DIRECTORY_MAX = 1 << 28, /* the largest that the unpacker reads */
	ENTRIES_PLAIN = 0xffff,
	DOS_YEAR_FIRST = 1980,
	TM_YEAR_FIRST = 1900,
};

#define FULL32 0xffffffffU
#define BIG 0xf0000000      /* from here on a member's packed size might not fit into 32 bits */
#define DOS_FIRST 315532800 /* 1980-01-01 */
#define DOS_LAST 4354819198 /* 2107-12-31, the last even second */

/* One member as its headers tell it. */
struct member {
	const struct pack_entry *entry;
	unsigned method;
	int is_big;
	int64_t at; /* of its local header */
	struct deflated facts;
};

static void
add_number(struct buf *buf, uint64_t value, int bytes)
{
	for (; bytes > 0; bytes--, value >>= 8) {
		buf_addc(buf, (char)(value & 0xff));
	}
}

static uint32_t
capped(int64_t value)
{
	return value < FULL32 ? (uint32_t)value : FULL32;
}

/* Two-second steps since 1980, in UTC: local time would make other bytes in another place. */
static uint32_t
dos_time(int64_t mtime)
{
	time_t moment = mtime < DOS_FIRST ? DOS_FIRST : mtime > DOS_LAST ? DOS_LAST : (time_t)mtime;
	struct tm tm;

	gmtime_r(&moment, &tm);
	unsigned date = (unsigned)(tm.tm_year + TM_YEAR_FIRST - DOS_YEAR_FIRST) << 9 | (unsigned)(tm.tm_mon + 1) << 5 |
	                (unsigned)tm.tm_mday;
	unsigned time = (unsigned)tm.tm_hour << 11 | (unsigned)tm.tm_min << 5 | (unsigned)tm.tm_sec / 2;
	return date << 16 | time;
}

int
pack_zip_open(struct pack_zip *zip, struct pack_out *out, int64_t mtime, struct err *err)
{
	*zip = (struct pack_zip){.out = out, .to = pack_out_sink(out), .mtime = mtime, .dos_time = dos_time(mtime)};
	buf_init(&zip->directory, DIRECTORY_MAX);
	zip->deflater = deflater_new(DEFLATE_RAW, &zip->to, err);
	return zip->deflater != NULL ? 0 : -1;
}

void
pack_zip_release(struct pack_zip *zip)
{
	deflater_clean(&zip->deflater);
	buf_release(&zip->directory);
}

/* ---- headers ---- */

static int
is_folder(const struct member *member)
{
	return S_ISDIR(member->entry->mode);
}

static size_t
name_len(const struct member *member)
{
	return strlen(member->entry->path) + (size_t)is_folder(member);
}

/* From "version needed" to the length of the name: local and central headers have it in common. */
static void
add_common(const struct pack_zip *zip, struct buf *buf, const struct member *member)
{
	add_number(buf, member->is_big ? VERSION_ZIP64 : VERSION_PLAIN, 2);
	add_number(buf, FLAG_UTF8, 2);
	add_number(buf, member->method, 2);
	add_number(buf, zip->dos_time, 4);
	add_number(buf, member->facts.crc, 4);
	add_number(buf, member->is_big ? FULL32 : (uint64_t)member->facts.packed, 4);
	add_number(buf, member->is_big ? FULL32 : (uint64_t)member->facts.plain, 4);
	add_number(buf, name_len(member), 2);
}

static void
add_name(struct buf *buf, const struct member *member)
{
	buf_adds(buf, member->entry->path);
	buf_adds(buf, is_folder(member) ? "/" : "");
}

/* Info-ZIP's: seconds in 32 bits, and only as far as every reader takes them for positive. */
static void
add_extra_time(const struct pack_zip *zip, struct buf *extra)
{
	if (zip->mtime <= INT32_MAX) {
		add_number(extra, EXTRA_TIME, 2);
		add_number(extra, 5, 2);
		add_number(extra, 1, 1); /* only the time of the content */
		add_number(extra, (uint64_t)zip->mtime, 4);
	}
}

static int
write_local(const struct pack_zip *zip, const struct member *member, struct err *err)
{
	CLEAN_BUF extra = {0};
	CLEAN_BUF head = {0};

	buf_init(&extra, HEADER_MAX);
	buf_init(&head, HEADER_MAX);
	if (member->is_big) {
		add_number(&extra, EXTRA_ZIP64, 2);
		add_number(&extra, 16, 2);
		add_number(&extra, 0, 8); /* both sizes are patched */
		add_number(&extra, 0, 8);
	}
	add_extra_time(zip, &extra);
	buf_adds(&head, "PK\x03\x04");
	add_common(zip, &head, member);
	add_number(&head, extra.len, 2);
	add_name(&head, member);
	buf_add(&head, extra.data, extra.len);
	if (head.full || extra.full) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot pack");
	}
	return sink_write(&zip->to, head.data, head.len, err);
}

static int
patch_local(const struct pack_zip *zip, const struct member *member, struct err *err)
{
	CLEAN_BUF sizes = {0};
	int64_t at = member->at + LOCAL_CRC_AT;

	buf_init(&sizes, END_MAX);
	add_number(&sizes, member->facts.crc, 4);
	add_number(&sizes, member->is_big ? FULL32 : (uint64_t)member->facts.packed, 4);
	add_number(&sizes, member->is_big ? FULL32 : (uint64_t)member->facts.plain, 4);
	if (sizes.full || pack_out_patch(zip->out, at, sizes.data, sizes.len, err) < 0) {
		return sizes.full ? err_set(err, ERR_SYSTEM, ENOMEM, "cannot pack") : -1;
	}
	if (!member->is_big) {
		return 0;
	}
	buf_reset(&sizes);
	add_number(&sizes, (uint64_t)member->facts.plain, 8);
	add_number(&sizes, (uint64_t)member->facts.packed, 8);
	at = member->at + LOCAL_FIXED + (int64_t)name_len(member) + ZIP64_SIZES_AT;
	return pack_out_patch(zip->out, at, sizes.data, sizes.len, err);
}

static int
add_central(struct pack_zip *zip, const struct member *member, struct err *err)
{
	CLEAN_BUF extra = {0};
	struct buf *to = &zip->directory;
	int far = member->at >= FULL32;

	buf_init(&extra, HEADER_MAX);
	if (member->is_big || far) {
		add_number(&extra, EXTRA_ZIP64, 2);
		add_number(&extra, (member->is_big ? 16U : 0U) + (far ? 8U : 0U), 2);
		if (member->is_big) {
			add_number(&extra, (uint64_t)member->facts.plain, 8);
			add_number(&extra, (uint64_t)member->facts.packed, 8);
		}
		if (far) {
			add_number(&extra, (uint64_t)member->at, 8);
		}
	}
	add_extra_time(zip, &extra);
	buf_adds(to, "PK\x01\x02");
	add_number(to, MADE_ON_UNIX | VERSION_ZIP64, 2);
	add_common(zip, to, member);
	add_number(to, extra.len, 2);
	add_number(to, 0, 6); /* no comment, first disk, no text flag */
	add_number(to, (uint64_t)member->entry->mode << 16 | (is_folder(member) ? DOS_FOLDER : 0), 4);
	add_number(to, capped(member->at), 4);
	add_name(to, member);
	buf_add(to, extra.data, extra.len);
	if (to->full || extra.full) {
		return err_set(err, ERR_ARCHIVE, 0, "the zip's directory would be over %d bytes: take another kind",
		    (int)DIRECTORY_MAX);
	}
	zip->members++;
	return 0;
}

/* ---- members ---- */

static int
write_content(const struct pack_zip *zip, struct member *member, const struct source *content, struct err *err)
{
	const char *target = member->entry->target;

	if (target != NULL) {
		int64_t len = (int64_t)strlen(target);

		member->facts =
		    (struct deflated){.plain = len, .packed = len, .crc = deflater_crc(target, (size_t)len)};
		return sink_write(&zip->to, target, (size_t)len, err);
	}
	if (member->method == METHOD_STORED) {
		return 0;
	}
	struct sink deflating = deflater_sink(zip->deflater);
	return pack_pour(content, &deflating, err) < 0 ? -1 : deflater_end(zip->deflater, &member->facts, err);
}

int
pack_zip_add(
    struct pack_zip *zip, const struct pack_entry *entry, const struct source *content, int64_t size, struct err *err)
{
	struct member member = {
	    .entry = entry,
	    .method = content != NULL && size > 0 ? METHOD_DEFLATED : METHOD_STORED,
	    .is_big = size >= BIG,
	    .at = pack_out_at(zip->out),
	};

	if (strchr(entry->path, '\\') != NULL) {
		return err_set(err, ERR_ARCHIVE, 0,
		    "'%s': a backslash, which readers of zips take for a slash: rename it, or pack a tar", entry->path);
	}
	if (write_local(zip, &member, err) < 0 || write_content(zip, &member, content, err) < 0 ||
	    patch_local(zip, &member, err) < 0) {
		return -1;
	}
	return add_central(zip, &member, err);
}

/* ---- the end ---- */

static void
add_end64(const struct pack_zip *zip, struct buf *end, int64_t directory_at)
{
	int64_t end_at = directory_at + (int64_t)zip->directory.len;

	buf_adds(end, "PK\x06\x06");
	add_number(end, 44, 8); /* bytes of this record that follow */
	add_number(end, MADE_ON_UNIX | VERSION_ZIP64, 2);
	add_number(end, VERSION_ZIP64, 2);
	add_number(end, 0, 8); /* one disk */
	add_number(end, (uint64_t)zip->members, 8);
	add_number(end, (uint64_t)zip->members, 8);
	add_number(end, zip->directory.len, 8);
	add_number(end, (uint64_t)directory_at, 8);
	buf_adds(end, "PK\x06\x07");
	add_number(end, 0, 4);
	add_number(end, (uint64_t)end_at, 8);
	add_number(end, 1, 4);
}

int
pack_zip_end(struct pack_zip *zip, struct err *err)
{
	int64_t directory_at = pack_out_at(zip->out);
	uint64_t entries = zip->members < ENTRIES_PLAIN ? (uint64_t)zip->members : ENTRIES_PLAIN;
	CLEAN_BUF end = {0};

	buf_init(&end, END_MAX);
	if (entries == ENTRIES_PLAIN || directory_at >= FULL32) {
		add_end64(zip, &end, directory_at);
	}
	buf_adds(&end, "PK\x05\x06");
	add_number(&end, 0, 4); /* one disk */
	add_number(&end, entries, 2);
	add_number(&end, entries, 2);
	add_number(&end, zip->directory.len, 4);
	add_number(&end, capped(directory_at), 4);
	add_number(&end, 0, 2); /* no comment */
	if (end.full) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot pack");
	}
	if (sink_write(&zip->to, zip->directory.data, zip->directory.len, err) < 0) {
		return -1;
	}
	return sink_write(&zip->to, end.data, end.len, err);
}
