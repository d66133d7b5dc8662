/*
 * THE table of settings (product §3): names, who may set them, what they take. One row a setting, in one place; everything that reads,
 * checks, prints or suggests a setting goes through it.
 */
#ifndef TRAIN_CONFIG_SETTING_TABLE_H
#define TRAIN_CONFIG_SETTING_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum setting {
	SETTING_CODE,
	SETTING_CODE_VERSION,
	SETTING_CODE_SHA256,
	SETTING_CODE_PIN,
	SETTING_CODE_FROM,
	SETTING_CODE_OWNER,
	SETTING_TAGS,
	SETTING_COMMAND,
	SETTING_WRAPPER,
	SETTING_PYTHON,
	SETTING_WORKSPACE,
	SETTING_KEEP_WORKSPACE,
	SETTING_FETCH_TIMEOUT,
	SETTING_FETCH_MEMORY,
	SETTING_UNPACK_MAX_BYTES,
	SETTING_UNPACK_MAX_ENTRIES,
	SETTING_STOP_SIGNAL,
	SETTING_STOP_GRACE,
	SETTING_TIMEOUT,
	SETTING_SILENCE_TIMEOUT,
	SETTING_LOG,
	SETTING_LOG_LEVEL,
	SETTING_REDACT,
	SETTING_FAILURE_TAIL,
	SETTING_METRICS_HOSTS,
	SETTING_METRICS_EMF,
	SETTING_RECORD,
	SETTING_CACHE,
	SETTING_ROOT,
	SETTINGS,
	SETTING_NONE = -1,
};

/* Who says so; a higher one wins. */
enum setting_source {
	SOURCE_DEFAULT,
	SOURCE_PIPELINE, /* pipeline.json */
	SOURCE_TAG,      /* a tag of the job: anyone with tag rights, at any time */
	SOURCE_ENVIRONMENT,
	SOURCE_HYPERPARAMETER,
	SOURCE_COMMAND_LINE,
	SETTING_SOURCES,
};

/* Who may set it, as bits. */
enum {
	FROM_P = 1 << SOURCE_PIPELINE,
	FROM_T = 1 << SOURCE_TAG,
	FROM_E = 1 << SOURCE_ENVIRONMENT,
	FROM_H = 1 << SOURCE_HYPERPARAMETER,
	FROM_C = 1 << SOURCE_COMMAND_LINE,
};

/* What a value must look like. */
enum setting_kind {
	KIND_TEXT,      /* 1 to 1,024 bytes without control characters */
	KIND_WORDS,     /* words split at blanks, or a JSON array of strings; no shell */
	KIND_CHOICE,    /* one word of 'choices' */
	KIND_SWITCH,    /* on or off */
	KIND_COUNT,     /* a whole number, min to max */
	KIND_SECONDS,   /* the same, in seconds */
	KIND_MEBIBYTES, /* the same, in MiB */
	KIND_BYTES,     /* the same, or with KiB, MiB, GiB, TiB behind it */
	KIND_SIGNAL,    /* SIGTERM, TERM or 15 */
	KIND_DIGEST,    /* 64 hex digits; kept in lower case */
	KIND_ACCOUNT,   /* 12 digits */
	KIND_PATH,      /* an absolute path */
	KIND_ADDRESS,   /* of code: config/code_address.h */
	KIND_NAMESPACE, /* of CloudWatch, or off */
	KIND_PREFIXES,  /* blank-separated beginnings of such addresses */
	SETTING_KINDS,
};

struct setting_row {
	const char *name; /* as "train:NAME" and "--set NAME=" spell it */
	unsigned from;    /* FROM_ bits */
	enum setting_kind kind;
	int64_t min, max;           /* of numbers; 'min' of words is how many there must be */
	const char *const *choices; /* ended by NULL; or NULL */
	const char
	    *fallback; /* the default as text; NULL when it is none, or worked out elsewhere (say so in 'meaning') */
	const char *meaning; /* half a line */
};

/* The row of 'setting'. */
const struct setting_row *setting_row(enum setting setting);

/* The setting that 'source' spells so ("train:stop-grace", "TRAIN_STOP_GRACE": see setting_spelling); else SETTING_NONE. */
enum setting setting_find(const char *name, enum setting_source source);

/* The name of a setting that 'source' may set and that is within 'edits' of 'name', in the spelling of that source; or NULL. 'out' holds it. */
enum { SETTING_NAME_MAX = 64 };
const char *setting_nearest(const char *name, enum setting_source source, size_t edits, char out[SETTING_NAME_MAX]);

/* "train:stop-grace", "TRAIN_STOP_GRACE", "stop_grace", "--set stop-grace": how 'source' spells it. Returns 'out'. */
const char *setting_spelling(enum setting setting, enum setting_source source, char out[SETTING_NAME_MAX]);

/* "command line", "hyperparameter", "environment", "tag", "pipeline.json", "default". */
const char *setting_source_name(enum setting_source source);

#endif
