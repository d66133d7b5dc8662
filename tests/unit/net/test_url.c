/* Addresses: taken apart, joined, judged, and the choice of a proxy. */
#include "unit/net/loopback.h"

#include "net/address.h"
#include "net/proxy.h"
#include "net/url.h"

static void
url_parts_come_back_as_they_went_in(void **state)
{
	struct err err = {.kind = ERR_NONE};
	struct url url;
	CLEAN_BUF text = {0};

	(void)state;
	buf_init(&text, 1000);
	assert_int_equal(url_parse(&url, "HTTPS://Example.COM:8443/A/b?x=Y#frag", &err), 0);
	assert_string_equal(url.host, "example.com");
	assert_int_equal(url.port, 8443);
	assert_string_equal(url.path, "/A/b?x=Y");
	assert_int_equal(url_print(&url, 0, &text), 0);
	assert_string_equal(buf_text(&text), "https://example.com:8443/A/b?x=Y");
	buf_reset(&text);
	assert_int_equal(url_print(&url, 1, &text), 0);
	assert_string_equal(buf_text(&text), "https://example.com:8443/A/b");
	assert_int_equal(url_parse(&url, "http://[::1]:80", &err), 0);
	assert_string_equal(url.path, "/");
	assert_int_equal(url_parse(&url, "https://h/\xc3\xa9 b", &err), 0);
	assert_string_equal(url.path, "/%C3%A9%20b");
}

static void
url_refuses_what_readers_could_disagree_about(void **state)
{
	static const char *const bad[] = {"ftp://h/", "https://", "https:///x", "https://h:0/", "https://h:65536/",
	    "https://h:1x/", "https://127.1/", "https://0x7f000001/", "https://2130706433/", "https://h\\@evil/",
	    "https://h/a\\b", "https://h/a\nb", "https://ex ample/", "https://[::1/", "https://[fe80::1%25eth0]/",
	    "https://.h/", "https://a..b/", "https://h./x y\x01"};
	struct url url;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err = {.kind = ERR_NONE};

		if (url_parse(&url, bad[i], &err) == 0) {
			fail_msg("'%s' was accepted", bad[i]);
		}
	}
}

static void
url_errors_show_neither_password_nor_query(void **state)
{
	struct err err = {.kind = ERR_NONE};
	struct url url;

	(void)state;
	assert_int_equal(url_parse(&url, "https://user:hunter2@host/path?sig=abcdef", &err), -1);
	assert_int_equal(err.kind, ERR_SETTINGS);
	assert_null(strstr(err.text, "hunter2"));
	assert_null(strstr(err.text, "abcdef"));
	assert_non_null(strstr(err.text, "netrc"));
}

static void
url_joins_every_form_of_location(void **state)
{
	static const struct {
		const char *location, *joined;
	} cases[] = {
	    {"https://other/x", "https://other/x"},
	    {"//other:444/x", "https://other:444/x"},
	    {"/root?q", "https://host:8443/root?q"},
	    {"beside", "https://host:8443/dir/beside"},
	    {"?q=2", "https://host:8443/dir/file?q=2"},
	};
	struct err err = {.kind = ERR_NONE};
	struct url base, url;

	(void)state;
	assert_int_equal(url_parse(&base, "https://host:8443/dir/file?q=1", &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_BUF text = {0};

		buf_init(&text, 1000);
		assert_int_equal(url_join(&url, &base, cases[i].location, &err), 0);
		(void)url_print(&url, 0, &text);
		assert_string_equal(buf_text(&text), cases[i].joined);
	}
	assert_int_equal(url_join(&url, &base, "javascript:alert(1)", &err), -1);
}

static void
url_sees_dot_segments_in_every_spelling(void **state)
{
	static const struct {
		const char *url;
		int dots;
	} cases[] = {
	    {"https://h/a/../b", 1},
	    {"https://h/a/%2e%2E/b", 1},
	    {"https://h/a/.%2e", 1},
	    {"https://h/..", 1},
	    {"https://h/a%2f..%2fb", 1},
	    {"https://h/a/..b/c", 0},
	    {"https://h/a/.../c", 0},
	    {"https://h/a?x=/../", 0},
	    {"https://h/a./b", 0},
	    {"https://h/a..", 0},
	};
	struct err err = {.kind = ERR_NONE};
	struct url url;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(url_parse(&url, cases[i].url, &err), 0);
		assert_int_equal(url_has_dots(&url), cases[i].dots);
	}
}

