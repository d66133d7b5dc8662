/*
 * The one table from what happened to what the outside sees: exit code, reason, advice (product §12). Stateless.
 *
 * Reasons are published: people match on them in alarms and scripts. The list only grows at its end, no word in it ever
 * changes, and the codes are those of sysexits.h but where the pipeline's own code stands.
 */
#ifndef TRAIN_REPORT_EXITCODE_H
#define TRAIN_REPORT_EXITCODE_H

#include "base/err.h"
#include "base/limits.h"
#include "base/outcome.h"

enum reason {
	REASON_NONE, /* all went well: code 0 */
	REASON_USAGE,
	REASON_CODE_DIGEST,
	REASON_CODE_ARCHIVE,
	REASON_CODE_NOT_FOUND,
	REASON_FETCH_FAILED,
	REASON_TAGS_FAILED,
	REASON_AGENT_BUG,
	REASON_SYSTEM,
	REASON_DISK_FULL,
	REASON_OUTPUT_WRITE,
	REASON_WORKSPACE,
	REASON_IO,
	REASON_FETCH_TIMEOUT,
	REASON_CODE_DENIED,
	REASON_TAGS_DENIED,
	REASON_CREDENTIALS,
	REASON_SETTINGS,
	REASON_TIMEOUT,
	REASON_COMMAND,
	REASON_STOPPED,
	REASON_EXIT,         /* the text is "exit-N" */
	REASON_SIGNAL,       /* the text is "signal-SIGSEGV" and so on */
	REASON_AGENT_KILLED, /* only ever in the stub of report/failure.h */
	REASON_SILENCE,
	REASON_MEMORY_KILL, /* the container's counter rose; the pipeline's own code, also 0 */
	REASON_PYTHON,      /* the text is "python-ValueError" and so on */
	REASONS
};

enum {
	EXIT_TIMEOUT = 124,            /* as timeout(1); silence too */
	EXIT_KILLED_AFTER_GRACE = 137, /* 128 + SIGKILL, whatever the pipeline's main process made of it */
	REASON_TEXT = 64,              /* "python-" and a long name of a class, which is cut */
};

struct exitcode {
	int code; /* 0-255: what train exits with */
	enum reason reason;
	int sig;                /* the signal of REASON_SIGNAL, else 0 */
	int untrusted;          /* 1 where a certificate is at fault, which gives other advice than the reason does */
	int sent;               /* 1 for a SIGKILL that did not come from the kernel for want of memory */
	char text[REASON_TEXT]; /* the published reason; "" for REASON_NONE */
};

/* For a failure of the agent's: by kind, and for some kinds by phase. ERR_NONE is a mistake of ours: 70, never 0. */
void exitcode_of_err(const struct err *err, struct exitcode *out);

/* For a pipeline that ran, or that a stop request kept from running. Not started and not stopped is a mistake of
 * ours: 70. */
void exitcode_of_outcome(const struct outcome *outcome, struct exitcode *out);

/* The pipeline ended by itself because of a Python exception of this name: reason and sentence say so. */
void exitcode_add_exception(struct exitcode *exitcode, char sentence[ERR_TEXT_MAX], const char *name);

/* What to do about it: whole sentences, or NULL when there is nothing to say (all went well, stopped). Static text. */
const char *exitcode_advice(const struct exitcode *exitcode);

/*
 * What happened to the pipeline in words, lower case and without a full stop: "step 'train' ended with exit code 3".
 * 'step' is NULL where there is only one unnamed command. For outcomes that ran or were stopped.
 */
void exitcode_sentence(char out[ERR_TEXT_MAX], const struct outcome *outcome, const char *step);

/* The published word of a reason ("exit-N", "signal-NAME" and "python-EXCEPTION" for the families, "" for REASON_NONE), and its exit
 * code, or -1 where the pipeline's code stands. For help texts and the test that keeps the list as it was. */
const char *exitcode_reason(enum reason reason, int *code);

#endif
