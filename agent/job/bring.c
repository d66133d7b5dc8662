/* fetch, verify, unpack: the code into the workspace. One stream: what is fetched is hashed and unpacked while it comes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/stage.h"
#include "base/text.h"
#include "config/arguments.h"
#include "config/variables.h"
#include "files/copy.h"
#include "files/digest.h"
#include "files/folder.h"
#include "files/scratch.h"
#include "files/unpack.h"
#include "job/job.h"
#include "job/origin.h"

enum {
	WINDOW_SHARE = 4, /* of fetch-memory, one part may be a zstd window (product §5) */
	AHEAD_SHARE = 16, /* and one what is fetched and hashed ahead of whoever inflates */
	AHEAD_BLOCKS = 16,
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

/* Asked at every entry and every read: a stop request ends local work as soon as a download. */
static int
go_on(void *self, struct err *err)
{
	return net_check(self, err);
}

static struct tree_limits
limits_of(struct job *job)
{
	return (struct tree_limits){
	    .bytes_max = settings_bytes(&job->settings, SETTING_UNPACK_MAX_BYTES),
	    .entries_max = settings_number(&job->settings, SETTING_UNPACK_MAX_ENTRIES),
	    .go_on = go_on,
	    .self = &job->net,
	};
}

/* The rooms name the entry that is wrong; here is said in whose code, and which folder is full. */
static int
in_the_code(const struct job *job, struct err *err)
{
	if (err->kind == ERR_DISK_FULL) {
		return err_wrap(
		    err, "the code '%.160s' does not fit into '%.160s'", job->code.address, job->workspace.path);
	}
	return err->kind == ERR_ARCHIVE || err->kind == ERR_IO ? err_wrap(err, "the code '%.160s'", job->code.address)
	                                                       : -1;
}

/* ---- verify ---- */

/* Who gave the digest that binds whatever code is used: another source than the one that names the code. */
static const char *
binding_origin(const struct job *job, char out[SETTING_ORIGIN_MAX])
{
	char spelling[SETTING_NAME_MAX];

	for (enum setting_source source = SOURCE_COMMAND_LINE; source > SOURCE_DEFAULT; source--) {
		if (job->settings.offers[SETTING_CODE_SHA256][source].value.text == job->plan.binding_sha256) {
			(void)snprintf(out, SETTING_ORIGIN_MAX, "%s %s", setting_source_name(source),
			    setting_spelling(SETTING_CODE_SHA256, source, spelling));
		}
	}
	return out;
}

static int
compare(const struct job *job, const char *wanted, const char *origin, struct err *err)
{
	if (wanted == NULL || strcmp(wanted, job->code.sha256) == 0) {
		return 0;
	}
	return err_set(err, ERR_DIGEST, 0, "the SHA-256 of '%.160s' is %s, but %s says %s", job->code.address,
	    job->code.sha256, origin, wanted);
}

/* The digest that the request names, the one that binds besides, and the one that S3 keeps. */
static int
verify(struct job *job, const struct origin *origin, struct err *err)
{
	char stored[SHA256_HEX];
	char named[SETTING_ORIGIN_MAX] = "";
	char binding[SETTING_ORIGIN_MAX] = "";

	if (compare(job, job->plan.sha256, settings_origin(&job->settings, SETTING_CODE_SHA256, named), err) < 0 ||
	    compare(job, job->plan.binding_sha256, binding_origin(job, binding), err) < 0) {
		return -1;
	}
	if (!origin->has_sha256) {
		return 0;
	}
	hex_encode(stored, origin->sha256, SHA256_BYTES);
	return strcmp(stored, job->code.sha256) == 0
	           ? 0
	           : err_set(err, ERR_ARCHIVE, 0, "the SHA-256 of '%.160s' as it came is %s, but S3 keeps %s for it",
	                 job->code.address, job->code.sha256, stored);
}

/* ---- archives ---- */

static void
keep_digest(struct job *job, struct digest *digest)
{
	digest_end(digest, job->code.sha256);
	job->code.bytes = digest->bytes;
}

/* A digest that is asked for wants all bytes, also of what was refused. */
static int
wants_digest(const struct job *job)
{
	return job->plan.sha256 != NULL || job->plan.binding_sha256 != NULL;
}

/*
 * Bytes that were refused and had a digest to match: most likely they are simply other bytes, and then that is the reason to give.
 */
