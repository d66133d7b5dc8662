#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

enum { EVERY_MS = 100, BAR = 24, LINE_MAX_COLUMNS = 72, PERCENT = 100, MEGABYTE = 1000000 };

struct progress
progress_begin(void)
{
	struct winsize size = {0};
	int tty = isatty(STDERR_FILENO);

	/* A line that wraps cannot be drawn over. A terminal that does not say how wide it is counts as wide. */
	int narrow =
	    tty && ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_col <= LINE_MAX_COLUMNS;
	return (struct progress){.on = tty && !narrow};
}

/* A terminal that is gone is no reason to fail, but one to stop. */
static void
draw(struct progress *progress, const char *line)
{
	if (fd_write_all(STDERR_FILENO, line, strlen(line)) < 0) {
		progress->on = 0;
	}
}

void
progress_show(void *self, int64_t done, int64_t all)
{
	static const char full[] = "########################";
	static const char empty[] = "........................";
	struct progress *progress = self;
	int64_t now_ms = clock_now_ms();
	char line[2 * LINE_MAX_COLUMNS];

	_Static_assert(sizeof(full) == BAR + 1 && sizeof(empty) == BAR + 1, "the bar is as long as its pictures");
	if (!progress->on || (progress->drawn_ms != 0 && now_ms - progress->drawn_ms < EVERY_MS && done < all)) {
		return;
	}
	int parts = done < all ? (int)((double)done / (double)all * PERCENT) : PERCENT;
	int bar = parts * BAR / PERCENT;
	(void)snprintf(line, sizeof(line), "\rtrain: packing [%.*s%s] %3d %% of %" PRId64 " MB", bar, full, empty + bar,
	    parts, (all + MEGABYTE - 1) / MEGABYTE);
	progress->drawn_ms = now_ms;
	draw(progress, line);
}

void
progress_end(struct progress *progress)
{
	char line[LINE_MAX_COLUMNS + 3];

	if (progress->on && progress->drawn_ms != 0) {
		(void)snprintf(line, sizeof(line), "\r%*s\r", LINE_MAX_COLUMNS, "");
		draw(progress, line);
	}
	progress->on = 0;
}
