#include "files/zip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	END_BYTES = 22,
	LOCATOR64_BYTES = 20,
	END64_BYTES = 56,
	CENTRAL_BYTES = 46,
	LOCAL_BYTES = 30,
	FLAG_ENCRYPTED = 1,
	FLAG_SIZES_BEHIND = 1 << 3, /* crc and sizes of the local header stand behind the data */
	METHOD_STORED = 0,
	METHOD_DEFLATED = 8,
	EXTRA_ZIP64 = 1,
};

#define FULL32 0xffffffffU
#define FULL16 0xffffU

struct zip {
	int fd;
	int64_t size;
	int64_t shift; /* what must be added to offsets: bytes that were put in front of the zip */
	unsigned char *directory;
	int64_t directory_at, directory_bytes, entries;
};

struct member {
	const unsigned char *name;
	size_t name_len;
	unsigned flags, method;
	uint32_t crc;
	uint64_t packed, plain, offset;
};

static uint64_t
number(const unsigned char *bytes, int count)
{
	uint64_t value = 0;

	while (count-- > 0) {
		value = value << 8 | bytes[count];
	}
	return value;
}

static int
read_at(const struct zip *zip, void *bytes, size_t len, int64_t at, struct err *err)
{
	char *to = bytes;

	if (at < 0 || at > zip->size || (int64_t)len > zip->size - at) {
		return err_set(err, ERR_ARCHIVE, 0, "the zip is cut or damaged: a header lies outside of it");
	}
	while (len > 0) {
		ssize_t n = pread(zip->fd, to, len, at);

		if (n < 0 && errno != EINTR) {
			return err_set(err, ERR_IO, errno, "cannot read the spooled zip");
		}
		if (n == 0) {
			return err_set(err, ERR_IO, 0, "the spooled zip became shorter");
		}
		n = n < 0 ? 0 : n;
		to += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* ---- the end record ---- */

/* Where it begins: the last place whose comment ends exactly at the file's end. -1 when there is none. */
static int64_t
find_end(const unsigned char *tail, size_t len)
{
	for (size_t i = len >= END_BYTES ? len - END_BYTES + 1 : 0; i-- > 0;) {
		if (memcmp(tail + i, "PK\x05\x06", 4) == 0 && i + END_BYTES + number(tail + i + 20, 2) == len) {
			return (int64_t)i;
		}
	}
	return -1;
}

static int
read_end64(struct zip *zip, int64_t end_at, struct err *err)
{
	unsigned char locator[LOCATOR64_BYTES];
	unsigned char end[END64_BYTES];

	if (read_at(zip, locator, sizeof(locator), end_at - LOCATOR64_BYTES, err) < 0) {
		return -1;
	}
	if (memcmp(locator, "PK\x06\x07", 4) != 0) {
		return err_set(err, ERR_ARCHIVE, 0, "the zip64 locator is missing: the zip is damaged");
	}
	/* The record lies just in front of its locator; by its told offset it would be wrong behind a prefix. */
	if (read_at(zip, end, sizeof(end), end_at - LOCATOR64_BYTES - END64_BYTES, err) < 0) {
		return -1;
	}
	if (memcmp(end, "PK\x06\x06", 4) != 0) {
		return err_set(err, ERR_ARCHIVE, 0, "the zip64 end record is not in its place: the zip is damaged");
	}
	zip->entries = (int64_t)number(end + 32, 8);
	zip->directory_bytes = (int64_t)number(end + 40, 8);
	zip->directory_at = end_at - LOCATOR64_BYTES - END64_BYTES - zip->directory_bytes;
	zip->shift = zip->directory_at - (int64_t)number(end + 48, 8);
	return 0;
}

static int
read_end(struct zip *zip, struct err *err)
{
	size_t len = zip->size < ZIP_END_SEARCH ? (size_t)zip->size : ZIP_END_SEARCH;
	unsigned char *tail = malloc(len + 1);
	int result = -1;

	if (tail == NULL) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot read the zip");
	}
	if (read_at(zip, tail, len, zip->size - (int64_t)len, err) == 0) {
		int64_t found = find_end(tail, len);
		const unsigned char *end = tail + (found < 0 ? 0 : found);
		int64_t end_at = zip->size - (int64_t)len + found;

		if (found < 0) {
			result = err_set(err, ERR_ARCHIVE, 0,
			    "the zip has no end record: it is cut, or something was added behind it");
		} else if (number(end + 8, 2) == FULL16 || number(end + 12, 4) == FULL32 ||
		           number(end + 16, 4) == FULL32) {
			result = read_end64(zip, end_at, err);
		} else {
			zip->entries = (int64_t)number(end + 10, 2);
			zip->directory_bytes = (int64_t)number(end + 12, 4);
			zip->directory_at = end_at - zip->directory_bytes;
			zip->shift = zip->directory_at - (int64_t)number(end + 16, 4);
			result = 0;
		}
	}
	free(tail);
	if (result == 0 && (zip->directory_bytes < 0 || zip->directory_bytes > ZIP_DIRECTORY_MAX ||
	                       zip->directory_at < 0 || zip->shift < 0)) {
		return err_set(err, ERR_ARCHIVE, 0, "the zip's end record is damaged");
	}
	return result;
}

static int
read_directory(struct zip *zip, struct err *err)
{
	zip->directory = malloc((size_t)zip->directory_bytes + 1);
	if (zip->directory == NULL) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot read the zip's directory");
	}
	return read_at(zip, zip->directory, (size_t)zip->directory_bytes, zip->directory_at, err);
}

