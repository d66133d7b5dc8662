/* Lists of sentences: bounded, one line each, told as one error. */
#include "unit/config/jobroot.h"

#include "base/text.h"
#include "config/notes.h"

static void
notes_without_a_sentence_are_no_error(void **state)
{
	CLEAN_NOTES notes = {0};
	struct err err = {0};

	(void)state;
	assert_int_equal(notes_to_err(&notes, "settings are wrong", &err), 0);
	assert_int_equal(err.kind, ERR_NONE);
}

static void
notes_tell_a_single_sentence_as_it_is(void **state)
{
	CLEAN_NOTES notes = {0};
	struct err err = {0};

	(void)state;
	notes_add(&notes, "'%s:%d': wrong", "a.json", 7);
	assert_int_equal(notes_to_err(&notes, "settings are wrong", &err), -1);
	assert_int_equal(err.kind, ERR_SETTINGS);
	assert_string_equal(err.text, "'a.json:7': wrong");
}

static void
notes_tell_several_with_their_number(void **state)
{
	CLEAN_NOTES notes = {0};
	struct err err = {0};

	(void)state;
	notes_add(&notes, "one");
	notes_add(&notes, "two");
	notes_add(&notes, "three");
	assert_int_equal(notes_to_err(&notes, "mistakes in the job's files", &err), -1);
	assert_string_equal(err.text, "3 mistakes in the job's files: 1) one; 2) two; 3) three");
}

static void
notes_over_the_limit_are_counted(void **state)
{
	CLEAN_NOTES notes = {0};
	struct err err = {0};

	(void)state;
	for (int i = 0; i < NOTES_MAX + 7; i++) {
		notes_add(&notes, "sentence %d, long enough that not all of them fit into one error", i);
	}
	assert_int_equal(notes.count, NOTES_MAX);
	assert_int_equal(notes.lost, 7);
	assert_int_equal(notes_to_err(&notes, "settings are wrong", &err), -1);
	assert_non_null(strstr(err.text, "107 settings are wrong: 1) sentence 0"));
	assert_true(strlen(err.text) < ERR_TEXT_MAX);
}

static void
notes_are_cut_at_a_character(void **state)
{
	CLEAN_NOTES notes = {0};
	char subject[2 * NOTE_BYTES_MAX] = "";

	(void)state;
	for (size_t shift = 0; shift < 3; shift++) {
		memset(subject, 'x', shift);
		for (size_t i = shift; i + 3 < sizeof(subject); i += 3) {
			memcpy(subject + i, "\xe2\x9c\x93", 4);
		}
		notes_add(&notes, "%s", subject);
		const char *text = notes.texts[shift];
		size_t len = strlen(text);
		assert_true(len < NOTE_BYTES_MAX && len > NOTE_BYTES_MAX - 8);
		assert_string_equal(text + len - 3, "...");
		for (size_t i = 0; i < len; i += utf8_char_len(text + i, len - i)) {
			assert_true(utf8_char_len(text + i, len - i) > 0);
		}
	}
}

static void
notes_are_one_line_whatever_is_in_them(void **state)
{
	CLEAN_NOTES notes = {0};

	(void)state;
	notes_add(&notes, "'%s' is wrong", "a\nb\r\x1b[2J\x7f");
	assert_string_equal(notes.texts[0], "'a?b??[2J?' is wrong");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(notes_without_a_sentence_are_no_error),
	    cmocka_unit_test(notes_tell_a_single_sentence_as_it_is),
	    cmocka_unit_test(notes_tell_several_with_their_number),
	    cmocka_unit_test(notes_over_the_limit_are_counted),
	    cmocka_unit_test(notes_are_cut_at_a_character),
	    cmocka_unit_test(notes_are_one_line_whatever_is_in_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
