/*
 * A job only as far as the layout looks at it: a root, a workspace, what pipeline.json and the platform say. 'folder' holds 'ml', the root, and 'tmp'.
 */
#ifndef TESTS_UNIT_JOB_PARTJOB_H
#define TESTS_UNIT_JOB_PARTJOB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>

#include "base/attr.h"
#include "base/clock.h"
#include "base/log.h"
#include "job/job.h"
#include "job/layout.h"
#include "unit/base/apart.h"
#include "unit/scratch.h"

#define PARTJOB __attribute__((unused)) static

enum { PATH_ROOM = 3 * SCRATCH_PATH };

static char folder[SCRATCH_PATH];
static char root[PATH_ROOM];
static struct job *job;
static struct job_request request;
static struct layout layout;
static struct err err;
static char said[8192]; /* what was logged */

PARTJOB void
note(void *self, const char *line, unsigned long len)
{
	(void)self;
	(void)snprintf(said + strlen(said), sizeof(said) - strlen(said), "%.*s\n", (int)len, line);
}

PARTJOB void
read_root(void)
{
	struct notes mistakes = {0};
	char *const none[] = {NULL};

	assert_int_equal(opt_ml_read(&job->opt_ml, root, none, &mistakes, &err), 0);
	notes_release(&mistakes);
}

PARTJOB int
set_up(void **state)
{
	(void)state;
	(void)umask(022);
	scratch_make(folder);
	scratch_folder(folder, "tmp", 0755);
	scratch_folder(folder, "ml", 0755);
	scratch_folder(folder, "ml/input", 0755);
	scratch_folder(folder, "ml/input/config", 0755);
	scratch_folder(folder, "ml/model", 0755);
	scratch_folder(folder, "ml/output", 0755);
	scratch_folder(folder, "ml/output/data", 0755);
	(void)snprintf(root, sizeof(root), "%s/ml", folder);
	err = (struct err){0};
	said[0] = '\0';
	log_set_sink(note, NULL);
	job = calloc(1, sizeof(*job));
	assert_non_null(job);
	request = (struct job_request){0};
	job->request = &request;
	job->root = root;
	job->command.origin = COMMAND_PIPELINE;
	journal_open(&job->journal);
	settings_init(&job->settings);
	workspace_init(&job->workspace);
	standin_init(&job->code_link);
	return 0;
}

PARTJOB int
tear_down(void **state)
{
	(void)state;
	log_set_sink(NULL, NULL);
	layout_release(&layout);
	workspace_release(&job->workspace);
	pipeline_release(&job->pipeline);
	settings_release(&job->settings);
	opt_ml_release(&job->opt_ml);
	journal_release(&job->journal);
	free(job);
	scratch_remove(folder);
	return 0;
}

/* ---- the pieces of a job ---- */

PARTJOB void
channels(const char *json)
{
	scratch_write(folder, "ml/input/config/inputdataconfig.json", json);
}

PARTJOB void
pipeline(const char *json)
{
	assert_int_equal(pipeline_parse(&job->pipeline, json, strlen(json), PIPELINE_FILE, &job->settings, &err), 0);
	assert_int_equal(job->settings.mistakes.count, 0);
}

PARTJOB void
open_workspace(void)
{
	const char *tmp = scratch_path(folder, "tmp");

	assert_int_equal(workspace_open(&job->workspace, scratch_fd(tmp), tmp, NULL, &err), 0);
}

/* A working folder as bring.c leaves it. */
PARTJOB void
bring(void)
{
	open_workspace();
	assert_true(workspace_stage(&job->workspace, &err) >= 0);
	assert_int_equal(workspace_settle(&job->workspace, NULL, &err), 0);
}

PARTJOB void
make(void)
{
	read_root();
	CLEAN_FD project_fd = request.project != NULL ? scratch_fd(request.project) : -1;
	if (layout_make(&layout, job, project_fd, &err) < 0) {
		fail_msg("not made: %s", err.text);
	}
}

/* Where the link 'name' in the working folder leads, below the root; NULL when it is none. */
PARTJOB const char *
leads_to(const char *name)
{
	const char *target = scratch_target(job->workspace.path, name);

	return target != NULL && strncmp(target, root, strlen(root)) == 0 ? target + strlen(root) : target;
}

PARTJOB int
count_in(const char *name)
{
	return scratch_count(scratch_path(job->workspace.path, name));
}

PARTJOB int
is_folder(const char *name)
{
	return scratch_exists(job->workspace.path, name) && S_ISDIR(scratch_stat(job->workspace.path, name).st_mode);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
