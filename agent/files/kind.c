#include "files/kind.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/attr.h"

enum { TAR_BLOCK = 512, TAR_CHECKSUM_AT = 148, TAR_CHECKSUM_LEN = 8, TAR_MAGIC_AT = 257 };

struct magic {
	const char *bytes;
	size_t len;
	const char *looks_like;
};

static int
begins(const unsigned char *bytes, size_t len, const char *with, size_t with_len)
{
	return len >= with_len && memcmp(bytes, with, with_len) == 0;
}

/* Tars from before POSIX have no magic: then the header's own checksum decides. A block of zeros is an empty tar. */
static int
is_tar(const unsigned char *bytes, size_t len)
{
	unsigned long sum = 0;
	unsigned long told = 0;
	size_t i = TAR_CHECKSUM_AT;

	if (len < TAR_BLOCK) {
		return 0;
	}
	for (size_t at = 0; at < TAR_BLOCK; at++) {
		int inside = at >= TAR_CHECKSUM_AT && at < TAR_CHECKSUM_AT + TAR_CHECKSUM_LEN;

		sum += inside ? ' ' : bytes[at];
	}
	for (; i < TAR_CHECKSUM_AT + TAR_CHECKSUM_LEN && bytes[i] == ' '; i++) {
	}
	for (; i < TAR_CHECKSUM_AT + TAR_CHECKSUM_LEN && bytes[i] >= '0' && bytes[i] <= '7'; i++) {
		told = told * 8 + (unsigned long)(bytes[i] - '0');
	}
	return sum == TAR_CHECKSUM_LEN * ' ' || (told != 0 && told == sum);
}

/* A tar begins with a name, which may look like anything: so its magic with a right checksum comes before all others. */
static int
is_posix_tar(const unsigned char *bytes, size_t len)
{
	return len >= TAR_BLOCK && memcmp(bytes + TAR_MAGIC_AT, "ustar", 5) == 0 && is_tar(bytes, len);
}

enum kind
kind_of(const void *first, size_t len)
{
	const unsigned char *bytes = first;

	if (is_posix_tar(bytes, len)) {
		return KIND_TAR;
	}
	if (begins(bytes, len, "\x1f\x8b", 2)) {
		return KIND_TAR_GZ;
	}
	if (begins(bytes, len, "\x28\xb5\x2f\xfd", 4) ||
	    (len >= 4 && (bytes[0] & 0xf0) == 0x50 && begins(bytes + 1, len - 1, "\x2a\x4d\x18", 3))) {
		return KIND_TAR_ZST;
	}
	if (begins(bytes, len, "PK\x03\x04", 4) || begins(bytes, len, "PK\x05\x06", 4)) {
		return KIND_ZIP;
	}
	if (begins(bytes, len, "#!", 2)) {
		return KIND_SCRIPT;
	}
	if (len >= TAR_BLOCK && memcmp(bytes + TAR_MAGIC_AT, "ustar", 5) == 0) {
		return KIND_TAR; /* a damaged one: the unpacker says so better */
	}
	return is_tar(bytes, len) ? KIND_TAR : KIND_UNKNOWN;
}

const char *
kind_name(enum kind kind)
{
	static const char *const names[] = {
	    [KIND_TAR] = "tar",
	    [KIND_TAR_GZ] = "tar.gz",
	    [KIND_TAR_ZST] = "tar.zst",
	    [KIND_ZIP] = "zip",
	    [KIND_SCRIPT] = "script",
	    [KIND_UNKNOWN] = "unknown",
	};

	_Static_assert(ARRAY_LEN(names) == KINDS, "every kind has a name");
	return names[kind];
}

static int
text_begins(const char *text, size_t len, const char *word)
{
	size_t want = strlen(word);

	return len >= want && strncasecmp(text, word, want) == 0;
}

static int
text_holds(const char *text, size_t len, const char *word)
{
	while (len > 0 && !text_begins(text, len, word)) {
		text++;
		len--;
	}
	return len > 0;
}

/* Replies of servers, which are the commonest wrong thing to get; a byte order mark and blanks may stand in front. */
static const char *
reply_looks_like(const char *text, size_t len)
{
	size_t skip = begins((const unsigned char *)text, len, "\xef\xbb\xbf", 3) ? 3 : 0;

	while (skip < len && isspace((unsigned char)text[skip])) {
		skip++;
	}
	text += skip;
	len -= skip;
	if (text_begins(text, len, "<!doctype html") ||
	    (text_begins(text, len, "<") && text_holds(text, len, "<html"))) {
		return "an HTML page, perhaps a login or error page";
	}
	if (text_begins(text, len, "<?xml") || text_begins(text, len, "<Error>")) {
		return "an XML document, perhaps an error reply";
	}
	return text_begins(text, len, "{") ? "a JSON document" : NULL;
}

const char *
kind_looks_like(const void *first, size_t len)
{
	static const struct magic magics[] = {
	    {"\xfd\x37zXZ", 5, "an xz file: publish tar.zst or tar.gz"},
	    {"BZh", 3, "a bzip2 file: publish tar.zst or tar.gz"},
	    {"\x1f\x9d", 2, "a compress (.Z) file"},
	    {"\x04\x22\x4d\x18", 4, "an lz4 file: publish tar.zst or tar.gz"},
	    {"7z\xbc\xaf\x27\x1c", 6, "a 7z file"},
	    {"Rar!", 4, "a rar file"},
	    {"\x7f"
	     "ELF",
	        4, "a program (ELF)"},
	    {"%PDF", 4, "a PDF"},
	    {"\x1f\x8b", 2, "a gzip file"},
	    {"\x28\xb5\x2f\xfd", 4, "a zstd file"},
	    {"PK\x03\x04", 4, "a zip"},
	    {"#!", 2, "a script"},
	    {"version https://git-lfs", 23, "a Git LFS pointer: the file itself was not checked out"},
	};

	if (len == 0) {
		return "empty";
	}
	for (size_t i = 0; i < ARRAY_LEN(magics); i++) {
		if (begins(first, len, magics[i].bytes, magics[i].len)) {
			return magics[i].looks_like;
		}
	}
	const char *reply = reply_looks_like(first, len);
	return reply != NULL ? reply : "nothing known";
}
