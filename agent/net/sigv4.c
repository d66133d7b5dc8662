#include "net/sigv4.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/secret.h"
#include "net/url.h"

enum { QUERY_PAIRS_MAX = 64 }; /* parameters of one address; we never send more than two */

/* A text that is sorted: its start and its length. */
struct span {
	const char *at;
	size_t len;
};

static int
compare_spans(const void *a, const void *b)
{
	const struct span *x = a, *y = b;
	size_t len = x->len < y->len ? x->len : y->len;
	int order = memcmp(x->at, y->at, len);

	return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decoded and encoded again, so that every spelling of a name or value gives the one that is signed. */
static void
recode(struct buf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		int high = text[i] == '%' && i + 2 < len ? hex_value(text[i + 1]) : -1;
		int low = high >= 0 ? hex_value(text[i + 2]) : -1;
		char c = text[i];

		if (low >= 0) {
			c = (char)(high << 4 | low);
			i += 2;
		}
		(void)url_encode(out, &c, 1, 0);
	}
}

/*
 * Sorts by name and then by value: '=' sorts above '-', '.' and the digits, so pairs are written with a byte that
 * sorts below them all.
 */
static int
add_query(struct buf *out, const char *query)
{
	CLEAN_BUF text = {0};
	struct span pairs[QUERY_PAIRS_MAX];
	size_t starts[QUERY_PAIRS_MAX + 1] = {0}, count = 0;

	buf_init(&text, SIGV4_TEXT_MAX);
	while (query != NULL && *query != '\0') {
		size_t len = strcspn(query, "&"), name = strcspn(query, "=&");

		if (len > 0) {
			if (count == QUERY_PAIRS_MAX) {
				return -1;
			}
			recode(&text, query, name);
			(void)buf_addc(&text, '\1');
			recode(&text, query + name + (name < len), len - name - (name < len));
			starts[++count] = text.len;
		}
		query += len + (query[len] == '&');
	}
	for (size_t i = 0; i < count; i++) {
		pairs[i] = (struct span){buf_text(&text) + starts[i], starts[i + 1] - starts[i]};
	}
	qsort(pairs, count, sizeof(pairs[0]), compare_spans);
	for (size_t i = 0; i < count; i++) {
		size_t name = (size_t)((const char *)memchr(pairs[i].at, '\1', pairs[i].len) - pairs[i].at);

		(void)buf_adds(out, i == 0 ? "" : "&");
		(void)buf_add(out, pairs[i].at, name);
		(void)buf_addc(out, '=');
		(void)buf_add(out, pairs[i].at + name + 1, pairs[i].len - name - 1);
	}
	return text.full ? -1 : 0;
}

/* Without dot segments and doubled slashes (RFC 3986, 5.2.4, and AWS's rule that "//" is "/"). */
static void
normalize(struct buf *out, const char *path)
{
	size_t parts = 0;

	(void)buf_addc(out, '/');
	while (*path != '\0') {
		size_t len;

		path += strspn(path, "/");
		len = strcspn(path, "/");
		if (len == 2 && memcmp(path, "..", 2) == 0) {
			while (parts > 0 && out->len > 1 && out->data[out->len - 2] != '/') {
				out->len--;
			}
			if (parts > 0) {
				out->len--;
				parts--;
			}
		} else if (len > 0 && !(len == 1 && *path == '.')) {
			(void)buf_add(out, path, len);
			(void)buf_addc(out, '/');
			parts++;
		}
		path += len;
		if (*path == '\0' && len > 0 && !(len <= 2 && strspn(path - len, ".") == len) && out->len > 1) {
			out->len--; /* the last part had no slash behind it */
		}
	}
	if (out->data != NULL) {
		out->data[out->len] = '\0';
	}
}

static int
add_path(struct buf *out, const struct sigv4_request *request)
{
	CLEAN_BUF path = {0};
	const char *sent = request->path[0] == '\0' ? "/" : request->path;

	if (request->s3) {
		return buf_adds(out, sent);
	}
	buf_init(&path, SIGV4_TEXT_MAX);
	if (request->normalize) {
		normalize(&path, sent);
		sent = buf_text(&path);
	}
	return url_encode(out, sent, strlen(sent), 1) < 0 || path.full ? -1 : 0;
}

/* Blanks around a value go, runs of them inside become one; a folded line is a blank. */
static void
add_value(struct buf *out, const char *value)
{
	int blank = 0, begun = 0;

	for (; *value != '\0'; value++) {
		if (isspace((unsigned char)*value)) {
			blank = begun;
			continue;
		}
		if (blank) {
			(void)buf_addc(out, ' ');
		}
		(void)buf_addc(out, *value);
		blank = 0;
		begun = 1;
	}
}

static void
add_lower(struct buf *out, const char *name)
{
	for (; *name != '\0'; name++) {
		(void)buf_addc(out, (char)tolower((unsigned char)*name));
	}
}

/* The headers to sign in their order by name; those of one name stay in the order they are sent in. */
struct signed_headers {
	struct sigv4_header list[SIGV4_HEADERS_MAX];
	size_t count;
};

static int
insert_header(struct signed_headers *headers, const char *name, const char *value)
{
	size_t at = headers->count;

	if (at == SIGV4_HEADERS_MAX) {
		return -1;
	}
	while (at > 0 && strcasecmp(headers->list[at - 1].name, name) > 0) {
		headers->list[at] = headers->list[at - 1];
		at--;
	}
	headers->list[at] = (struct sigv4_header){name, value};
	headers->count++;
	return 0;
}

