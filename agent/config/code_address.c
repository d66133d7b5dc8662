#include "config/code_address.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

/* Schemes by their text; the one without a text is an absolute path. */
static const struct {
	const char *prefix;
	enum code_scheme scheme;
} SCHEMES[] = {
    {"s3://", CODE_S3},
    {"https://", CODE_HTTPS},
    {"http://", CODE_HTTP},
    {"channel:", CODE_CHANNEL},
    {"file://", CODE_PATH},
};

static const char BUCKET_LETTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
static const char HOST_LETTERS[] = "abcdefghijklmnopqrstuvwxyz0123456789.-_";

static int
fail(const char *text, const char *why, struct err *err)
{
	CLEAN_BUF shown;

	buf_init(&shown, CODE_ADDRESS_MAX);
	code_address_show(text, &shown);
	return err_set(err, ERR_SETTINGS, 0, "the address of the code '%.200s' is refused: %s", buf_text(&shown), why);
}

void
code_address_show(const char *text, struct buf *out)
{
	const char *scheme = strstr(text, "://");
	const char *host = scheme != NULL ? scheme + 3 : text;
	size_t host_len = strcspn(host, "/?#");
	const char *at = memrchr(host, '@', host_len);
	int is_web = strncasecmp(text, "http", 4) == 0;
	int is_channel = strncmp(text, "channel:", strlen("channel:")) == 0;

	/* In an S3 key '?' and '@' are letters like any other. Where the scheme was forgotten there may still be a password. */
	if (at != NULL && (is_web || (scheme == NULL && !is_channel))) {
		buf_add(out, text, (size_t)(host - text));
		buf_adds(out, "***@");
		text = at + 1;
	}
	size_t len = is_web ? strcspn(text, "?#") : strlen(text);
	buf_add(out, text, len < CODE_ADDRESS_MAX ? len : CODE_ADDRESS_MAX - 1);
	if (text[len] != '\0') {
		buf_adds(out, "?***");
	}
}

/* ---- the parts ---- */

static int
is_printable(const char *text)
{
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text <= 0x20 || *text == 0x7f) {
			return 0;
		}
	}
	return 1;
}

static int
parse_s3(struct code_address *address, const char *rest, const char *text, struct err *err)
{
	size_t len = strcspn(rest, "/");
	const char *key = rest[len] == '/' ? rest + len + 1 : "";

	if (strncmp(rest, "arn:", 4) == 0 || memmem(rest, len, ".mrap", 5) != NULL) {
		return fail(text, "S3 access points are not supported; name the bucket", err);
	}
	if (len == 0 || len >= CODE_BUCKET_MAX || strspn(rest, BUCKET_LETTERS) < len) {
		return fail(text, "s3:// is followed by the name of a bucket", err);
	}
	memcpy(address->place, rest, len);
	address->place[len] = '\0';
	if (len > 6 && strcmp(address->place + len - 6, "--x-s3") == 0) {
		return fail(text, "S3 Express buckets are not supported", err);
	}
	if (*key == '\0' || strlen(key) > CODE_KEY_MAX) {
		return fail(text, "a key of 1 to 1024 bytes follows the bucket", err);
	}
	address->rest = strdup(key);
	return 0;
}

/* One character of a path, "%2e" read as '.', so that no spelling of ".." passes. */
static size_t
dot_len(const char *path)
{
	if (*path == '.') {
		return 1;
	}
	return strncasecmp(path, "%2e", 3) == 0 ? 3 : 0;
}

/* Servers cut segments at '/', some at '\\' or at an escaped one, too. */
static size_t
separator_len(const char *path)
{
	if (*path == '/' || *path == '\\') {
		return 1;
	}
	return strncasecmp(path, "%2f", 3) == 0 || strncasecmp(path, "%5c", 3) == 0 ? 3 : 0;
}

static int
is_path_end(const char *path)
{
	return strchr("?#", *path) != NULL; /* the zero at the end is found, too */
}

