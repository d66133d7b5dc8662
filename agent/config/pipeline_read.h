/*
 * Inside of config/pipeline.c: what the readers of pipeline.json's parts share. Nobody else includes this.
 */
#ifndef TRAIN_CONFIG_PIPELINE_READ_H
#define TRAIN_CONFIG_PIPELINE_READ_H

#include "base/attr.h"
#include "base/json_read.h"
#include "config/pipeline.h"

/* The keys that say what to run: one of them may stand. */
enum pipeline_way { WAY_COMMAND, WAY_CALL, WAY_STEPS, WAYS };

struct pipeline_reading {
	struct pipeline *pipeline;
	const struct json *json;
	const char *file;
	struct settings *settings;
	enum argument_form arguments; /* of the top level */
	int ways[WAYS];               /* their values, JSON_NONE where missing */
	struct err *err;
};

/* Notes a mistake at 'value', with file, line and column. */
void pipeline_mistake(struct pipeline_reading *reading, int value, const char *what);

/* Warns about a key that is none of 'known' (ended by NULL), naming the nearest. */
void pipeline_warn_unknown(struct pipeline_reading *reading, int key, const char *const *known);

/* The same for every key of 'object' that is none of 'known'. */
void pipeline_warn_others(struct pipeline_reading *reading, int object, const char *const *known);

/* Offers the value to the settings; one of the wrong type is a mistake. */
void pipeline_offer(struct pipeline_reading *reading, enum setting setting, int value);

/* Sets 'err' for refused memory. Returns -1. */
int pipeline_no_memory(struct pipeline_reading *reading);

/* 1 for 1 to PIPELINE_NAME_MAX letters, digits, '.', '_', '-'; and for a metric's name. */
int pipeline_is_name(const char *text);
int pipeline_is_metric(const char *text);

/* config/pipeline_pairs.c: the objects that map names to texts. -1 only when memory is refused. */
MUST_CHECK int pipeline_read_data(struct pipeline_reading *reading, int value);
MUST_CHECK int pipeline_read_links(struct pipeline_reading *reading, int value);
MUST_CHECK int pipeline_read_env(struct pipeline_reading *reading, int value);
MUST_CHECK int pipeline_read_metrics(struct pipeline_reading *reading, int value);
void pipeline_pairs_release(struct pipeline_pairs *pairs);

/* config/pipeline_steps.c: the form of arguments at 'value'; then the steps of the one way that is there. */
enum argument_form pipeline_read_form(struct pipeline_reading *reading, int value);
MUST_CHECK int pipeline_read_way(struct pipeline_reading *reading);

#endif