static int
gather_headers(struct signed_headers *headers, const struct sigv4_request *request, const struct sigv4 *sig)
{
	int token = request->token != NULL && request->token[0] != '\0' && !request->token_last;

	for (size_t i = 0; i < request->header_count; i++) {
		if (insert_header(headers, request->headers[i].name, request->headers[i].value) < 0) {
			return -1;
		}
	}
	if (insert_header(headers, "x-amz-date", sig->date) < 0) {
		return -1;
	}
	if (sig->content_hash[0] != '\0' && insert_header(headers, "x-amz-content-sha256", sig->content_hash) < 0) {
		return -1;
	}
	return token ? insert_header(headers, "x-amz-security-token", request->token) : 0;
}

static int
is_repeat(const struct signed_headers *headers, size_t i)
{
	return i > 0 && strcasecmp(headers->list[i].name, headers->list[i - 1].name) == 0;
}

static void
add_headers(struct buf *out, const struct signed_headers *headers)
{
	for (size_t i = 0; i < headers->count; i++) {
		if (is_repeat(headers, i)) {
			(void)buf_addc(out, ',');
		} else {
			(void)buf_adds(out, i == 0 ? "" : "\n");
			add_lower(out, headers->list[i].name);
			(void)buf_addc(out, ':');
		}
		add_value(out, headers->list[i].value);
	}
	(void)buf_addc(out, '\n');
}

static void
add_names(struct buf *out, const struct signed_headers *headers)
{
	for (size_t i = 0; i < headers->count; i++) {
		if (!is_repeat(headers, i)) {
			(void)buf_adds(out, i == 0 ? "" : ";");
			add_lower(out, headers->list[i].name);
		}
	}
}

/*
 * The signature itself: four HMACs from the secret key to the key of this day, region and service, then one over
 * the text.
 */
static int
sign_text(const struct sigv4_request *request, const char *day, const struct buf *text, char hex[SHA256_HEX])
{
	unsigned char key[SHA256_BYTES];
	char first[SIGV4_SECRET_MAX + 5];
	size_t len = strlen(request->secret_key);

	if (len > SIGV4_SECRET_MAX) {
		return -1;
	}
	memcpy(first, "AWS4", 4);
	memcpy(first + 4, request->secret_key, len);
	hmac_sha256(first, len + 4, day, 8, key);
	hmac_sha256(key, sizeof(key), request->region, strlen(request->region), key);
	hmac_sha256(key, sizeof(key), request->service, strlen(request->service), key);
	hmac_sha256(key, sizeof(key), "aws4_request", 12, key);
	hmac_sha256(key, sizeof(key), buf_text(text), text->len, key);
	hex_encode(hex, key, sizeof(key));
	secret_wipe(key, sizeof(key));
	secret_wipe(first, sizeof(first));
	return 0;
}

static int
build_canonical(
    const struct sigv4_request *request, struct sigv4 *out, const struct signed_headers *headers, const char *body_hash)
{
	(void)buf_printf(&out->canonical, "%s\n", request->method);
	if (add_path(&out->canonical, request) < 0) {
		return -1;
	}
	(void)buf_addc(&out->canonical, '\n');
	if (add_query(&out->canonical, request->query) < 0) {
		return -1;
	}
	(void)buf_addc(&out->canonical, '\n');
	add_headers(&out->canonical, headers);
	(void)buf_addc(&out->canonical, '\n');
	add_names(&out->canonical, headers);
	(void)buf_printf(&out->canonical, "\n%s", body_hash);
	return out->canonical.full ? -1 : 0;
}

int
sigv4_sign(const struct sigv4_request *request, struct sigv4 *out, struct err *err)
{
	struct signed_headers headers = {.count = 0};
	unsigned char digest[SHA256_BYTES];
	char hex[SHA256_HEX];

	memset(out, 0, sizeof(*out));
	buf_init(&out->authorization, SIGV4_TEXT_MAX);
	buf_init(&out->canonical, SIGV4_TEXT_MAX);
	buf_init(&out->to_sign, SIGV4_TEXT_MAX);
	clock_format_utc(out->date, request->time_s, 1);
	sha256_of(request->body == NULL ? "" : request->body, request->body_len, digest);
	hex_encode(hex, digest, sizeof(digest));
	if (request->s3 || request->content_hash) {
		memcpy(out->content_hash, hex, sizeof(hex));
	}
	if (gather_headers(&headers, request, out) < 0 || build_canonical(request, out, &headers, hex) < 0) {
		return err_set(err, ERR_BUG, 0, "a request to '%s' is too large to sign", request->service);
	}
	sha256_of(buf_text(&out->canonical), out->canonical.len, digest);
	hex_encode(hex, digest, sizeof(digest));
	(void)buf_printf(&out->to_sign, "AWS4-HMAC-SHA256\n%s\n%.8s/%s/%s/aws4_request\n%s", out->date, out->date,
	    request->region, request->service, hex);
	if (sign_text(request, out->date, &out->to_sign, hex) < 0) {
		return err_set(
		    err, ERR_CREDENTIALS, 0, "the secret access key is longer than %d bytes", SIGV4_SECRET_MAX);
	}
	(void)buf_printf(&out->authorization,
	    "AWS4-HMAC-SHA256 Credential=%s/%.8s/%s/%s/aws4_request, SignedHeaders=", request->access_key, out->date,
	    request->region, request->service);
	add_names(&out->authorization, &headers);
	(void)buf_printf(&out->authorization, ", Signature=%s", hex);
	if (out->authorization.full || out->to_sign.full) {
		return err_set(err, ERR_BUG, 0, "a request to '%s' is too large to sign", request->service);
	}
	return 0;
}

void
sigv4_release(struct sigv4 *sig)
{
	buf_release(&sig->authorization);
	buf_release(&sig->canonical);
	buf_release(&sig->to_sign);
}
