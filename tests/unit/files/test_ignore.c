/* One ignore file: its lines and which of them decides. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "files/ignore.h"

struct made {
	struct ignore ignore;
	struct err err;
	int result;
};

/* Reads 'len' bytes as the ignore file of 'folder'. */
static struct made
read_bytes(const char *bytes, size_t len, const char *folder)
{
	struct made made = {.result = -1};
	char place[] = "/tmp/train-ignore-XXXXXX";

	assert_non_null(mkdtemp(place));
	CLEAN_FD fd = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fd_write_file(fd, ".gitignore", bytes, len, 0600, &made.err), 0);
	made.result = ignore_read(&made.ignore, fd, ".gitignore", folder, &made.err);
	assert_int_equal(unlinkat(fd, ".gitignore", 0), 0);
	assert_int_equal(rmdir(place), 0);
	return made;
}

/* The line that decides about a path; 0 for none, negative when it takes back. */
static int
line_of(const struct made *made, const char *path, int is_folder)
{
	const struct ignore_rule *rule = ignore_match(&made->ignore, path, is_folder);

	return rule == NULL ? 0 : rule->negated ? -rule->line : rule->line;
}

static struct made
read_text(const char *text, const char *folder)
{
	struct made made = read_bytes(text, strlen(text), folder);

	assert_int_equal(made.result, 0);
	return made;
}

static void
the_last_line_that_matches_decides(void **state)
{
	struct made made = read_text("*.o\n!a.o\n# c\n\nb.o\n!b.o", "");

	(void)state;
	assert_int_equal(made.ignore.count, 4);
	assert_int_equal(line_of(&made, "x/c.o", 0), 1);
	assert_int_equal(line_of(&made, "x/a.o", 0), -2);
	assert_int_equal(line_of(&made, "b.o", 0), -6);
	assert_int_equal(line_of(&made, "b.c", 0), 0);
	ignore_release(&made.ignore);
}

static void
a_slash_ties_to_the_files_own_folder(void **state)
{
	struct made made = read_text("/a\nb/c\nd/\n", "pkg/x");

	(void)state;
	assert_int_equal(line_of(&made, "pkg/x/a", 0), 1);
	assert_int_equal(line_of(&made, "pkg/x/y/a", 0), 0);
	assert_int_equal(line_of(&made, "pkg/x/b/c", 0), 2);
	assert_int_equal(line_of(&made, "pkg/x/y/b/c", 0), 0);
	assert_int_equal(line_of(&made, "pkg/x/y/d", 1), 3);
	assert_int_equal(line_of(&made, "pkg/x/y/d", 0), 0);
	ignore_release(&made.ignore);
}

static void
blanks_marks_and_line_ends_are_git_s(void **state)
{
	struct made made = read_text("\xef\xbb\xbf"
	                             "a  \r\nb\\ \nc\r\n \t\n/\n!\n",
	    "");

	(void)state;
	assert_int_equal(line_of(&made, "a", 0), 1);
	assert_int_equal(line_of(&made, "b ", 0), 2);
	assert_int_equal(line_of(&made, "b", 0), 0);
	assert_int_equal(line_of(&made, "c", 0), 3);
	assert_int_equal(line_of(&made, " \t", 0), 4);
	assert_int_equal(made.ignore.count, 4);
	ignore_release(&made.ignore);
}

static void
a_zero_byte_ends_a_line(void **state)
{
	struct made made = read_bytes("a\0b\nc\n", 6, "");

	(void)state;
	assert_int_equal(made.result, 0);
	assert_int_equal(line_of(&made, "a", 0), 1);
	assert_int_equal(line_of(&made, "c", 0), 2);
	ignore_release(&made.ignore);
}

static void
tails_and_beginnings_do_not_overlap(void **state)
{
	struct made made = read_text("ab*bc\n", "");

	(void)state;
	assert_int_equal(line_of(&made, "abc", 0), 0);
	assert_int_equal(line_of(&made, "abbc", 0), 1);
	assert_int_equal(line_of(&made, "x/ab.bc", 0), 1);
	ignore_release(&made.ignore);
}

static void
what_is_beyond_the_bounds_is_refused(void **state)
{
	char *big = malloc(IGNORE_FILE_MAX + 1);

	(void)state;
	memset(big, '\n', IGNORE_FILE_MAX + 1);
	struct made made = read_bytes(big, IGNORE_FILE_MAX, "");
	assert_int_equal(made.result, 0);
	ignore_release(&made.ignore);

	made = read_bytes(big, IGNORE_FILE_MAX + 1, "pkg");
	assert_int_equal(made.result, -1);
	assert_int_equal(made.err.kind, ERR_SETTINGS);
	assert_non_null(strstr(made.err.text, "'pkg/.gitignore' is over"));
	ignore_release(&made.ignore);

	for (int i = 0; i < 2 * (IGNORE_RULES_MAX + 1); i += 2) {
		big[i] = 'a';
	}
	made = read_bytes(big, 2 * IGNORE_RULES_MAX, "");
	assert_int_equal(made.result, 0);
	assert_int_equal(line_of(&made, "a", 0), IGNORE_RULES_MAX);
	ignore_release(&made.ignore);
	made = read_bytes(big, 2 * (IGNORE_RULES_MAX + 1), "");
	assert_int_equal(made.result, -1);
	assert_non_null(strstr(made.err.text, "more than 10000 patterns"));
	ignore_release(&made.ignore);
	free(big);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_last_line_that_matches_decides),
	    cmocka_unit_test(a_slash_ties_to_the_files_own_folder),
	    cmocka_unit_test(blanks_marks_and_line_ends_are_git_s),
	    cmocka_unit_test(a_zero_byte_ends_a_line),
	    cmocka_unit_test(tails_and_beginnings_do_not_overlap),
	    cmocka_unit_test(what_is_beyond_the_bounds_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
