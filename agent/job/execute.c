/* run: the steps, one after the other, under the supervisor; the log and the metrics flow meanwhile. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "job/hooks.h"
#include "job/job.h"
#include "report/sigword.h"
#include "run/counters.h"
#include "run/proc_tell.h"
#include "run/supervisor.h"

enum { SILENT_TOLD_MAX = 32 /* processes in the report on a silent pipeline: a log that somebody reads */ };

/* ---- what the supervisor tells ---- */

static void
tell_silence(void *self, const struct proc_list *silent, int64_t for_ms)
{
	struct job *job = self;

	journal_warn(&job->journal, "the pipeline has been silent for %.1f s: stopping it; processes: %zu",
	    (double)for_ms / 1000, silent->count);
	for (size_t i = 0; i < silent->count && i < SILENT_TOLD_MAX; i++) {
		CLEAN_BUF line = {0};

		buf_init(&line, LOG_LINE_MAX);
		proc_tell(&silent->items[i], &line);
		log_info("%s", buf_text(&line));
	}
}

static void
tell(void *self, enum supervisor_notice what, long value)
{
	struct job *job = self;
	char name[SIGWORD_NAME];

	switch (what) {
	case NOTICE_STARTED:
		log_debug("process %ld", value);
		break;
	case NOTICE_STOP:
		sigword_name(name, (int)value);
		log_info("%s: stopping the pipeline, it has %lld s", name,
		    (long long)settings_number(&job->settings, SETTING_STOP_GRACE));
		break;
	case NOTICE_STOP_AGAIN:
		log_info("a second stop request: the pipeline has %.1f s left", (double)value / 1000);
		break;
	case NOTICE_TIMEOUT:
		log_info("the timeout of %lld s is over: stopping the pipeline",
		    (long long)settings_number(&job->settings, SETTING_TIMEOUT));
		break;
	case NOTICE_KILL:
		journal_warn(&job->journal, "the grace is over: killed the pipeline, processes: %ld", value);
		break;
	case NOTICE_LEFTOVERS:
		journal_warn(&job->journal, "the pipeline left processes behind, they are stopped: %ld", value);
		break;
	case NOTICE_UNKILLABLE:
		journal_warn(&job->journal, "%ld processes could not be killed", value);
		break;
	case SUPERVISOR_NOTICES:
	default:
		break;
	}
}

/* The metrics FIFO as the supervisor sees it: one more descriptor. What does not fit into one turn waits for the next poll. */
static void
metrics_ready(void *self)
{
	struct job *job = self;

	hooks_pass(job->request->envp, "running");
	if (metrics_pump(&job->metrics) == 1) {
		return; /* more is there: the descriptor is readable still */
	}
}

static int64_t
metrics_due_ms(void *self)
{
	return ((const struct job *)self)->metrics.due_ms;
}

static int
no_more_metrics(void *self)
{
	struct job *job = self;

	return metrics_ended(&job->metrics);
}

static void
set_up(struct job *job, struct supervisor *supervisor, const struct watch *watch)
{
	int64_t timeout_ms = settings_ms(&job->settings, SETTING_TIMEOUT);
	int at_home = job->request->local && isatty(STDIN_FILENO);

	*supervisor = (struct supervisor){
	    .signals = &job->signals,
	    .relay = &job->relay,
	    .watches = {.list = watch, .count = watch->fd >= 0 ? 1 : 0},
	    .stop_signal = (int)settings_number(&job->settings, SETTING_STOP_SIGNAL),
	    .grace_ms = settings_ms(&job->settings, SETTING_STOP_GRACE),
	    .second_stop_ms = at_home ? 0 : SUPERVISOR_SECOND_STOP_MS,
	    .timeout_at_ms = timeout_ms > 0 ? clock_now_ms() + timeout_ms : DEADLINE_NEVER,
	    .silence_ms = settings_ms(&job->settings, SETTING_SILENCE_TIMEOUT),
	    .raw = settings_is(&job->settings, SETTING_LOG, "raw"),
	    .notice = tell,
	    .silent = tell_silence,
	    .notice_self = job,
	};
}

