/*
 * pipeline.json in tests: one text read into a pipeline and settings, and what was said about it.
 */
#ifndef TRAIN_TESTS_CONFIG_READING_H
#define TRAIN_TESTS_CONFIG_READING_H

#include "unit/config/jobroot.h"

#include "config/pipeline.h"
#include "config/settings.h"

struct read_pipeline {
	struct pipeline pipeline;
	struct settings settings;
};

static inline void
reading_release(struct read_pipeline *read)
{
	pipeline_release(&read->pipeline);
	settings_release(&read->settings);
}

#define CLEAN_READING CLEANUP(reading_release) struct read_pipeline

/* Reads 'text' as pipeline.json; what is wrong with its keys stands in settings.mistakes. */
static inline void
reading_parse(struct read_pipeline *read, const char *text)
{
	struct err err = {0};

	settings_init(&read->settings);
	if (pipeline_parse(&read->pipeline, text, strlen(text), "pipeline.json", &read->settings, &err) < 0) {
		fail_msg("%s", err.text);
	}
}

/* Reads a text that must be right, without a warning. */
static inline void
reading_good(struct read_pipeline *read, const char *text)
{
	reading_parse(read, text);
	if (read->settings.mistakes.count > 0) {
		fail_msg("'%s': %s", text, read->settings.mistakes.texts[0]);
	}
	if (read->settings.warnings.count > 0) {
		fail_msg("'%s': %s", text, read->settings.warnings.texts[0]);
	}
}

/* Reads a text with exactly one mistake, whose sentence begins with "'pipeline.json:PLACE'" and holds 'part'. */
static inline void
reading_bad(const char *text, const char *place, const char *part)
{
	CLEAN_READING read = {0};
	struct err err = {0};
	char start[64];

	reading_parse(&read, text);
	if (read.settings.mistakes.count != 1) {
		fail_msg("'%s': %zu mistakes: %s", text, read.settings.mistakes.count,
		    read.settings.mistakes.count > 0 ? read.settings.mistakes.texts[0] : "");
	}
	(void)snprintf(start, sizeof(start), "'pipeline.json:%s'", place);
	const char *said = read.settings.mistakes.texts[0];
	if (strstr(said, start) == NULL || strstr(said, part) == NULL) {
		fail_msg("'%s': %s", text, said);
	}
	assert_int_equal(settings_freeze(&read.settings, &err), -1);
	assert_int_equal(err.kind, ERR_SETTINGS);
}

#endif
