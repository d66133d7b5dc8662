#include "job/origin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "config/variables.h"
#include "job/hooks.h"
#include "job/job.h"
#include "net/resume.h"

enum { TOKEN_MAX = 8192 /* bytes of TRAIN_CODE_TOKEN_FILE; a header takes less */ };

/* Every read asks first whether the job goes on, and counts the time it took. */
static ssize_t
read_on(void *self, void *bytes, size_t len, struct err *err)
{
	struct origin *origin = self;
	int64_t began_us = clock_now_us();

	hooks_pass(origin->net->envp, "fetching");
	if (net_check(origin->net, err) < 0) {
		return -1;
	}
	ssize_t n = source_read(&origin->below, bytes, len, err);
	origin->spent_us += clock_now_us() - began_us;
	return n;
}

static ssize_t
lend_on(void *self, const void **bytes, struct err *err)
{
	struct origin *origin = self;
	int64_t began_us = clock_now_us();

	hooks_pass(origin->net->envp, "fetching");
	if (net_check(origin->net, err) < 0) {
		return -1;
	}
	ssize_t n = origin->below.lend(origin->below.self, bytes, err);
	origin->spent_us += clock_now_us() - began_us;
	return n;
}

static void
begin(struct origin *origin, const struct source *below, struct net_context *net)
{
	origin->below = *below;
	origin->net = net;
	origin->source = (struct source){.read = read_on, .lend = below->lend != NULL ? lend_on : NULL, .self = origin};
}

/* ---- several connections ---- */

/* An object whose first reply has come: its first connection, what each one takes, and how another is made. */
struct opened {
	struct lane first;
	size_t bytes;
	int64_t size;
	const char *etag;
	int (*add)(void *self, struct lane *lane, struct err *err);
};

static int
open_cancel(struct origin *origin, struct net_context *net, struct err *err)
{
	net->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	origin->net = net;
	origin->cancels = net->cancel_fd >= 0;
	return origin->cancels ? 0 : err_set(err, ERR_SYSTEM, errno, "cannot fetch");
}

void
origin_cancel(void *self)
{
	const struct origin *origin = self;
	const uint64_t one = 1;

	if (origin->cancels && write(origin->net->cancel_fd, &one, sizeof(one)) < 0) {
		return; /* it is full: readable already */
	}
}

/* As many slots as half of the memory holds with a connection for each of the first ones, and no more than the object fills. */
static size_t
slots_for(const struct budget *budget, int64_t size, size_t connection_bytes)
{
	size_t by_size = (size_t)(size / PARTS_SLOT_BYTES + 1);
	size_t slots = 0, bytes = 0;

	while (slots < by_size && slots < PARTS_SLOTS_MAX) {
		bytes += PARTS_SLOT_BYTES + (slots < PARTS_LANES_MAX ? connection_bytes : 0);
		if (bytes > budget->max / 2) {
			break;
		}
		slots++;
	}
	return slots;
}

/* The libraries below take the connections' memory by themselves. All of it is reserved now, before what unpacks looks for what is left. */
static int
reserve(struct origin *origin, struct budget *budget, size_t bytes, struct err *err)
{
	if (budget_reserve(budget, bytes) < 0) {
		return err_set(err, ERR_SETTINGS, 0, "fetching takes %zu KiB: raise fetch-memory", bytes >> 10);
	}
	origin->budget = budget;
	origin->reserved = bytes;
	return 0;
}

/*
 * Reads 'first' alone, or with others beside it: for objects of several slots whose pieces are known to belong together, by a strong ETag.
 */
static int
begin_fetch(struct origin *origin, struct job *job, const struct opened *opened, struct err *err)
{
	int in_parts = opened->size > 2 * PARTS_SLOT_BYTES && resume_is_strong(opened->etag);
	size_t slots = in_parts ? slots_for(&job->budget, opened->size, opened->bytes) : 0;
	size_t lanes = slots < 2 ? 1 : slots < PARTS_LANES_MAX ? slots : PARTS_LANES_MAX;

	origin->size = opened->size;
	if (reserve(origin, &job->budget, lanes * opened->bytes, err) < 0) {
		return -1;
	}
	if (lanes < 2) {
		begin(origin, &opened->first.source, &job->net);
		return 0;
	}
	const struct parts_setup setup = {
	    .budget = &job->budget,
	    .size = opened->size,
	    .slots = slots,
	    .lanes = (int)lanes,
	    .first = opened->first,
	    .add = opened->add,
	    .wake = origin_cancel,
	    .self = origin,
	};
	origin->net = &job->net;
	origin->parts = parts_open(&setup, err);
	if (origin->parts == NULL) {
		origin->s3 = NULL;
		origin->web = NULL;
		return -1;
	}
	const struct source source = parts_source(origin->parts);
	begin(origin, &source, &job->net);
	return 0;
}

/* Keeps a copy of a text that the server gave; "" is none. */
static int
keep(char **to, const char *text, struct err *err)
{
	free(*to); /* of an attempt before */
	*to = NULL;
	if (*text == '\0') {
		return 0;
	}
	*to = strdup(text);
	return *to != NULL ? 0 : err_set(err, ERR_SYSTEM, ENOMEM, "cannot open the code");
}

