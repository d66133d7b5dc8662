/*
 * train metrics [DIR] [--agent] [--from RUN]: the MetricDefinitions that CreateTrainingJob wants, from the names in pipeline.json, or
 * from those that a run emitted.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/options.h"
#include "cli/verb.h"
#include "config/pipeline.h"
#include "config/settings.h"
#include "report/definitions.h"
#include "report/emitted.h"
#include "report/metric_line.h"

enum { OUTPUT_MAX = 1 << 17 /* forty definitions, each below a kilobyte */ };

/* Each on a line of its own, as a job tells them: one error's text would not hold many. */
static int
tell_mistakes(const struct notes *mistakes, const char *path, struct err *err)
{
	if (mistakes->count + mistakes->lost <= 1) {
		return notes_to_err(mistakes, "mistakes", err);
	}
	for (size_t i = 0; i < mistakes->count; i++) {
		log_error("%s", mistakes->texts[i]);
	}
	return err_set(err, ERR_SETTINGS, 0, "'%s' has %zu mistakes", path, mistakes->count + mistakes->lost);
}

/* Reads the file and tells every mistake in it, those that have nothing to do with metrics, too: no job would start with them. */
static int
read_pipeline(const char *dir, struct pipeline *pipeline, struct err *err)
{
	CLEAN_TEXT *path = text_format("%s/" PIPELINE_FILE, dir);
	CLEAN_SETTINGS settings;
	CLEAN_BUF text;

	settings_init(&settings);
	buf_init(&text, CONFIG_FILE_MAX);
	if (path == NULL) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot read '%s'", dir);
	}
	if (fd_read_file(AT_FDCWD, path, &text, err) < 0) {
		if (err->sys == ENOENT || err->sys == ENOTDIR) {
			return err_set(err, ERR_SETTINGS, 0,
			    "there is no '%s': it names the metrics, like \"metrics\": {\"validation:rmse\": {}}",
			    path);
		}
		return -1;
	}
	if (pipeline_parse(pipeline, buf_text(&text), text.len, path, &settings, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < settings.warnings.count; i++) {
		log_warn("%s", settings.warnings.texts[i]);
	}
	return tell_mistakes(&settings.mistakes, path, err);
}

static int
define_pipeline(const char *dir, int agent, struct buf *out, struct err *err)
{
	CLEAN_PIPELINE pipeline = {0};
	const char *names[PIPELINE_METRICS_MAX];
	const char *steps[STEPS_MAX];
	struct definitions_wish wish = {.names = names, .agent = agent, .steps = steps};

	if (read_pipeline(dir, &pipeline, err) < 0) {
		return -1;
	}
	for (; wish.name_count < pipeline.metrics.count; wish.name_count++) {
		names[wish.name_count] = pipeline.metrics.list[wish.name_count].name;
	}
	for (size_t i = 0; i < pipeline.step_count; i++) {
		if (pipeline.steps[i].name != NULL) {
			steps[wish.step_count++] = pipeline.steps[i].name;
		}
	}
	wish.objective = pipeline.objective;
	if (definitions_write(&wish, out, err) < 0) {
		return -1;
	}
	if (wish.name_count == 0) {
		log_warn("'%s/" PIPELINE_FILE "' names no metrics", dir);
	}
	return 0;
}

/* Where RUN lies: an id, or "latest", of `train run` in 'dir'; else it is a path. Owned, or NULL without memory. */
static char *
find_run(const char *dir, const char *run)
{
	static const char *const places[] = {".train/runs", ".train"};

	for (size_t i = 0; i < ARRAY_LEN(places) && run[0] != '\0' && strchr(run, '/') == NULL; i++) {
		char *path = text_format("%s/%s/%s", dir, places[i], run);

		if (path == NULL || access(path, F_OK) == 0) {
			return path;
		}
		text_free(&path);
	}
	return strdup(run);
}

static int
define_run(const char *dir, const char *run, int agent, struct buf *out, struct err *err)
{
	CLEAN_EMITTED emitted = {0};
	CLEAN_TEXT *path = find_run(dir, run);
	const char *names[METRICS_NAMES_MAX], *own[METRICS_NAMES_MAX];
	struct definitions_wish wish = {.names = names, .own = own};

	if (path == NULL) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot read '%s'", run);
	}
	if (emitted_read(&emitted, path, err) < 0) {
		return err->sys == ENOENT || err->sys == ENOTDIR
		           ? err_set(err, ERR_USAGE, 0, "no run '%.200s', here or in '%.200s/.train/runs'", run, dir)
		           : -1;
	}
	for (size_t i = 0; i < emitted.count; i++) {
		const char *name = emitted.names[i];

		if (!metric_name_is_own(name, strlen(name))) {
			names[wish.name_count++] = name;
		} else if (agent) {
			own[wish.own_count++] = name;
		}
	}
	if (wish.name_count == 0) {
		log_warn("the pipeline of '%s' emitted no metrics", run);
	}
	return definitions_write(&wish, out, err);
}

int
verb_metrics(char *const *argv, char *const *envp, struct err *err)
{
	struct words agent = {0}, from = {0};
	const struct option table[] = {{"--agent", NULL, &agent}, {"--from", "RUN", &from}, {NULL, NULL, NULL}};
	struct options options = {.table = table};
	CLEAN_BUF out = {0};

	(void)envp;
	if (options_parse(&options, argv, err) < 0) {
		return -1;
	}
	if (options.plain.count > 1 || from.count > 1 || options.command != NULL) {
		return err_set(
		    err, ERR_USAGE, 0, "at most one folder and one run: train metrics [DIR] [--agent] [--from RUN]");
	}
	buf_init(&out, OUTPUT_MAX);
	const char *dir = options.plain.count == 1 ? options.plain.items[0] : ".";
	int result = from.count == 1 ? define_run(dir, from.items[0], agent.count > 0, &out, err)
	                             : define_pipeline(dir, agent.count > 0, &out, err);
	if (result < 0) {
		return -1;
	}
	if (fd_write_all(STDOUT_FILENO, buf_text(&out), out.len) < 0) {
		return err_set(err, ERR_IO, errno, "cannot write to stdout");
	}
	return 0;
}
