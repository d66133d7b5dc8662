#include "net/resume.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
resume_is_strong(const char *etag)
{
	size_t len = strlen(etag);

	return len >= 2 && etag[0] == '"' && etag[len - 1] == '"';
}

/* "bytes 8-11/12": 1 when it begins at 'offset' and agrees with 'size', which it fills when it was unknown. */
static int
range_fits(const struct http_reply *reply, int64_t offset, int64_t *size)
{
	char text[96];
	long long first, last, whole;
	int end = 0;

	if (!http_header(reply, "content-range", text, sizeof(text)) ||
	    sscanf(text, "bytes %18lld-%18lld/%18lld%n", &first, &last, &whole, &end) != 3 || text[end] != '\0') {
		return 0;
	}
	if (first != offset || last != whole - 1 || (*size >= 0 && whole != *size)) {
		return 0;
	}
	*size = whole;
	return 1;
}

static int
fail_changed(const struct resume *r, const char *why, struct err *err)
{
	(void)err_set(err, ERR_UNAVAILABLE, 0, "'%s' was cut after %lld bytes and cannot be continued: %s", r->name,
	    (long long)r->offset, why);
	return -1;
}

/* Asks for the rest once. 0, or -1; '*again' says whether another attempt makes sense. */
static int
reopen(struct resume *r, int *again, struct err *err)
{
	CLEAN_REPLY reply = {.status = 0};
	char range[64], etag[HTTP_ETAG_MAX];

	(void)snprintf(range, sizeof(range), "bytes=%lld-", (long long)r->offset);
	*again = 1;
	if (r->reopen(r->self, range, r->etag, &reply, err) < 0) {
		return -1;
	}
	*again = 0;
	if (reply.status == 412 || (http_header(&reply, "etag", etag, sizeof(etag)) && strcmp(etag, r->etag) != 0)) {
		return fail_changed(r, "it was replaced meanwhile", err);
	}
	if (reply.status != 206 || !range_fits(&reply, r->offset, &r->size)) {
		return fail_changed(r, "the server does not send parts", err);
	}
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
		if (retry_next(&r->retry, r->ctx, 0, err) < 0) {
			return -1;
		}
		if (reopen(r, &again, err) == 0) {
			return 0;
		}
	}
	return -1;
}

static ssize_t
read_resumed(void *self, void *bytes, size_t len, struct err *err)
{
	struct resume *r = self;
	struct source body = http_source(r->http);

	while (r->size < 0 || r->offset < r->size) {
		ssize_t n = source_read(&body, bytes, len, err);

		if (n > 0) {
			if (r->size >= 0 && n > r->size - r->offset) {
				return err_set(err, ERR_UNAVAILABLE, 0, "'%s' sent more than its %lld bytes", r->name,
				    (long long)r->size);
			}
			r->offset += n;
			retry_progress(&r->retry);
			return n;
		}
		if (n == 0 && r->size < 0) {
			return 0;
		}
		if (n == 0) {
			(void)err_set(err, ERR_UNAVAILABLE, 0, "'%s' ended after %lld of %lld bytes", r->name,
			    (long long)r->offset, (long long)r->size);
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
