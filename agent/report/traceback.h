/*
 * Finds in the last lines of stderr the ones that say what went wrong: the own line of a Python exception and what it began with, the deepest
 * "Caused by:" of Java, the error of R, what C, C++ and Fortran programs say when they abort. Stateless.
 */
#ifndef TRAIN_REPORT_TRACEBACK_H
#define TRAIN_REPORT_TRACEBACK_H

#include "report/span.h"

/* Windows into the text. */
struct traceback {
	struct span
	    exception; /* "ValueError: ...": of the last Python traceback; of several ranks' ("[rank0]: ") the first */
	struct span name; /* in it, without its modules: "OutOfMemoryError" of torch.cuda.OutOfMemoryError */
	struct span
	    cause; /* the exception that this one was raised from, or while handling it; the first of the chain */
	struct span error; /* of another language, if it came later, or there was no exception */
};

/* 'text': whole lines, cleaned. An exception that only says that another process failed (of a launcher, a pool) does not replace an earlier one. */
void traceback_find(const struct buf *text, struct traceback *found);

#endif
