#include "job/origin.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/clock.h"
#include "base/fd.h"
#include "config/variables.h"
#include "job/job.h"

enum { TOKEN_MAX = 8192 /* bytes of TRAIN_CODE_TOKEN_FILE; a header takes less */ };

/* Every read asks first whether the job goes on, and counts the time it took. */
static ssize_t
read_on(void *self, void *bytes, size_t len, struct err *err)
{
	struct origin *origin = self;
	int64_t began_us = clock_now_us();

	if (net_check(origin->net, err) < 0) {
		return -1;
	}
	ssize_t n = source_read(&origin->below, bytes, len, err);
	origin->spent_us += clock_now_us() - began_us;
	return n;
}

static void
begin(struct origin *origin, const struct source *below, const struct net_context *net)
{
	origin->below = *below;
	origin->net = net;
	origin->source = (struct source){.read = read_on, .self = origin};
}

/* Keeps a copy of a text that the server gave; "" is none. */
static int
keep(char **to, const char *text, struct err *err)
{
	if (*text == '\0') {
		return 0;
	}
	*to = strdup(text);
	return *to != NULL ? 0 : err_set(err, ERR_SYSTEM, ENOMEM, "cannot open the code");
}

/* ---- S3 ---- */

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
	origin->has_sha256 = meta.has_sha256;
	memcpy(origin->sha256, meta.sha256, sizeof(origin->sha256));
	const struct source source = s3_source(origin->s3);
	begin(origin, &source, &job->net);
	return 0;
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
	const struct source source = web_source(origin->web);
	begin(origin, &source, &job->net);
	return 0;
}

int
origin_open(struct origin *origin, struct job *job, struct err *err)
{
	int64_t began_us = clock_now_us();
	int opened = job->plan.address.scheme == CODE_S3 ? open_s3(origin, job, err) : open_web(origin, job, err);

	/* Credentials, redirects and retries up to the first byte belong to the fetch. */
	origin->spent_us += clock_now_us() - began_us;
	return opened;
}

void
origin_of_file(struct origin *origin, int *fd, const char *name, const struct net_context *net)
{
	origin->fd = fd_take(fd);
	origin->has_file = 1;
	const struct source source = fd_source_init(&origin->file, origin->fd, name);
	begin(origin, &source, net);
}

void
origin_close(struct origin *origin)
{
	s3_close(origin->s3);
	web_close(origin->web);
	secret_release(&origin->token);
	if (origin->has_file) {
		fd_close(&origin->fd);
	}
	*origin = (struct origin){0};
}
