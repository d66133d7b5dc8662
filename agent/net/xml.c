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
