#include "config/setting_value.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json_read.h"
#include "base/limits.h"
#include "base/mask.h"
#include "base/text.h"
#include "config/code_address.h"

enum {
	TEXT_VALUE_MAX = 1024, /* an S3 VersionId (C§9) is the longest plain text */
	SHOW_BYTES_MAX = 100,  /* of a wrong value in a message */
	SHOW_WORK_MAX = 2 * SETTING_TEXT_MAX,
	ACCOUNT_DIGITS = 12,
	NAMESPACE_MAX = 255, /* of CloudWatch; the letters, too */
};

/* The signals a pipeline may be asked to stop with: those that can be caught. */
static const struct {
	const char *name;
	int number;
} SIGNALS[] = {
    {"SIGTERM", SIGTERM},
    {"SIGINT", SIGINT},
    {"SIGQUIT", SIGQUIT},
    {"SIGHUP", SIGHUP},
    {"SIGUSR1", SIGUSR1},
    {"SIGUSR2", SIGUSR2},
    {"SIGABRT", SIGABRT},
    {"SIGALRM", SIGALRM},
    {"SIGCONT", SIGCONT},
    {"SIGWINCH", SIGWINCH},
};

/* ---- words ---- */

/* The strings of an array behind their pointers in one allocation, as text_split does it. */
static char **
words_of_array(const struct json *json)
{
	size_t count = (size_t)json_size(json, 0);
	char **words = malloc((count + 1) * sizeof(*words) + json->len + 1);
	char *letters = words != NULL ? (char *)(words + count + 1) : NULL;
	size_t n = 0;

	for (int i = json_first(json, 0); i >= 0 && words != NULL; i = json_next(json, 0, i)) {
		size_t len = 0;
		CLEAN_TEXT *word = json_string(json, i, &len);

		if (word == NULL) {
			free(words);
			return NULL;
		}
		memcpy(letters, word, len + 1);
		words[n++] = letters;
		letters += len + 1;
	}
	if (words != NULL) {
		words[n] = NULL;
	}
	return words;
}

char **
setting_words(const char *text)
{
	struct err err = {0};
	CLEAN_JSON json = {0};
	const char *start = text + strspn(text, " \t\r\n");

	if (*start != '[') {
		return text_split(text, NULL);
	}
	if (json_parse(&json, start, strlen(start), "words", &err) < 0 || json_type(&json, 0) != JSON_ARRAY ||
	    json_size(&json, 0) > COMMAND_WORDS_MAX) {
		return NULL;
	}
	return words_of_array(&json);
}

/* ---- one reader a kind ---- */

static int
read_text(struct setting_value *value, const struct setting_row *row)
{
	(void)row;
	for (const char *c = value->text; *c != '\0'; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f) {
			return -1;
		}
	}
	return value->text[0] != '\0' && strlen(value->text) <= TEXT_VALUE_MAX ? 0 : -1;
}

static int
read_words(struct setting_value *value, const struct setting_row *row)
{
	int64_t count = 0;

	value->words = setting_words(value->text);
	while (value->words != NULL && value->words[count] != NULL) {
		count++;
	}
	if (value->words == NULL || count < row->min) {
		return -1;
	}
	return row->min > 0 && value->words[0][0] == '\0' ? -1
	                                                  : 0; /* what must have words names a program by the first */
}

static int
read_prefixes(struct setting_value *value, const struct setting_row *row)
{
	(void)row;
	value->words = text_split(value->text, NULL);
	for (char **word = value->words; word != NULL && *word != NULL; word++) {
		if (!code_address_is_prefix(*word)) {
			return -1;
		}
	}
	return value->words != NULL ? 0 : -1;
}

static int
read_choice(struct setting_value *value, const struct setting_row *row)
{
	for (value->number = 0; row->choices[value->number] != NULL; value->number++) {
		if (strcmp(row->choices[value->number], value->text) == 0) {
			return 0;
		}
	}
	return -1;
}

static int
read_switch(struct setting_value *value, const struct setting_row *row)
{
	(void)row;
	value->number = strcmp(value->text, "on") == 0;
	return value->number == 1 || strcmp(value->text, "off") == 0 ? 0 : -1;
}

/* Digits at '*rest', which then stands behind them; -1 when there are none or too many. */
static int64_t
take_digits(const char **rest)
{
	char *end = NULL;

	if (!isdigit((unsigned char)**rest)) {
		return -1;
	}
	errno = 0;
	long long number = strtoll(*rest, &end, 10);
	*rest = end;
	return errno == 0 ? number : -1;
}

static int
in_range(const struct setting_row *row, int64_t number)
{
	return number >= row->min && number <= row->max ? 0 : -1;
}

static int
read_number(struct setting_value *value, const struct setting_row *row)
{
	const char *rest = value->text;

	value->number = take_digits(&rest);
	return *rest == '\0' ? in_range(row, value->number) : -1;
}

static int
read_bytes(struct setting_value *value, const struct setting_row *row)
{
	static const char *const units[] = {"", "KiB", "MiB", "GiB", "TiB"};
	const char *rest = value->text;
	int64_t number = take_digits(&rest);

	rest += *rest == ' ';
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (strcmp(rest, units[i]) == 0 && number >= 0 && number <= INT64_MAX >> 10 * i) {
			value->number = number << 10 * i;
			return in_range(row, value->number);
		}
	}
	return -1;
}

