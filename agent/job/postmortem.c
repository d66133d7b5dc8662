#include "job/postmortem.h"

#include <signal.h>
#include <stdio.h>

#include "files/volume.h"
#include "job/job.h"
#include "report/exitcode.h"

/* By a signal, whether our child died of it or a shell says so of its own. */
enum { EXIT_SIGNAL = 128, EXIT_ABORT = EXIT_SIGNAL + SIGABRT };

/* The folders that people know come first: one on the same volume as an earlier one is left out. */
static void
look_at_volumes(struct postmortem *postmortem, const struct job *job)
{
	const char *const paths[VOLUMES_MAX] = {
	    postmortem->output, postmortem->model, job->opt_ml.checkpoint_dir, "/tmp", "/dev/shm", job->workspace.path};

	if (job->root == NULL) {
		return;
	}
	(void)snprintf(postmortem->output, sizeof(postmortem->output), "%s/output", job->root);
	(void)snprintf(postmortem->model, sizeof(postmortem->model), "%s/model", job->root);
	for (size_t i = 0; i < VOLUMES_MAX; i++) {
		if (paths[i] != NULL && paths[i][0] != '\0') {
			postmortem->volume_count = volume_add(postmortem->volumes, postmortem->volume_count, paths[i]);
		}
	}
}

void
postmortem_look(struct postmortem *postmortem, const struct job *job)
{
	*postmortem = (struct postmortem){.volume_count = 0};
	buf_init(&postmortem->tail, FAILURE_TAIL_MAX);
	if (job->outcome.started && settings_is(&job->settings, SETTING_FAILURE_TAIL, "on")) {
		tail_text(&job->relay.tail, &job->mask, &postmortem->tail);
	}
	look_at_volumes(postmortem, job);
}

/* Where the program said itself what is wrong: it ended, or aborted. Another signal came too suddenly for that. */
static int
has_clues(const struct exitcode *exitcode)
{
	return exitcode->reason == REASON_PYTHON ||
	       ((exitcode->reason == REASON_EXIT || exitcode->reason == REASON_SIGNAL) &&
	           (exitcode->code <= EXIT_SIGNAL || exitcode->code == EXIT_ABORT));
}

int
postmortem_exception(const struct postmortem *postmortem, const struct exitcode *exitcode, char name[FAILURE_NAME_MAX])
{
	name[0] = '\0';
	if (exitcode->reason == REASON_EXIT && exitcode->code == 1) {
		failure_exception(buf_text(&postmortem->tail), postmortem->tail.len, name);
	}
	return name[0] != '\0';
}

void
postmortem_compose(const struct postmortem *postmortem, const struct job *job, const struct exitcode *exitcode,
    const char *sentence, struct buf *out)
{
	const char *channels[CHANNELS_MAX + 1] = {NULL};

	for (size_t i = 0; i < job->opt_ml.channels.count && i < CHANNELS_MAX; i++) {
		channels[i] = job->opt_ml.channels.list[i].name;
	}
	const struct failure_facts facts = {
	    .reason = exitcode->text,
	    .host = job->opt_ml.cluster.host_count > 1 ? job->opt_ml.cluster.host : NULL,
	    .sentence = sentence,
	    .advice = exitcode_advice(exitcode),
	    .clues = has_clues(exitcode),
	    .channels = channels,
	    .counts = job->outcome.counts,
	    .kills_told = exitcode->reason == REASON_MEMORY_KILL,
	    .volumes = postmortem->volumes,
	    .volume_count = postmortem->volume_count,
	    .tail = postmortem->tail.len > 0 ? buf_text(&postmortem->tail) : NULL,
	    .tail_len = postmortem->tail.len,
	};
	failure_compose(&facts, out);
}

void
postmortem_release(struct postmortem *postmortem)
{
	buf_release(&postmortem->tail);
}
