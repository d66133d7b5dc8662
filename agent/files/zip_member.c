#include "files/zip_member.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/text.h"
#include "files/inflate.h"

enum {
	LOCAL_BYTES = 30,
	DESCRIPTOR_MAX = 24,
	EXTRA_MAX = 65535,
	LINK_PACKED_MAX = 1 << 16,

	FLAG_ENCRYPTED = 1,
	FLAG_BEHIND = 1 << 3, /* checksum and sizes stand behind the data */
	FLAG_PATCH = 1 << 5,
	FLAG_STRONG = 1 << 6,
	FLAG_UTF8 = 1 << 11,
	FLAG_MASKED = 1 << 13,
	FLAGS_SECRET = FLAG_ENCRYPTED | FLAG_STRONG | FLAG_MASKED,
	FLAGS_ALIKE = FLAGS_SECRET | FLAG_PATCH | FLAG_UTF8, /* what changes how name or data are read */

	METHOD_STORED = 0,
	METHOD_DEFLATED = 8,

	EXTRA_ZIP64 = 0x0001,
	EXTRA_ATTRIBUTES = 0x6c78,   /* bsdtar's: the attributes in the local header, too */
	EXTRA_UNICODE_PATH = 0x7075, /* Info-ZIP's: the name in UTF-8 */
	MADE_BY_DOS = 0,
	MADE_BY_UNIX = 3,
	DOS_FOLDER = 0x10,
	UNICODE_PATH_HEAD = 5, /* version and checksum, then the name */
};

#define FULL32 0xffffffffU

static const char disagrees[] = "its local header disagrees with the directory";

int
zip_member_refuse(const struct zip_member *member, const char *why, struct err *err)
{
	char name[ZIP_NAME_MAX + 1];
	char shown[TEXT_SHOWN];

	(void)snprintf(name, sizeof(name), "%.*s", (int)member->name_len, (const char *)member->name);
	return err_set(
	    err, ERR_ARCHIVE, 0, "entry %lld '%s': %s", (long long)member->number, text_shown(shown, name), why);
}

/* ---- extra fields ---- */

/* The extra field 'id': its bytes and '*found_len', NULL when there is none. */
static const unsigned char *
find_extra(const unsigned char *extra, size_t len, unsigned id, size_t *found_len)
{
	for (size_t i = 0; i + 4 <= len;) {
		size_t field = zip_number(extra + i + 2, 2);

		if (field > len - i - 4) {
			break;
		}
		if (zip_number(extra + i, 2) == id) {
			*found_len = field;
			return extra + i + 4;
		}
		i += 4 + field;
	}
	*found_len = 0;
	return NULL;
}

/* Do the fields fill the space exactly? Up to three zero bytes at the end are common padding. */
static int
is_whole_extra(const unsigned char *extra, size_t len)
{
	size_t i = 0;

	while (i + 4 <= len) {
		size_t field = zip_number(extra + i + 2, 2);

		if (field > len - i - 4) {
			return 0;
		}
		i += 4 + field;
	}
	return memcmp(extra + i, "\0\0\0", len - i) == 0;
}

/* Numbers that did not fit into 32 bits stand in the zip64 field, in this order, only those that are needed. */
static int
take_zip64(uint64_t *const wanted[], size_t count, const unsigned char *extra, size_t len)
{
	size_t field = 0;
	const unsigned char *at = find_extra(extra, len, EXTRA_ZIP64, &field);

	for (size_t i = 0; at != NULL && i < count; i++) {
		if (*wanted[i] == FULL32) {
			if (field < 8) {
				return -1;
			}
			*wanted[i] = zip_number(at, 8);
			at += 8;
			field -= 8;
		}
	}
	return 0;
}

/* ---- the central header ---- */