static int
read_signal(struct setting_value *value, const struct setting_row *row)
{
	const char *rest = value->text;
	int64_t number = take_digits(&rest);

	(void)row;
	for (size_t i = 0; i < ARRAY_LEN(SIGNALS); i++) {
		const char *name = SIGNALS[i].name;

		if (strcasecmp(value->text, name) == 0 || strcasecmp(value->text, name + strlen("SIG")) == 0 ||
		    (number == SIGNALS[i].number && *rest == '\0')) {
			value->number = SIGNALS[i].number;
			return 0;
		}
	}
	return -1;
}

static int
read_digest(struct setting_value *value, const struct setting_row *row)
{
	(void)row;
	for (char *c = value->text; *c != '\0'; c++) {
		if (!isxdigit((unsigned char)*c)) {
			return -1;
		}
		*c = (char)tolower((unsigned char)*c);
	}
	return strlen(value->text) == SHA256_HEX - 1 ? 0 : -1;
}

static int
read_account(struct setting_value *value, const struct setting_row *row)
{
	(void)row;
	return strlen(value->text) == ACCOUNT_DIGITS && strspn(value->text, "0123456789") == ACCOUNT_DIGITS ? 0 : -1;
}

static int
read_path(struct setting_value *value, const struct setting_row *row)
{
	return value->text[0] == '/' ? read_text(value, row) : -1;
}

/* CloudWatch keeps what begins with AWS/ for its own. "off" has the right letters, too. */
static int
read_namespace(struct setting_value *value, const struct setting_row *row)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_/#: ";
	const char *text = value->text;
	size_t len = strlen(text);

	(void)row;
	return len <= NAMESPACE_MAX && strspn(text, letters) == len && text[strspn(text, " ")] != '\0' &&
	               text[0] != ':' && strncmp(text, "AWS/", 4) != 0
	           ? 0
	           : -1;
}

static int
read_address(struct setting_value *value, const struct setting_row *row)
{
	struct err err = {0};
	CLEAN_CODE_ADDRESS address = {0};

	(void)row;
	return code_address_parse(&address, value->text, &err);
}

/* What each kind takes: its reader, and the words for people. Numbers add their range, choices their list. */
static const struct {
	int (*read)(struct setting_value *value, const struct setting_row *row);
	const char *form;
} KINDS[] = {
    [KIND_TEXT] = {read_text, "1 to 1024 characters on one line"},
    [KIND_WORDS] = {read_words, "words separated by blanks, or a JSON array of strings"},
    [KIND_CHOICE] = {read_choice, "one of"},
    [KIND_SWITCH] = {read_switch, "'on' or 'off'"},
    [KIND_COUNT] = {read_number, "a whole number"},
    [KIND_SECONDS] = {read_number, "a whole number of seconds"},
    [KIND_MEBIBYTES] = {read_number, "a whole number of MiB"},
    [KIND_BYTES] = {read_bytes, "a number of bytes, or with KiB, MiB, GiB or TiB,"},
    [KIND_SIGNAL] = {read_signal, "the name of a signal that can be caught, such as SIGTERM or SIGINT"},
    [KIND_DIGEST] = {read_digest, "64 hex digits"},
    [KIND_ACCOUNT] = {read_account, "the 12 digits of an AWS account"},
    [KIND_PATH] = {read_path, "an absolute path"},
    [KIND_ADDRESS] = {read_address, "s3://bucket/key, https://host/path, channel:NAME, an absolute path or file://"},
    [KIND_NAMESPACE] = {read_namespace,
        "'off', or 1 to 255 of A-Z a-z 0-9 . - _ / # : and blank, without ':' or 'AWS/' in front"},
    [KIND_PREFIXES] = {read_prefixes, "beginnings of addresses, such as s3://bucket/team, separated by blanks"},
};

_Static_assert(ARRAY_LEN(KINDS) == SETTING_KINDS, "every kind has a reader");

int
setting_value_read(struct setting_value *value, enum setting setting, const char *text)
{
	const struct setting_row *row = setting_row(setting);

	*value = (struct setting_value){.text = strlen(text) <= SETTING_TEXT_MAX ? strdup(text) : NULL};
	if (value->text == NULL || KINDS[row->kind].read(value, row) < 0) {
		setting_value_release(value);
		return -1;
	}
	return 0;
}

void
setting_value_form(enum setting setting, struct buf *out)
{
	const struct setting_row *row = setting_row(setting);

	buf_adds(out, KINDS[row->kind].form);
	for (size_t i = 0; row->choices != NULL && row->choices[i] != NULL; i++) {
		buf_printf(out, "%s '%s'", i > 0 ? "," : "", row->choices[i]);
	}
	if (row->max > 0) {
		buf_printf(out, " from %lld to %lld", (long long)row->min, (long long)row->max);
	}
}

void
setting_value_show(enum setting setting, const char *text, struct buf *out)
{
	const struct setting_row *row = setting_row(setting);
	CLEAN_BUF shown;
	CLEAN_BUF masked;

	buf_init(&shown, SHOW_WORK_MAX);
	buf_init(&masked, SHOW_WORK_MAX);
	if (row->kind == KIND_ADDRESS) {
		code_address_show(text, &shown);
	} else {
		buf_adds(&shown, text);
	}
	mask_text(NULL, buf_text(&shown), shown.len, &masked);
	size_t cut = utf8_cut(buf_text(&masked), masked.len, SHOW_BYTES_MAX);
	buf_printf(out, "%.*s%s", (int)cut, buf_text(&masked), cut < masked.len ? "..." : "");
}

void
setting_value_release(struct setting_value *value)
{
	free(value->text);
	free(value->words);
	*value = (struct setting_value){0};
}
