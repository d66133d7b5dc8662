#include "job/recount.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/self.h"
#include "base/version.h"
#include "config/secrets.h"
#include "config/setting_value.h"
#include "config/variables.h"
#include "report/record.h"

/* All the rows of one record, and the texts that they borrow. */
struct rows {
	struct record_setting settings[SETTINGS];
	char origins[SETTINGS][SETTING_ORIGIN_MAX];
	char *shown[SETTINGS];
	struct record_code code;
	struct record_channel channels[CHANNELS_MAX];
	struct record_value *values; /* as many as there are hyperparameters */
	const char **masked;         /* likewise */
	struct record_tag *tags;
	char **variables; /* names, one allocation each */
	size_t variable_count;
	struct record_phase phases[PHASES];
	struct record_step steps[STEPS_MAX];
	char self[SHA256_HEX];
};

static void
release_rows(struct rows *rows)
{
	for (size_t i = 0; i < SETTINGS; i++) {
		free(rows->shown[i]);
	}
	for (size_t i = 0; i < rows->variable_count; i++) {
		free(rows->variables[i]);
	}
	free(rows->variables);
	free(rows->values);
	free(rows->masked);
	free(rows->tags);
}

static void
tell_settings(const struct job *job, struct rows *rows, struct record *record)
{
	for (int i = 0; i < SETTINGS; i++) {
		const char *text = settings_text(&job->settings, (enum setting)i);
		CLEAN_BUF shown = {0};

		buf_init(&shown, SETTING_TEXT_MAX);
		if (text != NULL) {
			setting_value_show((enum setting)i, text, &shown);
		}
		rows->shown[i] = buf_take(&shown);
		rows->settings[i] = (struct record_setting){
		    .name = setting_row((enum setting)i)->name,
		    .value = rows->shown[i],
		    .source = settings_origin(&job->settings, (enum setting)i, rows->origins[i]),
		};
	}
	record->settings = rows->settings;
	record->setting_count = SETTINGS;
}

static void
tell_code(const struct job *job, struct rows *rows, struct record *record)
{
	const struct job_code *code = &job->code;

	rows->code = (struct record_code){
	    .address = code->address,
	    .version = code->version,
	    .etag = code->etag,
	    .sha256 = code->sha256[0] != '\0' ? code->sha256 : NULL,
	    .size = code->bytes,
	    .kind = code->kind[0] != '\0' ? code->kind : NULL,
	    .found_by = code->found_by,
	    .cached = code->cached,
	    .fetch = code->fetch.seconds > 0 ? &code->fetch : NULL,
	};
	record->code = code->found_by != NULL ? &rows->code : NULL;
}

static void
tell_channels(const struct job *job, struct rows *rows, struct record *record)
{
	const struct channels *channels = &job->opt_ml.channels;

	for (size_t i = 0; i < channels->count && i < CHANNELS_MAX; i++) {
		const struct channel *from = &channels->list[i];

		rows->channels[i] =
		    (struct record_channel){.name = from->name, .mode = from->mode, .s3_uri = from->s3_uri};
		record->channel_count++;
	}
	record->channels = rows->channels;
}

static int
tell_hyperparameters(const struct job *job, struct rows *rows, struct record *record)
{
	const struct hyperparameters *hps = &job->opt_ml.hyperparameters;
	char *const *redact = settings_words(&job->settings, SETTING_REDACT);

	rows->values = calloc(hps->count + 1, sizeof(*rows->values));
	rows->masked = calloc(hps->count + 1, sizeof(*rows->masked));
	if (rows->values == NULL || rows->masked == NULL) {
		return -1;
	}
	for (size_t i = 0; i < hps->count; i++) {
		if (secrets_is_masked(hps->list[i].name, redact)) {
			rows->masked[record->masked_count++] = hps->list[i].name;
		} else {
			rows->values[record->hyperparameter_count++] =
			    (struct record_value){.name = hps->list[i].name, .json = hps->list[i].json};
		}
	}
	record->hyperparameters = rows->values;
	record->masked = rows->masked;
	return 0;
}

/* Only the names: values of variables are nobody's business. */
static int
tell_variables(const struct job *job, struct rows *rows, struct record *record)
{
	char *const *envp = job->environment.envp != NULL ? job->environment.envp : job->request->envp;
	size_t count = 0;

	while (envp[count] != NULL) {
		count++;
	}
	rows->variables = calloc(count + 1, sizeof(*rows->variables));
	if (rows->variables == NULL) {
		return -1;
	}
	for (size_t i = 0; i < count; i++) {
		size_t len = variables_name_len(envp[i]);
		char *name = len > 0 ? strndup(envp[i], len) : NULL;

		if (name != NULL) {
			rows->variables[rows->variable_count++] = name;
		}
	}
	record->variables = (const char *const *)rows->variables;
	record->variable_count = rows->variable_count;
	return 0;
}

