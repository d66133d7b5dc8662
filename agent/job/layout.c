#include "job/layout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "config/channels.h"
#include "files/links.h"
#include "job/job.h"

enum { FIXED_LINKS = 3 /* model, output, checkpoints */, LINKS_MAX = CHANNELS_MAX * CHANNEL_EPOCHS + FIXED_LINKS };

/* The links of one working folder while they are gathered. */
struct plan {
	struct link *links;
	size_t count, room;
	struct err *err;
};

static int
no_memory(struct err *err)
{
	return err_set(err, ERR_SYSTEM, ENOMEM, "cannot lay out the working folder");
}

/* Takes 'path' and 'target'. */
static int
add(struct plan *plan, char *path, char *target, enum link_rule rule)
{
	if (plan->count == plan->room) {
		size_t room = plan->room == 0 ? 16 : plan->room * 2;
		struct link *links = room <= 2 * LINKS_MAX ? realloc(plan->links, room * sizeof(*links)) : NULL;

		if (links != NULL) {
			plan->links = links;
			plan->room = room;
		}
	}
	if (path == NULL || plan->count == plan->room) {
		free(path);
		free(target);
		return no_memory(plan->err);
	}
	plan->links[plan->count++] = (struct link){.path = path, .target = target, .rule = rule};
	return 0;
}

/* ---- the four folders ---- */

/* Where a job was laid out by hand these may be missing; in a real one they are there. What cannot be made is the pipeline's to find out. */
static void
make_missing(struct job *job, const char *path)
{
	if (mkdir(path, 0777) < 0 && errno != EEXIST) {
		journal_warn(&job->journal, "cannot make '%s': %s", path, strerror(errno));
	}
}

static int
make_folders(struct layout *layout, struct job *job, struct err *err)
{
	CLEAN_TEXT *output = text_format("%s/output", job->root);

	layout->model = text_format("%s/model", job->root);
	layout->output = text_format("%s/output/data", job->root);
	if (output == NULL || layout->model == NULL || layout->output == NULL) {
		return no_memory(err);
	}
	/* Where output is off nobody wanted a job's folders: a command in an image without /opt/ml leaves no trace. */
	if (!job->output_off) {
		make_missing(job, layout->model);
		make_missing(job, output);
		make_missing(job, layout->output);
	}
	return 0;
}

/* The names for the environment, which hold whatever links there are. */
static int
name_folders(struct layout *layout, const struct job *job, int linked, struct err *err)
{
	const char *checkpoints = job->opt_ml.checkpoint_dir;

	layout->data = linked ? text_format("%s/data", job->workspace.path) : text_format("%s/input/data", job->root);
	if (checkpoints != NULL) {
		layout->checkpoints = strdup(checkpoints);
	} else {
		layout->checkpoints = text_format("%s/checkpoints", linked ? job->workspace.path : job->root);
	}
	return layout->data != NULL && layout->checkpoints != NULL ? 0 : no_memory(err);
}

/* ---- links ---- */

/* The name that pipeline.json gives one of the three; NULL when it wants none. */
static const char *
link_name(const struct job *job, const char *name)
{
	int found = 0;
	const char *given = pipeline_pairs_find(&job->pipeline.links, name, &found);

	return found ? given : name;
}

static int
plan_fixed(struct plan *plan, const struct layout *layout, const struct job *job)
{
	const struct {
		const char *name;
		const char *target;
	} fixed[FIXED_LINKS] = {
	    {"model", layout->model},
	    {"output", layout->output},
	    {"checkpoints", job->opt_ml.checkpoint_dir},
	};

	for (size_t i = 0; i < FIXED_LINKS; i++) {
		const char *name = link_name(job, fixed[i].name);
		char *target = name != NULL && fixed[i].target != NULL ? strdup(fixed[i].target) : NULL;

		if (name != NULL && fixed[i].target != NULL && target == NULL) {
			return no_memory(plan->err);
		}
		if (name != NULL && add(plan, strdup(name), target, LINK_YIELDS) < 0) {
			return -1;
		}
	}
	return 0;
}

/* The channel's folder under data/ is called as the pipeline wants it. */
static const char *
folder_of(const struct job *job, const char *channel)
{
	const struct pipeline_pairs *data = &job->pipeline.data;

	for (size_t i = 0; i < data->count; i++) {
		if (data->list[i].value != NULL && strcmp(data->list[i].value, channel) == 0) {
			return data->list[i].name;
		}
	}
	return channel;
}

/* A FIFO an epoch, which the platform makes when its time comes: until then the links dangle (C§3.1). */
static int
plan_pipe(struct plan *plan, const char *folder, const char *path)
{
	for (int epoch = 0; epoch < CHANNEL_EPOCHS; epoch++) {
		char *target = text_format("%s_%d", path, epoch);

		if (target == NULL || add(plan, text_format("data/%s_%d", folder, epoch), target, LINK_REPLACES) < 0) {
			return target == NULL ? no_memory(plan->err) : -1;
		}
	}
	return 0;
}

static int
is_the_code(const struct job *job, const struct channel *channel)
{
	const struct code_plan *plan = &job->plan;

	return plan->text != NULL && plan->address.scheme == CODE_CHANNEL &&
	       strcmp(plan->address.place, channel->name) == 0;
}

