/* finish: what the outside gets to know. Everything here happens however the job went, and nothing may bail out. */
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "job/hooks.h"
#include "job/job.h"
#include "job/postmortem.h"
#include "job/recount.h"
#include "report/definitions.h"

enum {
	CLEANING_MS = 60000,     /* removing what the pipeline left: a million files take a fraction of it */
	CLEANING_LATE_MS = 5000, /* after a stop request: all that follows a KILL takes at most 15 s (product §9) */
};

/* ---- metrics ---- */

static void
add_own_metrics(struct job *job)
{
	struct metrics *metrics = &job->metrics;
	double startup = job->journal.phases[PHASE_RUN].begin_ms != 0
	                     ? (double)(job->journal.phases[PHASE_RUN].begin_ms - job->journal.began_ms) / 1000
	                     : 0;

	metrics_add_own(metrics, "startup_seconds", startup);
	if (job->journal.phases[PHASE_TAGS].begin_ms != 0) {
		metrics_add_own(metrics, "tags_seconds", journal_seconds(&job->journal, PHASE_TAGS));
	}
	if (job->code.bytes >= 0) {
		metrics_add_own(metrics, "fetch_seconds", journal_seconds(&job->journal, PHASE_FETCH));
		metrics_add_own(metrics, "fetch_bytes", (double)(job->code.cached ? 0 : job->code.bytes));
		metrics_add_own(metrics, "unpack_seconds", journal_seconds(&job->journal, PHASE_UNPACK));
	}
	if (job->outcome.started) {
		metrics_add_own(
		    metrics, "pipeline_seconds", (double)(job->outcome.ended_ms - job->outcome.started_ms) / 1000);
		metrics_add_own(metrics, "peak_memory_bytes", (double)job->outcome.peak_memory_bytes);
	}
}

static void
tell_about_metrics(struct job *job)
{
	const struct metrics *metrics = &job->metrics;
	const struct hyperparameter *objective =
	    hyperparameters_find(&job->opt_ml.hyperparameters, "_tuning_objective_metric");
	const char *definitions = job->opt_ml.metric_definitions;
	struct definitions_notes notes = {0};

	if (metrics->bad + metrics->overlong > 0) {
		journal_warn(&job->journal, "metric records that were not understood: %llu; the first: %s",
		    (unsigned long long)(metrics->bad + metrics->overlong), metrics->first_bad);
	}
	if (metrics->nonfinite > 0) {
		journal_warn(&job->journal, "metric values that were NaN or infinite and are not published: %llu",
		    (unsigned long long)metrics->nonfinite);
	}
	if (metrics->dropped > 0) {
		journal_warn(&job->journal, "%llu metric lines found no room on stdout; the file has them",
		    (unsigned long long)metrics->dropped);
	}
	if (metrics->undocumented > 0) {
		journal_warn(&job->journal,
		    "metric values that no EMF document may hold, by name (_aws, Host, TrainingJobName) or size: %llu",
		    (unsigned long long)metrics->undocumented);
	}
	if (metrics->names_over > 0) {
		journal_warn(&job->journal, "more than %d metric names: %llu values are in the file only",
		    (int)METRICS_NAMES_MAX, (unsigned long long)metrics->names_over);
	}
	definitions_check(metrics, objective != NULL ? objective->variable : NULL, definitions,
	    definitions != NULL ? strlen(definitions) : 0, &notes);
	for (int i = 0; i < notes.count; i++) {
		journal_warn(&job->journal, "%s", notes.text[i]);
	}
}

/* 0, or -1 with 'err' when the metric file is not whole. */
static int
finish_metrics(struct job *job, struct err *err)
{
	if (job->metrics.setup.emit == NULL) {
		return 0; /* the job never came so far */
	}
	add_own_metrics(job);
	int result = metrics_finish(&job->metrics, err);
	tell_about_metrics(job);
	return result;
}

/* ---- failure text ---- */

static void
leave_failure(struct job *job, const struct exitcode *exitcode, const char *text, size_t len)
{
	struct err trouble = {.phase = PHASE_FINISH};

	if (exitcode->code == 0) {
		failure_clear(&job->failure);
	} else if (failure_end(&job->failure, text, len, &trouble) < 0) {
		journal_warn(&job->journal, "%s", trouble.text);
	}
	for (int i = 0; i < job->failure.notice_count; i++) {
		journal_warn(&job->journal, "%s", job->failure.notices[i]);
	}
}

/* ---- verdict ---- */

static const char *
failed_step(const struct job *job)
{
	return job->step_ran > 0 ? job->command.steps[job->step_ran - 1].name : NULL;
}

/* What happened, as code, reason and sentence. */
static void
judge(const struct job *job, const struct err *err, struct exitcode *exitcode, char sentence[ERR_TEXT_MAX])
{
	if (err->kind != ERR_NONE) {
		exitcode_of_err(err, exitcode);
		memcpy(sentence, err->text, ERR_TEXT_MAX);
	} else {
		exitcode_of_outcome(&job->outcome, exitcode);
		exitcode_sentence(sentence, &job->outcome, failed_step(job));
	}
}

/* The kernel killed a process and the pipeline made do without it. */
static int
was_survived(const struct exitcode *exitcode)
{
	return exitcode->reason == REASON_MEMORY_KILL && exitcode->code == 0;
}

