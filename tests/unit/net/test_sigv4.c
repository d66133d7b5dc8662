/* The signer against every golden vector under tests/data/sigv4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json_read.h"
#include "net/sigv4.h"

/* One case: the request taken apart, and the keys. 'text' owns what the headers point into. */
struct vector {
	char dir[512];
	char *text;
	struct sigv4_header headers[SIGV4_HEADERS_MAX];
	struct sigv4_request request;
	char *strings[5];
	int content_hash_given;
};

static char *
slurp(const char *dir, const char *name)
{
	struct err err = {.kind = ERR_NONE};
	char path[1024];
	struct buf buf;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	buf_init(&buf, 1 << 20);
	if (fd_read_file(AT_FDCWD, path, &buf, &err) < 0) {
		fail_msg("%s", err.text);
	}
	return buf.len == 0 ? strdup("") : buf_take(&buf);
}

/* Headers up to an empty line; a line that begins with a blank belongs to the one before. Returns where the body
 * begins. */
static char *
parse_headers(struct vector *v, char *at)
{
	while (*at != '\0' && *at != '\n') {
		char *end = at + strcspn(at, "\n");
		char *colon = strchr(at, ':');

		while (*end == '\n' && (end[1] == ' ' || end[1] == '\t')) {
			end = end + 1 + strcspn(end + 1, "\n");
		}
		assert_non_null(colon);
		assert_true(v->request.header_count < SIGV4_HEADERS_MAX);
		int last = *end == '\0';
		*colon = '\0';
		*end = '\0';
		v->headers[v->request.header_count++] = (struct sigv4_header){at, colon + 1};
		at = last ? end : end + 1;
	}
	return *at == '\n' ? at + 1 : at;
}

static void
parse_request(struct vector *v, const char *file)
{
	v->text = slurp(v->dir, file);
	/* The old suite's files have CR LF. */
	char *to = v->text;
	for (char *c = v->text; *c != '\0'; c++) {
		if (*c != '\r') {
			*to++ = *c;
		}
	}
	*to = '\0';

	char *line_end = v->text + strcspn(v->text, "\n");
	char *blank = strchr(v->text, ' ');
	char *headers = *line_end == '\n' ? line_end + 1 : line_end;

	*line_end = '\0';
	assert_non_null(blank);
	*blank = '\0';
	v->request.method = v->text;
	char *version = blank + 1 + strlen(blank + 1) - strlen(" HTTP/1.1");
	assert_string_equal(version, " HTTP/1.1");
	*version = '\0';
	char *query = strchr(blank + 1, '?');
	if (query != NULL) {
		*query++ = '\0';
	}
	v->request.path = blank + 1;
	v->request.query = query;
	char *body = parse_headers(v, headers);
	v->request.headers = v->headers;
	v->request.body = body;
	v->request.body_len = strlen(body);
}

static void
parse_context(struct vector *v)
{
	char *text = slurp(v->dir, "context.json");
	struct err err = {.kind = ERR_NONE};
	struct json json;

	assert_int_equal(json_parse(&json, text, strlen(text), "context.json", &err), 0);
	int keys = json_member(&json, 0, "credentials");
	v->strings[0] = json_string(&json, json_member(&json, keys, "access_key_id"), NULL);
	v->strings[1] = json_string(&json, json_member(&json, keys, "secret_access_key"), NULL);
	v->strings[2] = json_string(&json, json_member(&json, keys, "token"), NULL);
	v->strings[3] = json_string(&json, json_member(&json, 0, "region"), NULL);
	v->strings[4] = json_string(&json, json_member(&json, 0, "service"), NULL);
	v->request.access_key = v->strings[0];
	v->request.secret_key = v->strings[1];
	v->request.token = v->strings[2];
	v->request.region = v->strings[3];
	v->request.service = v->strings[4];
	v->request.s3 = strcmp(v->request.service, "s3") == 0;
	v->request.normalize = json_bool(&json, json_member(&json, 0, "normalize")) == 1;
	v->request.content_hash = json_bool(&json, json_member(&json, 0, "sign_body")) == 1;
	v->request.token_last = json_bool(&json, json_member(&json, 0, "omit_session_token")) == 1;
	char *time = json_string(&json, json_member(&json, 0, "timestamp"), NULL);
	v->request.time_s = clock_parse_utc(time);
	free(time);
	json_release(&json);
	free(text);
}

static void
release(struct vector *v)
{
	for (size_t i = 0; i < 5; i++) {
		free(v->strings[i]);
	}
	free(v->text);
}

static void
compare(const char *dir, const char *file, const char *ours)
{
	char *theirs = slurp(dir, file);
	char *to = theirs;
	for (char *c = theirs; *c != '\0'; c++) {
		if (*c != '\r') {
			*to++ = *c;
		}
	}
	*to = '\0';
	if (strcmp(theirs, ours) != 0) {
		fail_msg("%s/%s\nexpected:\n%s\nis:\n%s", dir, file, theirs, ours);
	}
	free(theirs);
}

static void
check_case(const char *dir)
{
	struct vector v = {.text = NULL};
	struct err err = {.kind = ERR_NONE};
	struct sigv4 sig;

	(void)snprintf(v.dir, sizeof(v.dir), "%s", dir);
	parse_context(&v);
	parse_request(&v, "request.txt");
	assert_int_equal(sigv4_sign(&v.request, &sig, &err), 0);
	compare(dir, "header-canonical-request.txt", buf_text(&sig.canonical));
	compare(dir, "header-string-to-sign.txt", buf_text(&sig.to_sign));
	const char *signature = strstr(buf_text(&sig.authorization), "Signature=");
	assert_non_null(signature);
	compare(dir, "header-signature.txt", signature + strlen("Signature="));
	char *request = slurp(dir, "header-signed-request.txt");
	if (strstr(request, buf_text(&sig.authorization)) == NULL) {
		fail_msg("%s: the signed request has another Authorization than %s", dir, buf_text(&sig.authorization));
	}
	free(request);
	sigv4_release(&sig);
	release(&v);
}

