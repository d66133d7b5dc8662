#include "net/s3.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "net/base64.h"
#include "net/http.h"
#include "net/resume.h"
#include "net/retry.h"
#include "net/service.h"

enum { NAME_MAX_SHOWN = 200 }; /* "s3://bucket/key" in a message */

struct s3 {
	const struct net_context *ctx;
	struct creds *creds;
	struct http *http;
	char bucket[S3_BUCKET_MAX];
	char *key;
	char *version_id;
	char *owner;
	char name[NAME_MAX_SHOWN];
	struct aws_endpoint endpoint;
	struct resume resume;
	char etag[HTTP_ETAG_MAX];
	int redirected;     /* a wrong region is followed once */
	int renewed;        /* expired credentials are renewed once */
	unsigned signed_by; /* of the last request */
};

int
s3_split(const char *url, char bucket[S3_BUCKET_MAX], const char **key, struct err *err)
{
	const char *rest = url + 5;
	size_t len;

	if (strncmp(url, "s3://", 5) != 0) {
		return err_set(err, ERR_SETTINGS, 0, "'%.200s' is no s3://bucket/key", url);
	}
	if (strncmp(rest, "arn:", 4) == 0) {
		return err_set(err, ERR_SETTINGS, 0, "'%.200s' is an access point: name the bucket itself", url);
	}
	len = strcspn(rest, "/");
	if (len == 0 || len >= S3_BUCKET_MAX || rest[len] != '/' || rest[len + 1] == '\0') {
		return err_set(err, ERR_SETTINGS, 0, "'%.200s' is no s3://bucket/key", url);
	}
	if (len > 6 && memcmp(rest + len - 6, "--x-s3", 6) == 0) {
		return err_set(err, ERR_SETTINGS, 0,
		    "'%.200s' lies in an S3 Express directory bucket, which is not supported", url);
	}
	if (strlen(rest + len + 1) >= S3_KEY_MAX) {
		return err_set(err, ERR_SETTINGS, 0, "the key of '%.200s' has more than 1024 bytes", url);
	}
	memcpy(bucket, rest, len);
	bucket[len] = '\0';
	*key = rest + len + 1;
	return 0;
}

/* One request as it stands now: address, headers, signature. Any status is a success. */
static int
send_get(struct s3 *s3, const char *range, const char *if_match, struct http_reply *reply, struct err *err)
{
	CLEAN_BUF url = {0};
	struct sigv4_header headers[4];
	struct service_call call = {
	    .method = "GET",
	    .headers = headers,
	    .region = s3->endpoint.region,
	    .service = "s3",
	    .signed_by = &s3->signed_by,
	};

	buf_init(&url, URL_MAX - 1);
	if (aws_object_url(&s3->endpoint, s3->bucket, s3->key, s3->version_id, &url, err) < 0) {
		return -1;
	}
	call.url = buf_text(&url);
	if (s3->owner != NULL) {
		headers[call.header_count++] = (struct sigv4_header){"x-amz-expected-bucket-owner", s3->owner};
	}
	if (range == NULL) {
		/* Checksums on parts are none of the whole object's. */
		headers[call.header_count++] = (struct sigv4_header){"x-amz-checksum-mode", "ENABLED"};
	} else {
		headers[call.header_count++] = (struct sigv4_header){"Range", range};
		headers[call.header_count++] = (struct sigv4_header){"If-Match", if_match};
	}
	return service_send(s3->http, s3->ctx, s3->creds, &call, reply, err);
}

/* "bucket.s3.eu-central-1.amazonaws.com": the region in it, for the rare 301 that names only an endpoint. */
static int
region_of_host(const char *host, char region[AWS_REGION_MAX])
{
	const char *end = strstr(host, ".amazonaws."), *at = NULL;

	for (const char *c = strstr(host, "s3"); c != NULL && end != NULL && c < end; c = strstr(c + 1, "s3")) {
		if ((c == host || c[-1] == '.' || c[-1] == '/') && (c[2] == '.' || c[2] == '-')) {
			at = c + 3;
		}
	}
	if (at == NULL || at >= end || end - at >= AWS_REGION_MAX || memchr(at, '.', (size_t)(end - at)) != NULL) {
		return 0;
	}
	memcpy(region, at, (size_t)(end - at));
	region[end - at] = '\0';
	return 1;
}

static int
names_wrong_region(int status, const struct service_error *error)
{
	static const char *const codes[] = {"PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed",
	    "IllegalLocationConstraintException"};

	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		if (strcmp(error->code, codes[i]) == 0) {
			return 1;
		}
	}
	/* Without a body (or with a strange one) the status and the region header speak. */
	return status == 301 || status == 302 || status == 307 ||
	       (status == 400 && error->code[0] == '\0' && error->region[0] != '\0');
}

