/*
 * The head of one HTTP reply: status and headers, collected line by line as they come off the wire.
 *
 * Invariants: 'head' holds "name: value" lines with lower-case names, at most HTTP_HEAD_MAX bytes; a zeroed reply is
 * a released one.
 */
#ifndef TRAIN_NET_REPLY_H
#define TRAIN_NET_REPLY_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"

enum {
	HTTP_HEAD_MAX = 65536, /* header bytes of one reply; S3 sends about 1 kB, 8 kB is the usual cap of servers */
	HTTP_ETAG_MAX = 256,   /* an ETag: S3 sends up to 40 characters; with a longer one nothing is resumed */
};

struct http_reply {
	int status;
	int64_t length; /* of the body that follows; -1 when the server did not say */
	int has_end;    /* 0: neither length nor chunks, so a cut would look like the end */
	unsigned peer;  /* ADDRESS_ bit of the other side; 0 behind a proxy */
	struct buf head;
};

/*
 * The value of the first header of that lower-case name into 'out'; 1, or 0 when it is absent or longer than
 * 'size' - 1 ("" then).
 */
int http_header(const struct http_reply *reply, const char *name, char *out, size_t size);

/*
 * Takes one line as it came, with its line end. A status line begins the reply anew ("100 Continue" comes before
 * the real one). 1 when the head is whole, 0 when more is to come, -1 when it is too large. Fills status, length
 * and has_end at the end.
 */
int reply_take_line(struct http_reply *reply, const char *line, size_t len);

/* Frees what was there and makes it ready for reply_take_line. */
void reply_begin(struct http_reply *reply);

/*
 * What the server wishes us to wait: x-amz-retry-after (ms) or Retry-After (seconds; a date is not read); 0 when
 * it says nothing.
 */
int64_t reply_retry_after_ms(const struct http_reply *reply);

void http_reply_release(struct http_reply *reply);
#define CLEAN_REPLY CLEANUP(http_reply_release) struct http_reply

#endif
