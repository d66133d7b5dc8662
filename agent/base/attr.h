/*
 * Compiler attributes under short names. Nothing else may stand here.
 */
#ifndef TRAIN_BASE_ATTR_H
#define TRAIN_BASE_ATTR_H

/* The result says whether it worked: ignoring it is a warning, and warnings are errors. */
#define MUST_CHECK __attribute__((warn_unused_result))

/* printf-like: argument 'fmt' is the format, the values start at 'args'. */
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

#define NORETURN __attribute__((noreturn))

/* Calls 'fn' with a pointer to the variable when its scope ends. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