int
zip_member_next(const unsigned char *directory, size_t len, size_t *at, struct zip_member *member, struct err *err)
{
	const unsigned char *head = directory + *at;
	size_t left = len - *at;
	size_t name_len = left < ZIP_CENTRAL_BYTES ? 0 : zip_number(head + 28, 2);
	size_t extra_len = left < ZIP_CENTRAL_BYTES ? 0 : zip_number(head + 30, 2);
	size_t whole =
	    left < ZIP_CENTRAL_BYTES ? 0 : ZIP_CENTRAL_BYTES + name_len + extra_len + zip_number(head + 32, 2);

	if (whole == 0 || memcmp(head, "PK\x01\x02", 4) != 0 || whole > left || name_len == 0 ||
	    name_len > ZIP_NAME_MAX) {
		return err_set(err, ERR_ARCHIVE, 0, "the zip's directory is damaged");
	}
	*member = (struct zip_member){
	    .number = member->number,
	    .name = head + ZIP_CENTRAL_BYTES,
	    .name_len = name_len,
	    .extra = head + ZIP_CENTRAL_BYTES + name_len,
	    .extra_len = extra_len,
	    .made_by = (unsigned)zip_number(head + 4, 2),
	    .flags = (unsigned)zip_number(head + 8, 2),
	    .method = (unsigned)zip_number(head + 10, 2),
	    .crc = (uint32_t)zip_number(head + 16, 4),
	    .packed = zip_number(head + 20, 4),
	    .plain = zip_number(head + 24, 4),
	    .attributes = (uint32_t)zip_number(head + 38, 4),
	    .offset = zip_number(head + 42, 4),
	};
	uint64_t *const wanted[] = {&member->plain, &member->packed, &member->offset};
	if (!is_whole_extra(member->extra, extra_len) ||
	    take_zip64(wanted, ARRAY_LEN(wanted), member->extra, extra_len) < 0) {
		return zip_member_refuse(member, "its extra fields are damaged", err);
	}
	*at += whole;
	return 0;
}

/* ---- what it is ---- */

static unsigned
unix_kind(const struct zip_member *member)
{
	return member->made_by >> 8 == MADE_BY_UNIX ? member->attributes >> 16 & S_IFMT : 0;
}

static int
is_folder(const struct zip_member *member)
{
	int dos = member->made_by >> 8 == MADE_BY_DOS && (member->attributes & DOS_FOLDER) != 0;

	return member->name[member->name_len - 1] == '/' || unix_kind(member) == S_IFDIR || dos;
}

static const char *
kind_refused(const struct zip_member *member)
{
	switch (unix_kind(member)) {
	case 0:
	case S_IFREG:
	case S_IFDIR:
	case S_IFLNK:
		return NULL;
	case S_IFIFO:
		return "a FIFO";
	case S_IFSOCK:
		return "a socket";
	case S_IFCHR:
	case S_IFBLK:
		return "a device";
	default:
		return "a kind of entry that is not known";
	}
}

/* Why the central header alone is enough to refuse it, or NULL. Data of no bytes has no checksum that libarchive would look at. */
static const char *
central_refused(const struct zip_member *member)
{
	if ((member->flags & FLAGS_SECRET) != 0) {
		return "it is encrypted";
	}
	if ((member->method != METHOD_STORED && member->method != METHOD_DEFLATED) ||
	    (member->flags & FLAG_PATCH) != 0) {
		return "a compression method other than stored and deflated";
	}
	if (memchr(member->name, '\0', member->name_len) != NULL) {
		return "a zero byte in its name";
	}
	if (memchr(member->name, '\\', member->name_len) != NULL) {
		return "a backslash in its name, which some readers take for a folder's end";
	}
	if ((member->method == METHOD_STORED || member->packed == 0) && member->packed != member->plain) {
		return "its sizes disagree";
	}
	if (member->plain == 0 && member->crc != 0) {
		return "its checksum does not match: the zip is damaged";
	}
	if (is_folder(member) && member->plain != 0) {
		return "a folder with content";
	}
	return kind_refused(member);
}

/* ---- the local header ---- */

/* The local header with its name and extra fields, in memory. */
struct local {
	unsigned char head[LOCAL_BYTES];
	size_t name_len, extra_len;
	unsigned char name[ZIP_NAME_MAX];
	unsigned char extra[EXTRA_MAX];
};

static int
read_local(const struct zip_file *zip, const struct zip_member *member, struct local *local, struct err *err)
{
	int64_t at = member->begins;

	if (zip_read_at(zip, local->head, sizeof(local->head), at, err) < 0) {
		return err->kind == ERR_ARCHIVE
		           ? zip_member_refuse(member, "its local header lies outside of the zip", err)
		           : -1;
	}
	local->name_len = zip_number(local->head + 26, 2);
	local->extra_len = zip_number(local->head + 28, 2);
	if (memcmp(local->head, "PK\x03\x04", 4) != 0) {
		return zip_member_refuse(member, "its local header is missing", err);
	}
	if (local->name_len > ZIP_NAME_MAX) {
		return zip_member_refuse(member, "its local header has another name", err);
	}
	if (zip_read_at(zip, local->name, local->name_len, at + LOCAL_BYTES, err) < 0 ||
	    zip_read_at(zip, local->extra, local->extra_len, at + LOCAL_BYTES + (int64_t)local->name_len, err) < 0) {
		return err->kind == ERR_ARCHIVE
		           ? zip_member_refuse(member, "its local header lies outside of the zip", err)
		           : -1;
	}
	return 0;
}

