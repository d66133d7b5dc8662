/* One stream: what is fetched is hashed, inflated and unpacked while it comes, and nothing of it is visible before all of it was right. */
#include "job/receive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/clock.h"
#include "base/stage.h"
#include "base/text.h"
#include "config/arguments.h"
#include "config/machine.h"
#include "files/digest.h"
#include "files/unpack.h"
#include "job/hooks.h"
#include "job/job.h"
#include "job/origin.h"

enum {
	WINDOW_SHARE = 4, /* of fetch-memory, one part may be a zstd window (product §5) */
	AHEAD_SHARE = 16, /* and one what is fetched and hashed ahead of whoever inflates */
	AHEAD_BLOCKS = 16,
};

/* Asked at every entry and every read: a stop request ends local work as soon as a download. */
static int
go_on(void *self, struct err *err)
{
	hooks_pass(((const struct net_context *)self)->envp, "unpacking");
	return net_check(self, err);
}

struct tree_limits
receive_limits(struct job *job)
{
	return (struct tree_limits){
	    .bytes_max = settings_bytes(&job->settings, SETTING_UNPACK_MAX_BYTES),
	    .entries_max = settings_number(&job->settings, SETTING_UNPACK_MAX_ENTRIES),
	    .go_on = go_on,
	    .self = &job->net,
	};
}

int
receive_blame(const struct job *job, struct err *err)
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

/* What came against the checksum that S3 keeps of the whole object: other bytes were damaged on their way, or where they lie. */
static int
compare_stored(
    const struct job *job, const struct checksum_value *stored, const struct checksum_value *came, struct err *err)
{
	char wanted[2 * CHECKSUM_BYTES_MAX + 1], got[2 * CHECKSUM_BYTES_MAX + 1];
	size_t bytes = checksum_bytes(stored->kind);

	hex_encode(wanted, stored->bytes, bytes);
	hex_encode(got, came->bytes, bytes);
	if (stored->kind == CHECKSUM_SHA256) {
		(void)snprintf(got, sizeof(got), "%s", job->code.sha256);
	}
	if (strcmp(wanted, got) == 0) {
		return 0;
	}
	return err_set(err, ERR_ARCHIVE, 0, "the %s of '%.160s' as it came is %s, but S3 keeps %s for it",
	    checksum_name(stored->kind), job->code.address, got, wanted);
}

/* The digest that stands beside the code, and the one that binds besides. */
static int
compare_digests(const struct job *job, struct err *err)
{
	char named[SETTING_ORIGIN_MAX] = "";
	char binding[SETTING_ORIGIN_MAX] = "";

	if (compare(job, job->plan.sha256, settings_origin(&job->settings, SETTING_CODE_SHA256, named), err) < 0) {
		return -1;
	}
	return compare(job, job->plan.binding_sha256, binding_origin(job, binding), err);
}

/* The digests, and the checksum that S3 keeps. */
static int
verify(const struct job *job, const struct origin *origin, const struct checksum_value *came, struct err *err)
{
	return compare_digests(job, err) < 0 ? -1 : compare_stored(job, &origin->stored, came, err);
}

/* A digest that is asked for wants all bytes, also of what was refused. */
static int
wants_digest(const struct job *job)
{
	return job->plan.sha256 != NULL || job->plan.binding_sha256 != NULL;
}

static void
keep_digest(struct job *job, struct digest *digest)
{
	digest_end(digest, job->code.sha256);
	job->code.bytes = digest->bytes;
}

/*
 * Bytes that were refused and had a digest to match: most likely they are simply other bytes, and then that is the reason to give. All of them have
 * been hashed.
 */
static int
explain_refusal(struct job *job, struct err *err)
{
	struct err other = {.phase = err->phase};

	if (compare_digests(job, &other) < 0) {
		*err = other;
	}
	return receive_blame(job, err);
}

/* ---- where it goes ---- */

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

/* ---- the stream ---- */

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

/* Whoever reads ahead must not be left waiting for the network when the job has failed: unless all bytes are wanted for their digest. */
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

/* Never below 0: the clocks of two threads are read one after the other. */
static double
seconds_of(int64_t us)
{
	return us > 0 ? (double)us / 1e6 : 0;
}

/* Who was at work how long: each stage's time is the whole, less what it waited for its neighbours. */
static void
tell_times(struct job *job, const struct origin *origin, const struct stage *stage, const struct unpacked *unpacked,
    int64_t took_us)
{
	struct net_tally *tally = &job->tally;
	int64_t inflating_us = took_us - stage->waited_us - unpacked->blocked_us;

	job->code.fetch = (struct record_fetch){
	    .seconds = seconds_of(took_us),
	    .network = seconds_of(origin->spent_us),
	    .hash = seconds_of(took_us - origin->spent_us - stage->blocked_us),
	    .inflate = unpacked->inflated ? seconds_of(inflating_us) : 0,
	    .write = seconds_of(took_us - (unpacked->inflated ? unpacked->waited_us : stage->waited_us)),
	    .connections = origin_connections(origin),
	    .cut = atomic_load(&tally->retries[NET_CUT]),
	    .slow = atomic_load(&tally->retries[NET_SLOW]),
	    .refused = atomic_load(&tally->retries[NET_SERVER]),
	    .memory_max = job->budget.max,
	    .memory_peak = atomic_load(&job->budget.peak),
	};
}

