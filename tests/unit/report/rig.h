/* Metrics with a FIFO, a file and a stdout that may be full, and a pipeline that writes. Include cmocka first. */
#ifndef TESTS_UNIT_REPORT_RIG_H
#define TESTS_UNIT_REPORT_RIG_H

#include <errno.h>
#include <fcntl.h>

#include "base/clock.h"
#include "base/fd.h"
#include "report/metrics.h"
#include "unit/scratch.h"

#define RIG_UNUSED __attribute__((unused))

static char root[SCRATCH_PATH];
static struct metrics metrics;
static struct buf printed;
static int stdout_full; /* 1: no line is taken */

RIG_UNUSED static int
take_line(void *self, const char *line, size_t len)
{
	assert_ptr_equal(self, &printed);
	return stdout_full ? -1 : buf_add(&printed, line, len);
}

RIG_UNUSED static void
begin(int publish)
{
	struct metrics_setup setup = {
	    .root = root, .host = "algo-1", .publish = publish, .emit = take_line, .self = &printed};
	struct err err = {0};

	metrics_init(&metrics, &setup);
	assert_int_equal(metrics_listen(&metrics, root, &err), 0);
}

RIG_UNUSED static int
set_up(void **state)
{
	(void)state;
	scratch_make(root);
	buf_init(&printed, 1 << 20);
	stdout_full = 0;
	begin(1);
	return 0;
}

RIG_UNUSED static int
tear_down(void **state)
{
	(void)state;
	metrics_release(&metrics);
	buf_release(&printed);
	scratch_remove(root);
	return 0;
}

RIG_UNUSED static void
finish(void)
{
	struct err err = {0};

	assert_int_equal(metrics_finish(&metrics, &err), 0);
}

/* What a pipeline does: open, one write, close. */
RIG_UNUSED static void
say_bytes(const char *text, size_t len)
{
	CLEAN_FD fd = open(metrics.path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	assert_true(fd >= 0);
	while (len > 0) {
		ssize_t n = write(fd, text, len);

		if (n < 0) {
			assert_int_equal(errno, EAGAIN);
			(void)metrics_pump(&metrics);
			continue;
		}
		text += n;
		len -= (size_t)n;
	}
	while (metrics_pump(&metrics)) {
	}
}

RIG_UNUSED static void
say(const char *text)
{
	say_bytes(text, strlen(text));
}

RIG_UNUSED static const char *
file_text(void)
{
	return scratch_read(root, "output/data/_train/metrics-algo-1.jsonl");
}

#endif