/* ---- S3 ---- */

static int
add_s3(void *self, struct lane *lane, struct err *err)
{
	const struct origin *origin = self;
	struct s3 *other = s3_another(origin->s3, err);

	if (other == NULL) {
		return -1;
	}
	*lane = s3_lane(other);
	return 0;
}

static int
open_s3(struct origin *origin, struct job *job, struct err *err)
{
	struct creds *creds = job_creds(job, err);
	struct s3_meta meta;
	const struct s3_request request = {
	    .url = job->plan.text,
	    .version_id = job->plan.version,
	    .owner = job->plan.owner,
	    .arn = job->opt_ml.arn,
	};

	if (creds == NULL) {
		return -1;
	}
	origin->s3 = s3_open(&job->net, creds, &request, &meta, err);
	if (origin->s3 == NULL || keep(&job->code.version, meta.version_id, err) < 0 ||
	    keep(&job->code.etag, meta.etag, err) < 0) {
		return -1;
	}
	origin->stored = meta.stored;
	const struct opened opened = {.first = s3_lane(origin->s3),
	    .bytes = s3_bytes(origin->s3),
	    .size = meta.size,
	    .etag = meta.etag,
	    .add = add_s3};
	return begin_fetch(origin, job, &opened, err);
}

/* ---- the web ---- */

/* TRAIN_CODE_TOKEN_FILE before TRAIN_CODE_TOKEN; a line end behind it is an editor's, not the token's. */
static int
read_token(struct secret *token, char *const *envp, struct err *err)
{
	const char *path = variables_given(envp, "TRAIN_CODE_TOKEN_FILE");
	const char *text = variables_given(envp, "TRAIN_CODE_TOKEN");
	CLEAN_BUF file = {0};

	if (path != NULL) {
		buf_init(&file, TOKEN_MAX);
		if (fd_read_file(AT_FDCWD, path, &file, err) < 0) {
			err->kind = ERR_SETTINGS;
			return err_wrap(err, "TRAIN_CODE_TOKEN_FILE");
		}
		text = buf_text(&file);
	}
	if (text == NULL) {
		return 0;
	}
	int set = secret_set(token, text, strcspn(text, "\r\n"));
	if (file.data != NULL) {
		secret_wipe(file.data, file.len);
	}
	return set == 0 ? 0 : err_set(err, ERR_SYSTEM, ENOMEM, "cannot keep the token");
}

static int
add_web(void *self, struct lane *lane, struct err *err)
{
	const struct origin *origin = self;
	struct web *other = web_another(origin->web, err);

	if (other == NULL) {
		return -1;
	}
	*lane = web_lane(other);
	return 0;
}

static int
open_web(struct origin *origin, struct job *job, struct err *err)
{
	struct web_meta meta;

	if (read_token(&origin->token, job->request->envp, err) < 0) {
		return -1;
	}
	const struct web_request request = {
	    .url = job->plan.text,
	    .token = &origin->token,
	    .token_host = variables_given(job->request->envp, "TRAIN_CODE_TOKEN_HOST"),
	    .allow = code_policy_allow,
	    .self = &job->plan,
	};
	origin->web = web_open(&job->net, &request, &meta, err);
	if (origin->web == NULL || keep(&job->code.etag, meta.etag, err) < 0) {
		return -1;
	}
	const struct opened opened = {.first = web_lane(origin->web),
	    .bytes = web_bytes(origin->web),
	    .size = meta.size,
	    .etag = meta.etag,
	    .add = add_web};
	return begin_fetch(origin, job, &opened, err);
}

int
origin_open(struct origin *origin, struct job *job, struct err *err)
{
	if (open_cancel(origin, &job->net, err) < 0) {
		return -1;
	}
	int64_t began_us = clock_now_us();
	int opened = job->plan.address.scheme == CODE_S3 ? open_s3(origin, job, err) : open_web(origin, job, err);

	/* Credentials, redirects and retries up to the first byte belong to the fetch. */
	origin->spent_us += clock_now_us() - began_us;
	return opened;
}

struct source
origin_passing(struct origin *origin)
{
	return origin->copy != NULL ? cache_copy_source(origin->copy, &origin->source) : origin->source;
}

void
origin_of_file(struct origin *origin, int *fd, const char *name, struct net_context *net)
{
	origin->fd = fd_take(fd);
	origin->has_file = 1;
	const struct source source = fd_source_init(&origin->file, origin->fd, name);
	begin(origin, &source, net);
}

int
origin_connections(const struct origin *origin)
{
	return origin->parts != NULL ? parts_lanes(origin->parts) : !origin->has_file;
}

void
origin_close(struct origin *origin)
{
	if (origin->parts != NULL) {
		parts_close(origin->parts); /* and with it the connections */
	} else {
		s3_close(origin->s3);
		web_close(origin->web);
	}
	if (origin->reserved > 0) {
		budget_return(origin->budget, origin->reserved);
	}
	if (origin->cancels) {
		fd_close(&origin->net->cancel_fd);
	}
	secret_release(&origin->token);
	if (origin->has_file) {
		fd_close(&origin->fd);
	}
	*origin = (struct origin){0};
}
