/* train metrics [DIR] [--agent]: the MetricDefinitions that CreateTrainingJob wants, from the names in pipeline.json. */
#include <errno.h>
#include <fcntl.h>
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
write_definitions(const struct pipeline *pipeline, int agent, struct buf *out, struct err *err)
{
	const char *names[PIPELINE_METRICS_MAX];
	const char *steps[STEPS_MAX];
	struct definitions_wish wish = {
	    .names = names, .objective = pipeline->objective, .agent = agent, .steps = steps};

	for (; wish.name_count < pipeline->metrics.count; wish.name_count++) {
		names[wish.name_count] = pipeline->metrics.list[wish.name_count].name;
	}
	for (size_t i = 0; i < pipeline->step_count; i++) {
		if (pipeline->steps[i].name != NULL) {
			steps[wish.step_count++] = pipeline->steps[i].name;
		}
	}
	return definitions_write(&wish, out, err);
}

int
verb_metrics(char *const *argv, char *const *envp, struct err *err)
{
	struct words agent = {0};
	const struct option table[] = {{"--agent", NULL, &agent}, {NULL, NULL, NULL}};
	struct options options = {.table = table};
	CLEAN_PIPELINE pipeline = {0};
	CLEAN_BUF out = {0};

	(void)envp;
	if (options_parse(&options, argv, err) < 0) {
		return -1;
	}
	if (options.plain.count > 1 || options.command != NULL) {
		return err_set(
		    err, ERR_USAGE, 0, "'train metrics' wants at most one folder: train metrics [DIR] [--agent]");
	}
	buf_init(&out, OUTPUT_MAX);
	const char *dir = options.plain.count == 1 ? options.plain.items[0] : ".";
	if (read_pipeline(dir, &pipeline, err) < 0 || write_definitions(&pipeline, agent.count > 0, &out, err) < 0) {
		return -1;
	}
	if (pipeline.metrics.count == 0) {
		log_warn("'%s/" PIPELINE_FILE "' names no metrics", dir);
	}
	if (fd_write_all(STDOUT_FILENO, buf_text(&out), out.len) < 0) {
		return err_set(err, ERR_IO, errno, "cannot write to stdout");
	}
	return 0;
}
