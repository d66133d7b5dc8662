/* link, and everything the pipeline will find: its own wishes, the folders, the command, the environment. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "config/machine.h"
#include "config/secrets.h"
#include "config/variables.h"
#include "job/job.h"
#include "job/layout.h"

enum { PIPELINE_BYTES_MAX = 1 << 20 /* of pipeline.json; the largest sensible one has a few kB */ };

/* ---- pipeline.json ---- */

/* The folder in which the project's own files stand: at home the project, in place where we are. Owned, or -1. */
static int
open_project(const struct job *job, struct err *err)
{
	const char *project = job->request->project;
	int fd = -1;

	if (project != NULL) {
		fd = open(project, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	} else if (job->workspace.dir_fd >= 0) {
		fd = fcntl(job->workspace.dir_fd, F_DUPFD_CLOEXEC, 0);
	} else {
		fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	return fd >= 0 ? fd
	               : err_set(err, ERR_IO, errno, "cannot open the project '%s'", project != NULL ? project : ".");
}

static int
read_pipeline(struct job *job, int project_fd, struct err *err)
{
	CLEAN_BUF text = {0};

	buf_init(&text, PIPELINE_BYTES_MAX);
	if (fd_read_file(project_fd, PIPELINE_FILE, &text, err) < 0) {
		if (err->sys == ENOENT) {
			err_clear(err);
			return 0;
		}
		return err_wrap(err, "cannot read the project's settings");
	}
	return pipeline_parse(&job->pipeline, buf_text(&text), text.len, PIPELINE_FILE, &job->settings, err);
}

static int
log_is_raw(const struct job *job)
{
	return settings_is(&job->settings, SETTING_LOG, "raw");
}

static int
wants_documents(const struct job *job)
{
	return !settings_is(&job->settings, SETTING_METRICS_EMF, "off");
}

/* What redact names is known only now; the pipeline's defaults are hyperparameters like the job's. */
static int
complete(struct job *job, struct err *err)
{
	char *const *redact = settings_words(&job->settings, SETTING_REDACT);
	struct hyperparameters *hps = &job->opt_ml.hyperparameters;
	char *const *envp = job->request->envp;

	if (hyperparameters_merge(hps, &job->pipeline.defaults, err) < 0) {
		return -1;
	}
	mask_release(&job->mask);
	if (secrets_for_agent(&job->mask, envp, hps, redact, err) < 0) {
		return -1;
	}
	return log_is_raw(job) ? 0 : secrets_for_log(&job->log_mask, envp, hps, redact, err);
}

static void
warn_about_raw(struct job *job)
{
	if (log_is_raw(job) && settings_words(&job->settings, SETTING_REDACT) != NULL) {
		journal_warn(
		    &job->journal, "log=raw: the pipeline's log goes out as it is, so redact masks nothing in it");
	}
	if (log_is_raw(job) && wants_documents(job)) {
		journal_warn(&job->journal, "log=raw: the pipeline may tear lines, so metrics-emf prints nothing");
	}
}

/* ---- what lies in the private folder ---- */

static int
write_hyperparameters(const struct job *job, const char *path, struct err *err)
{
	CLEAN_BUF text = {0};

	buf_init(&text, CONFIG_FILE_MAX * 2);
	hyperparameters_write(&job->opt_ml.hyperparameters, &text);
	if (text.full) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot write the hyperparameters");
	}
	return fd_write_file(AT_FDCWD, path, buf_text(&text), text.len, 0600, err);
}

static int
make_folder(const char *path, mode_t mode, struct err *err)
{
	if (mkdir(path, 0700) < 0 || chmod(path, mode) < 0) {
		return err_set(err, ERR_WORKSPACE, errno, "cannot make '%s'", path);
	}
	return 0;
}

static int
emit_metric(void *self, const char *line, size_t len)
{
	return relay_say(self, RELAY_OUT, line, len);
}

static const char *
unit_of(const void *units, const char *name)
{
	return pipeline_pairs_find(units, name, NULL);
}

static int
open_metrics(struct job *job, struct err *err)
{
	int recorded = !job->output_off && settings_is(&job->settings, SETTING_RECORD, "on");
	const struct cluster *cluster = &job->opt_ml.cluster;
	const struct metrics_setup setup = {
	    .root = recorded ? job->root : NULL,
	    .host = cluster->host,
	    .publish = cluster->rank == 0 || settings_is(&job->settings, SETTING_METRICS_HOSTS, "all"),
	    .mask = &job->log_mask,
	    .emf_namespace =
	        wants_documents(job) && !log_is_raw(job) ? settings_text(&job->settings, SETTING_METRICS_EMF) : NULL,
	    .job = job->opt_ml.name,
	    .unit_of = unit_of,
	    .units = &job->pipeline.metrics,
	    .emit = emit_metric,
	    .self = &job->relay,
	};
	CLEAN_TEXT *folder = text_format("%s/metrics", job->workspace.private_path);

	if (folder == NULL) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot open the metrics");
	}
	metrics_init(&job->metrics, &setup);
	/* Reachable for pipelines that drop privileges, and nothing else is in it. */
	return make_folder(folder, 0711, err) < 0 ? -1 : metrics_listen(&job->metrics, folder, err);
}