/* Sizes and checksum where the local header tells them; where they stand behind the data it may say nothing, but nothing else. */
static const char *
sizes_refused(const struct zip_member *member, const struct local *local)
{
	uint64_t crc = zip_number(local->head + 14, 4);
	uint64_t packed = zip_number(local->head + 18, 4);
	uint64_t plain = zip_number(local->head + 22, 4);
	int behind = (zip_number(local->head + 6, 2) & FLAG_BEHIND) != 0;
	uint64_t *const wanted[] = {&plain, &packed};

	if (take_zip64(wanted, ARRAY_LEN(wanted), local->extra, local->extra_len) < 0) {
		return "its extra fields are damaged";
	}
	if ((crc != member->crc && !(behind && crc == 0)) || (packed != member->packed && !(behind && packed == 0)) ||
	    (plain != member->plain && !(behind && plain == 0))) {
		return disagrees;
	}
	return NULL;
}

/* bsdtar puts the attributes into the local header as well (a bitmap says which), and libarchive believes them. */
static const char *
attributes_refused(const struct zip_member *member, const unsigned char *extra, size_t len)
{
	size_t left = 0;
	const unsigned char *at = find_extra(extra, len, EXTRA_ATTRIBUTES, &left);

	if (at == NULL || left == 0) {
		return NULL;
	}
	unsigned bitmap = *at;
	size_t skip = 1 + ((bitmap & 1) != 0 ? 2U : 0U) + ((bitmap & 2) != 0 ? 2U : 0U);
	int same = (bitmap & 0x80) == 0 &&
	           ((bitmap & 1) == 0 || (left >= 3 && zip_number(at + 1, 2) == member->made_by)) &&
	           ((bitmap & 4) == 0 || (left >= skip + 4 && zip_number(at + skip, 4) == member->attributes));
	return same ? NULL : disagrees;
}

static const char *
unicode_path_refused(const struct zip_member *member, const struct local *local)
{
	size_t central_len = 0;
	size_t local_len = 0;
	const unsigned char *central_path =
	    find_extra(member->extra, member->extra_len, EXTRA_UNICODE_PATH, &central_len);
	const unsigned char *local_path = find_extra(local->extra, local->extra_len, EXTRA_UNICODE_PATH, &local_len);

	if (central_path == NULL && local_path == NULL) {
		return NULL;
	}
	if (central_path == NULL || local_path == NULL || central_len != local_len ||
	    memcmp(central_path, local_path, local_len) != 0) {
		return disagrees;
	}
	int zero = local_len > UNICODE_PATH_HEAD &&
	           memchr(local_path + UNICODE_PATH_HEAD, '\0', local_len - UNICODE_PATH_HEAD) != NULL;
	return zero ? "a zero byte in its name" : NULL;
}

static const char *
local_refused(const struct zip_member *member, const struct local *local)
{
	unsigned flags = (unsigned)zip_number(local->head + 6, 2);
	const char *why = NULL;

	if (local->name_len != member->name_len || memcmp(local->name, member->name, member->name_len) != 0) {
		return "its local header has another name";
	}
	if (zip_number(local->head + 8, 2) != member->method || ((flags ^ member->flags) & FLAGS_ALIKE) != 0) {
		return disagrees;
	}
	if (!is_whole_extra(local->extra, local->extra_len)) {
		return "its extra fields are damaged";
	}
	why = sizes_refused(member, local);
	why = why != NULL ? why : attributes_refused(member, local->extra, local->extra_len);
	why = why != NULL ? why : attributes_refused(member, member->extra, member->extra_len);
	return why != NULL ? why : unicode_path_refused(member, local);
}

/* ---- behind the data ---- */

