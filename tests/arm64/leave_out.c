/*
 * Stands between a test program and cmocka: takes out the tests that left-out names for this program. TRAIN_LEFT_OUT is the list's path.
 * Each row must still name a test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TESTS_MAX = 200, ROW_MAX = 500 };

int __real__cmocka_run_group_tests(const char *group, const struct CMUnitTest *tests, size_t count, CMFixtureFunction setup,
    CMFixtureFunction teardown);
int __wrap__cmocka_run_group_tests(const char *group, const struct CMUnitTest *tests, size_t count, CMFixtureFunction setup,
    CMFixtureFunction teardown);

struct kept {
	struct CMUnitTest tests[TESTS_MAX];
	size_t count;
};

/* Takes out what 'pattern' matches; returns how many. */
static size_t
take_out(struct kept *kept, const char *pattern, const char *why)
{
	size_t before = kept->count;

	kept->count = 0;
	for (size_t i = 0; i < before; i++) {
		if (fnmatch(pattern, kept->tests[i].name, 0) == 0) {
			printf("[ LEFT OUT ] %s: %s\n", kept->tests[i].name, why);
		} else {
			kept->tests[kept->count++] = kept->tests[i];
		}
	}
	return before - kept->count;
}

/* Whether 'row' is about this program, whose path is ROOM/PROGRAM at its end; then 'pattern' and 'why' point into it. */
static int
row_is_ours(char *row, const char *program, char **pattern, char **why)
{
	char *next = row;
	const char *name = strsep(&next, " \n");
	size_t len = strlen(program);

	*pattern = strsep(&next, " \n");
	*why = strsep(&next, "\n");
	return *why != NULL && len > strlen(name) && strcmp(program + len - strlen(name), name) == 0;
}

int
__wrap__cmocka_run_group_tests(const char *group, const struct CMUnitTest *tests, size_t count, CMFixtureFunction setup,
    CMFixtureFunction teardown)
{
	static struct kept kept;
	const char *path = getenv("TRAIN_LEFT_OUT");
	FILE *list = path != NULL ? fopen(path, "r") : NULL;
	const char *program = getenv("TRAIN_PROGRAM");
	char row[ROW_MAX];
	char *pattern, *why;

	if (list == NULL || program == NULL || count > TESTS_MAX) {
		fprintf(stderr, "leave_out: no list or no program's name, or too many tests\n");
		return 1;
	}
	memcpy(kept.tests, tests, count * sizeof(*tests));
	kept.count = count;
	while (fgets(row, sizeof(row), list) != NULL) {
		if (row[0] != '#' && row_is_ours(row, program, &pattern, &why) && take_out(&kept, pattern, why) == 0) {
			fprintf(stderr, "leave_out: %s has no test '%s'\n", program, pattern);
			return 1;
		}
	}
	(void)fclose(list);
	return __real__cmocka_run_group_tests(group, kept.tests, kept.count, setup, teardown);
}
