#include "unit/config/jobroot.h"

#include "config/code_address.h"

static void
code_address_is_taken_apart(void **state)
{
	static const struct {
		const char *text;
		enum code_scheme scheme;
		const char *place, *rest;
	} cases[] = {
	    {"s3://bucket/a/b.tar.gz", CODE_S3, "bucket", "a/b.tar.gz"},
	    {"s3://bucket//a/../%2e ?#@\xc3\xa9", CODE_S3, "bucket", "/a/../%2e ?#@\xc3\xa9"},
	    {"s3://bucket/..", CODE_S3, "bucket", ".."},
	    {"https://Host.Example/x/y?z=1#f", CODE_HTTPS, "host.example", "/x/y?z=1"},
	    {"https://host:443", CODE_HTTPS, "host", "/"},
	    {"https://host:8443/..x/x..", CODE_HTTPS, "host:8443", "/..x/x.."},
	    {"https://[::1]:99/x", CODE_HTTPS, "[::1]:99", "/x"},
	    {"http://host:80/x", CODE_HTTP, "host", "/x"},
	    {"https://host?q=../x", CODE_HTTPS, "host", "/?q=../x"},
	    {"channel:code", CODE_CHANNEL, "code", ""},
	    {"channel:code/a/b.zip", CODE_CHANNEL, "code", "a/b.zip"},
	    {"/opt/ml/../x y", CODE_PATH, "", "/opt/ml/../x y"},
	    {"file:///opt/x", CODE_PATH, "", "/opt/x"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_CODE_ADDRESS address = {0};
		struct err err = {0};

		if (code_address_parse(&address, cases[i].text, &err) < 0) {
			fail_msg("%s", err.text);
		}
		assert_int_equal(address.scheme, cases[i].scheme);
		assert_string_equal(address.place, cases[i].place);
		assert_string_equal(address.rest, cases[i].rest);
	}
}

static void
code_address_refuses_by_name(void **state)
{
	static const char *const cases[][2] = {
	    {"", "it begins with none of s3://"},
	    {"bucket/key", "it begins with none of s3://"},
	    {"S3://b/k", "it begins with none of s3://"},
	    {"ftp://h/x", "it begins with none of s3://"},
	    {"s3://", "name of a bucket"},
	    {"s3:///key", "name of a bucket"},
	    {"s3://b", "a key of 1 to 1024 bytes"},
	    {"s3://b/", "a key of 1 to 1024 bytes"},
	    {"s3://b ad/k", "name of a bucket"},
	    {"s3://arn:aws:s3:us-east-1:123456789012:accesspoint/ap/object/k", "access points are not supported"},
	    {"s3://name--use1-az5--x-s3/k", "S3 Express buckets are not supported"},
	    {"https://", "a host name"},
	    {"https:///x", "a host name"},
	    {"https://ho st/x", "a host name"},
	    {"https://host:/x", "a host name"},
	    {"https://host:123456/x", "a host name"},
	    {"https://host:8x/x", "a host name"},
	    {"https://[::1/x", "a host name"},
	    {"https://user:pw@host/x", "no user or password"},
	    {"https://user@host/x", "no user or password"},
	    {"https://host/a b", "have to be escaped"},
	    {"https://host/a\\..\\b", "have to be escaped"},
	    {"https://host/../x", "no '..'"},
	    {"https://host/a/..", "no '..'"},
	    {"https://host/a/%2e%2e/b", "no '..'"},
	    {"https://host/a/.%2E/b", "no '..'"},
	    {"https://host/a%2f..%2fb", "no '..'"},
	    {"https://host/a%5C%2e./b", "no '..'"},
	    {"https://host/..?x", "no '..'"},
	    {"channel:", "followed by a channel's name"},
	    {"channel:/x", "followed by a channel's name"},
	    {"channel:..", "followed by a channel's name"},
	    {"channel:code/../../x", "followed by a channel's name"},
	    {"file://host/x", "a path is absolute"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_CODE_ADDRESS address = {0};
		struct err err = {0};

		if (code_address_parse(&address, cases[i][0], &err) == 0 || strstr(err.text, cases[i][1]) == NULL) {
			fail_msg("'%s' gave '%s'", cases[i][0], err.text);
		}
		assert_int_equal(err.kind, ERR_SETTINGS);
		assert_null(strstr(err.text, "pw@"));
	}
}

static void
code_address_is_bounded(void **state)
{
	char text[CODE_ADDRESS_MAX + 2];
	CLEAN_CODE_ADDRESS address = {0};
	struct err err = {0};

	(void)state;
	memset(text, 'k', sizeof(text));
	memcpy(text, "s3://b/", 7);
	text[7 + CODE_KEY_MAX] = '\0';
	assert_int_equal(code_address_parse(&address, text, &err), 0);
	code_address_release(&address);
	text[7 + CODE_KEY_MAX] = 'k';
	text[7 + CODE_KEY_MAX + 1] = '\0';
	assert_int_equal(code_address_parse(&address, text, &err), -1);
	memset(text, 'h', sizeof(text));
	memcpy(text, "https://", 8);
	text[8 + CODE_HOST_MAX] = '\0';
	assert_int_equal(code_address_parse(&address, text, &err), -1);
	memset(text, 'x', sizeof(text));
	text[0] = '/';
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(code_address_parse(&address, text, &err), -1);
	assert_non_null(strstr(err.text, "too long"));
}

static void
code_address_lies_under_a_prefix_by_whole_segments(void **state)
{
	static const struct {
		const char *text, *prefix;
		int under;
	} cases[] = {
	    {"s3://b/team/x", "s3://b/team", 1},
	    {"s3://b/team/x", "s3://b/team/", 1},
	    {"s3://b/team", "s3://b/team", 1},
	    {"s3://b/team2/x", "s3://b/team", 0},
	    {"s3://b/x", "s3://b", 1},
	    {"s3://b/x", "s3://b/", 1},
	    {"s3://b2/x", "s3://b", 0},
	    {"s3://b/x", "https://b/x", 0},
	    {"https://host/repo/x", "https://host", 1},
	    {"https://host/repo/x", "https://HOST:443/repo", 1},
	    {"https://host:8443/repo/x", "https://host/repo", 0},
	    {"https://host.evil/repo/x", "https://host/repo", 0},
	    {"https://host/repository", "https://host/repo", 0},
	    {"https://host/repo?x=1", "https://host/repo", 1},
	    {"https://host/?/repo/", "https://host/repo", 0},
	    {"http://host/x", "https://host", 0},
	    {"https://host/repo/../other", "https://host/repo", 0},
	    {"channel:code/x", "channel:code", 1},
	    {"channel:code2", "channel:code", 0},
	    {"channel:code/ab", "channel:code/a", 0},
	    {"/opt/x/y", "/opt/x", 1},
	    {"/opt/x/../y", "/opt/x", 0},
	    {"/opt/xy", "/opt/x", 0},
	    {"file:///opt/x/y", "/opt/x", 1},
	    {"/opt/x", "/", 1},
	    {"nonsense", "s3://b", 0},
	    {"s3://b/x", "nonsense", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (code_address_under(cases[i].text, cases[i].prefix) != cases[i].under) {
			fail_msg("'%s' under '%s'", cases[i].text, cases[i].prefix);
		}
	}
}

static void
code_address_prefix_may_end_after_its_place(void **state)
{
	static const struct {
		const char *text;
		int is_prefix;
	} cases[] = {
	    {"s3://b", 1},
	    {"s3://b/", 1},
	    {"s3://b/a", 1},
	    {"https://h", 1},
	    {"https://h/", 1},
	    {"http://h:81/a", 1},
	    {"channel:c", 1},
	    {"/", 1},
	    {"", 0},
	    {"s3://", 0},
	    {"https://", 0},
	    {"channel:", 0},
	    {"s3", 0},
	    {"https://h/..", 0},
	    {"https://u@h", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (code_address_is_prefix(cases[i].text) != cases[i].is_prefix) {
			fail_msg("'%s'", cases[i].text);
		}
	}
	assert_false(code_address_under("https://x/y", "https://"));
	assert_false(code_address_under("/any/path", ""));
}

static void
code_address_is_shown_without_secrets(void **state)
{
	static const char *const cases[][2] = {
	    {"https://u:p@host/x?sig=s#f", "https://***@host/x?***"},
	    {"https://host/x", "https://host/x"},
	    {"https://host/a@b", "https://host/a@b"},
	    {"s3://b/k?x@y", "s3://b/k?x@y"},
	    {"nonsense", "nonsense"},
	    {"u:p@host/x", "***@host/x"},
	    {"/opt/a@b", "/opt/a@b"},
	    {"channel:a@b", "channel:a@b"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_BUF out;

		buf_init(&out, 1000);
		code_address_show(cases[i][0], &out);
		assert_string_equal(buf_text(&out), cases[i][1]);
	}
}

static void
code_address_knows_this_machine(void **state)
{
	static const struct {
		const char *text;
		int loopback;
	} cases[] = {
	    {"http://localhost/x", 1},
	    {"http://localhost:8080/x", 1},
	    {"http://127.0.0.1:1/x", 1},
	    {"http://127.1.2.3/x", 1},
	    {"http://[::1]:80/x", 1},
	    {"http://127.evil.com/x", 0},
	    {"http://localhost.evil/x", 0},
	    {"http://10.0.0.1/x", 0},
	    {"http://127.0.0.1.evil/x", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_CODE_ADDRESS address = {0};
		struct err err = {0};

		assert_int_equal(code_address_parse(&address, cases[i].text, &err), 0);
		assert_int_equal(code_address_is_loopback(&address), cases[i].loopback);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(code_address_is_taken_apart),
	    cmocka_unit_test(code_address_refuses_by_name),
	    cmocka_unit_test(code_address_is_bounded),
	    cmocka_unit_test(code_address_lies_under_a_prefix_by_whole_segments),
	    cmocka_unit_test(code_address_prefix_may_end_after_its_place),
	    cmocka_unit_test(code_address_is_shown_without_secrets),
	    cmocka_unit_test(code_address_knows_this_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
