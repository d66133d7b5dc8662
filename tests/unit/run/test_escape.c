#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "run/escape.h"

static const struct {
	const char *in;
	const char *out;
} samples[] = {
    {"plain", "plain"},
    {"\033[31mred\033[0m", "red"},
    {"\033[1;38;2;1;2;3mtrue colour", "true colour"},
    {"\033[?25lhidden cursor\033[?25h", "hidden cursor"},
    {"\033]0;title\007text", "text"},
    {"\033]8;;https://example.com\033\\link\033]8;;\033\\", "link"},
    {"\033Pdevice\033\\after", "after"},
    {"\033(Bcharset", "charset"},
    {"\033Mup \0337saved\0338", "up saved"},
    {"\033[31", ""},
    {"\033[31\nline", "\nline"},
    {"\033]never ended\nline", "\nline"},
    {"\033\033[1mtwice", "twice"},
    {"caf\xc3\xa9 \033[1m\xe2\x9c\x93", "caf\xc3\xa9 \xe2\x9c\x93"},
    {"\033\xc3\xa9", "\xc3\xa9"},
    {"tab\tbell\007\x01", "tab\tbell\007\x01"},
    {"10%\033[K\r20%\033[K\r\n", "10%\r20%\r\n"},
};

static void
escape_strips_every_kind_of_sequence(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		enum escape_state at = ESCAPE_TEXT;
		char text[128];
		size_t len = strlen(samples[i].in);

		memcpy(text, samples[i].in, len + 1);
		text[escape_strip(&at, text, len)] = '\0';
		assert_string_equal(text, samples[i].out);
	}
}

static void
escape_strips_the_same_when_cut_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		size_t len = strlen(samples[i].in);

		for (size_t cut = 0; cut <= len; cut++) {
			enum escape_state at = ESCAPE_TEXT;
			char text[128];
			size_t left, right;

			memcpy(text, samples[i].in, len);
			left = escape_strip(&at, text, cut);
			right = escape_strip(&at, text + cut, len - cut);
			memmove(text + left, text + cut, right);
			text[left + right] = '\0';
			assert_string_equal(text, samples[i].out);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(escape_strips_every_kind_of_sequence),
	    cmocka_unit_test(escape_strips_the_same_when_cut_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
