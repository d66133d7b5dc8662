#include "config/notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* One line, whatever names were put into it: what is printed must not forge a second one. */
static void
tidy(char *text)
{
	size_t len = strlen(text);

	if (len == NOTE_BYTES_MAX - 1) {
		text[utf8_cut(text, len, len - 4)] = '\0';
		(void)strncat(text, "...", 4);
	}
	for (char *c = text; *c != '\0'; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f) {
			*c = '?';
		}
	}
}

void
notes_add(struct notes *notes, const char *fmt, ...)
{
	va_list args;
	char text[NOTE_BYTES_MAX];
	char *copy = NULL;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	tidy(text);
	if (notes->texts == NULL) {
		notes->texts = calloc(NOTES_MAX, sizeof(*notes->texts));
	}
	if (notes->texts != NULL && notes->count < NOTES_MAX) {
		copy = strdup(text);
	}
	if (copy == NULL) {
		notes->lost++;
		return;
	}
	notes->texts[notes->count++] = copy;
}

int
notes_to_err(const struct notes *notes, const char *what, struct err *err)
{
	char text[ERR_TEXT_MAX] = "";
	size_t count = notes->count + notes->lost;

	if (count == 0) {
		return 0;
	}
	if (count == 1) {
		return err_set(err, ERR_SETTINGS, 0, "%s", notes->count == 1 ? notes->texts[0] : "out of memory");
	}
	for (size_t i = 0; i < notes->count; i++) {
		size_t used = strlen(text);

		(void)snprintf(
		    text + used, sizeof(text) - used, "%s%zu) %s", i == 0 ? "" : "; ", i + 1, notes->texts[i]);
	}
	return err_set(err, ERR_SETTINGS, 0, "%zu %s: %s", count, what, text);
}

void
notes_release(struct notes *notes)
{
	for (size_t i = 0; i < notes->count; i++) {
		free(notes->texts[i]);
	}
	free(notes->texts);
	*notes = (struct notes){0};
}
