#include "report/record.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json_read.h"
#include "base/json_write.h"
#include "base/mask.h"
#include "base/text.h"
#include "report/outdir.h"

/* A text on its way out: masked. */
static void
add_text(struct json_writer *writer, const char *key, const char *text)
{
	CLEAN_BUF masked = {0};

	if (text == NULL) {
		json_add_null(writer, key);
		return;
	}
	buf_init(&masked, RECORD_BYTES_MAX);
	mask_text(mask_global(), text, strlen(text), &masked);
	json_add_bytes(writer, key, buf_text(&masked), masked.len);
}

static void
add_names(struct json_writer *writer, const char *key, const char *const *names, size_t count)
{
	json_open_array(writer, key);
	for (size_t i = 0; i < count; i++) {
		add_text(writer, NULL, names[i]);
	}
	json_close_array(writer);
}

/* Milliseconds are what a reader can use. A clock that was set back gives 0. */
static void
add_seconds(struct json_writer *writer, const char *key, double seconds)
{
	json_add_double(
	    writer, key, seconds > 0 && seconds < 1e12 ? (double)(int64_t)(seconds * 1000 + 0.5) / 1000 : 0);
}

static void
add_time(struct json_writer *writer, const char *key, double epoch)
{
	char text[CLOCK_TEXT];

	clock_format_utc(text, (int64_t)epoch, 0);
	json_add_string(writer, key, text);
}

static void
add_identity(struct json_writer *writer, const struct record *record)
{
	json_open_object(writer, "agent");
	json_add_string(writer, "version", record->agent.version);
	json_add_string(writer, "commit", record->agent.commit);
	json_add_string(writer, "build_id", record->agent.build_id);
	json_add_string(writer, "sha256", record->agent.sha256);
	json_close_object(writer);
	json_open_object(writer, "job");
	add_text(writer, "name", record->job.name);
	add_text(writer, "arn", record->job.arn);
	add_text(writer, "run_id", record->job.run_id);
	add_text(writer, "root", record->job.root);
	add_text(writer, "host", record->job.host);
	add_names(writer, "hosts", record->job.hosts, record->job.host_count);
	json_add_int(writer, "rank", record->job.rank);
	json_close_object(writer);
	add_text(writer, "image", record->image);
	add_time(writer, "started", record->started);
	add_time(writer, "ended", record->ended);
	add_seconds(writer, "seconds", record->ended - record->started);
}

static void
add_settings(struct json_writer *writer, const struct record *record)
{
	json_open_array(writer, "settings");
	for (size_t i = 0; i < record->setting_count; i++) {
		const struct record_setting *setting = &record->settings[i];

		json_open_object(writer, NULL);
		add_text(writer, "name", setting->name);
		add_text(writer, "value", setting->value);
		add_text(writer, "source", setting->source);
		json_close_object(writer);
	}
	json_close_array(writer);
}

static void
add_fetch(struct json_writer *writer, const struct record_fetch *fetch)
{
	if (fetch == NULL) {
		json_add_null(writer, "fetch");
		return;
	}
	json_open_object(writer, "fetch");
	json_add_double(writer, "seconds", fetch->seconds);
	json_add_int(writer, "connections", fetch->connections);
	json_open_object(writer, "retries");
	json_add_int(writer, "cut", (int64_t)fetch->cut);
	json_add_int(writer, "slow", (int64_t)fetch->slow);
	json_add_int(writer, "refused", (int64_t)fetch->refused);
	json_close_object(writer);
	json_open_object(writer, "stages");
	json_add_double(writer, "network", fetch->network);
	json_add_double(writer, "hash", fetch->hash);
	json_add_double(writer, "inflate", fetch->inflate);
	json_add_double(writer, "write", fetch->write);
	json_close_object(writer);
	json_open_object(writer, "buffers");
	json_add_int(writer, "max_bytes", (int64_t)fetch->memory_max);
	json_add_int(writer, "peak_bytes", (int64_t)fetch->memory_peak);
	json_close_object(writer);
	json_close_object(writer);
}

