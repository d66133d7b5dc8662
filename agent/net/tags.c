#include "net/tags.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_read.h"
#include "base/json_write.h"
#include "net/aws.h"
#include "net/http.h"
#include "net/retry.h"
#include "net/service.h"

enum {
	NEXT_TOKEN_MAX = 8193, /* C§7.1 */
	ANSWER_MS = 15000,     /* one attempt, whole */
	BODY_MAX = 65536,      /* ARN and token, escaped */
};

struct asking {
	const struct net_context *ctx;
	struct creds *creds;
	struct http *http;
	const char *arn;
	struct aws_endpoint endpoint;
	int renewed;
	unsigned signed_by; /* of the last request */
	int64_t retry_after_ms;
};

/* C§7.1: arn:PARTITION:sagemaker:REGION:ACCOUNT:... */
static int
check_arn(const char *arn, char region[AWS_REGION_MAX], struct err *err)
{
	char service[16], account[16];

	if (strlen(arn) >= TAGS_ARN_MAX || aws_arn_field(arn, 2, service, sizeof(service)) < 0 ||
	    strcmp(service, "sagemaker") != 0 || aws_arn_field(arn, 3, region, AWS_REGION_MAX) < 0 ||
	    aws_arn_field(arn, 4, account, sizeof(account)) < 0 || strlen(account) != 12 ||
	    strspn(account, "0123456789") != 12) {
		return err_set(err, ERR_SETTINGS, 0, "'%.200s' is no SageMaker ARN", arn);
	}
	return 0;
}

static int
write_body(const char *arn, const char *next_token, struct buf *body, struct err *err)
{
	struct json_writer writer;

	json_writer_init(&writer, body, 0);
	json_open_object(&writer, NULL);
	json_add_string(&writer, "ResourceArn", arn);
	if (next_token[0] != '\0') {
		json_add_string(&writer, "NextToken", next_token);
	}
	json_close_object(&writer);
	return body->full ? err_set(err, ERR_BUG, 0, "a request for tags is too large") : 0;
}

static int
fail_denied(const struct asking *asking, const struct service_error *error, struct err *err)
{
	return err_set(err, ERR_DENIED, 0, "ListTags is denied (%s): the role needs sagemaker:ListTags on '%s'%s%.100s",
	    error->code, asking->arn, error->message[0] == '\0' ? "" : "; it was told: ", error->message);
}

static int
fail_finally(const struct asking *asking, int status, const struct service_error *error, struct err *err)
{
	static const char *const denied[] = {"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"};

	for (size_t i = 0; i < ARRAY_LEN(denied); i++) {
		if (strcmp(error->code, denied[i]) == 0) {
			return fail_denied(asking, error, err);
		}
	}
	if (retry_is_stale(error->code)) {
		return err_set(err, ERR_CREDENTIALS, 0, "SageMaker does not accept the credentials (%s%s%s)",
		    error->code, error->message[0] == '\0' ? "" : ": ", error->message);
	}
	if (status == 403) {
		return fail_denied(asking, error, err);
	}
	return err_set(err, ERR_DENIED, 0, "SageMaker refuses ListTags for '%s' with %d (%s%s%s)", asking->arn, status,
	    error->code, error->message[0] == '\0' ? "" : ": ", error->message);
}

/* A reply that is no success: 1 when the request shall go out again at once, else -1 with 'err'. */
static int
judge(struct asking *asking, const struct http_reply *reply, struct err *err)
{
	struct service_error error;

	if (service_read_error(asking->http, reply, &error, err) < 0) {
		return -1;
	}
	asking->retry_after_ms = error.retry_after_ms;
	if (retry_is_stale(error.code) && !asking->renewed) {
		asking->renewed = 1;
		creds_renew(asking->creds, asking->signed_by);
		return 1;
	}
	if (retry_class_of(reply->status, error.code) != RETRY_NO) {
		(void)err_set(err, ERR_UNAVAILABLE, 0, "SageMaker cannot list the tags now: %d%s%s%s%s", reply->status,
		    error.code[0] == '\0' ? "" : " ", error.code, error.message[0] == '\0' ? "" : ": ", error.message);
	} else {
		(void)fail_finally(asking, reply->status, &error, err);
	}
	err->http = reply->status;
	return -1;
}

/* One attempt for one page: 0 with the reply's body, 1 to ask again at once, -1 with 'err'. */
static int
ask_once(struct asking *asking, const char *body, struct buf *answer, struct err *err)
{
	static const struct sigv4_header headers[] = {
	    {"Content-Type", "application/x-amz-json-1.1"},
	    {"X-Amz-Target", "SageMaker.ListTags"},
	};
	CLEAN_REPLY reply = {.status = 0};
	struct service_call call = {
	    .method = "POST",
	    .url = asking->endpoint.address,
	    .headers = headers,
	    .header_count = ARRAY_LEN(headers),
	    .body = body,
	    .region = asking->endpoint.region,
	    .service = "sagemaker",
	    .connect_ms = TAGS_CONNECT_MS,
	    .deadline_ms = clock_now_ms() + ANSWER_MS,
	    .signed_by = &asking->signed_by,
	};

	asking->retry_after_ms = 0;
	if (service_send(asking->http, asking->ctx, asking->creds, &call, &reply, err) < 0) {
		return -1;
	}
	if (reply.status != 200) {
		return judge(asking, &reply, err);
	}
	buf_reset(answer);
	return http_slurp(asking->http, answer, err);
}

