#include "config/arguments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/command.h"

enum { ROOM_AT_FIRST = 16 };

/* Room for one word more and the NULL behind it. */
static int
make_room(struct arguments *args)
{
	size_t room = args->room > 0 ? 2 * args->room : ROOM_AT_FIRST;
	char **words = NULL;

	if (args->count >= ARGV_WORDS_MAX) {
		return -1;
	}
	if (args->count + 2 <= args->room) {
		return 0;
	}
	words = realloc(args->words, room * sizeof(*words));
	if (words == NULL) {
		return -1;
	}
	args->words = words;
	args->room = room;
	return 0;
}

/* Takes 'word' over; NULL counts as refused memory. */
static void
push(struct arguments *args, char *word)
{
	if (word == NULL || args->failed || make_room(args) < 0) {
		free(word);
		args->failed = 1;
		return;
	}
	args->words[args->count++] = word;
	args->words[args->count] = NULL;
}

void
arguments_add(struct arguments *args, const char *word)
{
	push(args, strdup(word));
}

void
arguments_add_all(struct arguments *args, char *const *words)
{
	for (; words != NULL && *words != NULL; words++) {
		arguments_add(args, *words);
	}
}

/* One hyperparameter. A name of one character gets one dash, as the toolkit does it (C§11). */
static void
add_one(struct arguments *args, const struct hyperparameter *hp, enum argument_form form)
{
	size_t len = strlen(hp->name);
	const char *dashes = len == 1 || utf8_char_len(hp->name, len) == len ? "-" : "--";

	switch (form) {
	case ARGUMENTS_KEY_VALUE:
		push(args, text_format("%s%s", dashes, hp->name));
		arguments_add(args, hp->argument);
		break;
	case ARGUMENTS_KEY_IS_VALUE:
		push(args, text_format("--%s=%s", hp->name, hp->argument));
		break;
	case ARGUMENTS_PLAIN:
		push(args, text_format("%s=%s", hp->name, hp->argument));
		break;
	case ARGUMENTS_UNSET:
	case ARGUMENTS_NONE:
		break;
	}
}

void
arguments_add_hyperparameters(struct arguments *args, const struct hyperparameters *hps, enum argument_form form)
{
	for (size_t i = 0; i < hps->count; i++) {
		if (hyperparameter_owner(hps->list[i].name) == OWNER_USER) {
			add_one(args, &hps->list[i], form);
		}
	}
}

char **
arguments_take(struct arguments *args, struct err *err)
{
	char **words = args->words;

	if (args->failed || words == NULL) {
		if (args->count >= ARGV_WORDS_MAX) {
			(void)err_set(err, ERR_SETTINGS, 0, "a command has more than %d words", (int)ARGV_WORDS_MAX);
		} else {
			(void)err_set(err, ERR_SYSTEM, ENOMEM, "cannot build a command");
		}
		return NULL;
	}
	*args = (struct arguments){0};
	return words;
}

void
arguments_free(char **words)
{
	for (char **word = words; word != NULL && *word != NULL; word++) {
		free(*word);
	}
	free(words);
}

void
arguments_release(struct arguments *args)
{
	arguments_free(args->words);
	*args = (struct arguments){0};
}
