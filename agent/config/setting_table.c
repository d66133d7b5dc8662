#include "config/setting_table.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

static const char *const PINS[] = {"required", "warn", "off", NULL};
static const char *const TAG_MODES[] = {"auto", "always", "off", NULL};
static const char *const KEEPS[] = {"never", "on-failure", "always", NULL};
static const char *const LOGS[] = {"lines", "raw", NULL};
static const char *const LEVELS[] = {"error", "warn", "info", "debug", NULL}; /* in the order of enum log_level */
static const char *const HOSTS[] = {"first", "all", NULL};

enum {
	CHE = FROM_C | FROM_H | FROM_E,
	CHET = CHE | FROM_T,
	CHEP = CHE | FROM_P,
	DAY_S = 86400,
	JOB_S_MAX = 30 * DAY_S, /* the longest training job (C§4) */
};

#define GIB ((int64_t)1 << 30)

/* clang-format off */
static const struct setting_row TABLE[] = {
	[SETTING_CODE] = {"code", CHET, KIND_ADDRESS, 0, 0, NULL, NULL,
		"where the code is; else the channel 'code', sagemaker_submit_directory, <root>/code, the working directory"},
	[SETTING_CODE_VERSION] = {"code-version", CHET, KIND_TEXT, 0, 0, NULL, NULL,
		"S3 VersionId of the archive"},
	[SETTING_CODE_SHA256] = {"code-sha256", CHET, KIND_DIGEST, 0, 0, NULL, NULL,
		"SHA-256 of the archive"},
	[SETTING_CODE_PIN] = {"code-pin", CHE, KIND_CHOICE, 0, 0, PINS, NULL,
		"required: the code is in the image or has a SHA-256; default by where the code comes from"},
	[SETTING_CODE_FROM] = {"code-from", CHE, KIND_PREFIXES, 0, 0, NULL, NULL,
		"addresses the code may begin with, also after each redirect; default any, but none for https from a tag"},
	[SETTING_CODE_OWNER] = {"code-owner", CHE, KIND_ACCOUNT, 0, 0, NULL, NULL,
		"account that must own the bucket; default the job's own when a tag named the code"},
	[SETTING_TAGS] = {"tags", CHE, KIND_CHOICE, 0, 0, TAG_MODES, "auto",
		"whether the job's tags are asked for: only when nothing else names the code, always, or never"},
	[SETTING_COMMAND] = {"command", CHEP, KIND_WORDS, 1, 0, NULL, NULL,
		"what to run; no shell"},
	[SETTING_WRAPPER] = {"wrapper", CHEP, KIND_WORDS, 0, 0, NULL, NULL,
		"words put before every command"},
	[SETTING_PYTHON] = {"python", CHEP, KIND_TEXT, 0, 0, NULL, NULL,
		"interpreter of call steps and .py programs; default python3, else python, on PATH"},
	[SETTING_WORKSPACE] = {"workspace", CHE, KIND_PATH, 0, 0, NULL, NULL,
		"folder in which the working folder is made; default the first usable of $TMPDIR /tmp /var/tmp /dev/shm <root>"},
	[SETTING_KEEP_WORKSPACE] = {"keep-workspace", CHE, KIND_CHOICE, 0, 0, KEEPS, "never",
		"whether the working folder stays"},
	[SETTING_FETCH_TIMEOUT] = {"fetch-timeout", CHE, KIND_SECONDS, 1, DAY_S, NULL, "600",
		"the whole fetch phase"},
	[SETTING_FETCH_MEMORY] = {"fetch-memory", CHE, KIND_MEBIBYTES, 8, 65536, NULL, "48",
		"all buffers of fetching and unpacking"},
	[SETTING_UNPACK_MAX_BYTES] = {"unpack-max-bytes", CHE, KIND_BYTES, 1, 65536 * GIB, NULL, "64GiB",
		"what an archive may expand to"},
	[SETTING_UNPACK_MAX_ENTRIES] = {"unpack-max-entries", CHE, KIND_COUNT, 1, 100000000, NULL, "2000000",
		"how many entries an archive may have"},
	[SETTING_STOP_SIGNAL] = {"stop-signal", CHEP, KIND_SIGNAL, 0, 0, NULL, "SIGTERM",
		"what the pipeline gets when a stop is asked for"},
	[SETTING_STOP_GRACE] = {"stop-grace", CHEP, KIND_SECONDS, 0, DAY_S, NULL, "100",
		"time from there to SIGKILL; SageMaker itself kills at 120"},
	[SETTING_TIMEOUT] = {"timeout", CHEP, KIND_SECONDS, 0, JOB_S_MAX, NULL, "0",
		"wall clock of the pipeline; 0 is none"},
	[SETTING_SILENCE_TIMEOUT] = {"silence-timeout", CHEP, KIND_SECONDS, 0, JOB_S_MAX, NULL, "0",
		"no output and no CPU use for so long: report each process's state, then stop; 0 is off"},
	[SETTING_LOG] = {"log", CHEP, KIND_CHOICE, 0, 0, LOGS, "lines",
		"lines: whole lines pass through the agent; raw: the pipeline inherits stdout and stderr"},
	[SETTING_LOG_LEVEL] = {"log-level", CHEP, KIND_CHOICE, 0, 0, LEVELS, "info",
		"how much the agent itself says"},
	[SETTING_REDACT] = {"redact", CHEP, KIND_WORDS, 0, 0, NULL, NULL,
		"names of variables and hyperparameters whose values are masked in the pipeline's log too"},
	[SETTING_FAILURE_TAIL] = {"failure-tail", CHEP, KIND_SWITCH, 0, 0, NULL, "on",
		"the last lines of stderr in the failure text"},
	[SETTING_METRICS_HOSTS] = {"metrics-hosts", CHEP, KIND_CHOICE, 0, 0, HOSTS, "first",
		"who publishes metrics: rank 0 or all"},
	[SETTING_METRICS_EMF] = {"metrics-emf", CHEP, KIND_NAMESPACE, 0, 0, NULL, "off",
		"CloudWatch namespace for embedded-metric-format documents; needs log=lines"},
	[SETTING_RECORD] = {"record", CHEP, KIND_SWITCH, 0, 0, NULL, "on",
		"write the record and the metric file"},
	[SETTING_CACHE] = {"cache", CHE, KIND_PATH, 0, 0, NULL, NULL,
		"folder for verified archives, reused by digest; default $SAGEMAKER_MANAGED_WARMPOOL_CACHE_DIRECTORY/train if set"},
	[SETTING_ROOT] = {"root", FROM_C, KIND_PATH, 0, 0, NULL, NULL,
		"base of the job's files; default $SAGEMAKER_BASE_DIR, else /opt/ml"},
};
/* clang-format on */

