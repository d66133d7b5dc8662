#include "report/span.h"

#include <string.h>

struct span
span_line(const struct buf *text, size_t at)
{
	const char *from = text->data + at;
	const char *end = memchr(from, '\n', text->len - at);

	return (struct span){.at = from, .len = end != NULL ? (size_t)(end - from) : text->len - at};
}

struct span
span_trimmed(struct span line)
{
	while (line.len > 0 && *line.at == ' ') {
		line.at++;
		line.len--;
	}
	while (line.len > 0 && line.at[line.len - 1] == ' ') {
		line.len--;
	}
	return line;
}

const char *
span_find(struct span line, const char *words)
{
	return line.len > 0 ? memmem(line.at, line.len, words, strlen(words)) : NULL;
}

int
span_starts(struct span line, const char *words)
{
	return line.len >= strlen(words) && memcmp(line.at, words, strlen(words)) == 0;
}

const char *
span_next(const char *words)
{
	return words + strlen(words) + 1;
}
