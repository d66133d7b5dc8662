#include "base/json_write.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/text.h"

void
json_writer_init(struct json_writer *writer, struct buf *out, int indent)
{
	*writer = (struct json_writer){.out = out, .indent = indent, .first = {1}};
}

static void
new_line(struct json_writer *writer)
{
	if (writer->indent == 0) {
		return;
	}
	buf_addc(writer->out, '\n');
	for (int i = 0; i < writer->depth * writer->indent; i++) {
		buf_addc(writer->out, ' ');
	}
}

static void
put_text(struct json_writer *writer, const char *text, size_t len)
{
	static const char shorts[] = "\b\f\n\r\t";
	static const char letters[] = "bfnrt";

	buf_addc(writer->out, '"');
	for (size_t i = 0; i < len;) {
		unsigned char c = (unsigned char)text[i];
		size_t bytes = utf8_char_len(text + i, len - i);

		if (c == '"' || c == '\\') {
			buf_printf(writer->out, "\\%c", c);
		} else if (c != '\0' && strchr(shorts, c) != NULL) {
			buf_printf(writer->out, "\\%c", letters[strchr(shorts, c) - shorts]);
		} else if (c < 0x20 || c == 0x7f) {
			buf_printf(writer->out, "\\u%04x", c);
		} else if (bytes == 0) {
			buf_adds(writer->out, "\xef\xbf\xbd");
		} else {
			buf_add(writer->out, text + i, bytes);
		}
		i += bytes == 0 ? 1 : bytes;
	}
	buf_addc(writer->out, '"');
}

/* What stands in front of every value: the comma, the new line, the key. */
static void
begin(struct json_writer *writer, const char *key)
{
	if (!writer->first[writer->depth]) {
		buf_addc(writer->out, ',');
	}
	writer->first[writer->depth] = 0;
	if (writer->depth > 0) {
		new_line(writer);
	}
	if (key != NULL) {
		put_text(writer, key, strlen(key));
		buf_adds(writer->out, writer->indent > 0 ? ": " : ":");
	}
}

static void
open_level(struct json_writer *writer, const char *key, char bracket)
{
	begin(writer, key);
	buf_addc(writer->out, bracket);
	CHECK(writer->depth + 1 < JSON_DEPTH_MAX); /* our documents have a fixed shape */
	writer->first[++writer->depth] = 1;
}

static void
close_level(struct json_writer *writer, char bracket)
{
	int empty = writer->first[writer->depth];

	writer->depth--;
	if (!empty) {
		new_line(writer);
	}
	buf_addc(writer->out, bracket);
}

void
json_open_object(struct json_writer *writer, const char *key)
{
	open_level(writer, key, '{');
}

void
json_close_object(struct json_writer *writer)
{
	close_level(writer, '}');
}

void
json_open_array(struct json_writer *writer, const char *key)
{
	open_level(writer, key, '[');
}

void
json_close_array(struct json_writer *writer)
{
	close_level(writer, ']');
}

void
json_add_bytes(struct json_writer *writer, const char *key, const char *text, size_t len)
{
	begin(writer, key);
	put_text(writer, text, len);
}

void
json_add_string(struct json_writer *writer, const char *key, const char *text)
{
	if (text == NULL) {
		json_add_null(writer, key);
		return;
	}
	json_add_bytes(writer, key, text, strlen(text));
}

void
json_add_int(struct json_writer *writer, const char *key, int64_t number)
{
	begin(writer, key);
	buf_printf(writer->out, "%lld", (long long)number);
}

void
json_add_double(struct json_writer *writer, const char *key, double number)
{
	char text[NUMBER_TEXT];

	if (!isfinite(number)) {
		json_add_null(writer, key);
		return;
	}
	begin(writer, key);
	number_format(text, number);
	buf_adds(writer->out, text);
}

void
json_add_bool(struct json_writer *writer, const char *key, int truth)
{
	begin(writer, key);
	buf_adds(writer->out, truth ? "true" : "false");
}

void
json_add_null(struct json_writer *writer, const char *key)
{
	begin(writer, key);
	buf_adds(writer->out, "null");
}

void
json_add_raw(struct json_writer *writer, const char *key, const char *json, size_t len)
{
	begin(writer, key);
	buf_add(writer->out, json, len);
}

void
number_format(char out[NUMBER_TEXT], double number)
{
	if (fabs(number) < 1e15 && number == trunc(number)) {
		(void)snprintf(out, NUMBER_TEXT, "%.0f", number);
		return;
	}
	/* Whatever up to 15 digits can say comes out of 15 as short as it was, but for the smallest, which have fewer. */
	for (int digits = fabs(number) < DBL_MIN ? 1 : DBL_DIG; digits <= 17; digits++) {
		(void)snprintf(out, NUMBER_TEXT, "%.*g", digits, number);
		if (strtod(out, NULL) == number) {
			return;
		}
	}
}
