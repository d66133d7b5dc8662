#include "base/check.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

static void (*report_line)(const char *line);

void
check_set_report(void (*report)(const char *line))
{
	report_line = report;
}

void
check_failed(const char *file, int line, const char *what)
{
	void (*report)(const char *) = report_line;
	static const char before[] = "train: error: ";
	char text[256];

	report_line = NULL; /* a check that fails inside the report must not call it again */
	(void)snprintf(
	    text, sizeof(text), "%sa mistake in train itself, not in the job: %s:%d: %s\n", before, file, line, what);
	size_t len = strlen(text);
	text[len - 1] = '\n';
	if (fd_write_all(STDERR_FILENO, text, len) < 0) {
		len = strlen(text); /* nobody reads stderr any more; the report below still says it */
	}
	text[len - 1] = '\0';
	if (report != NULL) {
		report(text + sizeof(before) - 1);
	}
	_exit(CHECK_EXIT);
}
