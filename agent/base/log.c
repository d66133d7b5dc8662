#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/mask.h"
#include "base/text.h"

static enum log_level level_now = LOG_INFO;
static void (*sink_write_line)(void *self, const char *line, unsigned long len);
static void *sink_self;

void
log_set_level(enum log_level level)
{
	level_now = level;
}

void
log_set_sink(void (*write_line)(void *self, const char *line, unsigned long len), void *self)
{
	sink_write_line = write_line;
	sink_self = self;
}

/* Bytes that a terminal or a log viewer would act upon become readable; text stays text. */
static void
add_readable(struct buf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		unsigned char c = (unsigned char)text[i];
		size_t bytes = c < 0x20 || c == 0x7f ? 0 : utf8_char_len(text + i, len - i);

		if (bytes == 0) {
			buf_printf(out, "\\x%02x", c);
			i++;
		} else {
			buf_add(out, text + i, bytes);
			i += bytes;
		}
	}
}

static void
log_line(enum log_level level, const char *fmt, va_list args)
{
	static const char *const prefixes[] = {[LOG_ERROR] = "train: error: ",
	    [LOG_WARN] = "train: warning: ",
	    [LOG_INFO] = "train: ",
	    [LOG_DEBUG] = "train: debug: "};
	CLEAN_BUF raw = {0};
	CLEAN_BUF masked = {0};
	CLEAN_BUF line = {0};

	if (level > level_now) {
		return;
	}
	buf_init(&raw, 4 * LOG_LINE_MAX);
	buf_init(&masked, 8 * LOG_LINE_MAX);
	buf_init(&line, 40 * LOG_LINE_MAX);
	buf_vprintf(&raw, fmt, args);
	mask_text(mask_global(), buf_text(&raw), raw.len, &masked);
	buf_adds(&line, prefixes[level]);
	add_readable(&line, buf_text(&masked), masked.len);

	size_t len = utf8_cut(buf_text(&line), line.len, LOG_LINE_MAX - 1);
	if (len == 0) {
		return; /* not even the prefix found memory: there is nothing left to say it with */
	}
	line.data[len] = '\n';
	if (sink_write_line != NULL) {
		sink_write_line(sink_self, line.data, len + 1);
	} else if (fd_write_all(STDERR_FILENO, line.data, len + 1) < 0) {
		return; /* stderr is gone, and with it whoever would have read this */
	}
}

void
log_error(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_line(LOG_ERROR, fmt, args);
	va_end(args);
}

void
log_warn(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_line(LOG_WARN, fmt, args);
	va_end(args);
}

void
log_info(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_line(LOG_INFO, fmt, args);
	va_end(args);
}

void
log_debug(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_line(LOG_DEBUG, fmt, args);
	va_end(args);
}
