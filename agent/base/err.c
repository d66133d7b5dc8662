#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#undef err_set /* what the analyser is told of it */

/* Texts hold names from outside: they must stay one line, and cutting one must not leave half a character. */
static void
tidy(char *text)
{
	size_t len = strlen(text);

	if (len == ERR_TEXT_MAX - 1) {
		text[utf8_cut(text, len, len - 4)] = '\0';
		(void)strncat(text, "...", 4);
	}
	len = strlen(text);
	for (size_t i = 0; i < len;) {
		size_t bytes = utf8_char_len(text + i, len - i);

		if (bytes == 0 || (unsigned char)text[i] < 0x20 || text[i] == 0x7f) {
			text[i] = '?';
			bytes = 1;
		}
		i += bytes;
	}
}

/* Behind what 'text' holds, as far as there is room. */
static void
append(char text[ERR_TEXT_MAX], const char *more)
{
	(void)strncat(text, more, ERR_TEXT_MAX - 1 - strlen(text));
}

static enum err_kind
kind_of(enum err_kind kind, int sys)
{
	int no_room = sys == ENOSPC || sys == EDQUOT;

	return no_room && (kind == ERR_IO || kind == ERR_SYSTEM || kind == ERR_WORKSPACE) ? ERR_DISK_FULL : kind;
}

int
err_set(struct err *err, enum err_kind kind, int sys, const char *fmt, ...)
{
	va_list args;

	/* The arguments may point into the old text. */
	char text[ERR_TEXT_MAX];

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (sys != 0 && kind != ERR_STOPPED) {
		append(text, ": ");
		append(text, strerror(sys));
	}
	tidy(text);
	memcpy(err->text, text, sizeof(text));
	err->kind = kind_of(kind, sys);
	err->sys = sys;
	return -1;
}

int
err_wrap(struct err *err, const char *fmt, ...)
{
	va_list args;
	char text[ERR_TEXT_MAX];

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	append(text, ": ");
	append(text, err->text);
	tidy(text);
	memcpy(err->text, text, sizeof(text));
	return -1;
}

void
err_clear(struct err *err)
{
	enum phase phase = err->phase;

	memset(err, 0, sizeof(*err));
	err->phase = phase;
}

const char *
phase_name(enum phase phase)
{
	static const char *const names[] = {
	    [PHASE_START] = "start",
	    [PHASE_READ] = "read",
	    [PHASE_TAGS] = "tags",
	    [PHASE_FETCH] = "fetch",
	    [PHASE_VERIFY] = "verify",
	    [PHASE_UNPACK] = "unpack",
	    [PHASE_LINK] = "link",
	    [PHASE_RUN] = "run",
	    [PHASE_FINISH] = "finish",
	};

	_Static_assert(ARRAY_LEN(names) == PHASES, "every phase has a name");
	return names[phase];
}