/* Every folder below 'root' that has a context.json; their number. */
static int
check_folder(const char *root)
{
	DIR *dir = opendir(root);
	int count = 0;

	assert_non_null(dir);
	for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		char path[512];

		(void)snprintf(path, sizeof(path), "%s/%s", root, entry->d_name);
		DIR *sub = entry->d_name[0] == '.' ? NULL : opendir(path);
		if (sub != NULL) {
			(void)closedir(sub);
			check_case(path);
			count++;
		}
	}
	(void)closedir(dir);
	return count;
}

static void
sigv4_agrees_with_the_aws_signing_test_suite(void **state)
{
	(void)state;
	assert_int_equal(check_folder("tests/data/sigv4/aws-signing-test-suite/v4"), 38);
	print_message(
	    "the suite's query-* files are left out: they are presigned addresses, which this agent never makes\n");
}

static void
sigv4_agrees_with_the_s3_examples_of_the_manual(void **state)
{
	(void)state;
	assert_int_equal(check_folder("tests/data/sigv4/s3-doc-examples"), 4);
}

static void
sigv4_agrees_with_botocore_on_our_own_requests(void **state)
{
	(void)state;
	assert_int_equal(check_folder("tests/data/sigv4/derived"), 6);
}

/* The older suite: its requests already carry X-Amz-Date, which the signer adds itself. */
static void
check_old_case(const char *folder, const char *name)
{
	struct vector v = {.text = NULL};
	struct err err = {.kind = ERR_NONE};
	struct sigv4 sig;
	char file[128];
	size_t kept = 0;

	(void)snprintf(v.dir, sizeof(v.dir), "tests/data/sigv4/aws4_testsuite/%s%s", folder, name);
	(void)snprintf(file, sizeof(file), "%s.req", name);
	parse_request(&v, file);
	for (size_t i = 0; i < v.request.header_count; i++) {
		if (strcasecmp(v.headers[i].name, "x-amz-date") != 0) {
			v.headers[kept++] = v.headers[i];
		}
	}
	v.request.header_count = kept;
	v.request.access_key = "AKIDEXAMPLE";
	v.request.secret_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
	v.request.region = "us-east-1";
	v.request.service = "service";
	v.request.normalize = 1;
	v.request.time_s = clock_parse_utc("2015-08-30T12:36:00Z");
	assert_int_equal(sigv4_sign(&v.request, &sig, &err), 0);
	(void)snprintf(file, sizeof(file), "%s.creq", name);
	compare(v.dir, file, buf_text(&sig.canonical));
	(void)snprintf(file, sizeof(file), "%s.sts", name);
	compare(v.dir, file, buf_text(&sig.to_sign));
	(void)snprintf(file, sizeof(file), "%s.authz", name);
	compare(v.dir, file, buf_text(&sig.authorization));
	sigv4_release(&sig);
	release(&v);
}

static void
sigv4_agrees_with_the_older_suite(void **state)
{
	(void)state;
	check_old_case("", "get-vanilla-query-order-key");
	check_old_case("", "get-vanilla-query-order-value");
	check_old_case("normalize-path/", "get-special-character");
}

static void
sigv4_escapes_space_in_query(void **state)
{
	const struct sigv4_header host = {"host", "example.com"};
	struct sigv4_request request = {.method = "GET",
	    .path = "/",
	    .query = "b=x y&a=1&a=%7e&b-c=2",
	    .headers = &host,
	    .header_count = 1,
	    .region = "us-east-1",
	    .service = "service",
	    .access_key = "A",
	    .secret_key = "S",
	    .normalize = 1};
	struct err err = {.kind = ERR_NONE};
	struct sigv4 sig;

	(void)state;
	assert_int_equal(sigv4_sign(&request, &sig, &err), 0);
	assert_non_null(strstr(buf_text(&sig.canonical), "\na=1&a=~&b=x%20y&b-c=2\n"));
	sigv4_release(&sig);
}

static void
sigv4_refuses_more_headers_than_it_holds(void **state)
{
	struct sigv4_header headers[SIGV4_HEADERS_MAX + 1];
	struct sigv4_request request = {.method = "GET",
	    .path = "/",
	    .headers = headers,
	    .header_count = SIGV4_HEADERS_MAX + 1,
	    .region = "us-east-1",
	    .service = "service",
	    .access_key = "A",
	    .secret_key = "S"};
	struct err err = {.kind = ERR_NONE};
	struct sigv4 sig;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		headers[i] = (struct sigv4_header){"x", "y"};
	}
	assert_int_equal(sigv4_sign(&request, &sig, &err), -1);
	assert_int_equal(err.kind, ERR_BUG);
	sigv4_release(&sig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sigv4_agrees_with_the_aws_signing_test_suite),
	    cmocka_unit_test(sigv4_agrees_with_the_s3_examples_of_the_manual),
	    cmocka_unit_test(sigv4_agrees_with_botocore_on_our_own_requests),
	    cmocka_unit_test(sigv4_agrees_with_the_older_suite),
	    cmocka_unit_test(sigv4_escapes_space_in_query),
	    cmocka_unit_test(sigv4_refuses_more_headers_than_it_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