/* HOME where the container has none: the user's own if it can be written, else a folder of ours; NULL when there is one already. */
static int
choose_home(const struct job *job, char home[PATH_BYTES_MAX], struct err *err)
{
	const char *given = variables_given(job->request->envp, "HOME");

	home[0] = '\0';
	if ((given != NULL && strcmp(given, "/") != 0) || machine_home(getuid(), "/etc/passwd", home)) {
		return 0;
	}
	(void)snprintf(home, PATH_BYTES_MAX, "%s/home", job->workspace.private_path);
	return make_folder(home, 0700, err);
}

/* ---- command and environment ---- */

/* A pipeline.json to copy, line by line (product §7). */
static void
show_example(void)
{
	log_info("a %s to copy into the project:", PIPELINE_FILE);
	for (const char *line = command_example(); *line != '\0'; line += strcspn(line, "\n") + 1) {
		log_info("%.*s", (int)strcspn(line, "\n"), line);
	}
}

static int
build_command(struct job *job, int project_fd, struct err *err)
{
	const struct command_wish wish = {
	    .given = job->request->command,
	    .settings = &job->settings,
	    .job = &job->opt_ml,
	    .envp = job->request->envp,
	    .pipeline = &job->pipeline,
	    .hyperparameters = &job->opt_ml.hyperparameters,
	    .zip = job->code.zip,
	    .code_fd = project_fd,
	};

	if (command_build(&job->command, &wish, err) < 0) {
		if (job->command.origin == COMMAND_NOWHERE) {
			show_example();
		}
		return -1;
	}
	return 0;
}

/* Bytes that the longest command takes of what the kernel has for arguments and environment together. */
static size_t
longest_command(const struct command *command)
{
	size_t longest = 0;

	for (size_t i = 0; i < command->count; i++) {
		size_t bytes = 0;

		for (char *const *word = command->steps[i].argv; *word != NULL; word++) {
			bytes += strlen(*word) + 1 + sizeof(char *);
		}
		longest = bytes > longest ? bytes : longest;
	}
	return longest;
}

static int
make_environment(struct job *job, const struct layout *layout, struct err *err)
{
	CLEAN_TEXT *file = text_format("%s/hyperparameters.json", job->workspace.private_path);
	CLEAN_NOTES warnings = {0};
	char home[PATH_BYTES_MAX];
	size_t told = 0;
	size_t room = machine_args_max();
	size_t taken = longest_command(&job->command);

	if (file == NULL) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot build the environment");
	}
	if (choose_home(job, home, err) < 0 || write_hyperparameters(job, file, err) < 0) {
		return -1;
	}
	const struct environment_facts facts = {
	    .envp = job->request->envp,
	    .job = &job->opt_ml,
	    .pipeline = &job->pipeline,
	    .hyperparameters = &job->opt_ml.hyperparameters,
	    .program =
	        job->command.origin == COMMAND_PROGRAM ? command_program(&job->opt_ml, job->request->envp) : NULL,
	    .data_dir = layout->data,
	    .model_dir = layout->model,
	    .output_dir = layout->output,
	    .checkpoint_dir = layout->checkpoints,
	    .metrics = job->metrics.path,
	    .hyperparameters_file = file,
	    .code_digest = job->code.sha256[0] != '\0' ? job->code.sha256 : NULL,
	    .run_id = job->run_id,
	    .home = home[0] != '\0' ? home : NULL,
	    .cpus = machine_cpus(),
	    .gpus = machine_gpus("/dev"),
	    .bytes_max = room > taken ? room - taken : 0,
	};
	int result = environment_make(&job->environment, &facts, &warnings, err);
	job_tell(job, &warnings, &told);
	return result;
}

/* ---- all of it ---- */

static int
lay_out(struct job *job, int project_fd, struct err *err)
{
	struct layout layout = {0};
	int result = layout_make(&layout, job, project_fd, err);

	if (result == 0) {
		result = open_metrics(job, err) < 0 || make_environment(job, &layout, err) < 0 ? -1 : 0;
	}
	layout_release(&layout);
	return result;
}

int
job_launch(struct job *job, struct err *err)
{
	if (job_phase(job, PHASE_LINK, err) < 0) {
		return -1;
	}
	CLEAN_FD project_fd = open_project(job, err);
	if (project_fd < 0 || read_pipeline(job, project_fd, err) < 0 || job_freeze(job, err) < 0 ||
	    complete(job, err) < 0 || build_command(job, project_fd, err) < 0) {
		return -1;
	}
	warn_about_raw(job);
	if (lay_out(job, project_fd, err) < 0) {
		return -1;
	}
	layout_link_code(job);
	return workspace_show(&job->workspace, err);
}
