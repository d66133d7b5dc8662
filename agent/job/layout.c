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
	struct stat st;

	/* Asked first: on a read-only file system mkdir says so even of folders that are there. */
	if (stat(path, &st) < 0 && mkdir(path, 0777) < 0 && errno != EEXIST) {
		journal_warn(
		    &job->journal, "cannot make '%s', where the pipeline may write: %s", path, strerror(errno));
	}
}

static int
make_folders(struct layout *layout, struct job *job, int linked, struct err *err)
{
	layout->model = text_format("%s/model", job->root);
	layout->output = text_format("%s/output/data", job->root);
	if (layout->model == NULL || layout->output == NULL) {
		return no_memory(err);
	}
	/* Where output is off and nothing leads there nobody wanted a job's folders: a command in an image without /opt/ml leaves no trace. */
	if (job->output_off && !linked) {
		return 0;
	}
	make_missing(job, layout->model);
	make_missing(job, layout->output);
	if (job->opt_ml.checkpoint_dir != NULL) {
		make_missing(job, job->opt_ml.checkpoint_dir);
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
plan_folder(struct plan *plan, const char *folder, const struct channel *channel)
{
	if (channel->is_pipe) {
		return plan_pipe(plan, folder, channel->path);
	}
	char *target = strdup(channel->path);
	return target == NULL ? no_memory(plan->err) : add(plan, text_format("data/%s", folder), target, LINK_REPLACES);
}

/* Under the names that pipeline.json gives the channel; how many. -1 with the plan's 'err'. */
static int
plan_renamed(struct plan *plan, const struct job *job, const struct channel *channel)
{
	const struct pipeline_pairs *data = &job->pipeline.data;
	int count = 0;

	for (size_t i = 0; i < data->count; i++) {
		if (strcmp(data->list[i].value, channel->name) == 0) {
			if (plan_folder(plan, data->list[i].name, channel) < 0) {
				return -1;
			}
			count++;
		}
	}
	return count;
}

/* Under its own name, unless pipeline.json gives that to another channel. */
static int
plan_own(struct plan *plan, struct job *job, const struct channel *channel)
{
	const char *other = pipeline_pairs_find(&job->pipeline.data, channel->name, NULL);

	if (other != NULL && channels_find(&job->opt_ml.channels, other) != NULL) {
		journal_warn(&job->journal,
		    "the channel '%s' has no folder under data/: pipeline.json gives 'data/%s' to the channel '%s'",
		    channel->name, channel->name, other);
		return 0;
	}
	return plan_folder(plan, channel->name, channel);
}

static int
plan_channels(struct plan *plan, struct job *job)
{
	const struct channels *channels = &job->opt_ml.channels;

	for (size_t i = 0; i < channels->count; i++) {
		const struct channel *channel = &channels->list[i];

		if (is_the_code(job, channel)) {
			continue;
		}
		int renamed = plan_renamed(plan, job, channel);
		if (renamed < 0 || (renamed == 0 && plan_own(plan, job, channel) < 0)) {
			return -1;
		}
	}
	return 0;
}

static void
warn_about_data(struct job *job)
{
	const struct pipeline_pairs *data = &job->pipeline.data;

	for (size_t i = 0; i < data->count; i++) {
		if (channels_find(&job->opt_ml.channels, data->list[i].value) == NULL) {
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
	if (job->request->project == NULL && job->workspace.dir_fd < 0) {
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

/* Files that lie directly under the project's data/: there at home, but not in a job. */
static int
plan_loose(struct plan *plan, struct job *job, int project_fd)
{
	size_t before = plan->count;
	int count = links_add_loose(project_fd, job->request->project, &plan->links, &plan->count, plan->err);

	if (count > 0) {
		journal_warn(&job->journal,
		    "'%s'%s directly under 'data/' %s linked here, but not in a job: it has only channels, which are folders",
		    plan->links[before].path, count > 1 ? " and other files" : "", count > 1 ? "are" : "is");
	}
	return count < 0 ? -1 : 0;
}

/* Where no channel made it there is a data/ all the same: who lists it finds nothing rather than an error. */
static int
make_data(const struct job *job, struct err *err)
{
	return mkdirat(job->workspace.dir_fd, "data", 0777) == 0 || errno == EEXIST
	           ? 0
	           : err_set(err, ERR_IO, errno, "cannot make 'data' in the working folder");
}

static int
make_links(struct layout *layout, struct job *job, int project_fd, struct plan *plan, struct err *err)
{
	if (plan_fixed(plan, layout, job) < 0 || plan_channels(plan, job) < 0) {
		return -1;
	}
	warn_about_data(job);
	if (job->request->project != NULL &&
	    (mirror(job, project_fd, plan, err) < 0 || plan_loose(plan, job, project_fd) < 0)) {
		return -1;
	}
	if (links_make(job->workspace.dir_fd, plan->links, plan->count, err) < 0 || make_data(job, err) < 0) {
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
	int result = make_folders(layout, job, linked, err) < 0 || name_folders(layout, job, linked, err) < 0 ? -1 : 0;

	if (result == 0 && linked) {
		result = make_links(layout, job, project_fd, &plan, err);
	} else if (result == 0 && job->request->project != NULL) {
		result = mirror(job, project_fd, &plan, err);
	}
	links_free(plan.links, plan.count);
	return result;
}

void
layout_link_code(struct job *job)
{
	struct err trouble = {.phase = PHASE_LINK};

	if (job->command.origin != COMMAND_PROGRAM || job->workspace.dir_fd < 0) {
		return;
	}
	int made = standin_make(&job->code_link, job->root, "code", job->workspace.path, &trouble);
	if (made < 0) {
		journal_warn(&job->journal, "the program is not reachable as '%s/code': %s", job->root, trouble.text);
	} else if (made == 0 && job->plan.how != CODE_FOUND_FOLDER) {
		log_info("'%s/code' has files of its own: the program is not linked there", job->root);
	}
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
