#include "config/cluster.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/text.h"
#include "config/pytext.h"

static const char HOST_LETTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";

/* The name of the one host where nothing names it, as under `train run` (product §13). */
static const char LONE_HOST[] = "local";

static int
no_memory(struct err *err)
{
	return err_set(err, ERR_SYSTEM, ENOMEM, "cannot keep the list of hosts");
}

static void
free_names(char **names)
{
	for (char **name = names; name != NULL && *name != NULL; name++) {
		free(*name);
	}
	free(names);
}

static int
is_host(const char *name)
{
	size_t len = name != NULL ? strlen(name) : 0;

	return len > 0 && len <= HOST_NAME_MAX_BYTES && strspn(name, HOST_LETTERS) == len && strspn(name, ".") != len;
}

/* A member's text, or the toolkit's default where it is missing, null or no string. */
static char *
text_or(const struct json *json, int object, const char *key, const char *fallback)
{
	char *text = json_string(json, json_member(json, object, key), NULL);

	if (text != NULL && *text != '\0') {
		return text;
	}
	free(text);
	return fallback != NULL ? strdup(fallback) : NULL;
}

/* The array of host names at 'value': an owned list, empty when it is no array. What is no name becomes a mistake. */
static char **
read_names(const struct config_file *file, int value, size_t *count, struct notes *mistakes)
{
	const struct json *json = &file->json;
	int is_list = json_type(json, value) == JSON_ARRAY && json_size(json, value) <= HOSTS_MAX;
	char **names = calloc(is_list ? (size_t)json_size(json, value) + 2 : 2, sizeof(*names));
	char place[CONFIG_PLACE_MAX];

	*count = 0;
	if (names == NULL || json_type(json, value) == JSON_NULL) {
		return names;
	}
	if (!is_list) {
		notes_add(mistakes, "%s: 'hosts' is a list of 1 to %d names", config_file_place(file, value, place),
		    (int)HOSTS_MAX);
		return names;
	}
	for (int i = json_first(json, value); i >= 0; i = json_next(json, value, i)) {
		char *name = json_string(json, i, NULL);

		if (is_host(name)) {
			names[(*count)++] = name;
			continue;
		}
		notes_add(mistakes, "%s: the name of a host has 1 to %d letters, digits, '.', '-' or '_'",
		    config_file_place(file, i, place), (int)HOST_NAME_MAX_BYTES);
		free(name);
	}
	return names;
}

static int
read_groups(struct cluster *cluster, const struct config_file *file, int list, struct notes *mistakes, struct err *err)
{
	const struct json *json = &file->json;
	int count = json_type(json, list) == JSON_ARRAY ? json_size(json, list) : 0;
	char place[CONFIG_PLACE_MAX];

	if (count == 0) {
		return 0;
	}
	if (count > INSTANCE_GROUPS_MAX) {
		notes_add(mistakes, "%s: more than %d instance groups", config_file_place(file, list, place),
		    (int)INSTANCE_GROUPS_MAX);
		return 0;
	}
	cluster->groups = calloc((size_t)count, sizeof(*cluster->groups));
	if (cluster->groups == NULL) {
		return no_memory(err);
	}
	for (int i = json_first(json, list); i >= 0; i = json_next(json, list, i)) {
		struct instance_group *group = &cluster->groups[cluster->group_count++];
		size_t hosts = 0;

		group->name = text_or(json, i, "instance_group_name", "");
		group->instance_type = text_or(json, i, "instance_type", NULL);
		group->hosts = read_names(file, json_member(json, i, "hosts"), &hosts, mistakes);
		if (group->name == NULL || group->hosts == NULL) {
			return no_memory(err);
		}
	}
	return 0;
}

/* Where this host stands in the list. A lone host needs not be named. */
static int
find_rank(struct cluster *cluster, const struct config_file *file, struct notes *mistakes, struct err *err)
{
	char place[CONFIG_PLACE_MAX];

	if (cluster->host_count == 0) {
		cluster->hosts[cluster->host_count++] = strdup(cluster->host != NULL ? cluster->host : LONE_HOST);
	}
	if (cluster->host == NULL && cluster->host_count == 1 && cluster->hosts[0] != NULL) {
		cluster->host = strdup(cluster->hosts[0]);
	}
	if (cluster->hosts[0] == NULL) {
		return no_memory(err);
	}
	if (cluster->host == NULL) {
		notes_add(mistakes, "%s: 'current_host' does not say which of the %zu hosts this is",
		    config_file_place(file, 0, place), cluster->host_count);
		return 0;
	}
	for (cluster->rank = 0; cluster->rank < cluster->host_count; cluster->rank++) {
		if (strcmp(cluster->hosts[cluster->rank], cluster->host) == 0) {
			return 0;
		}
	}
	cluster->rank = 0;
	notes_add(mistakes, "%s: 'current_host' is '%s', which is not among 'hosts'", config_file_place(file, 0, place),
	    cluster->host);
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

static int
read_document(struct cluster *cluster, const struct config_file *file, struct notes *mistakes, struct err *err)
{
	const struct json *json = &file->json;
	int current = json_member(json, 0, "current_host");
	char place[CONFIG_PLACE_MAX];

	cluster->hosts = read_names(file, json_member(json, 0, "hosts"), &cluster->host_count, mistakes);
	cluster->host = json_string(json, current, NULL);
	if (cluster->host != NULL && !is_host(cluster->host)) {
		notes_add(mistakes, "%s: this cannot be the name of a host", config_file_place(file, current, place));
	}
	cluster->json = whole(json);
	if (cluster->hosts == NULL || cluster->json == NULL) {
		return no_memory(err);
	}
	return read_groups(cluster, file, json_member(json, 0, "instance_groups"), mistakes, err);
}

int
cluster_read(struct cluster *cluster, const struct config_file *file, struct notes *mistakes, struct err *err)
{
	static const struct json nothing = {0};
	const struct json *json = file != NULL ? &file->json : &nothing;
	char place[CONFIG_PLACE_MAX];

	*cluster = (struct cluster){0};
	if (file == NULL) {
		cluster->hosts = calloc(2, sizeof(*cluster->hosts));
		cluster->json = strdup("{}");
	} else if (json_type(json, 0) != JSON_OBJECT) {
		notes_add(mistakes, "%s: an object is expected", config_file_place(file, 0, place));
		return 0;
	} else if (read_document(cluster, file, mistakes, err) < 0) {
		return -1;
	}
	cluster->instance_type = text_or(json, 0, "current_instance_type", "local");
	cluster->group_name = text_or(json, 0, "current_group_name", "homogeneousCluster");
	cluster->interface = text_or(json, 0, "network_interface_name", "eth0");
	if (cluster->hosts == NULL || cluster->json == NULL || cluster->instance_type == NULL ||
	    cluster->group_name == NULL || cluster->interface == NULL) {
		return no_memory(err);
	}
	return find_rank(cluster, file, mistakes, err);
}

void
cluster_release(struct cluster *cluster)
{
	for (size_t i = 0; i < cluster->group_count; i++) {
		free(cluster->groups[i].name);
		free(cluster->groups[i].instance_type);
		free_names(cluster->groups[i].hosts);
	}
	free(cluster->groups);
	free_names(cluster->hosts);
	free(cluster->host);
	free(cluster->instance_type);
	free(cluster->group_name);
	free(cluster->interface);
	free(cluster->json);
	*cluster = (struct cluster){0};
}
