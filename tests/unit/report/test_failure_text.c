/* What SageMaker shows of a failed job. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mask.h"
#include "base/text.h"
#include "report/failure.h"
#include "report/failure_text.h"

static struct buf text;

static int
tear_down(void **state)
{
	(void)state;
	mask_set_global(NULL);
	buf_release(&text);
	return 0;
}

/* The text for 'facts'; checked for what holds of every one. */
static const char *
compose(struct failure_facts facts)
{
	buf_release(&text);
	buf_init(&text, 4096);
	failure_compose(&facts, &text);
	assert_in_range(text.len, 1, FAILURE_BYTES_MAX);
	assert_int_equal(text.data[text.len - 1], '\n');
	for (size_t i = 0; i < text.len;) {
		size_t bytes = utf8_char_len(text.data + i, text.len - i);

		assert_true(bytes > 0);
		assert_true((unsigned char)text.data[i] >= 0x20 || text.data[i] == '\n');
		i += bytes;
	}
	return buf_text(&text);
}

static const char *
compose_tail(const char *tail, size_t len)
{
	return compose((struct failure_facts){
	    .reason = "exit-1", .sentence = "the pipeline ended with exit code 1", .tail = tail, .tail_len = len});
}

static void
first_line_has_reason_host_and_sentence(void **state)
{
	(void)state;
	assert_string_equal(
	    compose((struct failure_facts){.reason = "exit-1", .sentence = "it failed"}), "[exit-1] it failed.\n");
	assert_string_equal(
	    compose((struct failure_facts){
	        .reason = "settings", .host = "algo-2", .sentence = "no such setting?", .advice = "Correct it."}),
	    "[settings] algo-2: no such setting?\nCorrect it.\n");
}

static void
sentence_of_several_lines_becomes_one(void **state)
{
	(void)state;
	assert_string_equal(
	    compose((struct failure_facts){.reason = "settings", .sentence = "one\ntwo\n"}), "[settings] one two.\n");
}

static void
tail_keeps_the_last_lines(void **state)
{
	static const char tail[] = "first\n\n  second\r\nlast";

	(void)state;
	assert_string_equal(compose_tail(tail, sizeof(tail) - 1),
	    "[exit-1] the pipeline ended with exit code 1.\nstderr: first\nsecond\nlast\n");
}

static void
lines_that_say_nothing_are_left_out(void **state)
{
	static const char tail[] = "====\nprint(x)\n~~~^^^\n\xc3\xa9\n----\n";

	(void)state;
	assert_string_equal(compose_tail(tail, sizeof(tail) - 1),
	    "[exit-1] the pipeline ended with exit code 1.\nstderr: print(x)\n\xc3\xa9\n");
}

static void
oldest_lines_go_first_when_there_is_no_room(void **state)
{
	char tail[8000];
	size_t len = 0;

	(void)state;
	for (int i = 0; i < 200; i++) {
		len += (size_t)snprintf(tail + len, sizeof(tail) - len, "line number %d of the log\n", i);
	}
	const char *got = compose_tail(tail, len);

	assert_non_null(strstr(got, "line number 199 of the log\n"));
	assert_null(strstr(got, "line number 150 "));
	assert_null(strstr(got, "..."));
	assert_true(text.len > 900);
}

static void
last_line_longer_than_the_room_is_cut(void **state)
{
	char tail[5000];

	(void)state;
	memset(tail, 'y', sizeof(tail));
	tail[sizeof(tail) - 1] = '\n';
	const char *got = compose_tail(tail, sizeof(tail));

	assert_non_null(strstr(got, "stderr: yyyy"));
	assert_non_null(strstr(got, "yyy...\n"));
}

static void
exception_line_comes_first(void **state)
{
	static const char tail[] = "starting\n"
	                           "Traceback (most recent call last):\n"
	                           "  File \"a.py\", line 1, in <module>\n"
	                           "    int('x')\n"
	                           "KeyError: 'old'\n"
	                           "\n"
	                           "During handling of the above exception, another exception occurred:\n"
	                           "\n"
	                           "Traceback (most recent call last):\n"
	                           "  File \"b.py\", line 2, in <module>\n"
	                           "    boom()\n"
	                           "ValueError: bad shape (3, 4)\n"
	                           "Exception ignored in: <function f>\n";

	(void)state;
	const char *got = compose_tail(tail, sizeof(tail) - 1);

	assert_non_null(
	    strstr(got, "exit code 1.\nValueError: bad shape (3, 4)\nIt began with KeyError: 'old'\nstderr: "));
	assert_null(strstr(strstr(got, "stderr: "), "ValueError"));
	assert_non_null(strstr(got, "\nboom()\n"));
}