static int
tell_tags(const struct job *job, struct rows *rows, struct record *record)
{
	rows->tags = calloc(job->opt_ml.tag_count + 1, sizeof(*rows->tags));
	if (rows->tags == NULL) {
		return -1;
	}
	for (size_t i = 0; i < job->opt_ml.tag_count; i++) {
		rows->tags[i] = (struct record_tag){.key = job->opt_ml.tags[i].key, .value = job->opt_ml.tags[i].value};
	}
	record->tags = rows->tags;
	record->tag_count = job->opt_ml.tag_count;
	return 0;
}

static void
tell_phases(const struct job *job, struct rows *rows, struct record *record)
{
	for (int i = 0; i < PHASES; i++) {
		int64_t begin = job->journal.phases[i].begin_ms;

		if (begin != 0) {
			rows->phases[record->phase_count++] = (struct record_phase){
			    .name = phase_name((enum phase)i),
			    .start = (double)(begin - job->journal.began_ms) / 1000,
			    .seconds = journal_seconds(&job->journal, (enum phase)i),
			};
		}
	}
	record->phases = rows->phases;
}

static void
tell_steps(const struct job *job, struct rows *rows, struct record *record)
{
	for (size_t i = 0; i < job->command.count && i < STEPS_MAX; i++) {
		rows->steps[i] = (struct record_step){
		    .name = job->command.steps[i].name,
		    .words = (const char *const *)job->command.steps[i].argv,
		    .exit_code = job->steps[i].started ? job->steps[i].exit_code : -1,
		    .seconds = job->steps[i].seconds,
		};
		record->step_count++;
	}
	record->steps = rows->steps;
}

/* The program itself, so that two records can tell whether it was the same. */
static const char *
own_digest(char hex[SHA256_HEX])
{
	struct err unknown = {0};

	return self_digest(hex, &unknown) == 0 ? hex : NULL;
}

static void
tell_job(const struct job *job, struct rows *rows, struct record *record)
{
	const struct opt_ml *opt_ml = &job->opt_ml;

	record->agent.version = version_text;
	record->agent.commit = version_commit;
	record->agent.build_id = version_build_id;
	record->agent.sha256 = own_digest(rows->self);
	record->job.name = opt_ml->name;
	record->job.arn = opt_ml->arn;
	record->job.run_id = job->run_id;
	record->job.root = job->root;
	record->job.host = opt_ml->cluster.host;
	record->job.hosts = (const char *const *)opt_ml->cluster.hosts;
	record->job.host_count = opt_ml->cluster.host_count;
	record->job.rank = (int)opt_ml->cluster.rank;
	record->image = variables_given(job->request->envp, "TRAIN_IMAGE");
	record->started = job->journal.started;
	record->ended = clock_wall();
	record->warnings = (const char *const *)job->journal.warnings;
	record->warning_count = job->journal.warning_count;
	record->peak_memory_bytes = job->outcome.peak_memory_bytes;
}

static const char *
outcome_word(const struct exitcode *exitcode)
{
	if (exitcode->reason == REASON_STOPPED) {
		return "stopped";
	}
	return exitcode->code == 0 ? "completed" : "failed";
}

int
recount_write(const struct job *job, const struct exitcode *exitcode, const char *ended_by, const char *failure,
    char *path, struct err *err)
{
	struct record record = {0};
	struct rows rows = {0};
	uint64_t lines = 0;

	tell_job(job, &rows, &record);
	tell_settings(job, &rows, &record);
	tell_code(job, &rows, &record);
	tell_channels(job, &rows, &record);
	tell_phases(job, &rows, &record);
	tell_steps(job, &rows, &record);
	record.metrics = &job->metrics;
	record.exit_code = exitcode->code;
	record.outcome = outcome_word(exitcode);
	record.reason = exitcode->reason != REASON_NONE ? exitcode->text : NULL;
	record.ended_by = ended_by;
	record.failure = failure;
	relay_lost(&job->relay, &lines, &record.log_bytes_lost);

	int result = -1;
	if (tell_hyperparameters(job, &rows, &record) < 0 || tell_variables(job, &rows, &record) < 0 ||
	    tell_tags(job, &rows, &record) < 0) {
		err_set(err, ERR_SYSTEM, ENOMEM, "cannot write the record");
	} else {
		result = record_write(&record, path, err);
	}
	release_rows(&rows);
	return result;
}