/* ---- members ---- */

/* Numbers that did not fit into 32 bits stand in the zip64 extra field, in this order, only those that are needed. */
static int
take_zip64(struct member *member, const unsigned char *extra, size_t len)
{
	uint64_t *const wanted[] = {&member->plain, &member->packed, &member->offset};

	for (size_t i = 0; i + 4 <= len;) {
		size_t field = number(extra + i + 2, 2);
		size_t at = i + 4;

		if (field > len - i - 4) {
			return -1;
		}
		for (size_t w = 0; number(extra + i, 2) == EXTRA_ZIP64 && w < 3; w++) {
			if (*wanted[w] == FULL32) {
				if (at + 8 > i + 4 + field) {
					return -1;
				}
				*wanted[w] = number(extra + at, 8);
				at += 8;
			}
		}
		i += 4 + field;
	}
	return 0;
}

/* The member whose central header begins at '*at', which moves behind it. */
static int
next_member(const struct zip *zip, size_t *at, struct member *member, struct err *err)
{
	const unsigned char *head = zip->directory + *at;
	size_t left = (size_t)zip->directory_bytes - *at;

	if (left < CENTRAL_BYTES || memcmp(head, "PK\x01\x02", 4) != 0) {
		return err_set(err, ERR_ARCHIVE, 0, "the zip's directory is damaged");
	}
	size_t name_len = number(head + 28, 2);
	size_t extra_len = number(head + 30, 2);
	size_t whole = CENTRAL_BYTES + name_len + extra_len + number(head + 32, 2);
	if (whole > left || name_len == 0 || name_len > ZIP_NAME_MAX) {
		return err_set(err, ERR_ARCHIVE, 0, "the zip's directory is damaged");
	}
	*member = (struct member){
	    .name = head + CENTRAL_BYTES,
	    .name_len = name_len,
	    .flags = (unsigned)number(head + 8, 2),
	    .method = (unsigned)number(head + 10, 2),
	    .crc = (uint32_t)number(head + 16, 4),
	    .packed = number(head + 20, 4),
	    .plain = number(head + 24, 4),
	    .offset = number(head + 42, 4),
	};
	if (take_zip64(member, head + CENTRAL_BYTES + name_len, extra_len) < 0) {
		return err_set(err, ERR_ARCHIVE, 0, "the zip's directory is damaged");
	}
	*at += whole;
	return 0;
}

static int
refuse(const struct member *member, int64_t entry, const char *why, struct err *err)
{
	return err_set(err, ERR_ARCHIVE, 0, "entry %lld '%.*s': %s", (long long)entry, (int)member->name_len,
	    (const char *)member->name, why);
}

