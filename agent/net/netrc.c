#include "net/netrc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/text.h"
#include "net/context.h"

enum { WORD_MAX = 1024 }; /* a name or password; Artifactory's tokens have some hundred bytes */

struct reader {
	const char *at;
	char word[WORD_MAX];
};

/*
 * The next word: blanks split, double quotes hold blanks, a backslash takes the next character. 1, 0 at the end,
 * -1 when too long.
 */
static int
next_word(struct reader *reader)
{
	size_t len = 0;
	int quoted;

	reader->at += strspn(reader->at, " \t\r\n");
	if (*reader->at == '\0') {
		return 0;
	}
	quoted = *reader->at == '"';
	reader->at += quoted;
	while (*reader->at != '\0' && (quoted ? *reader->at != '"' : strchr(" \t\r\n", *reader->at) == NULL)) {
		if (*reader->at == '\\' && reader->at[1] != '\0') {
			reader->at++;
		}
		if (len + 1 >= sizeof(reader->word)) {
			return -1;
		}
		reader->word[len++] = *reader->at++;
	}
	reader->at += quoted && *reader->at == '"';
	reader->word[len] = '\0';
	return 1;
}

static void
skip_line(struct reader *reader)
{
	reader->at += strcspn(reader->at, "\n");
}

/* A macro ends at an empty line. */
static void
skip_macro(struct reader *reader)
{
	const char *end = strstr(reader->at, "\n\n");

	reader->at = end == NULL ? reader->at + strlen(reader->at) : end + 2;
}

struct login {
	char user[WORD_MAX];
	char password[WORD_MAX];
	int found;
};

/* One keyword with its value. 'here' says whether the entry it belongs to is ours. 0, or -1 for what is no netrc. */
static int
take_word(struct reader *reader, const char *host, struct login *login, int *here)
{
	char *target = NULL;
	int machine = strcmp(reader->word, "machine") == 0;

	if (strcmp(reader->word, "default") == 0) {
		*here = !login->found;
		login->found |= *here;
		return 0;
	}
	if (strcmp(reader->word, "macdef") == 0) {
		skip_macro(reader);
		return 0;
	}
	if (reader->word[0] == '#') {
		skip_line(reader);
		return 0;
	}
	if (strcmp(reader->word, "login") == 0) {
		target = login->user;
	} else if (strcmp(reader->word, "password") == 0) {
		target = login->password;
	} else if (!machine && strcmp(reader->word, "account") != 0) {
		return -1;
	}
	if (next_word(reader) != 1) {
		return -1;
	}
	if (machine) {
		*here = !login->found && strcasecmp(reader->word, host) == 0;
		login->found |= *here;
	} else if (target != NULL && *here) {
		memcpy(target, reader->word, strlen(reader->word) + 1);
	}
	return 0;
}

static int
parse(const char *text, const char *host, struct login *login)
{
	struct reader reader = {.at = text};
	int here = 0, more;

	while ((more = next_word(&reader)) == 1) {
		if (take_word(&reader, host, login, &here) < 0) {
			more = -1;
			break;
		}
	}
	secret_wipe(reader.word, sizeof(reader.word));
	return more;
}

/* The file's text into 'text'. 1, 0 when there is no such file and nobody asked for it by name, or -1. */
static int
read_netrc(char *const *envp, struct buf *text, struct err *err)
{
	const char *named = net_env(envp, "NETRC"), *home = net_env(envp, "HOME");
	CLEAN_TEXT *path = NULL;

	if (named == NULL && home == NULL) {
		return 0;
	}
	path = named != NULL ? text_format("%s", named) : text_format("%s/.netrc", home);
	if (path == NULL) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot read netrc");
	}
	if (fd_read_file(AT_FDCWD, path, text, err) == 0) {
		return 1;
	}
	if (named == NULL && (err->sys == ENOENT || err->sys == EACCES || err->sys == ENOTDIR)) {
		err_clear(err);
		return 0;
	}
	err->kind = ERR_SETTINGS;
	return -1;
}

int
netrc_find(char *const *envp, const char *host, struct secret *userpass, struct err *err)
{
	CLEAN_BUF text = {0};
	CLEAN_BUF pair = {0};
	struct login login = {.found = 0};
	int got;

	buf_init(&text, NETRC_MAX);
	buf_init(&pair, sizeof(login));
	got = read_netrc(envp, &text, err);
	if (got <= 0) {
		return got;
	}
	got = parse(buf_text(&text), host, &login);
	if (got == 0 && login.found) {
		(void)buf_printf(&pair, "%s:%s", login.user, login.password);
		got = secret_set(userpass, buf_text(&pair), pair.len) < 0 ? -2 : 1;
		secret_wipe(pair.data, pair.cap);
	}
	secret_wipe(text.data, text.len);
	secret_wipe(&login, sizeof(login));
	if (got == -2) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot keep a password");
	}
	return got < 0
	           ? err_set(err, ERR_SETTINGS, 0, "the netrc file is not one: a word stands where a keyword should")
	           : got;
}