/*
 * Turns to the region that the reply names. 1 when the request shall be sent again, 0 when there is nothing new,
 * -1 with 'err'.
 */
static int
follow_region(struct s3 *s3, const struct http_reply *reply, struct service_error *error, struct err *err)
{
	char location[1024];

	if (error->region[0] == '\0' && http_header(reply, "location", location, sizeof(location))) {
		(void)region_of_host(location, error->region);
	}
	if (s3->redirected || error->region[0] == '\0' || strcmp(error->region, s3->endpoint.region) == 0) {
		return 0;
	}
	s3->redirected = 1;
	if (!s3->endpoint.custom) {
		return aws_endpoint(s3->ctx->envp, AWS_S3, error->region, &s3->endpoint, err) < 0 ? -1 : 1;
	}
	/* A custom endpoint stays where it is; only the signature's region changes. */
	(void)snprintf(s3->endpoint.region, sizeof(s3->endpoint.region), "%s", error->region);
	return 1;
}

static int
fail_denied(const struct s3 *s3, const struct service_error *error, struct err *err)
{
	const char *action = s3->version_id != NULL ? "s3:GetObjectVersion" : "s3:GetObject";
	char owner[160] = "";

	if (s3->owner != NULL) {
		(void)snprintf(owner, sizeof(owner),
		    "; or the bucket is not of account %s: a shared artifact account needs TRAIN_CODE_OWNER",
		    s3->owner);
	}
	return err_set(err, ERR_DENIED, 0,
	    "'%s' is denied (%s%s%.120s): the role may lack %s, or kms:Decrypt on the object's key%s; or, without "
	    "s3:ListBucket, the object does "
	    "not exist",
	    s3->name, error->code[0] == '\0' ? "403" : error->code, error->message[0] == '\0' ? "" : ": ",
	    error->message, action, owner);
}

static int
is_one_of(const char *code, const char *const *list)
{
	for (; *list != NULL; list++) {
		if (strcmp(code, *list) == 0) {
			return 1;
		}
	}
	return 0;
}

/* A refusal that another attempt would not change, in words. */
static int
fail_finally(const struct s3 *s3, int status, const struct service_error *error, struct err *err)
{
	static const char *const absent[] = {"NoSuchKey", "NoSuchBucket", "NoSuchVersion", NULL};
	static const char *const keys[] = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken",
	    "ExpiredToken", "ExpiredTokenException", "InvalidSignatureException", "UnrecognizedClientException", NULL};
	const char *gap = error->message[0] == '\0' ? "" : ": ";

	if (is_one_of(error->code, absent) || status == 404) {
		return err_set(err, ERR_NOT_FOUND, 0, "'%s' does not exist (%s%s%s)", s3->name,
		    error->code[0] == '\0' ? "404" : error->code, gap, error->message);
	}
	if (status == 405) {
		return err_set(
		    err, ERR_NOT_FOUND, 0, "'%s' in this version is a delete marker (%s)", s3->name, error->code);
	}
	if (is_one_of(error->code, keys)) {
		return err_set(err, ERR_CREDENTIALS, 0, "S3 does not accept the credentials for '%s' (%s%s%s)",
		    s3->name, error->code, gap, error->message);
	}
	if (strcmp(error->code, "RequestTimeTooSkewed") == 0) {
		return err_set(err, ERR_DENIED, 0,
		    "S3 refuses requests for '%s': this machine's clock is wrong by over 15 minutes", s3->name);
	}
	if (names_wrong_region(status, error)) {
		return err_set(err, ERR_DENIED, 0,
		    "'%s' is not in region '%s' (%s%s%s): set AWS_REGION to the bucket's region", s3->name,
		    s3->endpoint.region, error->code, gap, error->message);
	}
	if (status == 403) {
		return fail_denied(s3, error, err);
	}
	return err_set(
	    err, ERR_DENIED, 0, "S3 refuses '%s' with %d (%s%s%s)", s3->name, status, error->code, gap, error->message);
}

/* What a reply that holds no object means: 1 when the request shall go out again at once, else -1 with 'err'. */
static int
judge(struct s3 *s3, const struct http_reply *reply, struct err *err)
{
	struct service_error error;
	int again;

	if (service_read_error(s3->http, reply, &error, err) < 0) {
		return -1;
	}
	s3->resume.retry_after_ms = error.retry_after_ms;
	if (names_wrong_region(reply->status, &error)) {
		again = follow_region(s3, reply, &error, err);
		if (again != 0) {
			return again;
		}
	}
	if (retry_is_stale(error.code) && !s3->renewed) {
		s3->renewed = 1;
		creds_renew(s3->creds, s3->signed_by);
		return 1;
	}
	if (retry_class_of(reply->status, error.code) != RETRY_NO) {
		(void)err_set(err, ERR_UNAVAILABLE, 0, "S3 cannot serve '%s' now: %d%s%s%s%s", s3->name, reply->status,
		    error.code[0] == '\0' ? "" : " ", error.code, error.message[0] == '\0' ? "" : ": ", error.message);
	} else {
		(void)fail_finally(s3, reply->status, &error, err);
	}
	err->http = reply->status;
	return -1;
}

