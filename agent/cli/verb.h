/*
 * The verbs of the command line: one file a verb, one table of all. A verb parses its own options, does its work by the hall and the
 * rooms, and returns the exit code; when it returns -1 main prints 'err' and ends with the code that belongs to it.
 */
#ifndef TRAIN_CLI_VERB_H
#define TRAIN_CLI_VERB_H

#include "base/attr.h"
#include "base/err.h"

struct verb {
	const char *name;
	const char *usage;   /* what follows "train " */
	const char *summary; /* half a line */
	const char *help;    /* the rest of `train help NAME` */

	/* argv[0] is the verb's own name. The exit code 0-255, or -1 with 'err'. */
	int (*run)(char *const *argv, char *const *envp, struct err *err);
};

/* All verbs in the order in which help shows them; ended by a NULL name. */
extern const struct verb verbs[];

/* The verb called 'name', or NULL. */
const struct verb *verb_find(const char *name);

/* The verb most like 'name', or NULL. */
const char *verb_nearest(const char *name);

/* Prints the page of one verb, or of all with NULL, on stdout: who asked for it gets it where a pager can take it. 0, or -1 with 'err'. */
int verb_print_help(const struct verb *verb, struct err *err);

/* One file each. */
int verb_train(char *const *argv, char *const *envp, struct err *err);
int verb_run(char *const *argv, char *const *envp, struct err *err);
int verb_pack(char *const *argv, char *const *envp, struct err *err);
int verb_metrics(char *const *argv, char *const *envp, struct err *err);
int verb_install(char *const *argv, char *const *envp, struct err *err);
int verb_version(char *const *argv, char *const *envp, struct err *err);
int verb_help(char *const *argv, char *const *envp, struct err *err);

#endif
