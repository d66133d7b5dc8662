/*
 * Addresses of code (product §5), taken apart: s3://bucket/key (any key byte, nothing normalised), https://, http://, channel:NAME[/path],
 * an absolute path or file://.
 *
 * Invariants of a parsed one: no userinfo; in a web address no segment is ".." in any spelling; a bucket is a plain bucket (access-point
 * ARNs and S3 Express are refused by name); no control characters but in an S3 key.
 */
#ifndef TRAIN_CONFIG_CODE_ADDRESS_H
#define TRAIN_CONFIG_CODE_ADDRESS_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

enum {
	CODE_ADDRESS_MAX = 8192, /* presigned addresses have 2 kB */
	CODE_HOST_MAX = 256,     /* host and port; DNS names have 253 bytes */
	CODE_BUCKET_MAX = 256,   /* today's have 63, those of old 255 */
	CODE_KEY_MAX = 1024,     /* C§9: an S3 key in bytes */
};

enum code_scheme { CODE_S3, CODE_HTTPS, CODE_HTTP, CODE_CHANNEL, CODE_PATH };

struct code_address {
	enum code_scheme scheme;
	char place
	    [CODE_HOST_MAX]; /* bucket, "host" or "host:port" (lower case, the scheme's own port left out), or channel; "" for a path */
	char *rest; /* key, path and query of a web address, path inside the channel ("" for none), absolute path */
};

/* 0 and an owned address, or -1 with ERR_SETTINGS; the text shows the address without userinfo and query. */
MUST_CHECK int code_address_parse(struct code_address *address, const char *text, struct err *err);
void code_address_release(struct code_address *address);
#define CLEAN_CODE_ADDRESS CLEANUP(code_address_release) struct code_address

/* Appends the address as it may be shown: no userinfo, no query. Works for any text, also one that is no address. */
void code_address_show(const char *text, struct buf *out);

/*
 * 1 when 'text' lies under 'prefix' ("s3://bucket/team", "https://host/repo"): same scheme, same bucket or host and port, and whole path
 * segments: "s3://b/team" holds "s3://b/team/x" and not "s3://b/team2". A query is not looked at. 0 too when either is no address.
 */
int code_address_under(const char *text, const char *prefix);

/* 1 for text that may stand in code-from: an address, or one that ends after its bucket, host or channel. */
int code_address_is_prefix(const char *text);

/* 1 for a host that names this machine: localhost, 127.0.0.0/8, [::1]. */
int code_address_is_loopback(const struct code_address *address);

#endif
