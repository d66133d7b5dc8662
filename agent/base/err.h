/*
 * The one error record. It lives in the frame of main, travels down as the last parameter of every call that can fail, is filled
 * where the failure happened, gets context on its way up and is printed once, by the hall.
 *
 * Invariants: fixed size, so that recording a failure cannot fail; untouched on success; the first err_set wins over nothing, a
 * later one replaces it (a caller that recovers calls err_clear). 'text' is valid UTF-8, one line, without a final newline.
 */
#ifndef TRAIN_BASE_ERR_H
#define TRAIN_BASE_ERR_H

#include "base/attr.h"
#include "base/limits.h"

/* What the outside can do about it. report/exitcode.c maps a kind and a phase to an exit code and a reason (product §12). */
enum err_kind {
	ERR_NONE,
	ERR_USAGE,          /* the command line is wrong */
	ERR_SETTINGS,       /* a setting, a config file or a policy (pin, code-from) says no */
	ERR_DIGEST,         /* bytes are whole but not the ones that were named */
	ERR_ARCHIVE,        /* bytes are damaged, of no known kind, or refused by the unpacker */
	ERR_NOT_FOUND,      /* the code does not exist there */
	ERR_DENIED,         /* the other side knows us and says no, or policy refused a redirect */
	ERR_UNTRUSTED,      /* the other side's certificate does not hold: as ERR_DENIED, but something else helps */
	ERR_CREDENTIALS,    /* there are no usable credentials */
	ERR_UNAVAILABLE,    /* the service failed after all retries */
	ERR_DEADLINE,       /* the phase ran out of time */
	ERR_DISK_FULL,      /* no space or no inodes: the text names the path */
	ERR_OUTPUT,         /* <root>/output cannot be written */
	ERR_WORKSPACE,      /* no folder to work in: noexec, read-only, missing */
	ERR_IO,             /* a read or a write failed otherwise */
	ERR_NOT_EXECUTABLE, /* the command exists and cannot be executed: 126 */
	ERR_NO_COMMAND,     /* the command does not exist: 127 */
	ERR_STOPPED,        /* a stop request came; 'sys' holds the signal number */
	ERR_SYSTEM,         /* the kernel refused something that always works */
	ERR_BUG,            /* our own mistake */
	ERR_KINDS
};

/* The phases of a job in their order (product §4). The hall sets it; rooms leave it alone. */
enum phase {
	PHASE_START,
	PHASE_READ,
	PHASE_TAGS,
	PHASE_FETCH,
	PHASE_VERIFY,
	PHASE_UNPACK,
	PHASE_LINK,
	PHASE_RUN,
	PHASE_FINISH,
	PHASES
};

struct err {
	enum err_kind kind;
	enum phase phase;
	int sys;                 /* errno, or 0; the signal for ERR_STOPPED */
	int http;                /* status of the last reply, or 0 */
	char text[ERR_TEXT_MAX]; /* what failed first, in words */
};

/*
 * Records a failure and returns -1. 'sys' is an errno or 0; when it is not 0 its message is added behind ": ". ENOSPC, EDQUOT and
 * EMFILE/ENFILE of a kind ERR_IO or ERR_SYSTEM become ERR_DISK_FULL (the first two) on their own.
 */
int err_set(struct err *err, enum err_kind kind, int sys, const char *fmt, ...) PRINTF_LIKE(4, 5);

#ifdef __clang_analyzer__
/* The analyser sees one file at a time: this tells it what every caller builds on. */
#define err_set(...) ((void)(err_set)(__VA_ARGS__), -1)
#endif

/* Puts context in front: "context: old text". Kind, sys and http stay. Returns -1. */
int err_wrap(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Makes the record as new, for a caller that went another way. */
void err_clear(struct err *err);

/* "fetch" and so on. */
const char *phase_name(enum phase phase);

#endif
