/* Masking: which names are secret, and what may stay readable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/mask.h"

static void
mask_knows_secret_names(void **state)
{
	static const char *const secret[] = {"password", "DB_PASSWORD", "apiKey", "api-key", "AWS_SECRET_ACCESS_KEY",
	    "aws.access.key.id", "hfToken", "x:token", "private_key", "Credentials", "my_credential", "passwd"};
	static const char *const open[] = {"max_tokens", "tokenizer", "num_keys", "key", "monkey", "api", "accesskeys",
	    "passwords", "", "keyapi", "api_x_key"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(secret); i++) {
		if (!mask_name_is_secret(secret[i])) {
			fail_msg("'%s' should be secret", secret[i]);
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(open); i++) {
		if (mask_name_is_secret(open[i])) {
			fail_msg("'%s' should be open", open[i]);
		}
	}
}

static void
expect(const struct mask *mask, const char *text, const char *want)
{
	CLEAN_BUF out = {0};

	buf_init(&out, 4096);
	mask_text(mask, text, strlen(text), &out);
	assert_string_equal(buf_text(&out), want);
}

static void
mask_hides_patterns_in_any_text(void **state)
{
	(void)state;
	expect(NULL, "id AKIAIOSFODNN7EXAMPLE.", "id ***.");
	expect(NULL, "ASIAIOSFODNN7EXAMPLE", "***");
	expect(NULL, "XAKIAIOSFODNN7EXAMPLE", "XAKIAIOSFODNN7EXAMPLE");
	expect(NULL, "AKIA short", "AKIA short");
	expect(NULL, "?X-Amz-Signature=abc&x-amz-credential=d/e&a=1", "?X-Amz-Signature=***&x-amz-credential=***&a=1");
	expect(NULL, "X-Amz-Security-Token: abc", "X-Amz-Security-Token: ***");
	expect(NULL, "{'Authorization': 'Bearer abc', 'a': 1}", "{'Authorization': '***', 'a': 1}");
	expect(NULL, "authorization: Basic abc\nnext", "authorization: ***\nnext");
	expect(NULL, "get https://me:pw@host/a@b", "get https://***@host/a@b");
	expect(NULL, "https://host/a", "https://host/a");
	expect(NULL, "Authorization was refused", "Authorization was refused");
}

static void
mask_hides_values_longest_first(void **state)
{
	struct mask mask = {0};
	CLEAN_BUF out = {0};

	(void)state;
	assert_int_equal(mask_add(&mask, "abcd", 4), 0);
	assert_int_equal(mask_add(&mask, "abcdefgh", 8), 0);
	assert_int_equal(mask_add(&mask, "xyz", 3), 0);
	expect(&mask, "-abcdefgh-abcd-xyz-", "-***-***-xyz-");
	buf_init(&out, 100);
	assert_int_equal(mask_values(&mask, "clean", 5, &out), 0);
	assert_int_equal(mask_values(&mask, "an abcd", 7, &out), 1);
	assert_string_equal(buf_text(&out), "an ***");
	mask_release(&mask);
	assert_int_equal(mask.count, 0);
}

static void
mask_hides_each_line_of_a_value(void **state)
{
	static const char key[] = "-----BEGIN KEY-----\r\nMIIEvQIB\n\nend\nlastline";
	static const char many[] = "1234\n1234\n";
	struct mask mask = {0};
	CLEAN_BUF out;

	(void)state;
	buf_init(&out, 1 << 20);
	assert_int_equal(mask_add(&mask, key, strlen(key)), 0);
	assert_int_equal(mask_values(&mask, "a MIIEvQIB\n", 11, &out), 1);
	assert_string_equal(buf_text(&out), "a ***\n");
	buf_reset(&out);
	assert_int_equal(mask_values(&mask, "-----BEGIN KEY-----\nlastline", 28, &out), 1);
	assert_string_equal(buf_text(&out), "***\n***");
	assert_int_equal(mask_values(&mask, "at the end", 10, &out), 0);
	/* Lines leave room for other values. */
	while (mask.count < MASK_LINES_MAX) {
		assert_int_equal(mask_add(&mask, many, strlen(many)), 0);
	}
	for (size_t i = mask.count; i < MASK_VALUES_MAX; i++) {
		assert_int_equal(mask_add(&mask, many, strlen(many)), 0);
		assert_int_equal(mask.count, i + 1);
	}
	mask_release(&mask);
}

static void
mask_refuses_one_value_too_many(void **state)
{
	struct mask mask = {0};
	char value[32];

	(void)state;
	for (int i = 0; i < MASK_VALUES_MAX; i++) {
		(void)snprintf(value, sizeof(value), "value%d", i);
		assert_int_equal(mask_add(&mask, value, strlen(value)), 0);
	}
	assert_int_equal(mask_add(&mask, "onemore", 7), -1);
	mask_release(&mask);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(mask_knows_secret_names),
	    cmocka_unit_test(mask_hides_patterns_in_any_text),
	    cmocka_unit_test(mask_hides_values_longest_first),
	    cmocka_unit_test(mask_hides_each_line_of_a_value),
	    cmocka_unit_test(mask_refuses_one_value_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