/* The same member by its local header: name, method and, where they stand there, checksum and sizes. */
static int
check_local(const struct zip *zip, const struct member *member, int64_t entry, struct err *err)
{
	unsigned char head[LOCAL_BYTES];
	unsigned char name[ZIP_NAME_MAX];
	int64_t at = (int64_t)member->offset + zip->shift;

	if (member->offset > (uint64_t)zip->directory_at || read_at(zip, head, sizeof(head), at, err) < 0) {
		return refuse(member, entry, "its local header lies outside of the zip", err);
	}
	if (memcmp(head, "PK\x03\x04", 4) != 0) {
		return refuse(member, entry, "its local header is missing", err);
	}
	size_t name_len = number(head + 26, 2);
	if (name_len != member->name_len || read_at(zip, name, name_len, at + LOCAL_BYTES, err) < 0 ||
	    memcmp(name, member->name, name_len) != 0) {
		return refuse(member, entry, "its local header has another name", err);
	}
	unsigned flags = (unsigned)number(head + 6, 2);
	if (number(head + 8, 2) != member->method || (flags & FLAG_ENCRYPTED) != (member->flags & FLAG_ENCRYPTED)) {
		return refuse(member, entry, "its local header disagrees with the directory", err);
	}
	uint64_t packed = number(head + 18, 4);
	uint64_t plain = number(head + 22, 4);
	int told = (flags & FLAG_SIZES_BEHIND) == 0;
	if (told && (number(head + 14, 4) != member->crc || (packed != FULL32 && packed != member->packed) ||
	                (plain != FULL32 && plain != member->plain))) {
		return refuse(member, entry, "its local header disagrees with the directory", err);
	}
	int64_t end = at + LOCAL_BYTES + (int64_t)name_len + (int64_t)number(head + 28, 2);
	if (member->packed > (uint64_t)zip->size || end + (int64_t)member->packed > zip->directory_at) {
		return refuse(member, entry, "its data reaches beyond the zip", err);
	}
	return 0;
}

static int
check_member(const struct zip *zip, const struct member *member, int64_t entry, struct err *err)
{
	if ((member->flags & FLAG_ENCRYPTED) != 0) {
		return refuse(member, entry, "it is encrypted", err);
	}
	if (member->method != METHOD_STORED && member->method != METHOD_DEFLATED) {
		return refuse(member, entry, "a compression method other than stored and deflated", err);
	}
	if (memchr(member->name, '\0', member->name_len) != NULL) {
		return refuse(member, entry, "a zero byte in its name", err);
	}
	return check_local(zip, member, entry, err);
}

/* ---- twice the same name ---- */

static int
compare_names(const void *a, const void *b)
{
	const struct member *x = a;
	const struct member *y = b;
	int order = memcmp(x->name, y->name, x->name_len < y->name_len ? x->name_len : y->name_len);

	return order != 0 ? order : (x->name_len > y->name_len) - (x->name_len < y->name_len);
}

static int
check_names(struct member *members, size_t count, struct err *err)
{
	qsort(members, count, sizeof(*members), compare_names);
	for (size_t i = 1; i < count; i++) {
		if (compare_names(&members[i - 1], &members[i]) == 0) {
			return err_set(err, ERR_ARCHIVE, 0, "the name '%.*s' stands twice in the zip",
			    (int)members[i].name_len, (const char *)members[i].name);
		}
	}
	return 0;
}

static int
check_members(const struct zip *zip, struct zip_facts *facts, struct err *err)
{
	static const char main_name[] = "__main__.py";
	struct member *members = calloc((size_t)(zip->directory_bytes / CENTRAL_BYTES) + 1, sizeof(*members));
	size_t at = 0;
	size_t count = 0;
	int result = 0;

	if (members == NULL) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot read the zip's directory");
	}
	facts->prefix = zip->size;
	while (at < (size_t)zip->directory_bytes && result == 0) {
		struct member *member = &members[count++];

		result = next_member(zip, &at, member, err);
		result = result == 0 ? check_member(zip, member, (int64_t)count, err) : result;
		facts->bytes += (int64_t)(member->plain & INT64_MAX) > INT64_MAX - facts->bytes
		                    ? 0
		                    : (int64_t)(member->plain & INT64_MAX);
		facts->has_main |= member->name_len == sizeof(main_name) - 1 &&
		                   memcmp(member->name, main_name, sizeof(main_name) - 1) == 0;
		if ((int64_t)member->offset + zip->shift < facts->prefix) {
			facts->prefix = (int64_t)member->offset + zip->shift;
		}
	}
	facts->entries = (int64_t)count;
	if (result == 0 && facts->entries != zip->entries) {
		result = err_set(err, ERR_ARCHIVE, 0, "the zip says %lld entries and has %lld", (long long)zip->entries,
		    (long long)facts->entries);
	}
	result = result == 0 ? check_names(members, count, err) : result;
	free(members);
	return result;
}

int
zip_check(int fd, struct zip_facts *facts, struct err *err)
{
	struct zip zip = {.fd = fd};
	struct stat st;

	*facts = (struct zip_facts){0};
	if (fstat(fd, &st) < 0) {
		return err_set(err, ERR_IO, errno, "cannot read the spooled zip");
	}
	zip.size = st.st_size;
	int result = read_end(&zip, err);
	result = result == 0 ? read_directory(&zip, err) : result;
	result = result == 0 ? check_members(&zip, facts, err) : result;
	free(zip.directory);
	return result;
}