/*
 * S3 answers 200 before it knows that it will fail: such a reply is an XML document and has no ETag, which every
 * object has.
 */
static int
is_hidden_error(const struct http_reply *reply)
{
	char type[64], etag[HTTP_ETAG_MAX];

	return reply->status == 200 && !http_header(reply, "etag", etag, sizeof(etag)) &&
	       http_header(reply, "content-type", type, sizeof(type)) && strstr(type, "xml") != NULL;
}

/*
 * Sends until something is decided: 0 with the object's reply (200, or 206 and what a part may be answered with),
 * or -1.
 */
static int
get(void *self, const char *range, const char *if_match, struct http_reply *reply, struct err *err)
{
	struct s3 *s3 = self;
	int again;

	/* At most one redirect and one renewal, so this ends. */
	do {
		s3->resume.retry_after_ms = 0;
		if (send_get(s3, range, if_match, reply, err) < 0) {
			return -1;
		}
		if (range == NULL ? reply->status == 200 && !is_hidden_error(reply)
		                  : reply->status == 200 || reply->status == 206 || reply->status == 412 ||
		                        reply->status == 416) {
			return 0;
		}
		again = judge(s3, reply, err);
	} while (again == 1);
	return -1;
}

/*
 * The strongest that there is. A composite one is a sum of sums: its "-N" fails the length, its type says so where the N is
 * missing (C§9.6).
 */
static void
read_checksum(const struct http_reply *reply, struct checksum_value *stored)
{
	char name[48], text[64], type[32];

	*stored = (struct checksum_value){.kind = CHECKSUM_NONE};
	if (http_header(reply, "x-amz-checksum-type", type, sizeof(type)) && strcmp(type, "COMPOSITE") == 0) {
		return;
	}
	for (int kind = CHECKSUM_NONE + 1; kind < CHECKSUM_KINDS; kind++) {
		size_t bytes = checksum_bytes((enum checksum_kind)kind);

		(void)snprintf(name, sizeof(name), "x-amz-checksum-%s", checksum_name((enum checksum_kind)kind));
		if (http_header(reply, name, text, sizeof(text)) && base64_decode(stored->bytes, bytes, text)) {
			stored->kind = (enum checksum_kind)kind;
			return;
		}
	}
}

static void
fill_meta(struct s3 *s3, const struct http_reply *reply, struct s3_meta *meta)
{
	memset(meta, 0, sizeof(*meta));
	meta->size = reply->length;
	(void)http_header(reply, "etag", meta->etag, sizeof(meta->etag));
	(void)http_header(reply, "x-amz-version-id", meta->version_id, sizeof(meta->version_id));
	(void)snprintf(meta->region, sizeof(meta->region), "%s", s3->endpoint.region);
	read_checksum(reply, &meta->stored);
	memcpy(s3->etag, meta->etag, sizeof(s3->etag));
}

/* A region is needed to sign; where nobody names one S3 itself tells the right one. */
static int
choose_region(struct s3 *s3, const char *arn, char region[AWS_REGION_MAX], struct err *err)
{
	char *const *envp = s3->ctx->envp;

	if (aws_region(envp, arn, region, err) == 0) {
		return 0;
	}
	if (net_env(envp, "AWS_REGION") != NULL || net_env(envp, "AWS_DEFAULT_REGION") != NULL ||
	    net_env(envp, "SAGEMAKER_REGION") != NULL) {
		return -1;
	}
	err_clear(err);
	(void)snprintf(region, AWS_REGION_MAX, "us-east-1");
	return 0;
}