static int
has_dots(const char *path)
{
	while (!is_path_end(path)) {
		path += separator_len(path);

		size_t first = dot_len(path);
		size_t second = first > 0 ? dot_len(path + first) : 0;
		const char *behind = path + first + second;

		if (second > 0 && (is_path_end(behind) || separator_len(behind) > 0)) {
			return 1;
		}
		while (!is_path_end(path) && separator_len(path) == 0) {
			path++;
		}
	}
	return 0;
}

/* "host", "host:port" or "[v6]:port" in lower case, the scheme's own port left out. -1 when it is none of them. */
static int
parse_host(struct code_address *address, const char *rest, size_t len)
{
	const char *own_port = address->scheme == CODE_HTTPS ? ":443" : ":80";

	if (len == 0 || len >= CODE_HOST_MAX) {
		return -1;
	}
	for (size_t i = 0; i < len; i++) {
		address->place[i] = (char)tolower((unsigned char)rest[i]);
	}
	address->place[len] = '\0';
	size_t name =
	    address->place[0] == '[' ? strcspn(address->place, "]") + 1 : strspn(address->place, HOST_LETTERS);
	if (name == 0 || name > len ||
	    (address->place[0] == '[' && strspn(address->place + 1, "0123456789abcdef:.") + 2 != name)) {
		return -1;
	}
	const char *port = address->place + name;
	if (*port != '\0' && (*port != ':' || strspn(port + 1, "0123456789") != strlen(port + 1) || port[1] == '\0' ||
	                         strlen(port) > 6)) {
		return -1;
	}
	if (strcmp(port, own_port) == 0) {
		address->place[name] = '\0';
	}
	return 0;
}

static int
parse_web(struct code_address *address, const char *rest, const char *text, struct err *err)
{
	size_t len = strcspn(rest, "/?#");

	if (memchr(rest, '@', len) != NULL) {
		return fail(text, "no user or password in an address; use a netrc file or TRAIN_CODE_TOKEN", err);
	}
	if (parse_host(address, rest, len) < 0) {
		return fail(text, "a host name, maybe with a port, follows the '//'", err);
	}
	if (!is_printable(rest) || strchr(rest, '\\') != NULL) {
		return fail(text, "blanks, control characters and '\\' have to be escaped", err);
	}
	if (has_dots(rest + len)) {
		return fail(text, "no '..' in its path", err);
	}
	address->rest = rest[len] == '/' ? strdup(rest + len) : text_format("/%s", rest + len);
	if (address->rest != NULL) {
		address->rest[strcspn(address->rest, "#")] = '\0';
	}
	return 0;
}

static int
has_plain_dots(const char *path)
{
	for (const char *at = path; (at = strstr(at, "..")) != NULL; at += 2) {
		if ((at == path || at[-1] == '/') && (at[2] == '/' || at[2] == '\0')) {
			return 1;
		}
	}
	return 0;
}

static int
parse_channel(struct code_address *address, const char *rest, const char *text, struct err *err)
{
	size_t len = strcspn(rest, "/");
	const char *path = rest + len + strspn(rest + len, "/");

	if (len == 0 || len >= CODE_HOST_MAX || (len == 1 && rest[0] == '.') || has_plain_dots(rest)) {
		return fail(text, "channel: is followed by a channel's name and maybe a path in it, without '..'", err);
	}
	memcpy(address->place, rest, len);
	address->place[len] = '\0';
	address->rest = strdup(path);
	return 0;
}

static int
parse_path(struct code_address *address, const char *rest, const char *text, struct err *err)
{
	if (rest[0] != '/') {
		return fail(text, "a path is absolute", err);
	}
	address->place[0] = '\0';
	address->rest = strdup(rest);
	return 0;
}