/* Checksum and sizes, of 4 or 8 bytes, with or without a signature in front: how long that is, 0 when nothing fits. */
static size_t
descriptor_len(const struct zip_member *member, const unsigned char *bytes, size_t len)
{
	for (size_t signature = 0; signature <= 4; signature += 4) {
		for (int width = 4; width <= 8; width += 4) {
			size_t whole = signature + 4 + 2 * (size_t)width;
			const unsigned char *at = bytes + signature;

			if (whole <= len && (signature == 0 || memcmp(bytes, "PK\x07\x08", 4) == 0) &&
			    zip_number(at, 4) == member->crc && zip_number(at + 4, width) == member->packed &&
			    zip_number(at + 4 + width, width) == member->plain) {
				return whole;
			}
		}
	}
	return 0;
}

static int
check_end(const struct zip_file *zip, struct zip_member *member, int64_t data_at, int behind, struct err *err)
{
	unsigned char bytes[DESCRIPTOR_MAX];

	if (data_at > zip->directory_at || member->packed > (uint64_t)(zip->directory_at - data_at)) {
		return zip_member_refuse(member, "its data reaches beyond the zip", err);
	}
	member->ends = data_at + (int64_t)member->packed;
	if (!behind) {
		return 0;
	}
	int64_t left = zip->directory_at - member->ends;
	size_t len = left < DESCRIPTOR_MAX ? (size_t)left : DESCRIPTOR_MAX;
	if (zip_read_at(zip, bytes, len, member->ends, err) < 0) {
		return -1;
	}
	size_t used = descriptor_len(member, bytes, len);
	if (used == 0) {
		return zip_member_refuse(member, "what stands behind its data disagrees with the directory", err);
	}
	member->ends += (int64_t)used;
	return 0;
}

/* ---- links ---- */

/* libarchive hands out a link's target without a look at its checksum. */
static int
check_link(const struct zip_file *zip, const struct zip_member *member, int64_t data_at, struct err *err)
{
	unsigned char plain[PATH_BYTES_MAX];

	if (member->plain >= sizeof(plain) || member->packed > LINK_PACKED_MAX) {
		return zip_member_refuse(member, "a link whose target is too long", err);
	}
	unsigned char *packed = malloc((size_t)member->packed + 1);
	if (packed == NULL) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot read the zip");
	}
	int result = zip_read_at(zip, packed, (size_t)member->packed, data_at, err);
	const char *why = NULL;
	if (result == 0 && member->method == METHOD_STORED) {
		memcpy(plain, packed, (size_t)member->plain);
	} else if (result == 0 && inflate_raw(packed, (size_t)member->packed, plain, (size_t)member->plain) < 0) {
		why = "its data is damaged";
	}
	free(packed);
	if (result < 0) {
		return -1;
	}
	if (why == NULL && inflate_crc32(plain, (size_t)member->plain) != member->crc) {
		why = "its checksum does not match: the zip is damaged";
	}
	if (why == NULL && memchr(plain, '\0', (size_t)member->plain) != NULL) {
		why = "a zero byte in its target";
	}
	return why != NULL ? zip_member_refuse(member, why, err) : 0;
}

/* ---- all of it ---- */

static int
check_with(const struct zip_file *zip, struct zip_member *member, struct local *local, struct err *err)
{
	if (read_local(zip, member, local, err) < 0) {
		return -1;
	}
	const char *why = local_refused(member, local);
	if (why != NULL) {
		return zip_member_refuse(member, why, err);
	}
	int64_t data_at = member->begins + LOCAL_BYTES + (int64_t)(local->name_len + local->extra_len);
	int behind = (zip_number(local->head + 6, 2) & FLAG_BEHIND) != 0;
	if (check_end(zip, member, data_at, behind, err) < 0) {
		return -1;
	}
	return unix_kind(member) == S_IFLNK ? check_link(zip, member, data_at, err) : 0;
}

int
zip_member_check(const struct zip_file *zip, struct zip_member *member, struct err *err)
{
	const char *why = central_refused(member);

	if (why != NULL) {
		return zip_member_refuse(member, why, err);
	}
	if (member->offset > (uint64_t)zip->directory_at) {
		return zip_member_refuse(member, "its local header lies outside of the zip", err);
	}
	member->begins = (int64_t)member->offset + zip->shift;
	struct local *local = malloc(sizeof(*local));
	if (local == NULL) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot read the zip");
	}
	int result = check_with(zip, member, local, err);
	free(local);
	return result;
}