static int
explain_refusal(struct job *job, const struct origin *origin, struct err *err)
{
	struct err other = {.phase = err->phase};

	if (verify(job, origin, &other) < 0 && other.kind == ERR_DIGEST) {
		*err = other;
	}
	return in_the_code(job, err);
}

/* How an executable zip is started: by the words of its "#!" line, else by Python. */
static int
make_zip_command(struct job *job, const char *path, const char *interpreter, struct err *err)
{
	CLEAN_ARGUMENTS args = {0};
	size_t first = strcspn(interpreter, " \t");
	const char *rest = interpreter + first + strspn(interpreter + first, " \t");

	if (*interpreter == '\0') {
		const char *python = command_python(&job->settings, job->request->envp);

		arguments_add(&args, python);
	} else {
		CLEAN_TEXT *program = strndup(interpreter, first);

		arguments_add(&args, program);
		if (*rest != '\0') {
			arguments_add(&args, rest); /* the kernel, too, takes the rest of the line as one argument */
		}
	}
	arguments_add(&args, path);
	job->code.zip = arguments_take(&args, err);
	return job->code.zip != NULL ? 0 : -1;
}

/* What will be run as far as it is known before pipeline.json is read, or NULL: it tells whether the one folder around everything is the project. */
static const char *
program_of(const struct job *job)
{
	char *const *words = settings_words(&job->settings, SETTING_COMMAND);

	if (job->request->command != NULL) {
		return job->request->command[0];
	}
	return words != NULL ? words[0] : command_program(&job->opt_ml, job->request->envp);
}

static int
settle(struct job *job, const struct unpacked *unpacked, struct err *err)
{
	char folder[FOLDER_NAME_MAX] = "";
	int inside = 0;

	if (!unpacked->executable) {
		inside = unpack_single_folder(job->workspace.stage_fd, unpacked, program_of(job), folder, err);
	}
	if (inside < 0 || workspace_settle(&job->workspace, inside == 1 ? folder : NULL, err) < 0) {
		return -1;
	}
	CLEAN_TEXT *zip = text_format("%s/%s", job->workspace.path, UNPACK_PEX);
	return !unpacked->executable ? 0 : make_zip_command(job, zip, unpacked->interpreter, err);
}

/* Reads to the end what nobody wanted. */
static int
drain(const struct source *src, struct err *err)
{
	unsigned char scratch[4096];
	const void *bytes = NULL;
	ssize_t n = 1;

	while (n > 0) {
		n = source_lend(src, scratch, sizeof(scratch), &bytes, err);
	}
	return n < 0 ? -1 : 0;
}

/* Where one reads ahead nobody may be left waiting for the network when the job has failed: unless all bytes are wanted for their digest. */
struct feeding {
	struct job *job;
	struct origin *origin;
};

static void
stop_feeding(void *self)
{
	const struct feeding *feeding = self;

	if (!wants_digest(feeding->job)) {
		origin_cancel(feeding->origin);
	}
}

/*
 * One thread fetches and hashes, one inflates, this one writes. Whatever happens the first two have ended when this is over.
 */
static int
unpack_stream(struct job *job, struct origin *origin, struct unpacked *unpacked, struct err *err)
{
	struct feeding feeding = {.job = job, .origin = origin};
	const struct unpack_wish wish = {
	    .limits = limits_of(job),
	    .window_max = job->budget.max / WINDOW_SHARE,
	    .spool_fd = job->workspace.base_fd,
	    .budget = &job->budget,
	    .wake = stop_feeding,
	    .self = &feeding,
	};
	const struct stage_plan plan = {
	    .budget = &job->budget,
	    .block_bytes = job->budget.max / AHEAD_SHARE / AHEAD_BLOCKS,
	    .blocks = AHEAD_BLOCKS,
	    .wake = origin_cancel,
	    .self = origin,
	};
	struct digest digest;
	struct source hashed = digest_init(&digest, &origin->source);
	CLEAN_STAGE stage = {.memory = NULL};

	if (stage_start(&stage, &plan, &hashed, err) < 0) {
		return -1;
	}
	struct source ahead = stage_source(&stage);
	int result = unpack(&ahead, job->workspace.stage_fd, &wish, unpacked, err);
	struct err trouble = {.phase = err->phase};
	int whole = (result == 0 || (wants_digest(job) && err->kind == ERR_ARCHIVE)) && drain(&ahead, &trouble) == 0;
	stage_end(&stage);
	if (whole) {
		keep_digest(job, &digest);
		return result == 0 ? 0 : explain_refusal(job, origin, err);
	}
	if (result == 0 || trouble.kind == ERR_STOPPED) {
		*err = trouble;
	}
	return in_the_code(job, err);
}

