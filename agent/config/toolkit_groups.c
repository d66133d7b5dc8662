#include "config/toolkit_groups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "config/command.h"
#include "config/pytext.h"

static const char NAMED[] = "sagemaker_distribution_instance_groups";

static int
no_memory(struct err *err)
{
	return err_set(err, ERR_SYSTEM, ENOMEM, "cannot build the environment");
}

/* ---- groups that a launcher is for ---- */

/* The request names them; else a launcher that is switched on means this host's group. Owned JSON. */
static char *
distribution_of(const struct opt_ml *job)
{
	const struct hyperparameter *named = hyperparameters_find(&job->hyperparameters, NAMED);
	char *const group[] = {job->cluster.group_name, NULL};
	CLEAN_BUF out = {0};

	if (named != NULL) {
		return strdup(named->json);
	}
	buf_init(&out, CONFIG_FILE_MAX);
	pytext_words(command_launcher(&job->hyperparameters) != NULL ? group : NULL, &out);
	return buf_take(&out);
}

static int
is_launched(const struct json *distribution, const char *group)
{
	if (json_type(distribution, 0) != JSON_ARRAY) {
		return 0;
	}
	for (int i = json_first(distribution, 0); i >= 0; i = json_next(distribution, 0, i)) {
		if (json_equals(distribution, i, group)) {
			return 1;
		}
	}
	return 0;
}

/* Of the groups in the platform's order the hosts in theirs; without groups all hosts. */
static int
find_launched(struct toolkit_groups *groups, const struct json *distribution, struct err *err)
{
	const struct cluster *cluster = groups->cluster;
	size_t room = cluster->group_count == 0 ? cluster->host_count : cluster->group_count * HOSTS_MAX;
	size_t count = 0;

	groups->launched = calloc(room + 1, sizeof(*groups->launched));
	if (groups->launched == NULL) {
		return no_memory(err);
	}
	for (size_t i = 0; i < cluster->host_count && cluster->group_count == 0; i++) {
		groups->launched[count++] = cluster->hosts[i];
	}
	for (size_t i = 0; i < cluster->group_count; i++) {
		const struct instance_group *group = &cluster->groups[i];

		for (size_t j = 0; is_launched(distribution, group->name) && group->hosts[j] != NULL; j++) {
			groups->launched[count++] = group->hosts[j];
		}
	}
	groups->master = count > 0 ? groups->launched[0] : cluster->hosts[0];
	return 0;
}

int
toolkit_groups_read(struct toolkit_groups *groups, const struct opt_ml *job, struct err *err)
{
	const char *resource = job->cluster.json;
	CLEAN_JSON distribution = {0};

	*groups = (struct toolkit_groups){.cluster = &job->cluster, .distribution = distribution_of(job)};
	if (groups->distribution == NULL) {
		return no_memory(err);
	}
	if (json_parse(&groups->resource, resource, strlen(resource), "resourceconfig.json", err) < 0 ||
	    json_parse(&distribution, groups->distribution, strlen(groups->distribution), NAMED, err) < 0) {
		return -1;
	}
	return find_launched(groups, &distribution, err);
}

void
toolkit_groups_release(struct toolkit_groups *groups)
{
	json_release(&groups->resource);
	free(groups->distribution);
	free(groups->launched);
	*groups = (struct toolkit_groups){0};
}

/* ---- all groups ---- */

char *const *
toolkit_groups_hosts(const struct toolkit_groups *groups)
{
	const struct cluster *cluster = groups->cluster;

	for (size_t i = 0; i < cluster->group_count; i++) {
		if (strcmp(cluster->groups[i].name, cluster->group_name) == 0) {
			return cluster->groups[i].hosts;
		}
	}
	return NULL;
}

void
toolkit_groups_put_names(const struct toolkit_groups *groups, struct buf *out)
{
	const struct cluster *cluster = groups->cluster;
	char *names[INSTANCE_GROUPS_MAX + 1] = {NULL};

	for (size_t i = 0; i < cluster->group_count; i++) {
		names[i] = cluster->groups[i].name;
	}
	pytext_words(names, out);
}

/* A group by its name, and its value in resourceconfig.json. */
struct group_ref {
	const char *name;
	int value;
};

static int
compare_groups(const void *a, const void *b)
{
	const struct group_ref *x = a;
	const struct group_ref *y = b;

	return strcmp(x->name, y->name);
}

/* The groups sorted by name; of two with one name the last. The number of them. */
static size_t
sort_groups(const struct toolkit_groups *groups, struct group_ref refs[INSTANCE_GROUPS_MAX])
{
	int list = json_member(&groups->resource, 0, "instance_groups");
	int value = json_first(&groups->resource, list);
	size_t count = 0;

	for (size_t i = 0; i < groups->cluster->group_count; i++) {
		struct group_ref ref = {groups->cluster->groups[i].name, value};
		size_t at = 0;

		while (at < count && strcmp(refs[at].name, ref.name) != 0) {
			at++;
		}
		refs[at] = ref;
		count += at == count;
		value = json_next(&groups->resource, list, value);
	}
	qsort(refs, count, sizeof(*refs), compare_groups);
	return count;
}

void
toolkit_groups_put_all(const struct toolkit_groups *groups, struct buf *out)
{
	struct group_ref refs[INSTANCE_GROUPS_MAX];
	size_t count = sort_groups(groups, refs);

	buf_addc(out, '{');
	for (size_t i = 0; i < count; i++) {
		pytext_key(refs[i].name, out);
		pytext_json(&groups->resource, refs[i].value, out);
	}
	buf_addc(out, '}');
}
