#include "net/xml.h"

#include <ctype.h>
#include <string.h>

static const struct {
	const char *name;
	char c;
} entities[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};

/* The character that 'text' begins with and how many bytes it takes. */
static size_t
decode(const char *text, char *c)
{
	for (size_t i = 0; i < sizeof(entities) / sizeof(entities[0]); i++) {
		size_t len = strlen(entities[i].name);

		if (strncmp(text, entities[i].name, len) == 0) {
			*c = entities[i].c;
			return len;
		}
	}
	*c = *text;
	return 1;
}

/* Behind "<name>", or NULL. */
static const char *
find_open(const char *xml, const char *name)
{
	size_t len = strlen(name);

	while ((xml = strchr(xml, '<')) != NULL) {
		xml++;
		if (strncmp(xml, name, len) == 0 && xml[len] == '>') {
			return xml + len + 1;
		}
	}
	return NULL;
}

int
xml_text(const char *xml, const char *name, int squeeze, char *out, size_t size)
{
	const char *at = find_open(xml, name);
	const char *end = at == NULL ? NULL : strchr(at, '<');
	size_t len = 0;

	out[0] = '\0';
	/* Text only: the next tag must be this element's end. */
	if (end == NULL || end[1] != '/' || strncmp(end + 2, name, strlen(name)) != 0) {
		return 0;
	}
	while (at < end) {
		char c;

		at += decode(at, &c);
		if (squeeze && isspace((unsigned char)c)) {
			continue;
		}
		if (len + 1 >= size) {
			out[0] = '\0';
			return 0;
		}
		out[len++] = c;
	}
	out[len] = '\0';
	return 1;
}

static size_t
skip_blanks(const char *xml, size_t len, size_t at)
{
	while (at < len && isspace((unsigned char)xml[at])) {
		at++;
	}
	return at;
}

int
xml_begins(const char *xml, size_t len, const char *name)
{
	size_t at = 0, name_len = strlen(name);

	if (len >= 3 && memcmp(xml, "\xef\xbb\xbf", 3) == 0) {
		at = 3;
	}
	at = skip_blanks(xml, len, at);
	if (len - at >= 5 && memcmp(xml + at, "<?xml", 5) == 0) {
		const char *end = memchr(xml + at, '>', len - at);

		if (end == NULL) {
			return 0;
		}
		at = skip_blanks(xml, len, (size_t)(end - xml) + 1);
	}
	if (len - at < name_len + 2 || xml[at] != '<' || memcmp(xml + at + 1, name, name_len) != 0) {
		return 0;
	}
	return xml[at + 1 + name_len] == '>' || isspace((unsigned char)xml[at + 1 + name_len]);
}
