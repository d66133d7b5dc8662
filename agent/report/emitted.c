#include "report/emitted.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/json_read.h"
#include "base/text.h"
#include "report/metric_line.h"
#include "report/record.h"

enum { LINES_BLOCK = 1 << 16 /* of a metric file; a line of it has under 500 bytes */ };

/* What a line of a metric file begins with: report/metrics.c writes it. */
static const char LINE_START[] = "{\"name\":\"";

static int
has_lines(const char *path)
{
	size_t len = strlen(path);

	return len > 6 && strcmp(path + len - 6, ".jsonl") == 0;
}

static int
no_memory(struct err *err)
{
	return err_set(err, ERR_SYSTEM, ENOMEM, "cannot read the metrics of a run");
}

/* Adds it once. 0, or -1 with 'err'. Beyond the limit a run publishes nothing either. */
static int
add_name(struct emitted *emitted, const char *name, size_t len, const char *path, struct err *err)
{
	if (!metric_name_is_good(name, len)) {
		return err_set(err, ERR_SETTINGS, 0, "'%.200s': a name in it is no metric's", path);
	}
	for (size_t i = 0; i < emitted->count; i++) {
		if (strncmp(emitted->names[i], name, len) == 0 && emitted->names[i][len] == '\0') {
			return 0;
		}
	}
	if (emitted->count == METRICS_NAMES_MAX) {
		return 0;
	}
	emitted->names[emitted->count] = strndup(name, len);
	return emitted->names[emitted->count] == NULL ? no_memory(err) : (emitted->count++, 0);
}

static int
read_record(struct emitted *emitted, const char *path, struct err *err)
{
	CLEAN_BUF text = {0};
	CLEAN_JSON json = {0};

	buf_init(&text, RECORD_BYTES_MAX);
	if (fd_read_file(AT_FDCWD, path, &text, err) < 0 ||
	    json_parse(&json, buf_text(&text), text.len, path, err) < 0) {
		return -1;
	}
	int metrics = json_member(&json, 0, "metrics");
	if (json_type(&json, metrics) != JSON_ARRAY) {
		return err_set(err, ERR_SETTINGS, 0, "'%.200s' is no record of a run", path);
	}
	for (int item = json_first(&json, metrics); item >= 0; item = json_next(&json, metrics, item)) {
		CLEAN_TEXT *name = json_string(&json, json_member(&json, item, "name"), NULL);

		if (add_name(emitted, name != NULL ? name : "", name != NULL ? strlen(name) : 0, path, err) < 0) {
			return -1;
		}
	}
	return 0;
}

/* The name in a line of a metric file; a line that is none has one that is not good. */
static int
read_line(struct emitted *emitted, const char *line, size_t len, const char *path, struct err *err)
{
	size_t start = sizeof(LINE_START) - 1;
	const char *end =
	    len > start && memcmp(line, LINE_START, start) == 0 ? memchr(line + start, '"', len - start) : NULL;

	return end != NULL ? add_name(emitted, line + start, (size_t)(end - line) - start, path, err)
	                   : add_name(emitted, "", 0, path, err);
}

/* Every whole line of 'bytes'. The bytes that were used, or -1 with 'err'. */
static ssize_t
read_lines(struct emitted *emitted, const char *bytes, size_t len, const char *path, struct err *err)
{
	size_t used = 0;
	const char *end;

	while ((end = memchr(bytes + used, '\n', len - used)) != NULL) {
		size_t line = (size_t)(end - bytes) - used;

		if (read_line(emitted, bytes + used, line, path, err) < 0) {
			return -1;
		}
		used += line + 1;
	}
	return (ssize_t)used;
}

/* A file of any size, a block at a time. A last line without an end is one that a killed agent did not finish. */
static int
read_file(struct emitted *emitted, const char *path, struct err *err)
{
	CLEAN_FD fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	char block[LINES_BLOCK];
	size_t kept = 0;
	ssize_t got;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		return err_set(err, ERR_IO, errno, "cannot open '%.200s'", path);
	}
	if (!S_ISREG(st.st_mode)) {
		return err_set(err, ERR_IO, 0, "'%.200s' is no regular file", path);
	}
	while ((got = fd_read_full(fd, block + kept, sizeof(block) - kept)) > 0) {
		ssize_t used = read_lines(emitted, block, kept + (size_t)got, path, err);

		if (used < 0) {
			return -1;
		}
		kept += (size_t)got - (size_t)used;
		memmove(block, block + used, kept);
		if (kept == sizeof(block)) {
			return err_set(err, ERR_SETTINGS, 0, "'%.200s' is no metric file", path);
		}
	}
	return got < 0 ? err_set(err, ERR_IO, errno, "cannot read '%.200s'", path) : 0;
}

static int
is_metric_file(const struct dirent *entry)
{
	return strncmp(entry->d_name, "metrics-", 8) == 0 && has_lines(entry->d_name);
}

/* The metric files in 'folder', one a host. Their number, or -1 with 'err'. */
static int
read_files(struct emitted *emitted, const char *folder, struct err *err)
{
	struct dirent **entries = NULL;
	int count = scandir(folder, &entries, is_metric_file, alphasort);
	int result = 0;

	for (int i = 0; i < count; i++) {
		CLEAN_TEXT *path = text_format("%s/%s", folder, entries[i]->d_name);

		if (result == 0) {
			result = path != NULL ? read_file(emitted, path, err) : no_memory(err);
		}
		free(entries[i]);
	}
	free(entries);
	return result < 0 ? -1 : count;
}

static int
read_folder(struct emitted *emitted, const char *path, struct err *err)
{
	static const char *const places[] = {"output/data/_train", "_train", "."};
	int found = 0;

	for (size_t i = 0; i < ARRAY_LEN(places) && found <= 0 && err->kind == ERR_NONE; i++) {
		CLEAN_TEXT *folder = text_format("%s/%s", path, places[i]);

		found = folder != NULL ? read_files(emitted, folder, err) : no_memory(err);
	}
	if (found > 0 || err->kind != ERR_NONE) {
		return found > 0 ? 0 : -1;
	}
	return err_set(err, ERR_USAGE, 0, "in '%.200s' lies no metric file of a run", path);
}

int
emitted_read(struct emitted *emitted, const char *path, struct err *err)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		return err_set(err, ERR_IO, errno, "cannot open '%.200s'", path);
	}
	if (S_ISDIR(st.st_mode)) {
		return read_folder(emitted, path, err);
	}
	return has_lines(path) ? read_file(emitted, path, err) : read_record(emitted, path, err);
}

void
emitted_release(struct emitted *emitted)
{
	for (size_t i = 0; i < emitted->count; i++) {
		free(emitted->names[i]);
	}
	emitted->count = 0;
}