static int
prepare(struct s3 *s3, const struct s3_request *request, struct err *err)
{
	char region[AWS_REGION_MAX];
	const char *key = "";

	if (s3_split(request->url, s3->bucket, &key, err) < 0 || choose_region(s3, request->arn, region, err) < 0 ||
	    aws_endpoint(s3->ctx->envp, AWS_S3, region, &s3->endpoint, err) < 0) {
		return -1;
	}
	if (request->version_id != NULL && strlen(request->version_id) >= S3_VERSION_MAX) {
		return err_set(err, ERR_SETTINGS, 0, "the version of '%.200s' has more than 1024 bytes", request->url);
	}
	s3->key = strdup(key);
	s3->version_id = request->version_id == NULL ? NULL : strdup(request->version_id);
	s3->owner = request->owner == NULL ? NULL : strdup(request->owner);
	if (s3->key == NULL || (request->version_id != NULL && s3->version_id == NULL) ||
	    (request->owner != NULL && s3->owner == NULL)) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot prepare '%.200s'", request->url);
	}
	memcpy(s3->name, request->url, utf8_cut(request->url, strlen(request->url), sizeof(s3->name) - 1));
	s3->http = http_new(s3->ctx, err);
	return s3->http == NULL ? -1 : 0;
}

static void
begin_resume(struct s3 *s3, int64_t size)
{
	s3->resume = (struct resume){
	    .ctx = s3->ctx,
	    .http = s3->http,
	    .etag = s3->etag,
	    .name = s3->name,
	    .size = size,
	    .end = -1,
	    .flow_end = -1,
	    .reopen = get,
	    .self = s3,
	};
	retry_init(&s3->resume.retry, RETRY_ATTEMPTS);
}

static int
first_get(struct s3 *s3, struct s3_meta *meta, struct err *err)
{
	CLEAN_REPLY reply = {.status = 0};
	struct retry retry;

	retry_init(&retry, RETRY_ATTEMPTS);
	while (get(s3, NULL, NULL, &reply, err) < 0) {
		if (retry_next(&retry, s3->ctx, s3->resume.retry_after_ms, err) < 0) {
			return -1;
		}
	}
	if (!reply.has_end) {
		return err_set(err, ERR_UNAVAILABLE, 0,
		    "the reply for '%s' says neither its length nor its end, so a cut would not show", s3->name);
	}
	fill_meta(s3, &reply, meta);
	begin_resume(s3, meta->size);
	s3->resume.flowing = 1;
	return 0;
}

struct s3 *
s3_open(const struct net_context *ctx, struct creds *creds, const struct s3_request *request, struct s3_meta *meta,
    struct err *err)
{
	struct s3 *s3 = calloc(1, sizeof(*s3));

	if (s3 == NULL) {
		(void)err_set(err, ERR_SYSTEM, ENOMEM, "cannot prepare '%.200s'", request->url);
		return NULL;
	}
	s3->ctx = ctx;
	s3->creds = creds;
	if (prepare(s3, request, err) < 0 || first_get(s3, meta, err) < 0) {
		s3_close(s3);
		return NULL;
	}
	return s3;
}

static void
aim(void *self, int64_t from, int64_t to)
{
	struct s3 *s3 = self;

	resume_aim(&s3->resume, from, to);
}

static void
close_lane(void *self)
{
	s3_close(self);
}

struct lane
s3_lane(struct s3 *s3)
{
	return (struct lane){.aim = aim, .source = resume_source(&s3->resume), .close = close_lane, .self = s3};
}

static char *
copy(const char *text)
{
	return text != NULL ? strdup(text) : NULL;
}

struct s3 *
s3_another(const struct s3 *s3, struct err *err)
{
	struct s3 *other = calloc(1, sizeof(*other));

	if (other == NULL) {
		(void)err_set(err, ERR_SYSTEM, ENOMEM, "cannot open another connection");
		return NULL;
	}
	*other = (struct s3){.ctx = s3->ctx, .creds = s3->creds, .endpoint = s3->endpoint};
	memcpy(other->bucket, s3->bucket, sizeof(other->bucket));
	memcpy(other->name, s3->name, sizeof(other->name));
	memcpy(other->etag, s3->etag, sizeof(other->etag));
	other->key = copy(s3->key);
	other->version_id = copy(s3->version_id);
	other->owner = copy(s3->owner);
	if (other->key == NULL || (s3->version_id != NULL && other->version_id == NULL) ||
	    (s3->owner != NULL && other->owner == NULL)) {
		(void)err_set(err, ERR_SYSTEM, ENOMEM, "cannot open another connection");
	} else {
		other->http = http_new(s3->ctx, err);
	}
	if (other->http == NULL) {
		s3_close(other);
		return NULL;
	}
	begin_resume(other, s3->resume.size);
	return other;
}

struct source
s3_source(struct s3 *s3)
{
	return resume_source(&s3->resume);
}

size_t
s3_bytes(const struct s3 *s3)
{
	return http_bytes(s3->http);
}

void
s3_close(struct s3 *s3)
{
	if (s3 == NULL) {
		return;
	}
	http_free(s3->http);
	free(s3->key);
	free(s3->version_id);
	free(s3->owner);
	free(s3);
}

void
s3_clean(struct s3 **s3)
{
	s3_close(*s3);
	*s3 = NULL;
}
