#include "net/ini.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* A line without its end; 'next' is where the one after it begins. */
struct line {
	const char *at;
	size_t len;
	const char *next;
};

static struct line
line_at(const char *text)
{
	struct line line = {.at = text, .len = strcspn(text, "\n")};

	line.next = text + line.len + (text[line.len] == '\n');
	while (line.len > 0 && isspace((unsigned char)line.at[line.len - 1])) {
		line.len--;
	}
	return line;
}

/*
 * 1 for "[section]", 0 for another section, -1 for a line that is none. Runs of blanks count as one: "[profile
 * x]".
 */
static int
opens_section(const struct line *line, const char *section)
{
	const char *c = line->at + 1, *end = memchr(line->at, ']', line->len);

	if (line->len == 0 || line->at[0] != '[') {
		return -1;
	}
	if (end == NULL) {
		return 0;
	}
	while (c < end && isspace((unsigned char)*c)) {
		c++;
	}
	while (end > c && isspace((unsigned char)end[-1])) {
		end--;
	}
	for (; c < end && *section != '\0'; section++) {
		if (isspace((unsigned char)*c) && *section == ' ') {
			while (c < end && isspace((unsigned char)*c)) {
				c++;
			}
		} else if (*c++ != *section) {
			return 0;
		}
	}
	return c == end && *section == '\0';
}

int
ini_has_section(const char *text, const char *section)
{
	while (*text != '\0') {
		struct line line = line_at(text);

		if (opens_section(&line, section) == 1) {
			return 1;
		}
		text = line.next;
	}
	return 0;
}

/* The value when the line is "key = value" of that key, else NULL. */
static const char *
value_in(const struct line *line, const char *key, size_t *len)
{
	size_t key_len = strlen(key);
	const char *c = line->at + key_len, *end = line->at + line->len;

	if (line->len <= key_len || strncasecmp(line->at, key, key_len) != 0) {
		return NULL;
	}
	while (c < end && isspace((unsigned char)*c)) {
		c++;
	}
	if (c == end || *c != '=') {
		return NULL;
	}
	c++;
	while (c < end && isspace((unsigned char)*c)) {
		c++;
	}
	*len = (size_t)(end - c);
	return c;
}

int
ini_find(const char *text, const char *section, const char *key, struct secret *value)
{
	int inside = 0, found = 0;

	while (*text != '\0') {
		struct line line = line_at(text);
		int opens = opens_section(&line, section);
		size_t len = 0;
		const char *at = inside && opens < 0 ? value_in(&line, key, &len) : NULL;

		inside = opens < 0 ? inside : opens;
		if (at != NULL && len > 0) {
			if (secret_set(value, at, len) < 0) {
				return -1;
			}
			found = 1;
		}
		text = line.next;
	}
	return found;
}