static void
address_kinds_follow_the_registries(void **state)
{
	static const struct {
		const char *text;
		unsigned kind;
	} cases[] = {
	    {"127.0.0.1", ADDRESS_LOOPBACK},
	    {"127.255.0.9", ADDRESS_LOOPBACK},
	    {"0.0.0.0", ADDRESS_LOOPBACK},
	    {"::1", ADDRESS_LOOPBACK},
	    {"[::]", ADDRESS_LOOPBACK},
	    {"::ffff:127.0.0.1", ADDRESS_LOOPBACK},
	    {"64:ff9b::7f00:1", ADDRESS_LOOPBACK},
	    {"2002:7f00:1::", ADDRESS_LOOPBACK},
	    {"10.1.2.3", ADDRESS_PRIVATE},
	    {"172.15.0.1", ADDRESS_PUBLIC},
	    {"172.16.0.1", ADDRESS_PRIVATE},
	    {"172.31.255.255", ADDRESS_PRIVATE},
	    {"172.32.0.0", ADDRESS_PUBLIC},
	    {"192.168.9.9", ADDRESS_PRIVATE},
	    {"100.64.0.1", ADDRESS_PRIVATE},
	    {"100.128.0.1", ADDRESS_PUBLIC},
	    {"fd12::1", ADDRESS_PRIVATE},
	    {"fc00::1", ADDRESS_PRIVATE},
	    {"224.0.0.1", ADDRESS_PRIVATE},
	    {"255.255.255.255", ADDRESS_PRIVATE},
	    {"169.254.169.254", ADDRESS_LINK_LOCAL},
	    {"169.254.170.2", ADDRESS_LINK_LOCAL},
	    {"::ffff:169.254.169.254", ADDRESS_LINK_LOCAL},
	    {"fe80::1", ADDRESS_LINK_LOCAL},
	    {"febf::1", ADDRESS_LINK_LOCAL},
	    {"fd00:ec2::254", ADDRESS_LINK_LOCAL},
	    {"8.8.8.8", ADDRESS_PUBLIC},
	    {"2600::1", ADDRESS_PUBLIC},
	    {"host", 0},
	    {"127.1", 0},
	    {"", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (address_kind_of_text(cases[i].text) != cases[i].kind) {
			fail_msg("'%s' is %u", cases[i].text, address_kind_of_text(cases[i].text));
		}
	}
	assert_string_equal(address_kind_name(ADDRESS_LINK_LOCAL), "link-local");
}

static const char *
proxy_of(char *const *envp, const char *text)
{
	struct err err = {.kind = ERR_NONE};
	struct url url;

	assert_int_equal(url_parse(&url, text, &err), 0);
	return proxy_for(envp, &url);
}

static void
proxy_is_chosen_by_scheme(void **state)
{
	char https[] = "HTTPS_PROXY=http://p1", http[] = "http_proxy=http://p2", cgi[] = "HTTP_PROXY=http://evil",
	     all[] = "ALL_PROXY=http://p3";
	char *both[] = {https, http, NULL}, *by_cgi[] = {cgi, NULL}, *by_all[] = {all, NULL};

	(void)state;
	assert_string_equal(proxy_of(both, "https://h/"), "http://p1");
	assert_string_equal(proxy_of(both, "http://h/"), "http://p2");
	assert_null(proxy_of(by_cgi, "http://h/"));
	assert_string_equal(proxy_of(by_all, "https://h/"), "http://p3");
}

static void
proxy_exceptions_match_hosts_ports_and_ranges(void **state)
{
	static const struct {
		const char *list, *url;
		int through;
	} cases[] = {
	    {"*", "https://h/", 0},
	    {"example.com", "https://example.com/", 0},
	    {"example.com", "https://s3.example.com/", 0},
	    {".example.com", "https://s3.example.com/", 0},
	    {"*.example.com", "https://s3.example.com/", 0},
	    {"example.com", "https://badexample.com/", 1},
	    {"a,b  example.com", "https://EXAMPLE.com/", 0},
	    {"example.com:444", "https://example.com/", 1},
	    {"example.com:443", "https://example.com/", 0},
	    {"10.0.0.0/8", "https://10.2.3.4/", 0},
	    {"10.0.0.0/8", "https://11.2.3.4/", 1},
	    {"10.1.1.1", "https://10.1.1.1/", 0},
	    {"::1", "https://[::1]/", 0},
	    {"", "https://h/", 1},
	    {"10.0.0.0/99", "https://10.0.0.1/", 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char except[128], proxy[] = "https_proxy=http://p";
		char *envp[] = {proxy, except, NULL};

		(void)snprintf(except, sizeof(except), "NO_PROXY=%s", cases[i].list);
		if ((proxy_of(envp, cases[i].url) != NULL) != cases[i].through) {
			fail_msg("NO_PROXY='%s' and %s", cases[i].list, cases[i].url);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(url_parts_come_back_as_they_went_in),
	    cmocka_unit_test(url_refuses_what_readers_could_disagree_about),
	    cmocka_unit_test(url_errors_show_neither_password_nor_query),
	    cmocka_unit_test(url_joins_every_form_of_location),
	    cmocka_unit_test(url_sees_dot_segments_in_every_spelling),
	    cmocka_unit_test(address_kinds_follow_the_registries),
	    cmocka_unit_test(proxy_is_chosen_by_scheme),
	    cmocka_unit_test(proxy_exceptions_match_hosts_ports_and_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