static int
plan_channels(struct plan *plan, const struct job *job)
{
	const struct channels *channels = &job->opt_ml.channels;

	for (size_t i = 0; i < channels->count; i++) {
		const struct channel *channel = &channels->list[i];
		const char *folder = folder_of(job, channel->name);

		if (is_the_code(job, channel)) {
			continue;
		}
		if (channel->is_pipe) {
			if (plan_pipe(plan, folder, channel->path) < 0) {
				return -1;
			}
			continue;
		}
		char *target = strdup(channel->path);
		if (target == NULL || add(plan, text_format("data/%s", folder), target, LINK_REPLACES) < 0) {
			return target == NULL ? no_memory(plan->err) : -1;
		}
	}
	return 0;
}

static void
warn_about_data(struct job *job)
{
	const struct pipeline_pairs *data = &job->pipeline.data;

	for (size_t i = 0; i < data->count; i++) {
		if (data->list[i].value != NULL && channels_find(&job->opt_ml.channels, data->list[i].value) == NULL) {
			journal_warn(&job->journal,
			    "pipeline.json wants channel '%s' as 'data/%s', but this job has no such channel",
			    data->list[i].value, data->list[i].name);
		}
	}
}

/* ---- telling ---- */

/* How the environment calls the folder of one of the three. */
static const char *
variable_of(const struct job *job, const char *path)
{
	static const char *const names[][2] = {
	    {"model", "TRAIN_MODEL_DIR"}, {"output", "TRAIN_OUTPUT_DIR"}, {"checkpoints", "TRAIN_CHECKPOINT_DIR"}};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *name = link_name(job, names[i][0]);

		if (name != NULL && strcmp(name, path) == 0) {
			return names[i][1];
		}
	}
	return "TRAIN_DATA_DIR";
}

static void
tell_results(struct job *job, const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct link *link = &plan->links[i];

		if (link->result == LINK_TAKEN) {
			journal_warn(&job->journal,
			    "the project has its own '%s': no link is made, write to the folder in %s", link->path,
			    variable_of(job, link->path));
		} else if (link->result == LINK_REPLACED) {
			log_info("'%s' of the project is replaced by the channel's", link->path);
		}
	}
}

/* Without a link of its own the checkpoint folder under a taken name is not the one that the variable may name. */
static int
correct_checkpoints(struct layout *layout, const struct job *job, const struct plan *plan, struct err *err)
{
	const char *name = link_name(job, "checkpoints");

	if (job->opt_ml.checkpoint_dir != NULL) {
		return 0;
	}
	for (size_t i = 0; i < plan->count && name != NULL; i++) {
		if (strcmp(plan->links[i].path, name) == 0) {
			free(layout->checkpoints);
			layout->checkpoints = text_format("%s/%s", job->workspace.path, name);
		}
	}
	return layout->checkpoints != NULL ? 0 : no_memory(err);
}

/* ---- all of it ---- */

/* Script mode makes no links unless the project asks; in place there is no folder to make them in. */
static int
wants_links(const struct job *job)
{
	if (job->workspace.path == NULL || (job->request->project == NULL && job->workspace.dir_fd < 0)) {
		return 0;
	}
	return job->command.origin != COMMAND_PROGRAM || job->pipeline.links.count > 0 || job->pipeline.data.count > 0;
}

/* `train run`: a folder of links to the project's entries, so that an edit counts at once. */
static int
mirror(struct job *job, int project_fd, struct plan *plan, struct err *err)
{
	size_t before = plan->count;

	if (workspace_stage(&job->workspace, err) < 0 ||
	    links_mirror(project_fd, job->request->project, job->workspace.stage_fd, plan->links, before, err) < 0) {
		return -1;
	}
	return workspace_settle(&job->workspace, NULL, err);
}

static int
make_links(struct layout *layout, struct job *job, int project_fd, struct plan *plan, struct err *err)
{
	if (plan_fixed(plan, layout, job) < 0 || plan_channels(plan, job) < 0) {
		return -1;
	}
	warn_about_data(job);
	if (job->request->project != NULL && mirror(job, project_fd, plan, err) < 0) {
		return -1;
	}
	if (job->request->project != NULL) {
		int loose = links_add_loose(project_fd, job->request->project, &plan->links, &plan->count, err);

		if (loose < 0) {
			return -1;
		}
		if (loose > 0) {
			journal_warn(&job->journal,
			    "files directly under 'data/' are linked here, but a job has only channels, which are folders");
		}
	}
	if (links_make(job->workspace.dir_fd, plan->links, plan->count, err) < 0) {
		return -1;
	}
	tell_results(job, plan);
	return correct_checkpoints(layout, job, plan, err);
}

int
layout_make(struct layout *layout, struct job *job, int project_fd, struct err *err)
{
	struct plan plan = {.err = err};
	int linked = wants_links(job);
	int result = make_folders(layout, job, err) < 0 || name_folders(layout, job, linked, err) < 0 ? -1 : 0;

	if (result == 0 && linked) {
		result = make_links(layout, job, project_fd, &plan, err);
	}
	links_free(plan.links, plan.count);
	return result;
}

void
layout_release(struct layout *layout)
{
	free(layout->data);
	free(layout->model);
	free(layout->output);
	free(layout->checkpoints);
	*layout = (struct layout){0};
}
