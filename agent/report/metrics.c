#include "report/metrics.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json_write.h"
#include "report/emf.h"
#include "report/metric_line.h"
#include "report/outdir.h"

void
metrics_init(struct metrics *metrics, const struct metrics_setup *setup)
{
	memset(metrics, 0, sizeof(*metrics));
	metrics->setup = *setup;
	metrics->fd = -1;
	metrics->file_fd = -1;
	metrics->due_ms = DEADLINE_NEVER;
	metrics->file_off = setup->root == NULL;
	buf_init(&metrics->file, METRICS_FILE_BUFFER);
}

int
metrics_listen(struct metrics *metrics, const char *dir, struct err *err)
{
	int n = snprintf(metrics->path, sizeof(metrics->path), "%s/metrics", dir);

	if (n < 0 || (size_t)n >= sizeof(metrics->path)) {
		metrics->path[0] = '\0';
		return err_set(err, ERR_WORKSPACE, ENAMETOOLONG, "cannot make the metrics FIFO in '%s'", dir);
	}
	/* 0622: any user of the pipeline may write. The umask has its say in mkfifo, so the mode is set once more. */
	if (mkfifo(metrics->path, 0622) < 0) {
		int sys = errno;

		metrics->path[0] = '\0'; /* what stands there is not ours to remove */
		return err_set(err, ERR_WORKSPACE, sys, "cannot make the metrics FIFO in '%s'", dir);
	}
	metrics->fd = open(metrics->path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	if (metrics->fd < 0 || fchmod(metrics->fd, 0622) < 0) {
		return err_set(err, ERR_WORKSPACE, errno, "cannot open the metrics FIFO '%s'", metrics->path);
	}
	return 0;
}

/* ---- the table of names ---- */

static uint32_t
hash_of(const char *name, size_t len)
{
	uint32_t hash = 2166136261u; /* FNV-1a: short keys, no adversary gains more than a slow table of a thousand */

	for (size_t i = 0; i < len; i++) {
		hash = (hash ^ (unsigned char)name[i]) * 16777619u;
	}
	return hash;
}

/* Adds a name at the free place 'at'. NULL when the table is full or memory was refused. */
static struct metric *
new_name(struct metrics *metrics, uint32_t at, const char *name, size_t len)
{
	if (metrics->name_count == METRICS_NAMES_MAX) {
		return NULL;
	}
	if (metrics->names == NULL) {
		metrics->names = calloc(METRICS_NAMES_MAX, sizeof(*metrics->names));
	}
	char *copy = malloc(len + 1);
	if (metrics->names == NULL || copy == NULL) {
		free(copy);
		return NULL;
	}
	memcpy(copy, name, len);
	copy[len] = '\0';

	struct metric *metric = &metrics->names[metrics->name_count++];

	*metric = (struct metric){.name = copy, .own = metric_name_is_own(name, len)};
	metrics->table[at] = (short)metrics->name_count;
	return metric;
}

static struct metric *
find_name(struct metrics *metrics, const char *name, size_t len)
{
	uint32_t at = hash_of(name, len) % METRICS_TABLE;

	for (; metrics->table[at] != 0; at = (at + 1) % METRICS_TABLE) {
		struct metric *metric = &metrics->names[metrics->table[at] - 1];

		if (strncmp(metric->name, name, len) == 0 && metric->name[len] == '\0') {
			return metric;
		}
	}
	return new_name(metrics, at, name, len);
}

/* ---- the file ---- */

static void
stop_file(struct metrics *metrics)
{
	metrics->file_off = 1;
	fd_close(&metrics->file_fd);
	buf_reset(&metrics->file);
}

/* The first value opens it: a job that says nothing has no file. What an earlier run left there is replaced. */
static int
open_file(struct metrics *metrics)
{
	char name[OUTDIR_NAME];
	struct stat st;
	CLEAN_FD dir_fd = outdir_open(metrics->setup.root, "output/data/_train", &metrics->file_err);

	if (dir_fd < 0) {
		return -1;
	}
	outdir_name(name, "metrics", metrics->setup.host, ".jsonl");
	metrics->file_fd =
	    openat(dir_fd, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);
	if (metrics->file_fd < 0 || fstat(metrics->file_fd, &st) < 0) {
		return err_set(&metrics->file_err, ERR_OUTPUT, errno, "cannot open 'output/data/_train/%s'", name);
	}
	if (!S_ISREG(st.st_mode) || ftruncate(metrics->file_fd, 0) < 0) {
		return err_set(&metrics->file_err, ERR_OUTPUT, S_ISREG(st.st_mode) ? errno : EINVAL,
		    "cannot begin 'output/data/_train/%s'", name);
	}
	return 0;
}

static void
flush_file(struct metrics *metrics)
{
	if (metrics->file_off || metrics->file.len == 0) {
		return;
	}
	if (metrics->file_fd < 0 && open_file(metrics) < 0) {
		stop_file(metrics);
		return;
	}
	if (fd_write_all(metrics->file_fd, metrics->file.data, metrics->file.len) < 0) {
		int full = errno == ENOSPC || errno == EDQUOT;

		(void)err_set(&metrics->file_err, full ? ERR_DISK_FULL : ERR_OUTPUT, errno,
		    "cannot write the metric file below 'output/data/_train'");
		stop_file(metrics);
		return;
	}
	buf_reset(&metrics->file);
}

static void
put_in_file(struct metrics *metrics, const struct metric_value *value, const struct metric_labels *labels, double time)
{
	enum { LINE_MAX_BYTES = 1024 }; /* a name, four numbers, and their keys: under 500 */
	struct json_writer writer;
	CLEAN_BUF line = {0};

	if (metrics->file_off) {
		return;
	}
	buf_init(&line, LINE_MAX_BYTES);
	json_writer_init(&writer, &line, 0);
	json_open_object(&writer, NULL);
	json_add_bytes(&writer, "name", value->name, value->name_len);
	json_add_double(&writer, "value", value->value);
	json_add_double(&writer, "time", time);
	for (int i = 0; i < LABEL_TIME; i++) {
		if (labels->given[i]) {
			json_add_double(&writer, metric_label_name((enum metric_label)i), labels->value[i]);
		}
	}
	json_close_object(&writer);
	buf_addc(&line, '\n');
	if (metrics->file.max - metrics->file.len < line.len) {
		flush_file(metrics);
	}
	if (!metrics->file_off && buf_add(&metrics->file, buf_text(&line), line.len) < 0) {
		(void)err_set(&metrics->file_err, ERR_OUTPUT, ENOMEM, "cannot gather values for the metric file");
		stop_file(metrics);
	}
}

/* ---- documents ---- */

static void
put_in_batch(struct metrics *metrics, struct metric *metric)
{
	if (metrics->setup.emf_namespace == NULL || metric->own || metric->in_batch) {
		return;
	}
	if (!emf_takes(metric->name, metric->last)) {
		metrics->undocumented++;
		return;
	}
	metric->in_batch = 1;
	metrics->batch[metrics->batch_count++] = (short)(metric - metrics->names);
}

/* One document, of what the batch has from 'at' on of one record, as far as it fits. */
static void
say_document(struct metrics *metrics, size_t at)
{
	const struct metric *first = &metrics->names[metrics->batch[at]];
	CLEAN_EMF emf = {0};
	CLEAN_BUF line = {0};

	buf_init(&line, EMF_BYTES_MAX);
	emf_begin(&emf, &metrics->setup, first);
	for (size_t i = at; i < metrics->batch_count; i++) {
		struct metric *metric = &metrics->names[metrics->batch[i]];

		if (metric->in_batch && metric->record == first->record && emf_add(&emf, metric)) {
			metric->in_batch = 0;
		}
	}
	if (emf_end(&emf, &line) < 0 || metrics->setup.emit(metrics->setup.self, buf_text(&line), line.len) < 0) {
		metrics->dropped++;
	}
}

static void
say_documents(struct metrics *metrics)
{
	for (size_t i = 0; i < metrics->batch_count; i++) {
		while (metrics->names[metrics->batch[i]].in_batch) {
			say_document(metrics, i);
		}
	}
	metrics->batch_count = 0;
}

/* ---- lines ---- */

/* Says the last value of 'metric' if its turn has come. */
static void
publish(struct metrics *metrics, struct metric *metric, int64_t now_ms)
{
	int64_t next_ms = pace_next_ms(&metric->pace);
	char line[METRICS_LINE_OUT];

	if (now_ms < next_ms) {
		metrics->due_ms = clock_earlier(metrics->due_ms, next_ms);
		return;
	}
	size_t len = metric_line_format(line, metric->name, metric->last, &metric->labels);
	metric->refused = metrics->setup.emit(metrics->setup.self, line, len) < 0;
	metric->waiting = metric->refused;
	if (metric->refused) {
		metrics->due_ms = clock_earlier(metrics->due_ms, now_ms + PACE_MS);
	} else {
		pace_sent(&metric->pace, now_ms);
		put_in_batch(metrics, metric);
	}
}

/* Says what waited for its turn, where 'due_ms' has come. */
static void
publish_due(struct metrics *metrics, int64_t now_ms)
{
	if (now_ms < metrics->due_ms) {
		return;
	}
	metrics->due_ms = DEADLINE_NEVER;
	for (size_t i = 0; i < metrics->name_count; i++) {
		if (metrics->names[i].waiting) {
			publish(metrics, &metrics->names[i], now_ms);
		}
	}
	say_documents(metrics);
}

/* The end: nothing waits for its turn any more, and what is refused now is never said. */
static void
publish_last(struct metrics *metrics)
{
	for (size_t i = 0; i < metrics->name_count; i++) {
		struct metric *metric = &metrics->names[i];

		if (metric->waiting) {
			metric->pace = (struct pace){0};
			publish(metrics, metric, clock_now_ms());
			metrics->dropped += (uint64_t)metric->refused;
		}
	}
	say_documents(metrics);
	metrics->due_ms = DEADLINE_NEVER;
}

/* ---- values ---- */

static void
add_value(struct metrics *metrics, const struct metric_value *value, const struct metric_labels *labels, double time)
{
	struct metric *metric;

	if (!isfinite(value->value)) {
		metrics->nonfinite++;
		return;
	}
	put_in_file(metrics, value, labels, time);
	metric = find_name(metrics, value->name, value->name_len);
	if (metric == NULL) {
		metrics->names_over++;
		return;
	}
	metric->min = metric->count == 0 || value->value < metric->min ? value->value : metric->min;
	metric->max = metric->count == 0 || value->value > metric->max ? value->value : metric->max;
	metric->last = value->value;
	metric->labels = *labels;
	metric->time = time;
	metric->record = metrics->records;
	metric->count++;
	if (metrics->setup.publish) {
		metrics->dropped += (uint64_t)metric->refused;
		metric->refused = 0;
		metric->waiting = 1;
		publish(metrics, metric, clock_now_ms());
	}
}

static void
add_record(struct metrics *metrics, const struct metric_record *record)
{
	const struct metric_labels *labels = &record->labels;
	double time = labels->given[LABEL_TIME] ? labels->value[LABEL_TIME] : clock_wall();

	metrics->records++;
	for (size_t i = 0; i < record->count; i++) {
		add_value(metrics, &record->values[i], labels, time);
	}
	say_documents(metrics);
}

/* The first bad record is shown, so that a mistake in the pipeline can be found; it is data from outside, so only what
 * prints. */
static void
show_bad(struct metrics *metrics, const char *why, const char *text, size_t len)
{
	enum { WHY_MAX = 100, TEXT_MAX = METRICS_SHOWN_MAX - WHY_MAX };

	if (metrics->first_bad[0] != '\0') {
		return;
	}
	int n = snprintf(metrics->first_bad, sizeof(metrics->first_bad), "%.*s: '%.*s'%s", WHY_MAX - 8, why,
	    (int)(len > TEXT_MAX - 8 ? TEXT_MAX - 8 : len), text, len > TEXT_MAX - 8 ? "..." : "");
	for (int i = 0; i < n && i < METRICS_SHOWN_MAX - 1; i++) {
		if (!isprint((unsigned char)metrics->first_bad[i])) {
			metrics->first_bad[i] = '?';
		}
	}
}

static void
count_bad(struct metrics *metrics, const char *why, const char *text, size_t len)
{
	metrics->bad++;
	show_bad(metrics, why, text, len);
}

/* A name is a word of the pipeline's log: what redact hides there it hides here. */
static const char *
masked_name(const struct metrics *metrics, const struct metric_record *record)
{
	CLEAN_BUF ignored = {0};

	buf_init(&ignored, METRICS_LINE_MAX);
	for (size_t i = 0; i < record->count && metrics->setup.mask != NULL; i++) {
		const struct metric_value *value = &record->values[i];

		if (mask_values(metrics->setup.mask, value->name, value->name_len, &ignored)) {
			return "a name holds a value that redact masks";
		}
	}
	return NULL;
}

/* One whole line without its newline. Blank lines are nobody's mistake. */
static void
take_line(struct metrics *metrics, char *text, size_t len)
{
	struct metric_record record;
	char shown[METRICS_SHOWN_MAX]; /* reading changes the text */
	size_t shown_len = len < sizeof(shown) ? len : sizeof(shown);
	const char *why;

	if (len == 0 || (len == 1 && *text == '\r')) {
		return;
	}
	memcpy(shown, text, shown_len);
	why = metric_record_read(text, len, &record);
	why = why == NULL ? masked_name(metrics, &record) : why;
	if (why != NULL) {
		count_bad(metrics, why, shown, shown_len);
		return;
	}
	add_record(metrics, &record);
}

/* ---- the FIFO ---- */

/* Cuts what was read into lines. A line that fills the buffer without an end is skipped to its end. */
static void
take_bytes(struct metrics *metrics, const char *bytes, size_t len)
{
	while (len > 0) {
		const char *end = memchr(bytes, '\n', len);
		size_t part = end != NULL ? (size_t)(end - bytes) : len;

		if (metrics->skipping || metrics->line_len + part >= METRICS_LINE_MAX) {
			if (!metrics->skipping) {
				metrics->overlong++;
				show_bad(metrics, "a line has more than 4096 bytes",
				    metrics->line_len > 0 ? metrics->line : bytes,
				    metrics->line_len > 0 ? metrics->line_len : part);
			}
			metrics->skipping = end == NULL;
			metrics->line_len = 0;
		} else {
			memcpy(metrics->line + metrics->line_len, bytes, part);
			metrics->line_len += part;
			if (end != NULL) {
				take_line(metrics, metrics->line, metrics->line_len);
				metrics->line_len = 0;
			}
		}
		part += end != NULL;
		bytes += part;
		len -= part;
	}
}

int
metrics_pump(struct metrics *metrics)
{
	char block[16384];
	size_t got = 0;
	ssize_t n = 0;

	if (metrics->fd < 0) {
		return 0;
	}
	while (got < METRICS_PUMP_BYTES) {
		n = read(metrics->fd, block, sizeof(block));
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			metrics->at_end = n == 0;
			break;
		}
		take_bytes(metrics, block, (size_t)n);
		got += (size_t)n;
	}
	flush_file(metrics);
	publish_due(metrics, clock_now_ms());
	return n > 0;
}