/* Fetching and unpacking are one stream; the time is told apart by who waited for whom. */
static void
tell_times(struct job *job, const struct origin *origin)
{
	int64_t began = job->journal.phases[PHASE_FETCH].begin_ms;

	journal_enter_at(&job->journal, PHASE_UNPACK, began + origin->spent_us / 1000);
}

static int
bring_archive(struct job *job, struct origin *origin, struct err *err)
{
	struct unpacked unpacked;

	if (workspace_stage(&job->workspace, err) < 0 || unpack_stream(job, origin, &unpacked, err) < 0) {
		return -1;
	}
	(void)snprintf(job->code.kind, sizeof(job->code.kind), "%s", unpacked.kind);
	tell_times(job, origin);
	if (job_phase(job, PHASE_VERIFY, err) < 0 || verify(job, origin, err) < 0) {
		return -1;
	}
	return settle(job, &unpacked, err);
}

/* An executable zip named by its path: proved like any other, and left where it is. The working folder is empty. */
static int
bring_in_place(struct job *job, struct origin *origin, const struct unpacked *unpacked, struct err *err)
{
	struct digest digest;

	(void)digest_init(&digest, &origin->source);
	if (lseek(origin->fd, 0, SEEK_SET) < 0) {
		return err_set(err, ERR_IO, errno, "cannot read '%s'", job->code.address);
	}
	if (digest_drain(&digest, err) < 0) {
		return -1;
	}
	keep_digest(job, &digest);
	(void)snprintf(job->code.kind, sizeof(job->code.kind), "%s", unpacked->kind);
	if (job_phase(job, PHASE_VERIFY, err) < 0 || verify(job, origin, err) < 0 ||
	    workspace_stage(&job->workspace, err) < 0 || workspace_settle(&job->workspace, NULL, err) < 0) {
		return -1;
	}
	return make_zip_command(job, job->plan.address.rest, unpacked->interpreter, err);
}

/* ---- what lies on disk ---- */

static int
bring_project(struct job *job, int dir_fd, const char *path, struct err *err)
{
	const struct tree_limits limits = limits_of(job);
	struct copied copied;

	if (code_policy_check_kind(&job->plan, 0, err) < 0 || workspace_stage(&job->workspace, err) < 0) {
		return -1;
	}
	if (copy_project(dir_fd, job->workspace.stage_fd, path, &limits, &copied, err) < 0) {
		return in_the_code(job, err);
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
	struct unpacked unpacked;
	const struct tree_limits limits = limits_of(job);

	origin_of_file(&origin, fd, path, &job->net);
	int stays = may_stay ? unpack_in_place(origin.fd, &limits, &unpacked, err) : 0;
	if (stays < 0) {
		return in_the_code(job, err);
	}
	if (stays == 1) {
		return bring_in_place(job, &origin, &unpacked, err);
	}
	return lseek(origin.fd, 0, SEEK_SET) == 0 ? bring_archive(job, &origin, err)
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
bring_from_far(struct job *job, struct err *err)
{
	CLEAN_ORIGIN origin = {0};

	return origin_open(&origin, job, err) < 0 ? -1 : bring_archive(job, &origin, err);
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

int
job_bring(struct job *job, struct err *err)
{
	if (job_phase(job, PHASE_FETCH, err) < 0 || open_workspace(job, err) < 0) {
		return -1;
	}
	job->net.deadline_ms = clock_now_ms() + settings_ms(&job->settings, SETTING_FETCH_TIMEOUT);
	job->net.plain_http = job->plan.may_http;
	budget_init(&job->budget, (size_t)settings_bytes(&job->settings, SETTING_FETCH_MEMORY));
	if (job->request->project != NULL || job->plan.how == CODE_FOUND_HERE) {
		job->code.found_by = job->request->project != NULL ? "train run" : code_find_name(job->plan.how);
		(void)snprintf(job->code.kind, sizeof(job->code.kind), "%s", "in place");
		return 0;
	}
	if (name_code(job, err) < 0) {
		return -1;
	}
	if (bring_code(job, err) < 0) {
		return explain(job, err);
	}
	say_what_came(job);
	return 0;
}
