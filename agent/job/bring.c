/* fetch, verify, unpack: where the code is, and what is there: an archive (receive.c), a project's folder, or nothing. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "config/machine.h"
#include "config/variables.h"
#include "files/copy.h"
#include "files/folder.h"
#include "files/scratch.h"
#include "job/hooks.h"
#include "job/job.h"
#include "job/origin.h"
#include "job/receive.h"
#include "job/reuse.h"

enum {
	LIMIT_SHARE = 4,      /* of the container's memory, one part may be fetch-memory */
	MEMORY_MIN = 8 << 20, /* the least that fetch-memory may be (config/setting_table.c) */
};

/* ---- where to work ---- */

static int
open_workspace(struct job *job, struct err *err)
{
	const char *candidates[] = {NULL, "/tmp", "/var/tmp", "/dev/shm", job->root, NULL};
	const char *tmp = variables_given(job->request->envp, "TMPDIR");
	const char *path = NULL;

	candidates[0] = tmp != NULL ? tmp : "";
	int fd = scratch_open(settings_text(&job->settings, SETTING_WORKSPACE), candidates, &path, err);
	return fd < 0 ? -1 : workspace_open(&job->workspace, fd, path, job->request->work, err);
}

/* ---- what lies on disk ---- */

static int
bring_project(struct job *job, int dir_fd, const char *path, struct err *err)
{
	const struct tree_limits limits = receive_limits(job);
	struct copied copied;

	if (code_policy_check_kind(&job->plan, 0, err) < 0 || workspace_stage(&job->workspace, err) < 0) {
		return -1;
	}
	if (copy_project(dir_fd, job->workspace.stage_fd, path, &limits, &copied, err) < 0) {
		return receive_blame(job, err);
	}
	if (workspace_settle(&job->workspace, NULL, err) < 0) {
		return -1;
	}
	(void)snprintf(job->code.kind, sizeof(job->code.kind), "folder");
	if (copied.left_out > 0) {
		journal_warn(&job->journal,
		    "%lld entries of the code are no files, folders or links and were left out, the first: '%s'",
		    (long long)copied.left_out, copied.first_out);
	}
	return 0;
}

static int
bring_file(struct job *job, int *fd, const char *path, int may_stay, struct err *err)
{
	CLEAN_ORIGIN origin = {0};

	origin_of_file(&origin, fd, path, &job->net);
	int stays = may_stay ? receive_in_place(job, &origin, path, err) : 0;
	if (stays != 0) {
		return stays < 0 ? -1 : 0;
	}
	return lseek(origin.fd, 0, SEEK_SET) == 0 ? receive_archive(job, &origin, err)
	                                          : err_set(err, ERR_IO, errno, "cannot read '%s'", path);
}

static int
not_there(const char *path, struct err *err)
{
	int sys = errno;

	return err_set(
	    err, sys == ENOENT || sys == ENOTDIR ? ERR_NOT_FOUND : ERR_IO, sys, "cannot open the code '%s'", path);
}

static int
bring_path(struct job *job, const char *path, int may_stay, struct err *err)
{
	char name[FOLDER_NAME_MAX];
	struct stat st;
	CLEAN_FD fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0) {
		return not_there(path, err);
	}
	if (S_ISREG(st.st_mode)) {
		return bring_file(job, &fd, path, may_stay, err);
	}
	if (!S_ISDIR(st.st_mode)) {
		return err_set(err, ERR_ARCHIVE, 0, "the code '%s' is neither a file nor a folder", path);
	}
	int archive = folder_is_archive(fd, name, err);
	if (archive <= 0) {
		return archive < 0 ? -1 : bring_project(job, fd, path, err);
	}
	CLEAN_FD file = openat(fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	CLEAN_TEXT *whole = text_format("%s/%s", path, name);
	return file < 0 || whole == NULL ? not_there(name, err) : bring_file(job, &file, whole, 0, err);
}

static int
bring_channel(struct job *job, struct err *err)
{
	const struct code_address *address = &job->plan.address;
	const struct channel *channel = channels_find(&job->opt_ml.channels, address->place);

	if (channel == NULL) {
		return err_set(
		    err, ERR_NOT_FOUND, 0, "the code is in channel '%s', which this job does not have", address->place);
	}
	if (channel->is_pipe) {
		return err_set(err, ERR_SETTINGS, 0, "the channel '%s' is in Pipe mode: code needs File or FastFile",
		    channel->name);
	}
	CLEAN_TEXT *path = text_format("%s%s%s", channel->path, *address->rest != '\0' ? "/" : "", address->rest);
	return path != NULL ? bring_path(job, path, 0, err) : err_set(err, ERR_SYSTEM, ENOMEM, "cannot open the code");
}

static int
fetch(struct job *job, struct cache *cache, struct err *err)
{
	CLEAN_CACHE_COPY copy = {0};
	CLEAN_ORIGIN origin = {0};

	if (origin_open(&origin, job, err) < 0) {
		return -1;
	}
	reuse_begin(job, cache, &copy, origin.size);
	origin.copy = &copy;
	if (receive_archive(job, &origin, err) < 0) {
		return -1;
	}
	reuse_keep(job, &copy);
	return 0;
}

/* What was unpacked of the first attempt goes. */
static int
fetch_anew(struct job *job, struct cache *cache, struct err *err)
{
	err_clear(err);
	err->phase = PHASE_FETCH;
	return fetch(job, cache, err);
}

/*
 * An object that is replaced while it is read is fetched anew, once. So is one that did not fit on the disk while a copy of it was made: a cache never
 * fails a job.
 */
