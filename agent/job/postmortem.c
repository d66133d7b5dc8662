#include "job/postmortem.h"

#include <stdio.h>

#include "files/volume.h"
#include "job/job.h"
#include "report/exitcode.h"
#include "report/failure_text.h"

enum { EXIT_BUS_ERROR = 128 + 7 /* SIGBUS, whether our child died of it or a shell says so of its own */ };

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
		tail_text(&job->relay.tail, &postmortem->tail);
	}
	look_at_volumes(postmortem, job);
}

void
postmortem_compose(const struct postmortem *postmortem, const struct job *job, const struct exitcode *exitcode,
    const char *sentence, struct buf *out)
{
	const struct failure_facts facts = {
	    .reason = exitcode->text,
	    .host = job->opt_ml.cluster.host_count > 1 ? job->opt_ml.cluster.host : NULL,
	    .sentence = sentence,
	    .advice = exitcode_advice(exitcode),
	    .counts = job->outcome.started ? &job->outcome.counts : NULL,
	    .kills_told = exitcode->reason == REASON_MEMORY_KILL,
	    .shm = exitcode->code == EXIT_BUS_ERROR,
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
