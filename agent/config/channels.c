#include "config/channels.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "config/pytext.h"

static int
no_memory(struct err *err)
{
	return err_set(err, ERR_SYSTEM, ENOMEM, "cannot keep the list of channels");
}

/* C§1.5 says [A-Za-z0-9.-_]; a name becomes a link and a part of paths, so only what is harmful there is refused. */
static int
is_channel_name(const char *name)
{
	size_t len = name != NULL ? strlen(name) : 0;

	if (len == 0 || len > CHANNEL_NAME_MAX || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		return 0;
	}
	for (; *name != '\0'; name++) {
		if (*name == '/' || (unsigned char)*name < 0x20 || *name == 0x7f) {
			return 0;
		}
	}
	return 1;
}

static int
compare_names(const void *a, const void *b)
{
	const struct channel *x = a;
	const struct channel *y = b;

	return strcmp(x->name, y->name);
}

/* Takes 'name' over. */
static int
fill(struct channel *channel, char *name, const struct json *json, int object, const char *root)
{
	channel->name = name;
	channel->mode = json_string(json, json_member(json, object, "TrainingInputMode"), NULL);
	channel->content_type = json_string(json, json_member(json, object, "ContentType"), NULL);
	channel->path = text_format("%s/input/data/%s", root, name);
	if (channel->mode == NULL) {
		channel->mode = strdup("File");
	}
	channel->is_pipe = channel->mode != NULL && strcmp(channel->mode, "Pipe") == 0;
	return channel->mode != NULL && channel->path != NULL ? 0 : -1;
}

static int
add_all(struct channels *channels, const struct config_file *file, const char *root, struct notes *mistakes,
    struct err *err)
{
	const struct json *json = &file->json;
	char place[CONFIG_PLACE_MAX];

	for (int key = json_first(json, 0); key >= 0; key = json_next(json, 0, key)) {
		int object = json_of_key(json, key);
		char *name = json_string(json, key, NULL);

		if (!is_channel_name(name) || json_type(json, object) != JSON_OBJECT) {
			notes_add(mistakes,
			    "%s: a channel is an object under a name of 1 to %d bytes, not '.' nor '..', without '/'",
			    config_file_place(file, key, place), (int)CHANNEL_NAME_MAX);
			free(name);
		} else if (fill(&channels->list[channels->count++], name, json, object, root) < 0) {
			return no_memory(err);
		}
	}
	return 0;
}

static char *
whole(const struct json *json)
{
	CLEAN_BUF out;

	buf_init(&out, 2 * CONFIG_FILE_MAX);
	pytext_json(json, 0, &out);
	return buf_take(&out);
}

int
channels_read(struct channels *channels, const struct config_file *file, const char *root, struct notes *mistakes,
    struct err *err)
{
	char place[CONFIG_PLACE_MAX];

	*channels = (struct channels){0};
	if (file == NULL) {
		channels->json = strdup("{}");
		return channels->json != NULL ? 0 : no_memory(err);
	}
	if (json_type(&file->json, 0) != JSON_OBJECT || json_size(&file->json, 0) > CHANNELS_MAX) {
		notes_add(mistakes, "%s: an object of at most %d channels is expected",
		    config_file_place(file, 0, place), (int)CHANNELS_MAX);
		return 0;
	}
	channels->json = whole(&file->json);
	channels->list = calloc((size_t)json_size(&file->json, 0) + 1, sizeof(*channels->list));
	if (channels->json == NULL || channels->list == NULL || add_all(channels, file, root, mistakes, err) < 0) {
		return no_memory(err);
	}
	qsort(channels->list, channels->count, sizeof(*channels->list), compare_names);
	return 0;
}

int
channels_locate(struct channels *channels, const struct config_file *init, struct err *err)
{
	const struct json *json = &init->json;
	int known = json_member(json, 0, "channels");

	for (size_t i = 0; i < channels->count; i++) {
		int source = json_member(json, json_member(json, known, channels->list[i].name), "s3DataSource");
		int uri = json_member(json, source, "s3Uri");

		free(channels->list[i].s3_uri);
		channels->list[i].s3_uri = json_string(json, uri, NULL);
		if (json_type(json, uri) == JSON_STRING && channels->list[i].s3_uri == NULL) {
			return no_memory(err);
		}
	}
	return 0;
}

const struct channel *
channels_find(const struct channels *channels, const char *name)
{
	for (size_t i = 0; i < channels->count; i++) {
		if (strcmp(channels->list[i].name, name) == 0) {
			return &channels->list[i];
		}
	}
	return NULL;
}

void
channels_release(struct channels *channels)
{
	for (size_t i = 0; i < channels->count; i++) {
		free(channels->list[i].name);
		free(channels->list[i].mode);
		free(channels->list[i].content_type);
		free(channels->list[i].s3_uri);
		free(channels->list[i].path);
	}
	free(channels->list);
	free(channels->json);
	*channels = (struct channels){0};
}
