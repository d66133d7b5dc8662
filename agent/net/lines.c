#include "net/lines.h"

#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "base/text.h"

void
lines_add(struct lines *lines, const char *name, const char *value)
{
	char *line;

	if (lines->count == LINES_MAX || strpbrk(value, "\r\n") != NULL) {
		lines->failed = 1;
		return;
	}
	line = text_format("%s: %s", name, value);
	if (line == NULL) {
		lines->failed = 1;
		return;
	}
	lines->list[lines->count++] = line;
}

void
lines_release(struct lines *lines)
{
	for (size_t i = 0; i < lines->count; i++) {
		secret_wipe(lines->list[i], strlen(lines->list[i]));
		free(lines->list[i]);
	}
	memset(lines, 0, sizeof(*lines));
}