/* ---- a step ---- */

static void
note_step(struct job *job, size_t at, const struct outcome *outcome)
{
	struct job_step *step = &job->steps[at];
	const char *name = job->command.steps[at].name;
	char metric[METRICS_NAME_MAX];

	step->started = outcome->started;
	step->exit_code = outcome_exit_code(outcome->status);
	step->seconds = (double)(outcome->ended_ms - outcome->started_ms) / 1000;
	if (name != NULL) {
		(void)snprintf(metric, sizeof(metric), "step_seconds:%s", name);
		metrics_add_own(&job->metrics, metric, step->seconds);
	}
	if (job->command.count > 1) {
		log_info("step %zu of %zu, '%s', ended with %d after %.1f s", at + 1, job->command.count,
		    name != NULL ? name : job->command.steps[at].argv[0], step->exit_code, step->seconds);
	}
}

/* The job's outcome is its last step's; times, memory and leftovers are of all. */
static void
take_outcome(struct job *job, const struct outcome *step)
{
	struct outcome all = *step;

	if (job->outcome.started) {
		all.started_ms = job->outcome.started_ms;
		all.leftovers += job->outcome.leftovers;
		all.unkillable += job->outcome.unkillable;
		all.peak_memory_bytes = step->peak_memory_bytes > job->outcome.peak_memory_bytes
		                            ? step->peak_memory_bytes
		                            : job->outcome.peak_memory_bytes;
	}
	job->outcome = all;
}

/* 1 when the next step may run, 0 when this was the end, -1 with 'err'. */
static int
run_step(struct job *job, struct supervisor *supervisor, size_t at, struct err *err)
{
	const struct command_step *step = &job->command.steps[at];
	struct outcome outcome = {0};

	if (environment_set(&job->environment, "TRAIN_STEP", step->name, err) < 0) {
		return -1;
	}
	const struct child_spec spec = {.argv = step->argv,
	    .envp = job->environment.envp,
	    .cwd_fd = job->workspace.dir_fd,
	    .death_signal = supervisor->stop_signal};
	supervisor->last = at + 1 == job->command.count;
	if (job->command.count > 1) {
		log_info("step %zu of %zu: '%s'", at + 1, job->command.count,
		    step->name != NULL ? step->name : step->argv[0]);
	}
	job->step_ran = at + 1;
	if (supervisor_run(supervisor, &spec, &outcome, err) < 0) {
		if (step->python && err->kind == ERR_NO_COMMAND) {
			(void)err_wrap(err, "this needs Python (setting 'python')");
		}
		return step->name != NULL && err->kind != ERR_STOPPED ? err_wrap(err, "step '%s'", step->name) : -1;
	}
	note_step(job, at, &outcome);
	take_outcome(job, &outcome);
	if (supervisor->survivors[0] != '\0') {
		journal_warn(&job->journal, "these could not be killed: %s", supervisor->survivors);
	}
	return outcome.ended_by == ENDED_BY_PIPELINE && outcome.stop_signal == 0 && outcome.status == 0 ? 1 : 0;
}

int
job_execute(struct job *job, struct err *err)
{
	struct supervisor supervisor;
	struct kernel_counts before, after;
	int more = 1;

	if (job_phase(job, PHASE_RUN, err) < 0 || (!job->output_off && failure_spawned(&job->failure, err) < 0)) {
		return -1;
	}
	const struct watch watch = {.fd = job->metrics.fd,
	    .events = POLLIN,
	    .ready = metrics_ready,
	    .deadline_ms = metrics_due_ms,
	    .ended = no_more_metrics,
	    .self = job};
	set_up(job, &supervisor, &watch);
	job->supervisor = &supervisor;
	counters_read("", &before);
	for (size_t at = 0; at < job->command.count && more == 1; at++) {
		more = run_step(job, &supervisor, at, err);
	}
	job->supervisor = NULL;
	counters_read("", &after);
	job->outcome.counts = counters_since(&before, &after);
	job->outcome.timeout_ms = settings_ms(&job->settings, SETTING_TIMEOUT);
	return more < 0 ? -1 : 0;
}
