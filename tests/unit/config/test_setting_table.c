/* The table of settings, and that the README says the same. */
#include "unit/config/jobroot.h"

#include <ctype.h>

#include "config/setting_table.h"
#include "config/setting_value.h"

#define README "README.md"
#define MARKER "<!-- settings: tests/unit/config checks this table against the code -->"

enum { README_MAX = 1 << 20, CELLS = 4 };

/* ---- the README's table ---- */

/* Cuts "| a | b |" into its cells, blanks trimmed; the number of cells. A '|' inside backquotes would cut, too: none has one. */
static size_t
cut_row(char *line, char *cells[CELLS])
{
	size_t count = 0;

	for (char *rest = line + 1, *cell; (cell = strsep(&rest, "|")) != NULL && rest != NULL;) {
		size_t len = strlen(cell);

		while (len > 0 && cell[len - 1] == ' ') {
			cell[--len] = '\0';
		}
		if (count < CELLS) {
			cells[count] = cell + strspn(cell, " ");
		}
		count++;
	}
	return count;
}

/* The letters of the column "from". */
static void
from_letters(unsigned from, char out[8])
{
	static const struct {
		unsigned bit;
		char letter;
	} letters[] = {{FROM_C, 'C'}, {FROM_H, 'H'}, {FROM_E, 'E'}, {FROM_T, 'T'}, {FROM_P, 'P'}};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(letters); i++) {
		if ((from & letters[i].bit) != 0) {
			out[n++] = letters[i].letter;
		}
	}
	out[n] = '\0';
}

/* A default as the README shows it: as code or plain, "64 GiB" for "64GiB"; what `train run` changes may follow behind a ';'. */
static void
expect_default(const char *name, const char *cell, const char *fallback)
{
	char shown[256];
	size_t n = 0;

	if (fallback == NULL) {
		/* Worked out elsewhere: the README has to say something, and no value alone. */
		assert_true(strlen(cell) > 3);
		return;
	}
	for (const char *c = cell; *c != '\0' && *c != ';' && n + 1 < sizeof(shown); c++) {
		if (*c != '`' && *c != ' ') {
			shown[n++] = *c;
		}
	}
	shown[n] = '\0';
	if (strcmp(shown, fallback) != 0) {
		fail_msg("README: the default of '%s' is '%s', the code has '%s'", name, cell, fallback);
	}
}

static void
expect_row(enum setting setting, char *const cells[CELLS])
{
	const struct setting_row *row = setting_row(setting);
	char quoted[SETTING_NAME_MAX + 2];
	char letters[8];

	(void)snprintf(quoted, sizeof(quoted), "`%s`", row->name);
	from_letters(row->from, letters);
	assert_string_equal(cells[0], quoted);
	assert_string_equal(cells[1], letters);
	assert_true(strlen(cells[2]) > 5);
	expect_default(row->name, cells[3], row->fallback);
	for (size_t i = 0; row->choices != NULL && row->choices[i] != NULL; i++) {
		if (strstr(cells[2], row->choices[i]) == NULL) {
			fail_msg("README: '%s' takes '%s', which is not said", row->name, row->choices[i]);
		}
	}
}

static void
setting_table_is_the_readmes(void **state)
{
	CLEAN_BUF text;
	struct err err = {0};
	int setting = 0;

	(void)state;
	buf_init(&text, README_MAX);
	if (fd_read_file(AT_FDCWD, README, &text, &err) < 0) {
		fail_msg("%s (unit tests run from the repository's top)", err.text);
	}
	char *table = text.data != NULL ? strstr(text.data, MARKER) : NULL;
	assert_non_null(table);
	table = strchr(table, '\n') + 1;
	for (char *line; (line = strsep(&table, "\n")) != NULL && line[0] == '|';) {
		char *cells[CELLS] = {NULL};

		if (strncmp(line, "| name |", 8) == 0 || strncmp(line, "|---|", 5) == 0) {
			continue;
		}
		assert_int_equal(cut_row(line, cells), CELLS);
		assert_true(setting < SETTINGS);
		expect_row((enum setting)setting++, cells);
	}
	assert_int_equal(setting, SETTINGS);
}

/* ---- the table itself ---- */

static void
setting_table_follows_the_published_one(void **state)
{
	/* Name, sources and default of product §3. */
	static const struct {
		const char *name, *from, *fallback;
	} rows[] = {
	    {"code", "CHET", NULL},
	    {"code-version", "CHET", NULL},
	    {"code-sha256", "CHET", NULL},
	    {"code-pin", "CHE", NULL},
	    {"code-from", "CHE", NULL},
	    {"code-owner", "CHE", NULL},
	    {"tags", "CHE", "auto"},
	    {"command", "CHEP", NULL},
	    {"wrapper", "CHEP", NULL},
	    {"python", "CHEP", NULL},
	    {"workspace", "CHE", NULL},
	    {"keep-workspace", "CHE", "never"},
	    {"fetch-timeout", "CHE", "600"},
	    {"fetch-memory", "CHE", "48"},
	    {"unpack-max-bytes", "CHE", "64GiB"},
	    {"unpack-max-entries", "CHE", "2000000"},
	    {"stop-signal", "CHEP", "SIGTERM"},
	    {"stop-grace", "CHEP", "100"},
	    {"timeout", "CHEP", "0"},
	    {"silence-timeout", "CHEP", "0"},
	    {"log", "CHEP", "lines"},
	    {"log-level", "CHEP", "info"},
	    {"redact", "CHEP", NULL},
	    {"failure-tail", "CHEP", "on"},
	    {"metrics-hosts", "CHEP", "first"},
	    {"metrics-emf", "CHEP", "off"},
	    {"record", "CHEP", "on"},
	    {"cache", "CHE", NULL},
	    {"root", "C", NULL},
	};

	(void)state;
	assert_int_equal(ARRAY_LEN(rows), SETTINGS);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct setting_row *row = setting_row((enum setting)i);
		char letters[8];

		from_letters(row->from, letters);
		assert_string_equal(row->name, rows[i].name);
		assert_string_equal(letters, rows[i].from);
		assert_true(row->fallback == rows[i].fallback || strcmp(row->fallback, rows[i].fallback) == 0);
	}
}

