#include "net/url.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net/address.h"

/* What may be shown of an address: up to the query, and without what stands before an '@' in the host part. */
static int
refuse(struct err *err, const char *text, const char *why)
{
	const char *host = strstr(text, "://");
	size_t shown, scheme = host == NULL ? 0 : (size_t)(host - text) + 3;
	const char *rest = text + scheme;
	const char *at = rest;

	for (const char *c = rest; *c != '\0' && *c != '/' && *c != '?' && *c != '#'; c++) {
		if (*c == '@') {
			at = c + 1;
		}
	}
	shown = strcspn(at, "?#");
	return err_set(
	    err, ERR_SETTINGS, 0, "'%.*s%.*s' %s", (int)scheme, text, (int)(shown < 200 ? shown : 200), at, why);
}

static int
parse_scheme(struct url *url, const char *text, const char **rest)
{
	if (strncasecmp(text, "https://", 8) == 0) {
		memcpy(url->scheme, "https", 6);
		url->port = 443;
		*rest = text + 8;
		return 0;
	}
	if (strncasecmp(text, "http://", 7) == 0) {
		memcpy(url->scheme, "http", 5);
		url->port = 80;
		*rest = text + 7;
		return 0;
	}
	return -1;
}

/*
 * A name of letters, digits, '-', '_' and '.', or an IPv6 address in brackets. Numbers that only some readers take
 * for an address (127.1, 0x7f000001) are refused with everything else that ends in a digit and is no plain IPv4
 * address.
 */
static int
host_is_good(const char *host)
{
	size_t len = strlen(host);
	const char *last = strrchr(host, '.');

	if (len == 0 || host[0] == '.' || host[0] == '-') {
		return 0;
	}
	if (host[0] == '[') {
		return host[len - 1] == ']' && strchr(host, '%') == NULL && address_kind_of_text(host) != 0;
	}
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)host[i]) && strchr("-_.", host[i]) == NULL) {
			return 0;
		}
	}
	if (strstr(host, "..") != NULL) {
		return 0;
	}
	/* The last label decides whether a reader tries to see a number. */
	last = last == NULL ? host : last + 1;
	if (isdigit((unsigned char)last[0]) || *last == '\0') {
		return address_kind_of_text(host) != 0;
	}
	return 1;
}

static int
parse_port(struct url *url, const char *text, size_t len)
{
	int port = 0;

	if (len == 0) {
		return 0; /* "host:" means the scheme's own (RFC 3986, 6.2.3) */
	}
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)text[i]) || i >= 5) {
			return -1;
		}
		port = port * 10 + (text[i] - '0');
	}
	url->port = port;
	return port >= 1 && port <= 65535 ? 0 : -1;
}

/* Fills host and port from the 'len' bytes between "//" and the path. */
static int
parse_authority(struct url *url, const char *text, size_t len)
{
	size_t host = 0;

	if (len > 0 && text[0] == '[') {
		while (host < len && text[host] != ']') {
			host++;
		}
		host++;
	} else {
		while (host < len && text[host] != ':') {
			host++;
		}
	}
	if (host >= URL_HOST_MAX || host > len || (host < len && text[host] != ':')) {
		return -1;
	}
	for (size_t i = 0; i < host; i++) {
		url->host[i] = (char)tolower((unsigned char)text[i]);
	}
	url->host[host] = '\0';
	if (!host_is_good(url->host)) {
		return -1;
	}
	return host == len ? 0 : parse_port(url, text + host + 1, len - host - 1);
}

/* Path and query up to a fragment; bytes that no request line may hold are escaped. */
static int
parse_path(struct url *url, const char *text)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t at = 0;

	if (*text != '/') {
		url->path[at++] = '/';
	}
	for (; *text != '\0' && *text != '#'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c == 0x7f || c == '\\' || at + 4 > sizeof(url->path)) {
			return -1;
		}
		if (c == ' ' || c > 0x7e || strchr("\"<>^`{|}", c) != NULL) {
			url->path[at++] = '%';
			url->path[at++] = digits[c >> 4];
			url->path[at++] = digits[c & 15];
		} else {
			url->path[at++] = (char)c;
		}
	}
	url->path[at] = '\0';
	return 0;
}

