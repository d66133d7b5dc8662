#include "files/pack_tar.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/limits.h"
#include "files/pack_file.h"

enum {
	BLOCK = 512,
	NAME_MAX_PLAIN = 100, /* of the name field, which needs no zero at its end */
	PREFIX_MAX_PLAIN = 155,
	SIZE_DIGITS = 11,
	PAX_MAX = 3 * PATH_BYTES_MAX, /* a name, a target, a size */
};

#define SIZE_MAX_PLAIN (((int64_t)1 << 3 * SIZE_DIGITS) - 1) /* 8 GiB less one byte */

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], kind, target[100], magic[6],
	    version[2], uname[32], gname[32], major[8], minor[8], prefix[155], rest[12];
};

_Static_assert(sizeof(struct header) == BLOCK, "a header is one block");

static const unsigned char zeros[2 * BLOCK];

/* Octal digits over the whole field but its last byte, which is zero. */
static void
octal(char *field, size_t len, int64_t value)
{
	for (size_t i = len - 1; i-- > 0; value >>= 3) {
		field[i] = (char)('0' + (value & 7));
	}
}

static void
fill(struct header *header, char kind, mode_t mode, int64_t size, int64_t mtime)
{
	memset(header, 0, sizeof(*header));
	octal(header->mode, sizeof(header->mode), mode & 07777);
	octal(header->uid, sizeof(header->uid), 0);
	octal(header->gid, sizeof(header->gid), 0);
	octal(header->size, sizeof(header->size), size);
	octal(header->mtime, sizeof(header->mtime), mtime);
	header->kind = kind;
	memcpy(header->magic, "ustar", 6);
	memcpy(header->version, "00", 2);
}

/* The sum of all bytes, those of its own field counted as blanks. */
static void
seal(struct header *header)
{
	const unsigned char *bytes = (const unsigned char *)header;
	unsigned sum = 0;

	memset(header->checksum, ' ', sizeof(header->checksum));
	for (size_t i = 0; i < sizeof(*header); i++) {
		sum += bytes[i];
	}
	octal(header->checksum, sizeof(header->checksum) - 1, sum);
	header->checksum[sizeof(header->checksum) - 2] = '\0';
}

/* Into the name field, or cut at a slash into prefix and name. 0 when it fits neither way. */
static int
set_name(struct header *header, const char *name, size_t len)
{
	if (len <= NAME_MAX_PLAIN) {
		memcpy(header->name, name, len);
		return 1;
	}
	for (size_t at = len - NAME_MAX_PLAIN - 1; at <= PREFIX_MAX_PLAIN && at + 1 < len; at++) {
		if (name[at] == '/' && at > 0) {
			memcpy(header->prefix, name, at);
			memcpy(header->name, name + at + 1, len - at - 1);
			return 1;
		}
	}
	return 0;
}

/* "LEN KEY=VALUE\n", where LEN counts itself. */
static void
add_record(struct buf *pax, const char *key, const char *value)
{
	size_t rest = strlen(key) + strlen(value) + 3;
	size_t len = rest + 1;

	while (len != rest + (size_t)snprintf(NULL, 0, "%zu", len)) {
		len = rest + (size_t)snprintf(NULL, 0, "%zu", len);
	}
	buf_printf(pax, "%zu %s=%s\n", len, key, value);
}

static int
pad(const struct pack_tar *tar, int64_t size, struct err *err)
{
	size_t over = (size_t)(size % BLOCK);

	return over != 0 ? sink_write(&tar->to, zeros, BLOCK - over, err) : 0;
}

static int
write_pax(const struct pack_tar *tar, const struct buf *pax, struct err *err)
{
	static const char name[] = "././@PaxHeader";
	struct header header;

	fill(&header, 'x', 0, (int64_t)pax->len, 0);
	memcpy(header.name, name, sizeof(name));
	seal(&header);
	if (pax->full) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot pack");
	}
	if (sink_write(&tar->to, &header, sizeof(header), err) < 0 ||
	    sink_write(&tar->to, pax->data, pax->len, err) < 0) {
		return -1;
	}
	return pad(tar, (int64_t)pax->len, err);
}

static char
kind_of_entry(const struct pack_entry *entry)
{
	return S_ISDIR(entry->mode) ? '5' : S_ISLNK(entry->mode) ? '2' : '0';
}

static int
write_header(const struct pack_tar *tar, const struct pack_entry *entry, int64_t size, struct err *err)
{
	CLEAN_BUF pax = {0};
	struct header header;
	char name[PATH_BYTES_MAX + 1];
	char digits[24];
	size_t target_len = entry->target != NULL ? strlen(entry->target) : 0;
	int len = snprintf(name, sizeof(name), "%s%s", entry->path, S_ISDIR(entry->mode) ? "/" : "");

	buf_init(&pax, PAX_MAX);
	fill(&header, kind_of_entry(entry), entry->mode, size <= SIZE_MAX_PLAIN ? size : 0, tar->mtime);
	if (!set_name(&header, name, (size_t)len)) {
		/* Readers without pax see the beginning. */
		memcpy(header.name, name, sizeof(header.name));
		add_record(&pax, "path", name);
	}
	memcpy(header.target, target_len > 0 ? entry->target : "",
	    target_len < sizeof(header.target) ? target_len : sizeof(header.target));
	if (target_len > sizeof(header.target)) {
		add_record(&pax, "linkpath", entry->target);
	}
	if (size > SIZE_MAX_PLAIN) {
		(void)snprintf(digits, sizeof(digits), "%lld", (long long)size);
		add_record(&pax, "size", digits);
	}
	seal(&header);
	if ((pax.len > 0 || pax.full) && write_pax(tar, &pax, err) < 0) {
		return -1;
	}
	return sink_write(&tar->to, &header, sizeof(header), err);
}

int
pack_tar_add(const struct pack_tar *tar, const struct pack_entry *entry, const struct source *content, int64_t size,
    struct err *err)
{
	if (write_header(tar, entry, size, err) < 0) {
		return -1;
	}
	if (content == NULL) {
		return 0;
	}
	return pack_pour(content, &tar->to, err) < 0 ? -1 : pad(tar, size, err);
}

int
pack_tar_end(const struct pack_tar *tar, struct err *err)
{
	return sink_write(&tar->to, zeros, sizeof(zeros), err);
}