static void
setting_table_is_right_in_itself(void **state)
{
	(void)state;
	for (int i = 0; i < SETTINGS; i++) {
		const struct setting_row *row = setting_row((enum setting)i);
		struct setting_value value;

		assert_true(row->name[0] != '\0' &&
		            strspn(row->name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(row->name));
		assert_true(row->from != 0 && row->kind < SETTING_KINDS && strlen(row->meaning) > 5);
		assert_true((row->from & FROM_C) != 0); /* whoever starts it may set everything */
		assert_int_equal(row->kind == KIND_CHOICE, row->choices != NULL);
		assert_true(row->min <= row->max || row->max == 0);
		if (row->fallback != NULL) {
			assert_int_equal(setting_value_read(&value, (enum setting)i, row->fallback), 0);
			setting_value_release(&value);
		}
	}
}

static void
setting_tags_may_name_the_code_only(void **state)
{
	(void)state;
	for (int i = 0; i < SETTINGS; i++) {
		int is_code = i == SETTING_CODE || i == SETTING_CODE_VERSION || i == SETTING_CODE_SHA256;

		assert_int_equal((setting_row((enum setting)i)->from & FROM_T) != 0, is_code);
	}
}

static void
setting_names_are_spelled_by_source(void **state)
{
	static const struct {
		enum setting_source source;
		const char *name, *spelling;
	} cases[] = {
	    {SOURCE_COMMAND_LINE, "command line", "--set stop-grace"},
	    {SOURCE_HYPERPARAMETER, "hyperparameter", "train:stop-grace"},
	    {SOURCE_ENVIRONMENT, "environment", "TRAIN_STOP_GRACE"},
	    {SOURCE_TAG, "tag", "train:stop-grace"},
	    {SOURCE_PIPELINE, "pipeline.json", "stop_grace"},
	    {SOURCE_DEFAULT, "default", "stop-grace"},
	};
	char out[SETTING_NAME_MAX];

	(void)state;
	assert_int_equal(ARRAY_LEN(cases), SETTING_SOURCES);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_string_equal(setting_source_name(cases[i].source), cases[i].name);
		assert_string_equal(setting_spelling(SETTING_STOP_GRACE, cases[i].source, out), cases[i].spelling);
		assert_int_equal(setting_find(cases[i].spelling, cases[i].source), SETTING_STOP_GRACE);
	}
	for (int i = 0; i < SETTINGS; i++) {
		for (int source = 0; source < SETTING_SOURCES; source++) {
			const char *name = setting_spelling((enum setting)i, (enum setting_source)source, out);

			assert_int_equal(setting_find(name, (enum setting_source)source), i);
		}
	}
}

static void
setting_names_are_found_by_their_exact_spelling(void **state)
{
	(void)state;
	assert_int_equal(setting_find("train_stop_grace", SOURCE_ENVIRONMENT), SETTING_NONE);
	assert_int_equal(setting_find("TRAIN_STOP-GRACE", SOURCE_ENVIRONMENT), SETTING_NONE);
	assert_int_equal(setting_find("train:stop_grace", SOURCE_HYPERPARAMETER), SETTING_NONE);
	assert_int_equal(setting_find("stop-grace", SOURCE_PIPELINE), SETTING_NONE);
	assert_int_equal(setting_find("", SOURCE_PIPELINE), SETTING_NONE);
	/* Settings whose behaviour does not exist yet are unknown names. */
	assert_int_equal(setting_find("TRAIN_INSTALL_REQUIREMENTS", SOURCE_ENVIRONMENT), SETTING_NONE);
}

static void
setting_nearest_names_only_what_the_source_may_set(void **state)
{
	char out[SETTING_NAME_MAX];

	(void)state;
	assert_string_equal(setting_nearest("train:cod", SOURCE_HYPERPARAMETER, 2, out), "train:code");
	assert_string_equal(setting_nearest("train:stop-grcae", SOURCE_HYPERPARAMETER, 1, out), "train:stop-grace");
	assert_string_equal(setting_nearest("TRAIN_CODE_SHA265", SOURCE_ENVIRONMENT, 2, out), "TRAIN_CODE_SHA256");
	assert_string_equal(setting_nearest("--set roof", SOURCE_COMMAND_LINE, 2, out), "--set root");
	assert_null(setting_nearest("TRAIN_ROOF", SOURCE_ENVIRONMENT, 2, out));
	assert_null(setting_nearest("train:workspace", SOURCE_TAG, 2, out));
	assert_null(setting_nearest("TRAIN_EPOCHS", SOURCE_ENVIRONMENT, 2, out));
	assert_null(setting_nearest("train:cdoe", SOURCE_HYPERPARAMETER, 0, out));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(setting_table_is_the_readmes),
	    cmocka_unit_test(setting_table_follows_the_published_one),
	    cmocka_unit_test(setting_table_is_right_in_itself),
	    cmocka_unit_test(setting_tags_may_name_the_code_only),
	    cmocka_unit_test(setting_names_are_spelled_by_source),
	    cmocka_unit_test(setting_names_are_found_by_their_exact_spelling),
	    cmocka_unit_test(setting_nearest_names_only_what_the_source_may_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
