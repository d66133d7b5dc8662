/* The bounded buffer and the secret bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/secret.h"

static void
buf_holds_its_ceiling_and_not_a_byte_more(void **state)
{
	CLEAN_BUF buf = {0};

	(void)state;
	buf_init(&buf, 5);
	assert_string_equal(buf_text(&buf), "");
	assert_int_equal(buf_adds(&buf, "abc"), 0);
	assert_int_equal(buf_printf(&buf, "%d", 12), 0);
	assert_int_equal(buf_addc(&buf, 'x'), -1);
	assert_true(buf.full);
	assert_string_equal(buf_text(&buf), "abc12");
	assert_int_equal(buf_adds(&buf, ""), -1);
	buf_reset(&buf);
	assert_int_equal(buf_printf(&buf, "%s", "123456"), -1);
}

static void
buf_take_hands_over_only_whole_text(void **state)
{
	CLEAN_BUF buf = {0};

	(void)state;
	buf_init(&buf, 4);
	buf_adds(&buf, "abcd");
	char *text = buf_take(&buf);
	assert_string_equal(text, "abcd");
	free(text);
	assert_null(buf_take(&buf));
	buf_adds(&buf, "ab");
	buf_adds(&buf, "toolong");
	assert_null(buf_take(&buf));
}

static void
secret_replaces_and_releases(void **state)
{
	struct secret secret = {0};

	(void)state;
	assert_string_equal(secret_reveal(&secret), "");
	assert_int_equal(secret_set(&secret, "abc", 3), 0);
	assert_int_equal(secret_set(&secret, "defg", 4), 0);
	assert_string_equal(secret_reveal(&secret), "defg");
	assert_int_equal(secret.len, 4);
	secret_release(&secret);
	secret_release(&secret);
	assert_string_equal(secret_reveal(&secret), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(buf_holds_its_ceiling_and_not_a_byte_more),
	    cmocka_unit_test(buf_take_hands_over_only_whole_text),
	    cmocka_unit_test(secret_replaces_and_releases),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