static void
exception_line_behind_a_launchers_prefix_is_found(void **state)
{
	static const char tail[] = "[rank0]: Traceback (most recent call last):\n"
	                           "[rank0]:   File \"a.py\", line 1, in <module>\n"
	                           "[rank1]: something else\n"
	                           "[rank0]: RuntimeError: CUDA error\n"
	                           "[rank1]: later\n";

	(void)state;
	assert_non_null(
	    strstr(compose_tail(tail, sizeof(tail) - 1), "exit code 1.\n[rank0]: RuntimeError: CUDA error\nstderr: "));
}

static void
traceback_cut_short_has_no_exception(void **state)
{
	static const char tail[] = "Traceback (most recent call last):\n  File \"a.py\", line 1\n";

	(void)state;
	assert_non_null(strstr(compose_tail(tail, sizeof(tail) - 1), "stderr: Traceback"));
}

static void
progress_and_bad_bytes_are_cleaned(void **state)
{
	static const char tail[] = "red\x1b done\a\n 10%\r 50%\r100%\n\xff\xfe\tz\x01\x7f\n\x1b";

	(void)state;
	assert_string_equal(compose_tail(tail, sizeof(tail) - 1),
	    "[exit-1] the pipeline ended with exit code 1.\nstderr: red done\n100%\n?? z\n");
}

static void
secrets_are_masked_everywhere(void **state)
{
	static const char tail[] = "password is hunter22\nkey AKIAABCDEFGHIJKLMNOP\n";
	struct mask mask = {0};

	(void)state;
	assert_int_equal(mask_add(&mask, "hunter22", 8), 0);
	mask_set_global(&mask);
	const char *got = compose((struct failure_facts){.reason = "exit-1",
	    .host = "hunter22",
	    .sentence = "cannot open 'hunter22'",
	    .advice = "Not hunter22.",
	    .tail = tail,
	    .tail_len = sizeof(tail) - 1});

	assert_null(strstr(got, "hunter22"));
	assert_null(strstr(got, "AKIA"));
	assert_non_null(strstr(got, "stderr: password is ***\nkey ***\n"));
	mask_set_global(NULL);
	mask_release(&mask);
}

static void
text_is_cut_between_characters_at_every_length(void **state)
{
	char sentence[1200];

	(void)state;
	for (size_t pad = 0; pad < 4; pad++) {
		memset(sentence, 'a', sizeof(sentence));
		for (size_t i = pad; i + 4 < sizeof(sentence); i += 4) {
			memcpy(sentence + i, "\xf0\x9f\x8d\xb7", 4);
		}
		sentence[sizeof(sentence) - 1] = '\0';
		const char *got = compose((struct failure_facts){
		    .reason = "io", .sentence = sentence, .advice = "More.", .tail = "x\n", .tail_len = 2});

		assert_non_null(strstr(got, "..."));
		assert_true(text.len > FAILURE_BYTES_MAX - 8);
	}
}

static void
huge_hostile_tail_is_bounded(void **state)
{
	enum { MEGABYTE = 1 << 20 };
	char *tail = malloc(MEGABYTE);
	unsigned int seed = 7;

	(void)state;
	assert_non_null(tail);
	for (size_t i = 0; i < MEGABYTE; i++) {
		seed = seed * 1103515245u + 12345u;
		tail[i] = (char)(seed >> 16);
	}
	for (size_t len = MEGABYTE - 300; len <= MEGABYTE; len += 7) {
		(void)compose_tail(tail, len);
	}
	memset(tail, '\n', MEGABYTE);
	assert_string_equal(compose_tail(tail, MEGABYTE), "[exit-1] the pipeline ended with exit code 1.\n");
	memset(tail, '\x1b', MEGABYTE);
	(void)compose_tail(tail, MEGABYTE);
	assert_string_equal(compose_tail("", 0), "[exit-1] the pipeline ended with exit code 1.\n");
	free(tail);
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(first_line_has_reason_host_and_sentence),
	    TEST(sentence_of_several_lines_becomes_one),
	    TEST(tail_keeps_the_last_lines),
	    TEST(lines_that_say_nothing_are_left_out),
	    TEST(oldest_lines_go_first_when_there_is_no_room),
	    TEST(last_line_longer_than_the_room_is_cut),
	    TEST(exception_line_comes_first),
	    TEST(exception_line_behind_a_launchers_prefix_is_found),
	    TEST(traceback_cut_short_has_no_exception),
	    TEST(progress_and_bad_bytes_are_cleaned),
	    TEST(secrets_are_masked_everywhere),
	    TEST(text_is_cut_between_characters_at_every_length),
	    TEST(huge_hostile_tail_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