static void
add_code(struct json_writer *writer, const struct record_code *code)
{
	if (code == NULL) {
		json_add_null(writer, "code");
		return;
	}
	json_open_object(writer, "code");
	add_text(writer, "address", code->address);
	add_text(writer, "version", code->version);
	add_text(writer, "etag", code->etag);
	add_text(writer, "sha256", code->sha256);
	if (code->size >= 0) {
		json_add_int(writer, "size", code->size);
	} else {
		json_add_null(writer, "size");
	}
	add_text(writer, "kind", code->kind);
	add_text(writer, "found_by", code->found_by);
	json_add_bool(writer, "cached", code->cached);
	add_fetch(writer, code->fetch);
	json_close_object(writer);
}

static void
add_channels(struct json_writer *writer, const struct record *record)
{
	json_open_array(writer, "channels");
	for (size_t i = 0; i < record->channel_count; i++) {
		json_open_object(writer, NULL);
		add_text(writer, "name", record->channels[i].name);
		add_text(writer, "mode", record->channels[i].mode);
		add_text(writer, "s3_uri", record->channels[i].s3_uri);
		json_close_object(writer);
	}
	json_close_array(writer);
}

/* A value that is JSON stays what it is, unless masking it would break it: then, and when it is none, it becomes a
 * string. */
static void
add_value(struct json_writer *writer, const struct record_value *value)
{
	CLEAN_BUF masked = {0};
	CLEAN_JSON json = {0};
	struct err ignored = {0};

	buf_init(&masked, RECORD_BYTES_MAX);
	mask_text(mask_global(), value->json, strlen(value->json), &masked);
	if (json_parse(&json, buf_text(&masked), masked.len, value->name, &ignored) < 0) {
		json_add_bytes(writer, value->name, buf_text(&masked), masked.len);
		return;
	}
	if (json_type(&json, 0) == JSON_STRING) {
		CLEAN_TEXT *text = json_string(&json, 0, NULL);

		/* Once more: what is a secret may be spelt with escapes. Text with a zero byte in it stays as it is
		 * written. */
		if (text != NULL) {
			add_text(writer, value->name, text);
			return;
		}
	}
	size_t len;
	const char *raw = json_raw(&json, 0, &len);

	json_add_raw(writer, value->name, raw, len);
}

static void
add_inputs(struct json_writer *writer, const struct record *record)
{
	json_open_object(writer, "hyperparameters");
	for (size_t i = 0; i < record->hyperparameter_count; i++) {
		add_value(writer, &record->hyperparameters[i]);
	}
	json_close_object(writer);
	add_names(writer, "masked", record->masked, record->masked_count);
	add_names(writer, "variables", record->variables, record->variable_count);
	json_open_array(writer, "tags");
	for (size_t i = 0; i < record->tag_count; i++) {
		json_open_object(writer, NULL);
		add_text(writer, "key", record->tags[i].key);
		add_text(writer, "value", record->tags[i].value);
		json_close_object(writer);
	}
	json_close_array(writer);
}

static void
add_step(struct json_writer *writer, const struct record_step *step)
{
	json_open_object(writer, NULL);
	add_text(writer, "name", step->name);
	json_open_array(writer, "command");
	for (size_t i = 0; step->words != NULL && step->words[i] != NULL; i++) {
		add_text(writer, NULL, step->words[i]);
	}
	json_close_array(writer);
	if (step->exit_code >= 0) {
		json_add_int(writer, "exit_code", step->exit_code);
	} else {
		json_add_null(writer, "exit_code");
	}
	add_seconds(writer, "seconds", step->seconds);
	json_close_object(writer);
}