_Static_assert(ARRAY_LEN(TABLE) == SETTINGS, "every setting has a row");

const struct setting_row *
setting_row(enum setting setting)
{
	return &TABLE[setting];
}

/* How a source spells names: what stands in front, whether letters are upper case, what '-' becomes. */
static const struct {
	const char *prefix;
	int upper;
	char dash;
	const char *name;
} SPELLING[] = {
    [SOURCE_DEFAULT] = {"", 0, '-', "default"},
    [SOURCE_PIPELINE] = {"", 0, '_', "pipeline.json"},
    [SOURCE_TAG] = {"train:", 0, '-', "tag"},
    [SOURCE_ENVIRONMENT] = {"TRAIN_", 1, '_', "environment"},
    [SOURCE_HYPERPARAMETER] = {"train:", 0, '-', "hyperparameter"},
    [SOURCE_COMMAND_LINE] = {"--set ", 0, '-', "command line"},
};

_Static_assert(ARRAY_LEN(SPELLING) == SETTING_SOURCES, "every source has a spelling");

const char *
setting_source_name(enum setting_source source)
{
	return SPELLING[source].name;
}

const char *
setting_spelling(enum setting setting, enum setting_source source, char out[SETTING_NAME_MAX])
{
	(void)snprintf(out, SETTING_NAME_MAX, "%s%s", SPELLING[source].prefix, TABLE[setting].name);
	for (char *c = out + strlen(SPELLING[source].prefix); *c != '\0'; c++) {
		*c = *c == '-' ? SPELLING[source].dash : *c;
		*c = SPELLING[source].upper ? (char)toupper((unsigned char)*c) : *c;
	}
	return out;
}

enum setting
setting_find(const char *name, enum setting_source source)
{
	char spelling[SETTING_NAME_MAX];

	for (int i = 0; i < SETTINGS; i++) {
		if (strcmp(setting_spelling((enum setting)i, source, spelling), name) == 0) {
			return (enum setting)i;
		}
	}
	return SETTING_NONE;
}

const char *
setting_nearest(const char *name, enum setting_source source, size_t edits, char out[SETTING_NAME_MAX])
{
	char spellings[SETTINGS][SETTING_NAME_MAX];
	const char *names[SETTINGS + 1];
	size_t count = 0;

	for (int i = 0; i < SETTINGS; i++) {
		if ((TABLE[i].from & 1U << source) != 0) {
			names[count] = setting_spelling((enum setting)i, source, spellings[count]);
			count++;
		}
	}
	names[count] = NULL;
	const char *nearest = text_nearest(name, names, edits);
	if (nearest == NULL) {
		return NULL;
	}
	(void)snprintf(out, SETTING_NAME_MAX, "%s", nearest);
	return out;
}
