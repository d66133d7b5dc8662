/*
 * The command line of one verb, by a table. Values are borrowed from argv.
 *
 * "--name VALUE" and "--name=VALUE" are the same; a flag takes no value; "--" ends the options, and what follows is the command.
 */
#ifndef TRAIN_CLI_OPTIONS_H
#define TRAIN_CLI_OPTIONS_H

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"

enum {
	WORDS_MAX =
	    128 /* values of one repeated option, or plain words: far above what SageMaker's 100 arguments can hold */
};

struct words {
	const char *items[WORDS_MAX];
	size_t count;
};

struct option {
	const char *name;     /* with its dashes */
	const char *value;    /* what help calls the value, or NULL for a flag */
	struct words *values; /* each occurrence is appended; a flag appends its own name */
};

struct options {
	const struct option *table; /* ended by a NULL name */
	struct words plain;         /* words that are no options */
	char *const *command;       /* what follows "--", ended by NULL; NULL when there was no "--" */
	int first_plain_ends;       /* 1: the first plain word and all after it are the command (a job's own words) */
};

/* Reads argv[1...]. 0, or -1 with ERR_USAGE naming the word and the nearest option. */
MUST_CHECK int options_parse(struct options *options, char *const *argv, struct err *err);

#endif
