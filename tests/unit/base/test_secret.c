/* Bytes that must not be printed, and are gone when they are released. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/secret.h"

static void
secret_keeps_a_copy(void **state)
{
	char bytes[] = "s3cr3t and more";
	CLEAN_SECRET secret = {0};

	(void)state;
	assert_int_equal(secret_set(&secret, bytes, 6), 0);
	memset(bytes, 'x', sizeof(bytes) - 1);
	assert_string_equal(secret_reveal(&secret), "s3cr3t");
	assert_int_equal(secret.len, 6);
}

static void
secret_may_hold_any_byte_or_none(void **state)
{
	CLEAN_SECRET secret = {0};

	(void)state;
	assert_string_equal(secret_reveal(&secret), "");
	assert_int_equal(secret_set(&secret, "a\0b", 3), 0);
	assert_int_equal(secret.len, 3);
	assert_memory_equal(secret_reveal(&secret), "a\0b\0", 4);
	assert_int_equal(secret_set(&secret, "", 0), 0);
	assert_int_equal(secret.len, 0);
	assert_string_equal(secret_reveal(&secret), "");
}

static void
secret_set_again_replaces_also_by_its_own_part(void **state)
{
	CLEAN_SECRET secret = {0};

	(void)state;
	assert_int_equal(secret_set(&secret, "Bearer token", 12), 0);
	assert_int_equal(secret_set(&secret, secret_reveal(&secret) + 7, 5), 0);
	assert_string_equal(secret_reveal(&secret), "token");
}

static void
secret_released_is_empty_and_may_be_released_again(void **state)
{
	struct secret secret = {0};

	(void)state;
	secret_release(&secret);
	assert_int_equal(secret_set(&secret, "x", 1), 0);
	secret_release(&secret);
	assert_null(secret.bytes);
	assert_int_equal(secret.len, 0);
	assert_string_equal(secret_reveal(&secret), "");
	secret_release(&secret);
}

/* Volatile eyes: the compiler must not know what it would find. */
static void
secret_wipe_leaves_nothing_and_touches_nothing_else(void **state)
{
	char bytes[] = "before SECRET after";
	volatile char *seen = bytes;

	(void)state;
	secret_wipe(bytes + 7, 6);
	for (size_t i = 7; i < 13; i++) {
		assert_int_equal(seen[i], 0);
	}
	assert_memory_equal(bytes, "before ", 7);
	assert_string_equal(bytes + 13, " after");
	secret_wipe(bytes, 0);
	assert_int_equal(seen[0], 'b');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(secret_keeps_a_copy),
	    cmocka_unit_test(secret_may_hold_any_byte_or_none),
	    cmocka_unit_test(secret_set_again_replaces_also_by_its_own_part),
	    cmocka_unit_test(secret_released_is_empty_and_may_be_released_again),
	    cmocka_unit_test(secret_wipe_leaves_nothing_and_touches_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