int
code_address_parse(struct code_address *address, const char *text, struct err *err)
{
	static int (*const parsers[])(struct code_address *, const char *, const char *, struct err *) = {
	    [CODE_S3] = parse_s3,
	    [CODE_HTTPS] = parse_web,
	    [CODE_HTTP] = parse_web,
	    [CODE_CHANNEL] = parse_channel,
	    [CODE_PATH] = parse_path,
	};
	const char *rest = text;

	*address = (struct code_address){.scheme = CODE_PATH};
	if (strlen(text) >= CODE_ADDRESS_MAX) {
		return fail(text, "it is too long", err);
	}
	for (size_t i = 0; i < ARRAY_LEN(SCHEMES); i++) {
		if (strncmp(text, SCHEMES[i].prefix, strlen(SCHEMES[i].prefix)) == 0) {
			address->scheme = SCHEMES[i].scheme;
			rest = text + strlen(SCHEMES[i].prefix);
		}
	}
	if (rest == text && text[0] != '/') {
		return fail(text, "it begins with none of s3://, https://, channel:, file:// and /", err);
	}
	if (parsers[address->scheme](address, rest, text, err) < 0) {
		code_address_release(address);
		return -1;
	}
	return address->rest != NULL ? 0 : err_set(err, ERR_SYSTEM, ENOMEM, "cannot keep an address");
}

void
code_address_release(struct code_address *address)
{
	free(address->rest);
	*address = (struct code_address){0};
}

/* ---- prefixes ---- */

/* A prefix may end after the bucket or host, where an address may not: a letter more makes it an address. */
static int
parse_prefix(struct code_address *address, const char *prefix)
{
	struct err err = {0};
	CLEAN_TEXT *longer = NULL;
	size_t len = strlen(prefix);

	if (code_address_parse(address, prefix, &err) == 0) {
		return 0;
	}
	/* Nothing, and a scheme alone: a letter more would become the host. */
	if (len == 0 || (len >= 2 && strcmp(prefix + len - 2, "//") == 0)) {
		return -1;
	}
	longer = text_format("%s%sx", prefix, prefix[len - 1] == '/' ? "" : "/");
	if (longer == NULL || code_address_parse(address, longer, &err) < 0) {
		return -1;
	}
	address->rest[0] = '\0';
	return 0;
}

int
code_address_is_prefix(const char *text)
{
	CLEAN_CODE_ADDRESS address = {0};

	return parse_prefix(&address, text) == 0;
}

int
code_address_under(const char *text, const char *prefix)
{
	struct err err = {0};
	CLEAN_CODE_ADDRESS address = {0};
	CLEAN_CODE_ADDRESS under = {0};

	if (code_address_parse(&address, text, &err) < 0 || parse_prefix(&under, prefix) < 0) {
		return 0;
	}
	if (address.scheme != under.scheme || strcmp(address.place, under.place) != 0) {
		return 0;
	}
	/* A path on this machine could climb out of its prefix; an S3 key cannot, as ".." is a name like any other there. */
	if (address.scheme == CODE_PATH && has_plain_dots(address.rest)) {
		return 0;
	}
	int is_web = address.scheme == CODE_HTTPS || address.scheme == CODE_HTTP;
	size_t have = is_web ? strcspn(address.rest, "?") : strlen(address.rest);
	size_t want = is_web ? strcspn(under.rest, "?") : strlen(under.rest);
	if (want > have || strncmp(address.rest, under.rest, want) != 0) {
		return 0;
	}
	return want == 0 || want == have || under.rest[want - 1] == '/' || address.rest[want] == '/';
}

int
code_address_is_loopback(const struct code_address *address)
{
	const char *host = address->place;
	size_t len = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
	unsigned parts = 0;

	if ((len == strlen("localhost") && strncmp(host, "localhost", len) == 0) ||
	    (len == strlen("[::1]") && strncmp(host, "[::1]", len) == 0)) {
		return 1;
	}
	for (size_t i = 0; i < len; i++) {
		parts += host[i] == '.';
	}
	return strncmp(host, "127.", 4) == 0 && parts == 3 && strspn(host, "0123456789.") == len;
}
