/* Finds the verb and opens its door. */
#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/relro.h"
#include "cli/verb.h"
#include "report/exitcode.h"

extern char **environ;

static int
wants_help(const char *word)
{
	return strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0;
}

/* Flags that stand for a verb; everything that is no verb is a job's business (cli/train.c). */
static const struct verb *
choose(const char *word)
{
	if (word == NULL) {
		return verb_find("train");
	}
	if (wants_help(word)) {
		return verb_find("help");
	}
	if (strcmp(word, "--version") == 0) {
		return verb_find("version");
	}
	return verb_find(word);
}

int
main(int argc, char **argv)
{
	struct err err = {0};
	struct exitcode exitcode;

	if (fd_open_standard(&err) < 0) {
		return CHECK_EXIT; /* there is nowhere to say why */
	}
	relro_protect();
	const struct verb *verb = choose(argc > 1 ? argv[1] : NULL);

	/* Without a verb all words belong to the job: the entrypoint's own name takes the verb's place. */
	char *const *words = verb != NULL && argc > 1 ? argv + 1 : argv;
	if (verb == NULL) {
		verb = verb_find("train");
	}
	CHECK(verb != NULL);
	int asked = words != argv && argc == 3 && wants_help(argv[2]);
	int code = asked ? verb_print_help(verb, &err) : verb->run(words, environ, &err);
	if (code < 0) {
		exitcode_of_err(&err, &exitcode);
		code = exitcode.code;
		log_error("%s", err.text);
	}
	return code;
}
