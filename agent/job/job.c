#include "job/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/sys.h"
#include "config/arguments.h"
#include "job/hooks.h"
#include "report/sigword.h"
#include "run/abandon.h"

enum {
	CREDITS_MS = 10000,    /* how long the log's reader may take nothing at the very end (product §10) */
	LAST_WORDS_MS = 14000, /* when a stop was asked for: all that follows a KILL takes at most 15 s (product §9) */
};

int
job_stopped(struct job *job, struct err *err)
{
	int number = signals_stop_pending(&job->signals);
	char name[SIGWORD_NAME];

	if (number == 0) {
		return 0;
	}
	sigword_name(name, number);
	err_set(err, ERR_STOPPED, 0, "a stop was asked for by %s in phase %s, before the pipeline began", name,
	    phase_name(err->phase));
	err->sys = number;
	return -1;
}

int
job_phase(struct job *job, enum phase phase, struct err *err)
{
	journal_enter(&job->journal, phase);
	failure_phase(&job->failure, phase);
	err->phase = phase;
	hooks_pass(job->request->envp, phase_name(phase));
	return job_stopped(job, err);
}

void
job_tell(struct job *job, const struct notes *notes, size_t *told)
{
	size_t all = notes->count + notes->lost;

	for (; *told < notes->count; ++*told) {
		journal_warn(&job->journal, "%s", notes->texts[*told]);
	}
	if (*told < all) {
		journal_warn(&job->journal, "warnings for which there was no room: %zu", all - *told);
		*told = all;
	}
}

struct creds *
job_creds(struct job *job, struct err *err)
{
	if (job->creds == NULL) {
		job->creds = creds_new(&job->net, err);
	}
	return job->creds;
}

/* A mistake of ours: who waits for the job learns of it, and nothing of it goes on. What is surest comes first. */
static void
report_mistake(void *self, const char *line)
{
	const struct job *job = self;

	failure_emergency(&job->failure, job->journal.phase, line);
	if (job->supervisor != NULL && job->supervisor->pid > 0) {
		abandon(job->supervisor);
	}
}

/* The relay takes the agent's lines from the first one on: a stalled reader of the log must not hold us. */
static void
say(void *self, const char *line, unsigned long len)
{
	if (relay_say(self, RELAY_ERR, line, len) < 0) {
		return; /* no room: the relay's reader has been stalled for 64 KiB of our few lines */
	}
}

void
job_make_run_id(char out[RUN_ID_MAX])
{
	char now[CLOCK_TEXT];
	unsigned tag = 0;

	clock_format_utc(now, (int64_t)clock_wall(), 1);
	sys_random(&tag, sizeof(tag));
	(void)snprintf(out, RUN_ID_MAX, "%s-%08x", now, tag);
}

static int
open_job(struct job *job, const struct job_request *request, struct err *err)
{
	*job = (struct job){.request = request, .output_off = 1, .code = {.bytes = -1}};
	job->net = (struct net_context){.wake_fd = -1, .cancel_fd = -1, .envp = request->envp};
	journal_open(&job->journal);
	settings_init(&job->settings);
	metrics_init(&job->metrics, &(struct metrics_setup){0});
	workspace_init(&job->workspace);
	standin_init(&job->code_link);
	if (request->run_id != NULL) {
		(void)snprintf(job->run_id, sizeof(job->run_id), "%s", request->run_id);
	} else {
		job_make_run_id(job->run_id);
	}
	if (signals_open(&job->signals, err) < 0 ||
	    relay_open(&job->relay, STDOUT_FILENO, STDERR_FILENO, &job->log_mask, err) < 0) {
		return -1;
	}
	job->opened = 1;
	log_set_sink(say, &job->relay);
	mask_set_global(&job->mask);
	check_set_report(report_mistake, job);
	crash_catch(&job->crash);
	job->net.wake_fd = job->signals.stop_fd;
	return 0;
}

static void
release_code(struct job_code *code)
{
	free(code->version);
	free(code->etag);
	free(code->address);
	arguments_free(code->zip);
}

/* Whoever reads the log gets the last lines, if he takes them in time. */
static void
roll_credits(struct job *job)
{
	int64_t deadline_ms = clock_now_ms() + 2 * CREDITS_MS;

	if (job->outcome.stop_signal != 0) {
		deadline_ms = clock_earlier(deadline_ms, job->outcome.ended_ms + LAST_WORDS_MS);
	}
	if (job->opened) {
		relay_finish(&job->relay, CREDITS_MS, deadline_ms);
	}
}

/* What is said after this goes straight to stderr; nothing is. */
static void
close_job(struct job *job)
{
	roll_credits(job);
	log_set_sink(NULL, NULL);
	relay_close(&job->relay);
	crash_release(&job->crash);
	check_set_report(NULL, NULL);
	mask_set_global(NULL);
	metrics_release(&job->metrics);
	failure_release(&job->failure);
	environment_release(&job->environment);
	command_release(&job->command);
	release_code(&job->code);
	workspace_release(&job->workspace);
	creds_free(job->creds);
	mask_release(&job->log_mask);
	mask_release(&job->mask);
	pipeline_release(&job->pipeline);
	code_policy_release(&job->plan);
	code_find_release(&job->find);
	settings_release(&job->settings);
	opt_ml_release(&job->opt_ml);
	free(job->root);
	signals_close(&job->signals);
	journal_release(&job->journal);
}

int
job_run(const struct job_request *request, struct err *err)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job == NULL) {
		return err_set(err, ERR_SYSTEM, 12, "cannot begin");
	}
	if (open_job(job, request, err) == 0 && job_prepare(job, err) == 0 && job_bring(job, err) == 0 &&
	    job_launch(job, err) == 0 && job_execute(job, err) == 0) {
		log_debug("all steps were run");
	}
	hooks_pass(job->request->envp, phase_name(PHASE_FINISH));
	int code = job_conclude(job, err);
	close_job(job);
	free(job);
	return code;
}