static int
bring_from_far(struct job *job, struct err *err)
{
	CLEAN_CACHE cache = {.dir_fd = -1};

	reuse_open(job, &cache);
	int result = reuse_bring(job, &cache, err);
	if (result != 0) {
		return result < 0 ? -1 : 0;
	}
	result = fetch(job, &cache, err);
	if (result < 0 && err->kind == ERR_UNAVAILABLE && err->sys == ESTALE) {
		journal_warn(&job->journal, "%s: beginning anew", err->text);
		result = fetch_anew(job, &cache, err);
	}
	if (result < 0 && err->kind == ERR_DISK_FULL && cache.dir_fd >= 0) {
		journal_warn(&job->journal, "%s: beginning anew, without the cache", err->text);
		cache_close(&cache);
		result = fetch_anew(job, &cache, err);
	}
	return result;
}

/* ---- all of it ---- */

static int
bring_code(struct job *job, struct err *err)
{
	switch (job->plan.address.scheme) {
	case CODE_S3:
	case CODE_HTTPS:
	case CODE_HTTP:
		return bring_from_far(job, err);
	case CODE_CHANNEL:
		return bring_channel(job, err);
	case CODE_PATH:
		return bring_path(job, job->plan.address.rest, job->plan.how == CODE_FOUND_NAMED, err);
	}
	return err_set(err, ERR_BUG, 0, "an address without a scheme");
}

/* Who named it, and its address as it may be shown. */
static int
name_code(struct job *job, struct err *err)
{
	CLEAN_BUF shown = {0};

	buf_init(&shown, CODE_ADDRESS_MAX);
	code_address_show(job->plan.text, &shown);
	job->code.address = buf_take(&shown);
	job->code.found_by = job->plan.how == CODE_FOUND_NAMED
	                         ? settings_origin(&job->settings, SETTING_CODE, job->code.origin)
	                         : code_find_name(job->plan.how);
	return job->code.address != NULL ? 0 : err_set(err, ERR_SYSTEM, ENOMEM, "cannot keep the address of the code");
}

static void
say_what_came(const struct job *job)
{
	const struct job_code *code = &job->code;

	if (code->sha256[0] != '\0') {
		log_info("code: '%s' (%s), %s, %lld bytes, SHA-256 %s", code->address, code->found_by, code->kind,
		    (long long)code->bytes, code->sha256);
	} else {
		log_info("code: '%s' (%s), %s", code->address, code->found_by, code->kind);
	}
}

/* For whoever asks why a start took so long: which stage was the slow one. */
static void
say_how_it_came(const struct job *job)
{
	const struct record_fetch *fetch = &job->code.fetch;
	double megabytes = (double)job->code.bytes / 1e6;
	char retries[96] = "";

	if (fetch->connections == 0) {
		return;
	}
	if (fetch->cut + fetch->slow + fetch->refused > 0) {
		(void)snprintf(retries, sizeof(retries), "; asked again after %u cuts, %u waits, %u refusals",
		    fetch->cut, fetch->slow, fetch->refused);
	}
	log_info(
	    "fetched %.1f MB in %.2f s (%.0f MB/s), %d connection%s%s; at work: network %.2f s, hash %.2f s, inflate %.2f s, "
	    "write %.2f s",
	    megabytes, fetch->seconds, fetch->seconds > 0 ? megabytes / fetch->seconds : 0, fetch->connections,
	    fetch->connections == 1 ? "" : "s", retries, fetch->network, fetch->hash, fetch->inflate, fetch->write);
}

/* The rooms know neither signals nor settings. */
static int
explain(struct job *job, struct err *err)
{
	if (err->kind == ERR_DEADLINE) {
		return err_wrap(err, "the code '%.160s' was not here within %lld s (fetch-timeout)", job->code.address,
		    (long long)settings_number(&job->settings, SETTING_FETCH_TIMEOUT));
	}
	if (err->kind == ERR_STOPPED) {
		(void)job_stopped(job, err);
	}
	return -1;
}

/*
 * What the setting says; where nobody set it, no more than a quarter of the container's limit: the page cache of what is written counts against that, too.
 */
static size_t
memory_for(const struct job *job)
{
	int64_t wanted = settings_bytes(&job->settings, SETTING_FETCH_MEMORY);
	int64_t share = (int64_t)(machine_memory_limit("/sys/fs/cgroup") / LIMIT_SHARE);

	if (share == 0 || share >= wanted || settings_source(&job->settings, SETTING_FETCH_MEMORY) != SOURCE_DEFAULT) {
		return (size_t)wanted;
	}
	return (size_t)(share > MEMORY_MIN ? share : MEMORY_MIN);
}

int
job_bring(struct job *job, struct err *err)
{
	if (job_phase(job, PHASE_FETCH, err) < 0 || open_workspace(job, err) < 0) {
		return -1;
	}
	job->net.deadline_ms = clock_now_ms() + settings_ms(&job->settings, SETTING_FETCH_TIMEOUT);
	job->net.plain_http = job->plan.may_http;
	job->net.tally = &job->tally;
	budget_init(&job->budget, memory_for(job));
	if (job->request->project != NULL || job->plan.how == CODE_FOUND_HERE) {
		job->code.found_by = job->request->project != NULL ? "train run" : code_find_name(job->plan.how);
		(void)snprintf(job->code.kind, sizeof(job->code.kind), "%s", "in place");
		return 0;
	}
	if (name_code(job, err) < 0) {
		return -1;
	}
	int brought = bring_code(job, err);
	hooks_leak(job->request->envp, "brought", &job->budget);
	CHECK(budget_is_whole(&job->budget));
	if (brought < 0) {
		return explain(job, err);
	}
	say_what_came(job);
	say_how_it_came(job);
	return 0;
}