int
url_parse(struct url *url, const char *text, struct err *err)
{
	const char *rest;
	size_t len;

	if (parse_scheme(url, text, &rest) < 0) {
		return refuse(err, text, "is no http or https address");
	}
	len = strcspn(rest, "/?#");
	if (memchr(rest, '@', len) != NULL) {
		return refuse(err, text, "holds a user name: put it into a netrc file");
	}
	if (parse_authority(url, rest, len) < 0) {
		return refuse(err, text, "has no valid host and port");
	}
	if (parse_path(url, rest + len) < 0) {
		return refuse(err, text, "is too long, or holds a control character or backslash");
	}
	return 0;
}

/* The base's path up to and with its last slash, then 'location'. */
static int
join_path(struct url *url, const struct url *base, const char *location, struct err *err)
{
	CLEAN_BUF path = {0};
	size_t keep = strcspn(base->path, "?");

	buf_init(&path, sizeof(url->path) - 1);
	if (location[0] != '/' && location[0] != '?') {
		while (keep > 0 && base->path[keep - 1] != '/') {
			keep--;
		}
	}
	if (location[0] != '/') {
		(void)buf_add(&path, base->path, keep);
	}
	(void)buf_adds(&path, location);
	*url = *base;
	if (path.full || parse_path(url, buf_text(&path)) < 0) {
		return refuse(err, location, "is too long, or holds a control character or backslash");
	}
	return 0;
}

int
url_join(struct url *url, const struct url *base, const char *location, struct err *err)
{
	if (location[0] == '/' && location[1] == '/') {
		CLEAN_BUF whole = {0};

		buf_init(&whole, URL_MAX);
		(void)buf_printf(&whole, "%s:%s", base->scheme, location);
		return whole.full ? refuse(err, location, "is too long") : url_parse(url, buf_text(&whole), err);
	}
	/* A scheme ends at the first ':' before any '/'; "name:..." without one of ours is refused by url_parse. */
	if (location[strcspn(location, ":/?#")] == ':') {
		return url_parse(url, location, err);
	}
	return join_path(url, base, location, err);
}

int
url_print(const struct url *url, int bare, struct buf *out)
{
	int own_port = strcmp(url->scheme, "https") == 0 ? 443 : 80;
	size_t shown = bare ? strcspn(url->path, "?") : strlen(url->path);

	(void)buf_printf(out, "%s://%s", url->scheme, url->host);
	if (url->port != own_port) {
		(void)buf_printf(out, ":%d", url->port);
	}
	return buf_add(out, url->path, shown);
}

int
url_has_dots(const struct url *url)
{
	const char *c = url->path;
	size_t dots = 0, others = 0;

	for (; *c != '\0' && *c != '?'; c++) {
		if (*c == '/' || strncasecmp(c, "%2f", 3) == 0 || strncasecmp(c, "%5c", 3) == 0) {
			if (dots == 2 && others == 0) {
				return 1;
			}
			dots = 0;
			others = 0;
			c += *c == '/' ? 0 : 2;
		} else if (*c == '.' || strncasecmp(c, "%2e", 3) == 0) {
			dots++;
			c += *c == '.' ? 0 : 2;
		} else {
			others++;
		}
	}
	return dots == 2 && others == 0;
}

int
url_encode(struct buf *out, const char *text, size_t len, int keep_slash)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		int plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

		if (plain || (c != '\0' && strchr("-._~", c) != NULL) || (keep_slash && c == '/')) {
			(void)buf_addc(out, (char)c);
		} else {
			(void)buf_printf(out, "%%%02X", c);
		}
	}
	return out->full ? -1 : 0;
}
