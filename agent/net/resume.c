#include "net/resume.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
resume_is_strong(const char *etag)
{
	size_t len = strlen(etag);

	return len >= 2 && etag[0] == '"' && etag[len - 1] == '"';
}

/* Where the piece at hand ends; -1 when the object's size is unknown. */
static int64_t
end_of(const struct resume *r)
{
	return r->end >= 0 ? r->end : r->size;
}

/* "bytes 8-11/12": 1 when it is what was asked for and agrees with 'size', which it fills when it was unknown. */
static int
range_fits(const struct http_reply *reply, struct resume *r)
{
	char text[96];
	long long first, last, whole;
	int at = 0;

	if (!http_header(reply, "content-range", text, sizeof(text)) ||
	    sscanf(text, "bytes %18lld-%18lld/%18lld%n", &first, &last, &whole, &at) != 3 || text[at] != '\0') {
		return 0;
	}
	if (first != r->offset || last != (end_of(r) >= 0 ? end_of(r) : whole) - 1 ||
	    (r->size >= 0 && whole != r->size)) {
		return 0;
	}
	r->size = whole;
	return 1;
}

static int
fail_changed(const struct resume *r, int sys, const char *why, struct err *err)
{
	(void)err_set(
	    err, ERR_UNAVAILABLE, 0, "'%s' cannot be continued at byte %lld: %s", r->name, (long long)r->offset, why);
	err->sys = sys;
	return -1;
}

/* Asks for the piece, or what is left of it, once. 0, or -1; '*again' says whether another attempt makes sense. */
static int
reopen(struct resume *r, int *again, struct err *err)
{
	CLEAN_REPLY reply = {.status = 0};
	char range[64], etag[HTTP_ETAG_MAX];

	if (r->end >= 0) {
		(void)snprintf(range, sizeof(range), "bytes=%lld-%lld", (long long)r->offset, (long long)r->end - 1);
	} else {
		(void)snprintf(range, sizeof(range), "bytes=%lld-", (long long)r->offset);
	}
	*again = 1;
	r->flowing = 0;
	r->retry_after_ms = 0;
	if (r->reopen(r->self, range, r->etag, &reply, err) < 0) {
		return -1;
	}
	*again = 0;
	if (reply.status == 412 || (http_header(&reply, "etag", etag, sizeof(etag)) && strcmp(etag, r->etag) != 0)) {
		return fail_changed(r, ESTALE, "it was replaced meanwhile", err);
	}
	if (reply.status != 206) {
		return fail_changed(r, ENOTSUP, "the server does not send parts", err);
	}
	if (!range_fits(&reply, r)) {
		return fail_changed(r, ENOTSUP, "the server sends another part than the one asked for", err);
	}
	r->flow_end = end_of(r);
	r->flowing = 1;
	return 0;
}

/* After a failure that 'err' describes: waits and asks again until the body flows or the budget is spent. */
static int
recover(struct resume *r, struct err *err)
{
	int again = 1;

	if (err->kind != ERR_UNAVAILABLE || !resume_is_strong(r->etag)) {
		return -1;
	}
	while (again) {
		if (retry_next(&r->retry, r->ctx, r->retry_after_ms, err) < 0) {
			return -1;
		}
		if (reopen(r, &again, err) == 0) {
			return 0;
		}
	}
	return -1;
}

/* A piece that was not asked for yet: the first attempt costs no wait. */
static int
open_piece(struct resume *r, struct err *err)
{
	int again = 1;

	if (!resume_is_strong(r->etag)) {
		return fail_changed(r, ENOTSUP, "without a strong ETag pieces might not belong together", err);
	}
	if (reopen(r, &again, err) == 0) {
		return 0;
	}
	return again ? recover(r, err) : -1;
}

static ssize_t
read_resumed(void *self, void *bytes, size_t len, struct err *err)
{
	struct resume *r = self;
	struct source body = http_source(r->http);

	while (end_of(r) < 0 || r->offset < end_of(r)) {
		size_t room =
		    end_of(r) >= 0 && (int64_t)len > end_of(r) - r->offset ? (size_t)(end_of(r) - r->offset) : len;

		if (!r->flowing && open_piece(r, err) < 0) {
			return -1;
		}
		ssize_t n = source_read(&body, bytes, room, err);
		if (n > 0) {
			r->offset += n;
			retry_progress(&r->retry);
			return n;
		}
		if (n == 0 && r->size < 0) {
			return 0;
		}
		if (n == 0) {
			(void)err_set(err, ERR_UNAVAILABLE, 0, "'%s' ended after %lld of %lld bytes", r->name,
			    (long long)r->offset, (long long)end_of(r));
		}
		if (recover(r, err) < 0) {
			return -1;
		}
	}
	return 0;
}

struct source
resume_source(struct resume *resume)
{
	return (struct source){.read = read_resumed, .self = resume};
}

void
resume_aim(struct resume *resume, int64_t from, int64_t to)
{
	resume->flowing = resume->flowing && resume->offset == from && (resume->flow_end < 0 || resume->flow_end >= to);
	resume->offset = from;
	resume->end = to;
}
