#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "config/pipeline_read.h"

static const char VARIABLE_LETTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

/* "module:function": dots inside, letters of any language, nothing that Python would not take as a name. */
static int
is_call(const char *text)
{
	const char *colon = text != NULL ? strchr(text, ':') : NULL;

	if (colon == NULL || colon == text || colon[1] == '\0' || strchr(colon + 1, ':') != NULL) {
		return 0;
	}
	int at_start = 1;
	for (const char *c = text; *c != '\0'; c++) {
		int is_cut = *c == '.' || *c == ':';
		int is_digit = *c >= '0' && *c <= '9';

		if ((is_cut || is_digit) && at_start) {
			return 0;
		}
		if (!is_cut && (unsigned char)*c < 0x80 && strchr(VARIABLE_LETTERS, *c) == NULL) {
			return 0;
		}
		at_start = is_cut;
	}
	return !at_start;
}

static enum argument_form
form_of(const struct json *json, int value)
{
	static const struct {
		const char *text;
		enum argument_form form;
	} forms[] = {
	    {"none", ARGUMENTS_NONE},
	    {"--key value", ARGUMENTS_KEY_VALUE},
	    {"--key=value", ARGUMENTS_KEY_IS_VALUE},
	    {"key=value", ARGUMENTS_PLAIN},
	};

	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		if (json_equals(json, value, forms[i].text)) {
			return forms[i].form;
		}
	}
	return ARGUMENTS_UNSET;
}

enum argument_form
pipeline_read_form(struct pipeline_reading *reading, int value)
{
	enum argument_form form = form_of(reading->json, value);

	if (form == ARGUMENTS_UNSET) {
		pipeline_mistake(reading, value, "'arguments' is 'none', '--key value', '--key=value' or 'key=value'");
	}
	return form;
}

/* 1 for a command, 0 for a mistake. */
static int
read_command(struct pipeline_reading *reading, struct pipeline_step *step, int value)
{
	size_t len = 0;
	const char *raw = json_raw(reading->json, value, &len);
	CLEAN_TEXT *text =
	    json_type(reading->json, value) == JSON_ARRAY ? strndup(raw, len) : json_string(reading->json, value, NULL);

	step->command = text != NULL ? setting_words(text) : NULL;
	if (step->command == NULL || step->command[0] == NULL || step->command[0][0] == '\0') {
		pipeline_mistake(reading, value, "a command is a list of words, or one string that is split at blanks");
		return 0;
	}
	return 1;
}

static void
read_call(struct pipeline_reading *reading, struct pipeline_step *step, int value)
{
	step->call = json_string(reading->json, value, NULL);
	if (!is_call(step->call)) {
		pipeline_mistake(reading, value, "a call is 'module:function'");
	}
}

static const char *const STEP_KEYS[] = {"name", "command", "call", "arguments", NULL};

static void
read_step_name(struct pipeline_reading *reading, struct pipeline_step *step, int object)
{
	const struct pipeline *pipeline = reading->pipeline;
	int value = json_member(reading->json, object, "name");

	step->name = json_string(reading->json, value, NULL);
	if (!pipeline_is_name(step->name)) {
		pipeline_mistake(reading, value < 0 ? object : value,
		    "a step has a 'name' of 1 to 128 letters, digits, '.', '_' or '-'");
		return;
	}
	for (const struct pipeline_step *other = pipeline->steps; other < step; other++) {
		if (other->name != NULL && strcmp(other->name, step->name) == 0) {
			pipeline_mistake(reading, value, "another step has this name");
		}
	}
}

static void
read_step(struct pipeline_reading *reading, struct pipeline_step *step, int object)
{
	const struct json *json = reading->json;
	int command = json_member(json, object, "command");
	int call = json_member(json, object, "call");
	int arguments = json_member(json, object, "arguments");

	if (json_type(json, object) != JSON_OBJECT) {
		pipeline_mistake(reading, object, "a step is an object");
		return;
	}
	read_step_name(reading, step, object);
	step->arguments = arguments >= 0 ? pipeline_read_form(reading, arguments) : reading->arguments;
	if ((command >= 0) == (call >= 0)) {
		pipeline_mistake(reading, object, "a step has either a 'command' or a 'call'");
	} else if (command >= 0) {
		(void)read_command(reading, step, command);
	} else {
		read_call(reading, step, call);
	}
	pipeline_warn_others(reading, object, STEP_KEYS);
}

static int
read_steps(struct pipeline_reading *reading, int list)
{
	struct pipeline *pipeline = reading->pipeline;
	int count = json_type(reading->json, list) == JSON_ARRAY ? json_size(reading->json, list) : 0;

	if (count < 1 || count > STEPS_MAX) {
		pipeline_mistake(reading, list, "'steps' is a list of 1 to 64 steps");
		return 0;
	}
	pipeline->steps = calloc((size_t)count, sizeof(*pipeline->steps));
	if (pipeline->steps == NULL) {
		return pipeline_no_memory(reading);
	}
	for (int i = json_first(reading->json, list); i >= 0; i = json_next(reading->json, list, i)) {
		read_step(reading, &pipeline->steps[pipeline->step_count++], i);
	}
	return 0;
}

/* The one of 'command', 'call' and 'steps' that is there. It waits for 'arguments', which may stand behind it. */
int
pipeline_read_way(struct pipeline_reading *reading)
{
	struct pipeline *pipeline = reading->pipeline;
	int command = reading->ways[WAY_COMMAND];
	int call = reading->ways[WAY_CALL];
	int steps = reading->ways[WAY_STEPS];
	int count = (command >= 0) + (call >= 0) + (steps >= 0);

	if (count > 1) {
		pipeline_mistake(reading, steps >= 0 ? steps : call,
		    "only one of 'command', 'call' and 'steps' may say what to run");
	}
	if (count != 1) {
		return 0;
	}
	if (steps >= 0) {
		return read_steps(reading, steps);
	}
	pipeline->steps = calloc(1, sizeof(*pipeline->steps));
	if (pipeline->steps == NULL) {
		return pipeline_no_memory(reading);
	}
	pipeline->step_count = 1;
	pipeline->steps[0].arguments = reading->arguments;
	if (command >= 0) {
		if (read_command(reading, &pipeline->steps[0], command)) {
			pipeline_offer(reading, SETTING_COMMAND, command);
		}
	} else {
		read_call(reading, &pipeline->steps[0], call);
	}
	return 0;
}

const char *const *
pipeline_step_keys(void)
{
	return STEP_KEYS;
}
