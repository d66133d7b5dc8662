/* The netrc file. */
#include "unit/net/loopback.h"

#include "base/secret.h"
#include "net/netrc.h"

/* Looks 'host' up in a netrc file of that text. */
static int
find(const char *text, const char *host, struct secret *userpass, struct err *err)
{
	static const char *const names[] = {"netrc", NULL};
	char dir[256], variable[300];
	char *envp[] = {variable, NULL};
	int found;

	loopback_scratch(dir);
	loopback_write(dir, "netrc", text, 0600);
	(void)snprintf(variable, sizeof(variable), "NETRC=%s/netrc", dir);
	found = netrc_find(envp, host, userpass, err);
	loopback_remove(dir, names);
	return found;
}

static void
netrc_finds_the_first_entry_of_a_host(void **state)
{
	static const struct {
		const char *text, *host, *userpass; /* NULL: none */
	} cases[] = {
	    {"machine a login u password p\n", "a", "u:p"},
	    {"machine a\n\tlogin u\n\tpassword p\nmachine b login v password q", "B", "v:q"},
	    {"machine a login u password p\nmachine a login v password q\n", "a", "u:p"},
	    {"machine a login u password p\n", "aa", NULL},
	    {"machine a login u password p default login d password e", "z", "d:e"},
	    {"# comment machine a\nmachine a login \"u v\" password p\\ q\n", "a", "u v:p q"},
	    {"macdef init\ncd /x\nmachine a login m password m\n\nmachine a login u password p\n", "a", "u:p"},
	    {"machine a account x password p login u\n", "a", "u:p"},
	    {"", "a", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_SECRET userpass = {.bytes = NULL};
		struct err err = {.kind = ERR_NONE};

		assert_int_equal(find(cases[i].text, cases[i].host, &userpass, &err), cases[i].userpass != NULL);
		if (cases[i].userpass != NULL) {
			assert_string_equal(secret_reveal(&userpass), cases[i].userpass);
		}
	}
}

static void
netrc_refuses_what_is_none_without_showing_it(void **state)
{
	static const char *const bad[] = {"password hunter2 huh hunter2\n", "machine", "machine a login u password"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CLEAN_SECRET userpass = {.bytes = NULL};
		struct err err = {.kind = ERR_NONE};

		assert_int_equal(find(bad[i], "a", &userpass, &err), -1);
		assert_int_equal(err.kind, ERR_SETTINGS);
		assert_null(strstr(err.text, "hunter2"));
	}
}

static void
netrc_must_exist_when_named_and_need_not_at_home(void **state)
{
	char named[] = "NETRC=/nonexistent/netrc", home[] = "HOME=/nonexistent";
	char *by_name[] = {named, NULL}, *by_home[] = {home, NULL}, *by_nothing[] = {NULL};
	CLEAN_SECRET userpass = {.bytes = NULL};
	struct err err = {.kind = ERR_NONE};

	(void)state;
	assert_int_equal(netrc_find(by_home, "a", &userpass, &err), 0);
	assert_int_equal(netrc_find(by_nothing, "a", &userpass, &err), 0);
	assert_int_equal(err.kind, ERR_NONE);
	assert_int_equal(netrc_find(by_name, "a", &userpass, &err), -1);
	assert_int_equal(err.kind, ERR_SETTINGS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(netrc_finds_the_first_entry_of_a_host),
	    cmocka_unit_test(netrc_refuses_what_is_none_without_showing_it),
	    cmocka_unit_test(netrc_must_exist_when_named_and_need_not_at_home),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