/* One thread fetches and hashes, one inflates, this one writes. Whatever happens the first two have ended when this is over. */
static int
unpack_stream(struct job *job, struct origin *origin, struct digest *digest, struct unpacked *unpacked, struct err *err)
{
	struct feeding feeding = {.job = job, .origin = origin};
	const struct unpack_wish wish = {
	    .limits = receive_limits(job),
	    .window_max = job->budget.max / WINDOW_SHARE,
	    .spool_fd = job->workspace.base_fd,
	    .threads = machine_cpus(),
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
	const struct source passing = origin_passing(origin);
	struct source hashed = digest_init(digest, &passing, origin->stored.kind);
	CLEAN_STAGE stage = {.memory = NULL};

	int64_t began_us = clock_now_us();
	if (stage_start(&stage, &plan, &hashed, err) < 0) {
		return -1;
	}
	struct source ahead = stage_source(&stage);
	int result = unpack(&ahead, job->workspace.stage_fd, &wish, unpacked, err);
	struct err trouble = {.phase = err->phase};
	int whole = (result == 0 || (wants_digest(job) && err->kind == ERR_ARCHIVE)) && drain(&ahead, &trouble) == 0;
	stage_end(&stage);
	if (whole) {
		keep_digest(job, digest);
		tell_times(job, origin, &stage, unpacked, clock_now_us() - began_us);
		return result == 0 ? 0 : explain_refusal(job, err);
	}
	if (result == 0 || trouble.kind == ERR_STOPPED) {
		*err = trouble;
	}
	return receive_blame(job, err);
}

/* Fetching and unpacking are one stream; the phases are told one after the other, by who waited for whom. */
static void
split_phases(struct job *job, const struct origin *origin)
{
	int64_t began = job->journal.phases[PHASE_FETCH].begin_ms;

	journal_enter_at(&job->journal, PHASE_UNPACK, began + origin->spent_us / 1000);
}

static int
prove(struct job *job, const struct origin *origin, const struct digest *digest, struct err *err)
{
	struct checksum_value came;

	checksum_end(&digest->checksum, &came);
	return job_phase(job, PHASE_VERIFY, err) < 0 ? -1 : verify(job, origin, &came, err);
}

int
receive_archive(struct job *job, struct origin *origin, struct err *err)
{
	CLEAN_DIGEST *digest = digest_new(&job->budget, err);
	struct unpacked unpacked;

	if (digest == NULL || workspace_stage(&job->workspace, err) < 0 ||
	    unpack_stream(job, origin, digest, &unpacked, err) < 0) {
		return -1;
	}
	(void)snprintf(job->code.kind, sizeof(job->code.kind), "%s", unpacked.kind);
	split_phases(job, origin);
	return prove(job, origin, digest, err) < 0 ? -1 : settle(job, &unpacked, err);
}

int
receive_hash(struct job *job, struct origin *origin, struct err *err)
{
	CLEAN_DIGEST *digest = digest_new(&job->budget, err);

	if (digest == NULL) {
		return -1;
	}
	(void)digest_init(digest, &origin->source, CHECKSUM_NONE);
	if (lseek(origin->fd, 0, SEEK_SET) < 0) {
		return err_set(err, ERR_IO, errno, "cannot read '%s'", job->code.address);
	}
	if (digest_drain(digest, err) < 0) {
		return -1;
	}
	keep_digest(job, digest);
	return 0;
}

int
receive_in_place(struct job *job, struct origin *origin, const char *path, struct err *err)
{
	const struct tree_limits limits = receive_limits(job);
	const struct checksum_value none = {.kind = CHECKSUM_NONE};
	struct unpacked unpacked;
	struct err unread = {.phase = err->phase};
	int stays = unpack_in_place(origin->fd, &limits, &job->budget, &unpacked, err);

	if (stays < 0) {
		int hashed = wants_digest(job) && err->kind == ERR_ARCHIVE && receive_hash(job, origin, &unread) == 0;

		return hashed ? explain_refusal(job, err) : receive_blame(job, err);
	}
	if (stays == 0) {
		return 0;
	}
	(void)snprintf(job->code.kind, sizeof(job->code.kind), "%s", unpacked.kind);
	if (receive_hash(job, origin, err) < 0 || job_phase(job, PHASE_VERIFY, err) < 0 ||
	    verify(job, origin, &none, err) < 0 || workspace_stage(&job->workspace, err) < 0 ||
	    workspace_settle(&job->workspace, NULL, err) < 0) {
		return -1;
	}
	return make_zip_command(job, path, unpacked.interpreter, err) < 0 ? -1 : 1;
}
