#include "job/reuse.h"

#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "config/variables.h"
#include "job/job.h"
#include "job/origin.h"
#include "job/receive.h"

static int
go_on(void *self, struct err *err)
{
	return net_check(self, err);
}

/*
 * The digest that the request says the code must have; NULL when it does not, or says two of which one cannot be met. One that stands in a tag does not count:
 * it proves no more than what was meant, and who chose it is held by code-from and code-owner, which a folder cannot answer for.
 */
static const char *
wanted(const struct job *job)
{
	const char *named = job->plan.sha256;
	const char *binding = job->plan.binding_sha256;

	if (named != NULL && binding != NULL && strcmp(named, binding) != 0) {
		return NULL;
	}
	return binding == NULL && settings_source(&job->settings, SETTING_CODE) != SOURCE_TAG ? named : binding;
}

/* A stop, or the end of the time, is no trouble of the cache, and told by whoever comes next. */
static int
is_the_end(const struct err *err)
{
	return err->kind == ERR_STOPPED || err->kind == ERR_DEADLINE;
}

static void
do_without(struct job *job, struct cache *cache, const struct err *trouble)
{
	if (!is_the_end(trouble)) {
		journal_warn(&job->journal, "the cache is not used: %s", trouble->text);
	}
	cache_close(cache);
}

void
reuse_offer(struct job *job)
{
	const char *folder = variables_given(job->request->envp, "SAGEMAKER_MANAGED_WARMPOOL_CACHE_DIRECTORY");
	CLEAN_TEXT *path = folder != NULL ? text_format("%s/train", folder) : NULL;
	struct setting_value value = {.text = NULL};

	if (path == NULL) {
		return;
	}
	if (setting_value_read(&value, SETTING_CACHE, path) == 0) {
		settings_default(&job->settings, SETTING_CACHE, path);
	} else {
		journal_warn(
		    &job->journal, "SAGEMAKER_MANAGED_WARMPOOL_CACHE_DIRECTORY is no absolute path: '%s'", folder);
	}
	setting_value_release(&value);
}

void
reuse_open(struct job *job, struct cache *cache)
{
	const char *path = settings_text(&job->settings, SETTING_CACHE);
	struct err trouble = {.kind = ERR_NONE};

	*cache = (struct cache){.dir_fd = -1};
	if (path == NULL || wanted(job) == NULL) {
		return;
	}
	if (cache_open(cache, path, &trouble) < 0) {
		do_without(job, cache, &trouble);
	}
	cache->go_on = go_on;
	cache->self = &job->net;
}

/* ---- from the cache ---- */

/*
 * It failed, as 'err' says. Because of what lies in the cache, or would the code as it was published fail as well? Its bytes tell: 1 or 0; -1 when there
 * was no time to ask them, and 'err' says so.
 */
static int
is_damaged(struct job *job, struct origin *origin, const char *digest, struct err *err)
{
	struct err unread = {.phase = err->phase};
	int hashed = is_the_end(err) ? -1 : receive_hash(job, origin, &unread);

	if (hashed < 0 && is_the_end(&unread)) {
		*err = unread;
	}
	if (is_the_end(err)) {
		return -1;
	}
	return hashed < 0 || strcmp(job->code.sha256, digest) != 0;
}

static int
replace_damaged(struct job *job, struct cache *cache, const struct origin *origin, const char *digest, struct err *err)
{
	struct err trouble = {.kind = ERR_NONE};

	journal_warn(&job->journal, "the archive in the cache '%s' is damaged, and the code is fetched anew: %s",
	    cache->path, err->text);
	job->code.sha256[0] = '\0';
	job->code.kind[0] = '\0';
	job->code.bytes = -1;
	job->code.fetch = (struct record_fetch){.seconds = 0};
	if (cache_drop(cache, digest, origin->fd, &trouble) < 0) {
		do_without(job, cache, &trouble);
	}
	err_clear(err);
	return job_phase(job, PHASE_FETCH, err);
}

int
reuse_bring(struct job *job, struct cache *cache, struct err *err)
{
	const char *digest = wanted(job);
	struct err trouble = {.kind = ERR_NONE};
	CLEAN_ORIGIN origin = {0};
	int fd = -1;

	int found = cache->dir_fd >= 0 ? cache_find(cache, digest, &fd, &trouble) : 0;
	if (found < 0) {
		do_without(job, cache, &trouble);
	}
	if (found <= 0) {
		return 0;
	}
	origin_of_file(&origin, &fd, job->code.address, &job->net);
	if (receive_archive(job, &origin, err) == 0) {
		log_info("the code is in the cache '%s': nothing was fetched", cache->path);
		job->code.cached = 1;
		return 1;
	}
	return is_damaged(job, &origin, digest, err) == 1 ? replace_damaged(job, cache, &origin, digest, err) : -1;
}

/* ---- into the cache ---- */

void
reuse_begin(struct job *job, struct cache *cache, struct cache_copy *copy, int64_t size)
{
	struct err trouble = {.kind = ERR_NONE};

	if (cache->dir_fd >= 0 && cache_copy_begin(copy, cache, wanted(job), size < 0 ? 0 : size, &trouble) < 0) {
		do_without(job, cache, &trouble);
	}
}

void
reuse_keep(struct job *job, struct cache_copy *copy)
{
	struct err trouble = {.kind = ERR_NONE};

	if (copy->cache != NULL && cache_copy_keep(copy, &trouble) < 0 && !is_the_end(&trouble)) {
		journal_warn(&job->journal, "the code is not kept in the cache: %s", trouble.text);
	}
}