static void
add_course(struct json_writer *writer, const struct record *record)
{
	json_open_array(writer, "phases");
	for (size_t i = 0; i < record->phase_count; i++) {
		json_open_object(writer, NULL);
		json_add_string(writer, "name", record->phases[i].name);
		add_seconds(writer, "start", record->phases[i].start);
		add_seconds(writer, "seconds", record->phases[i].seconds);
		json_close_object(writer);
	}
	json_close_array(writer);
	json_open_array(writer, "steps");
	for (size_t i = 0; i < record->step_count; i++) {
		add_step(writer, &record->steps[i]);
	}
	json_close_array(writer);
}

static void
add_metrics(struct json_writer *writer, const struct metrics *metrics)
{
	json_open_array(writer, "metrics");
	for (size_t i = 0; i < metrics->name_count; i++) {
		const struct metric *metric = &metrics->names[i];

		json_open_object(writer, NULL);
		add_text(writer, "name", metric->name);
		json_add_int(writer, "count", (int64_t)metric->count);
		json_add_double(writer, "last", metric->last);
		json_add_double(writer, "min", metric->min);
		json_add_double(writer, "max", metric->max);
		json_close_object(writer);
	}
	json_close_array(writer);
	json_open_object(writer, "metrics_lost");
	json_add_int(writer, "nonfinite", (int64_t)metrics->nonfinite);
	json_add_int(writer, "bad", (int64_t)metrics->bad);
	json_add_int(writer, "overlong", (int64_t)metrics->overlong);
	json_add_int(writer, "dropped", (int64_t)metrics->dropped);
	json_add_int(writer, "names_over", (int64_t)metrics->names_over);
	add_text(writer, "first_bad", metrics->first_bad[0] != '\0' ? metrics->first_bad : NULL);
	json_close_object(writer);
}

static void
add_end(struct json_writer *writer, const struct record *record)
{
	json_add_int(writer, "exit_code", record->exit_code);
	json_add_string(writer, "outcome", record->outcome);
	json_add_string(writer, "reason", record->reason);
	json_add_string(writer, "ended_by", record->ended_by);
	add_text(writer, "failure", record->failure);
	json_add_int(writer, "peak_memory_bytes", record->peak_memory_bytes);
	json_add_int(writer, "log_bytes_lost", (int64_t)record->log_bytes_lost);
	add_names(writer, "warnings", record->warnings, record->warning_count);
}

int
record_compose(const struct record *record, struct buf *out, struct err *err)
{
	struct json_writer writer;

	json_writer_init(&writer, out, 2);
	json_open_object(&writer, NULL);
	json_add_int(&writer, "schema", RECORD_SCHEMA);
	add_identity(&writer, record);
	add_settings(&writer, record);
	add_code(&writer, record->code);
	add_channels(&writer, record);
	add_inputs(&writer, record);
	add_course(&writer, record);
	add_metrics(&writer, record->metrics);
	add_end(&writer, record);
	json_close_object(&writer);
	buf_addc(out, '\n');
	return out->full ? err_set(err, ERR_OUTPUT, 0, "the record needs more than %zu bytes", out->max) : 0;
}

int
record_write(const struct record *record, char *path, struct err *err)
{
	char name[OUTDIR_NAME];
	CLEAN_FD dir_fd = -1;
	CLEAN_BUF text = {0};

	buf_init(&text, RECORD_BYTES_MAX);
	outdir_name(name, "run", record->job.host, ".json");
	(void)snprintf(path, PATH_BYTES_MAX, "%s/output/data/_train/%s", record->job.root, name);
	if (record_compose(record, &text, err) < 0) {
		return -1;
	}
	dir_fd = outdir_open(record->job.root, "output/data/_train", err);
	if (dir_fd < 0) {
		return -1;
	}
	if (fd_write_file(dir_fd, name, text.data, text.len, 0644, err) < 0) {
		if (err->kind != ERR_DISK_FULL) {
			err->kind = ERR_OUTPUT;
		}
		return err_wrap(err, "cannot write the record");
	}
	return 0;
}