static int
ask(struct asking *asking, const char *body, struct buf *answer, struct err *err)
{
	struct retry retry;
	int got;

	retry_init(&retry, 0);
	while ((got = ask_once(asking, body, answer, err)) != 0) {
		if (got < 0 && retry_next(&retry, asking->ctx, asking->retry_after_ms, err) < 0) {
			return -1;
		}
	}
	return 0;
}

/* Takes one element of "Tags". */
static int
add_tag(struct tags *tags, const struct json *json, int element, struct err *err)
{
	struct tag *tag;

	if (tags->count == TAGS_MAX) {
		return err_set(err, ERR_UNAVAILABLE, 0, "SageMaker lists more than %d tags", TAGS_MAX);
	}
	if (tags->list == NULL) {
		tags->list = calloc(TAGS_MAX, sizeof(*tags->list));
		if (tags->list == NULL) {
			return err_set(err, ERR_SYSTEM, ENOMEM, "cannot keep the tags");
		}
	}
	tag = &tags->list[tags->count];
	tag->key = json_string(json, json_member(json, element, "Key"), NULL);
	tag->value = json_string(json, json_member(json, element, "Value"), NULL);
	tags->count++;
	if (tag->key == NULL || tag->value == NULL) {
		return err_set(err, ERR_UNAVAILABLE, 0, "SageMaker's list of tags holds one without key or value");
	}
	return 0;
}

/* The tags of one page, and its token ("" at the end). A page without members has no tags. */
static int
read_page(const struct buf *answer, struct tags *tags, char next_token[NEXT_TOKEN_MAX], struct err *err)
{
	CLEAN_JSON json = {.text = NULL};
	size_t len = 0;
	char *token;
	int list;

	if (json_parse(&json, buf_text(answer), answer->len, "the list of tags", err) < 0 ||
	    json_type(&json, 0) != JSON_OBJECT) {
		return err_set(err, ERR_UNAVAILABLE, 0, "SageMaker's answer to ListTags is no JSON object");
	}
	list = json_member(&json, 0, "Tags");
	for (int e = list < 0 ? -1 : json_first(&json, list); e >= 0; e = json_next(&json, list, e)) {
		if (add_tag(tags, &json, e, err) < 0) {
			return -1;
		}
	}
	token = json_string(&json, json_member(&json, 0, "NextToken"), &len);
	if (len >= NEXT_TOKEN_MAX) {
		free(token);
		return err_set(
		    err, ERR_UNAVAILABLE, 0, "SageMaker's NextToken has more than %d bytes", NEXT_TOKEN_MAX - 1);
	}
	memcpy(next_token, token == NULL ? "" : token, len);
	next_token[len] = '\0';
	free(token);
	return 0;
}

static int
list_pages(struct asking *asking, struct tags *tags, struct err *err)
{
	CLEAN_BUF body = {0};
	CLEAN_BUF answer = {0};
	char next_token[NEXT_TOKEN_MAX] = "";

	buf_init(&body, BODY_MAX);
	buf_init(&answer, TAGS_REPLY_MAX);
	for (int page = 0; page < TAGS_PAGES_MAX; page++) {
		buf_reset(&body);
		if (write_body(asking->arn, next_token, &body, err) < 0 ||
		    ask(asking, buf_text(&body), &answer, err) < 0) {
			return -1;
		}
		if (read_page(&answer, tags, next_token, err) < 0) {
			err->http = 200;
			return -1;
		}
		if (next_token[0] == '\0') {
			return 0;
		}
	}
	return err_set(err, ERR_UNAVAILABLE, 0, "SageMaker's list of tags has more than %d pages", TAGS_PAGES_MAX);
}

/* The time for tags is part of the service's failing, not of the job's; and silence has one usual cause. */
static int
explain(const struct asking *asking, struct err *err)
{
	if (err->kind == ERR_DEADLINE) {
		err->kind = ERR_UNAVAILABLE;
	}
	if (err->kind == ERR_UNAVAILABLE && err->http == 0 && !asking->endpoint.custom) {
		struct err first = *err;

		(void)err_set(err, ERR_UNAVAILABLE, 0,
		    "%.300s (a job in a VPC without a way out needs the interface endpoint com.amazonaws.%s.sagemaker.api)",
		    first.text, asking->endpoint.region);
	}
	return -1;
}

int
tags_list(const struct net_context *ctx, struct creds *creds, const char *arn, struct tags *tags, struct err *err)
{
	CLEAN_HTTP *http = NULL;
	struct asking asking = {.ctx = ctx, .creds = creds, .arn = arn};
	char region[AWS_REGION_MAX];

	memset(tags, 0, sizeof(*tags));
	if (check_arn(arn, region, err) < 0 ||
	    aws_endpoint(ctx->envp, AWS_SAGEMAKER, region, &asking.endpoint, err) < 0) {
		return -1;
	}
	http = http_new(ctx, err);
	if (http == NULL) {
		return -1;
	}
	asking.http = http;
	return list_pages(&asking, tags, err) < 0 ? explain(&asking, err) : 0;
}

const char *
tags_find(const struct tags *tags, const char *key)
{
	for (size_t i = 0; i < tags->count; i++) {
		if (strcmp(tags->list[i].key, key) == 0) {
			return tags->list[i].value;
		}
	}
	return NULL;
}

void
tags_release(struct tags *tags)
{
	for (size_t i = 0; i < tags->count; i++) {
		free(tags->list[i].key);
		free(tags->list[i].value);
	}
	free(tags->list);
	memset(tags, 0, sizeof(*tags));
}