/* Puts a descriptor that only reads in the place of 'fd': the kernel tells that the last writer is gone only when we are none. */
static void
stop_writing(struct metrics *metrics)
{
	char self[sizeof("/proc/self/fd/") + 3 * sizeof(int)];

	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", metrics->fd);
	CLEAN_FD fd = open(self, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	metrics->only_reads = fd >= 0 && dup3(fd, metrics->fd, O_CLOEXEC) == metrics->fd;
}

int
metrics_ended(struct metrics *metrics)
{
	if (metrics->fd >= 0 && !metrics->only_reads) {
		stop_writing(metrics);
	}
	return metrics_pump(metrics) == 0 && (metrics->fd < 0 || metrics->at_end);
}

void
metrics_add_own(struct metrics *metrics, const char *name, double value)
{
	char full[METRICS_NAME_MAX + 1];
	struct metric_labels none = {0};
	int n = snprintf(full, sizeof(full), "agent:%s", name);
	size_t len = n < 0 ? 0 : (size_t)n < sizeof(full) ? (size_t)n : sizeof(full) - 1;

	for (size_t i = 0; i < len; i++) {
		if (!metric_name_is_good(full + i, 1)) {
			full[i] = '_';
		}
	}
	add_value(metrics, &(struct metric_value){full, len, value}, &none, clock_wall());
}

static void
close_fifo(struct metrics *metrics)
{
	fd_close(&metrics->fd);
	if (metrics->path[0] != '\0') {
		(void)unlink(metrics->path); /* the folder goes with everything in it anyway */
		metrics->path[0] = '\0';
	}
}

int
metrics_finish(struct metrics *metrics, struct err *err)
{
	if (metrics->line_len > 0) {
		count_bad(metrics, "the last line has no newline", metrics->line, metrics->line_len);
		metrics->line_len = 0;
	}
	close_fifo(metrics);
	publish_last(metrics);
	flush_file(metrics);
	if (metrics->file_fd >= 0 &&
	    fd_close_written(&metrics->file_fd, "output/data/_train", &metrics->file_err) < 0 &&
	    metrics->file_err.kind != ERR_DISK_FULL) {
		metrics->file_err.kind = ERR_OUTPUT;
	}
	metrics->file_off = 1;
	if (metrics->file_err.kind != ERR_NONE) {
		return err_set(err, metrics->file_err.kind, 0, "%s", metrics->file_err.text);
	}
	return 0;
}

void
metrics_release(struct metrics *metrics)
{
	close_fifo(metrics);
	fd_close(&metrics->file_fd);
	for (size_t i = 0; i < metrics->name_count; i++) {
		free(metrics->names[i].name);
	}
	free(metrics->names);
	metrics->names = NULL;
	metrics->name_count = 0;
	buf_release(&metrics->file);
}
