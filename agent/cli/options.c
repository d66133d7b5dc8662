#include "cli/options.h"

#include <string.h>

#include "base/text.h"

enum { NAMES_MAX = 32 /* options of one verb */ };

static int
add(struct words *words, const char *word, struct err *err)
{
	if (words->count == WORDS_MAX) {
		return err_set(err, ERR_USAGE, 0, "more than %d times the same option or plain words", (int)WORDS_MAX);
	}
	words->items[words->count++] = word;
	return 0;
}

static int
unknown(const struct option *table, const char *word, struct err *err)
{
	const char *names[NAMES_MAX + 1] = {0};

	for (size_t i = 0; i < NAMES_MAX && table[i].name != NULL; i++) {
		names[i] = table[i].name;
	}
	const char *nearest = text_nearest(word, names, 3);
	if (nearest != NULL) {
		return err_set(err, ERR_USAGE, 0, "unknown option '%s': did you mean '%s'?", word, nearest);
	}
	return err_set(err, ERR_USAGE, 0, "unknown option '%s'", word);
}

/* Takes one option; '*at' moves on over its value. */
static int
take_option(const struct options *options, char *const *argv, size_t *at, struct err *err)
{
	const char *word = argv[*at];
	size_t len = strcspn(word, "=");

	for (const struct option *option = options->table; option->name != NULL; option++) {
		if (strlen(option->name) != len || strncmp(option->name, word, len) != 0) {
			continue;
		}
		if (option->value == NULL) {
			return word[len] == '\0' ? add(option->values, word, err)
			                         : err_set(err, ERR_USAGE, 0, "'%s' takes no value", option->name);
		}
		if (word[len] == '=') {
			return add(option->values, word + len + 1, err);
		}
		if (argv[*at + 1] == NULL) {
			return err_set(err, ERR_USAGE, 0, "'%s' wants %s behind it", option->name, option->value);
		}
		return add(option->values, argv[++*at], err);
	}
	return unknown(options->table, word, err);
}

int
options_parse(struct options *options, char *const *argv, struct err *err)
{
	for (size_t i = 1; argv[0] != NULL && argv[i] != NULL; i++) {
		if (strcmp(argv[i], "--") == 0) {
			options->command = argv + i + 1;
			return 0;
		}
		int is_option = argv[i][0] == '-' && argv[i][1] != '\0';
		if (!is_option && options->first_plain_ends) {
			options->command = argv + i;
			return 0;
		}
		if (is_option ? take_option(options, argv, &i, err) < 0 : add(&options->plain, argv[i], err) < 0) {
			return -1;
		}
	}
	return 0;
}
