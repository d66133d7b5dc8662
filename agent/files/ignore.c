#include "files/ignore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/fd.h"
#include "files/glob.h"

/* ---- reading ---- */

/* Where the line ends when blanks do not count; a blank behind a backslash does. */
static size_t
without_blanks(const char *line, size_t len)
{
	size_t kept = 0;

	for (size_t i = 0; i < len; i++) {
		if (line[i] == '\\') {
			i++;
			kept = i < len ? i + 1 : len;
		} else if (line[i] != ' ') {
			kept = i + 1;
		}
	}
	return kept;
}

static struct ignore_rule *
new_rule(struct ignore *ignore)
{
	if (ignore->count == ignore->room) {
		size_t room = ignore->room == 0 ? 16 : ignore->room * 2;
		struct ignore_rule *rules = realloc(ignore->rules, room * sizeof(*rules));

		if (rules == NULL) {
			return NULL;
		}
		ignore->rules = rules;
		ignore->room = room;
	}
	ignore->rules[ignore->count] = (struct ignore_rule){0};
	return &ignore->rules[ignore->count++];
}

/* Takes a line apart; its bytes are borrowed. One that matches nothing makes no rule. */
static int
add_line(struct ignore *ignore, const char *line, size_t len, int number, struct err *err)
{
	const char *text = line;
	size_t text_len = len;
	int negated = len > 0 && line[0] == '!';

	line += negated;
	len -= (size_t)negated;
	int folders_only = len > 0 && line[len - 1] == '/';
	len -= (size_t)folders_only;
	int any_depth = memchr(line, '/', len) == NULL;
	if (len > 0 && line[0] == '/') {
		line++;
		len--;
	}
	if (len == 0) {
		return 0;
	}
	if (len > GLOB_MAX || ignore->count == IGNORE_RULES_MAX) {
		return len > GLOB_MAX ? err_set(err, ERR_SETTINGS, 0, "line %d is over %d bytes", number, (int)GLOB_MAX)
		                      : err_set(err, ERR_SETTINGS, 0, "more than %d patterns", (int)IGNORE_RULES_MAX);
	}
	struct ignore_rule *rule = new_rule(ignore);
	if (rule == NULL) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot be kept");
	}
	*rule = (struct ignore_rule){.text = text,
	    .text_len = text_len,
	    .pattern = line,
	    .len = len,
	    .plain = glob_plain(line, len),
	    .line = number};
	rule->negated = negated != 0;
	rule->folders_only = folders_only != 0;
	rule->any_depth = any_depth != 0;
	size_t rest = len - rule->plain;
	rule->tail = any_depth && rest > 0 && line[rule->plain] == '*' &&
	             glob_plain(line + rule->plain + 1, rest - 1) == rest - 1;
	return 0;
}

/* Lines end as on Unix or as on Windows. As git does, a zero byte ends what is read of a line. */
static int
add_lines(struct ignore *ignore, const char *text, size_t len, struct err *err)
{
	const char *end = text + len;
	int number = 1;

	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
	}
	for (; text < end; number++) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		const char *next = newline != NULL ? newline : end;
		size_t line = strnlen(text, (size_t)(next - text));

		line -= line > 0 && text[line - 1] == '\r' && text + line == next;
		if (*text != '#' && add_line(ignore, text, without_blanks(text, line), number, err) < 0) {
			return -1;
		}
		text = next + 1;
	}
	return 0;
}

int
ignore_read(struct ignore *ignore, int dir_fd, const char *name, const char *folder, struct err *err)
{
	CLEAN_BUF text = {0};
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode)) {
		return 0;
	}
	buf_init(&text, IGNORE_FILE_MAX);
	ignore->base = folder[0] != '\0' ? strlen(folder) + 1 : 0;
	if (st.st_size > IGNORE_FILE_MAX) {
		return err_set(err, ERR_SETTINGS, 0, "'%s%s%s' is over %d bytes", folder, ignore->base > 0 ? "/" : "",
		    name, (int)IGNORE_FILE_MAX);
	}
	if (fd_read_file(dir_fd, name, &text, err) < 0) {
		return -1;
	}
	size_t len = text.len;
	ignore->text = buf_take(&text);
	if (ignore->text != NULL && add_lines(ignore, ignore->text, len, err) < 0) {
		return err_wrap(err, "'%s%s%s'", folder, ignore->base > 0 ? "/" : "", name);
	}
	return 0;
}

/* ---- matching ---- */

static int
matches(const struct ignore_rule *rule, const char *name, size_t len)
{
	const char *rest = rule->pattern + rule->plain;
	size_t rest_len = rule->len - rule->plain;

	if (len < rule->plain || memcmp(rule->pattern, name, rule->plain) != 0) {
		return 0;
	}
	if (rest_len == 0) {
		return len == rule->plain;
	}
	if (rule->tail) {
		return len >= rule->len - 1 && memcmp(rest + 1, name + len - (rest_len - 1), rest_len - 1) == 0;
	}
	return glob_match(rest, rest_len, name + rule->plain);
}

struct ignore_rule *
ignore_match(const struct ignore *ignore, const char *path, int is_folder)
{
	if (ignore->count == 0) {
		return NULL;
	}
	const char *below = path + ignore->base;
	const char *slash = strrchr(below, '/');
	const char *name = slash != NULL ? slash + 1 : below;
	size_t below_len = strlen(below);
	size_t name_len = strlen(name);

	for (size_t i = ignore->count; i-- > 0;) {
		struct ignore_rule *rule = &ignore->rules[i];

		if ((is_folder || !rule->folders_only) &&
		    matches(rule, rule->any_depth ? name : below, rule->any_depth ? name_len : below_len)) {
			return rule;
		}
	}
	return NULL;
}

void
ignore_release(struct ignore *ignore)
{
	free(ignore->text);
	free(ignore->rules);
	*ignore = (struct ignore){0};
}
