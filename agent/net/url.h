/*
 * Addresses of the web, taken apart once by our own strict rules; what goes to libcurl is put together again from the
 * parts, so that two readers cannot disagree about the host.
 *
 * Invariants of a parsed one: scheme "http" or "https"; host lower case, of letters, digits, '-', '_', '.' or a
 * bracketed IPv6 address; port 1-65535, the scheme's own when none was given; 'path' begins with '/' and holds
 * printable ASCII without '#', '\\' or blanks.
 */
#ifndef TRAIN_NET_URL_H
#define TRAIN_NET_URL_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

enum {
	URL_MAX = 8192,     /* presigned addresses have 2 kB; servers refuse more than 8 kB */
	URL_HOST_MAX = 256, /* RFC 1035: 253, and brackets */
	URL_SCHEME_MAX = 6,
};

struct url {
	char scheme[URL_SCHEME_MAX];
	char host[URL_HOST_MAX];
	int port;
	char path[URL_MAX]; /* path and query as given, "/" when empty; no fragment; bytes over 0x7e escaped */
};

/*
 * -1 with 'err' of kind ERR_SETTINGS; the text shows the address without userinfo and query. Userinfo is refused:
 * netrc is for that.
 */
MUST_CHECK int url_parse(struct url *url, const char *text, struct err *err);

/*
 * 'location' as a server sent it (absolute, //host, /path, path, ?query) against 'base' (RFC 3986, 5.2; dots are
 * not removed).
 */
MUST_CHECK int url_join(struct url *url, const struct url *base, const char *location, struct err *err);

/*
 * Puts it together: scheme://host[:port]path; with 'bare' the query is left out, for messages. -1 when it does not
 * fit 'out'.
 */
int url_print(const struct url *url, int bare, struct buf *out);

/* 1 when a path segment is ".." in any spelling (%2e). */
int url_has_dots(const struct url *url);

/* Appends 'text' percent-encoded: everything but A-Z a-z 0-9 - . _ ~, and '/' too when 'keep_slash' is 0. */
int url_encode(struct buf *out, const char *text, size_t len, int keep_slash);

#endif