static const char *
who_ended_it(const struct job *job, const struct exitcode *exitcode, const struct err *err)
{
	static const char *const words[] = {[ENDED_BY_PIPELINE] = "pipeline",
	    [ENDED_BY_AGENT] = "agent",
	    [ENDED_BY_STOP] = "stop",
	    [ENDED_BY_TIMEOUT] = "timeout",
	    [ENDED_BY_SILENCE] = "silence"};

	if (err->kind != ERR_NONE) {
		return err->kind == ERR_STOPPED ? "stop" : "agent";
	}
	return exitcode->reason == REASON_MEMORY_KILL && !was_survived(exitcode) ? "memory"
	                                                                         : words[job->outcome.ended_by];
}

/* A result that could not be written whole must not look like one: only a success changes, for the pipeline's own failure says more. */
static void
count_in(struct job *job, struct exitcode *exitcode, char sentence[ERR_TEXT_MAX], const struct err *trouble)
{
	if (exitcode->code == 0) {
		exitcode_of_err(trouble, exitcode);
		memcpy(sentence, trouble->text, ERR_TEXT_MAX);
	} else {
		journal_warn(&job->journal, "%s", trouble->text);
	}
}

/* Then somebody waits for the end with a SIGKILL in his hand. */
static int
was_asked_to_end(struct job *job)
{
	return job->outcome.stop_signal != 0 || signals_stop_pending(&job->signals) != 0;
}

static void
clean_up(struct job *job, int code)
{
	const char *keep = settings_text(&job->settings, SETTING_KEEP_WORKSPACE);
	int kept = keep != NULL && (strcmp(keep, "always") == 0 || (strcmp(keep, "on-failure") == 0 && code != 0));
	struct err trouble = {.phase = PHASE_FINISH};
	int64_t deadline_ms = clock_now_ms() + (was_asked_to_end(job) ? CLEANING_LATE_MS : CLEANING_MS);

	if (standin_end(&job->code_link, &trouble) < 0) {
		journal_warn(&job->journal, "'%s/code' is left behind: %s", job->root, trouble.text);
		err_clear(&trouble);
	}
	if (workspace_end(&job->workspace, kept, deadline_ms, &trouble) < 0) {
		journal_warn(&job->journal, "%s", trouble.text);
	} else if (kept && job->workspace.name[0] != '\0' && !job->request->local) {
		log_info("the working folder was kept: '%s'", job->workspace.path);
	}
}

static void
say_how_it_ended(const struct job *job, const struct exitcode *exitcode, const char *sentence)
{
	if (exitcode->reason == REASON_NONE || was_survived(exitcode)) {
		log_info("completed in %.1f s", (double)(clock_now_ms() - job->journal.began_ms) / 1000);
	} else if (exitcode->reason == REASON_USAGE) {
		log_error("%s", sentence);
	} else if (exitcode->code == 0) {
		log_info("[%s] %s", exitcode->text, sentence);
	} else if (exitcode->reason == REASON_EXIT) {
		log_error("[%s] %s", exitcode->text, sentence); /* which names the code itself */
	} else {
		log_error("[%s] %s (exit code %d)", exitcode->text, sentence, exitcode->code);
	}
}

int
job_conclude(struct job *job, struct err *err)
{
	struct exitcode exitcode;
	CLEAN_POSTMORTEM postmortem;
	struct err trouble = {.phase = PHASE_FINISH};
	char sentence[ERR_TEXT_MAX];
	char exception[FAILURE_NAME_MAX];
	char record[PATH_BYTES_MAX] = "";
	CLEAN_BUF text = {0};
	CLEAN_BUF line = {0};

	journal_enter(&job->journal, PHASE_FINISH);
	judge(job, err, &exitcode, sentence);
	if (was_survived(&exitcode)) {
		journal_warn(&job->journal, "[%s] %s", exitcode.text, sentence);
	}
	postmortem_look(&postmortem, job); /* while the disks are as the pipeline left them */
	if (postmortem_exception(&postmortem, &exitcode, exception)) {
		exitcode_add_exception(&exitcode, sentence, exception);
	}
	if (finish_metrics(job, &trouble) < 0) {
		count_in(job, &exitcode, sentence, &trouble);
	}
	clean_up(job, exitcode.code);
	buf_init(&text, FAILURE_BYTES_MAX);
	buf_init(&line, FAILURE_BYTES_MAX);
	if (exitcode.code != 0) {
		postmortem_compose(&postmortem, job, &exitcode, sentence, &text);
		buf_add(&line, buf_text(&text), strcspn(buf_text(&text), "\n"));
	}
	journal_end(&job->journal);

	int recorded = !job->output_off && settings_is(&job->settings, SETTING_RECORD, "on");
	hooks_pass(job->request->envp, "recording");
	if (recorded && recount_write(job, &exitcode, who_ended_it(job, &exitcode, err),
	                    line.len > 0 ? buf_text(&line) : NULL, record, &trouble) < 0) {
		count_in(job, &exitcode, sentence, &trouble);
		buf_reset(&text);
		postmortem_compose(&postmortem, job, &exitcode, sentence, &text);
		record[0] = '\0';
	}
	leave_failure(job, &exitcode, buf_text(&text), text.len);
	say_how_it_ended(job, &exitcode, sentence);
	if (record[0] != '\0') {
		log_info("record: '%s'", record);
	}
	return exitcode.code;
}
