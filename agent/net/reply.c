#include "net/reply.h"

#include <ctype.h>
#include <string.h>

/* "HTTP/1.1 200 OK": 200, or 0 for another line. */
static int
status_of(const char *line, size_t len)
{
	const char *blank = memchr(line, ' ', len);

	if (len < 5 || memcmp(line, "HTTP/", 5) != 0 || blank == NULL || len - (size_t)(blank - line) < 4) {
		return 0;
	}
	for (int i = 1; i <= 3; i++) {
		if (!isdigit((unsigned char)blank[i])) {
			return 0;
		}
	}
	return (blank[1] - '0') * 100 + (blank[2] - '0') * 10 + (blank[3] - '0');
}

/* Keeps "name: value" with the name in lower case, and the value without blanks around it. */
static void
keep_line(struct buf *head, const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len), *end = line + len;
	const char *value = colon + 1;

	if (colon == NULL) {
		return;
	}
	while (value < end && isspace((unsigned char)*value)) {
		value++;
	}
	while (end > value && isspace((unsigned char)end[-1])) {
		end--;
	}
	for (const char *c = line; c < colon; c++) {
		(void)buf_addc(head, (char)tolower((unsigned char)*c));
	}
	(void)buf_adds(head, ": ");
	(void)buf_add(head, value, (size_t)(end - value));
	(void)buf_addc(head, '\n');
}

/* A number of digits alone, or -1. At most 18 of them, so that it fits. */
static int64_t
digits(const char *text)
{
	int64_t number = 0;

	if (*text == '\0' || strlen(text) > 18) {
		return -1;
	}
	for (; *text != '\0'; text++) {
		if (!isdigit((unsigned char)*text)) {
			return -1;
		}
		number = number * 10 + (*text - '0');
	}
	return number;
}

static int64_t
length_of(const struct http_reply *reply)
{
	char text[24];

	if (reply->status == 204 || reply->status == 304) {
		return 0;
	}
	/* With chunks a length is void (RFC 9112, 6.3). */
	if (http_header(reply, "transfer-encoding", text, sizeof(text)) ||
	    !http_header(reply, "content-length", text, sizeof(text))) {
		return -1;
	}
	return digits(text);
}

int
reply_take_line(struct http_reply *reply, const char *line, size_t len)
{
	char coding[64];
	int status = status_of(line, len);

	if (status != 0) {
		reply->status = status;
		buf_reset(&reply->head);
		return 0;
	}
	if (len > 2 || (len > 0 && line[0] != '\r' && line[0] != '\n')) {
		keep_line(&reply->head, line, len);
		return reply->head.full ? -1 : 0;
	}
	/* Below stand "100 Continue" and its like: another head follows. */
	if (reply->status < 200) {
		return 0;
	}
	reply->length = length_of(reply);
	reply->has_end = reply->length >= 0 || (http_header(reply, "transfer-encoding", coding, sizeof(coding)) &&
	                                           strstr(coding, "chunked") != NULL);
	return 1;
}

void
reply_begin(struct http_reply *reply)
{
	http_reply_release(reply);
	buf_init(&reply->head, HTTP_HEAD_MAX);
}

int
http_header(const struct http_reply *reply, const char *name, char *out, size_t size)
{
	const char *line = buf_text(&reply->head);
	size_t name_len = strlen(name);

	out[0] = '\0';
	while (*line != '\0') {
		size_t len = strcspn(line, "\n");

		if (len > name_len + 1 && strncmp(line, name, name_len) == 0 && line[name_len] == ':') {
			size_t value_len = len - name_len - 2;

			if (value_len >= size) {
				return 0;
			}
			memcpy(out, line + name_len + 2, value_len);
			out[value_len] = '\0';
			return 1;
		}
		line += len + (line[len] == '\n');
	}
	return 0;
}

int64_t
reply_retry_after_ms(const struct http_reply *reply)
{
	char text[24];
	int64_t wish;

	if (http_header(reply, "x-amz-retry-after", text, sizeof(text))) {
		wish = digits(text);
		return wish < 0 ? 0 : wish;
	}
	wish = http_header(reply, "retry-after", text, sizeof(text)) ? digits(text) : 0;
	return wish < 0 || wish > 86400 ? 0 : wish * 1000;
}

void
http_reply_release(struct http_reply *reply)
{
	buf_release(&reply->head);
	memset(reply, 0, sizeof(*reply));
}
