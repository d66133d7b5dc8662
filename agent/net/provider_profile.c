/*
 * The shared files of the AWS tools: ~/.aws/credentials and ~/.aws/config. Static keys and credential_process;
 * what needs a login or a second role is refused with the line that does it outside.
 */
#include "net/provider.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/text.h"
#include "net/ini.h"
#include "net/process.h"

enum { PROFILE_NAME_MAX = 128 }; /* names people type */

struct profile {
	char name[PROFILE_NAME_MAX];
	char section[PROFILE_NAME_MAX + 8]; /* in the config file: "default", else "profile NAME" */
	int named;                          /* AWS_PROFILE asked for it */
	struct buf credentials;             /* the files' texts */
	struct buf config;
};

/* One of the files, whole; one that is missing is empty. */
static int
read_shared(
    const struct provider_run *run, const char *variable, const char *beside_home, struct buf *text, struct err *err)
{
	const char *given = net_env(run->ctx->envp, variable), *home = net_env(run->ctx->envp, "HOME");
	CLEAN_TEXT *path = NULL;

	buf_init(text, CREDS_FILE_MAX);
	if (given == NULL && home == NULL) {
		return 0;
	}
	path = given != NULL ? text_format("%s", given) : text_format("%s/%s", home, beside_home);
	if (path == NULL) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot read '%s'", variable);
	}
	if (fd_read_file(AT_FDCWD, path, text, err) == 0) {
		return 0;
	}
	if (err->sys == ENOENT || err->sys == ENOTDIR || (given == NULL && err->sys == EACCES)) {
		err_clear(err);
		return 0;
	}
	err->kind = ERR_CREDENTIALS;
	return -1;
}

/* 'key' from the credentials file, else from the config file. */
static int
find(const struct profile *profile, const char *key, struct secret *value)
{
	int found = ini_find(buf_text(&profile->credentials), profile->name, key, value);

	return found != 0 ? found : ini_find(buf_text(&profile->config), profile->section, key, value);
}

static int
has(const struct profile *profile, const char *key)
{
	CLEAN_SECRET value = {.bytes = NULL};

	return find(profile, key, &value) > 0;
}

static int
refuse(const struct profile *profile, const char *kind, struct err *err)
{
	return err_set(err, ERR_CREDENTIALS, 0,
	    "profile '%s' %s; turn it into environment variables first: "
	    "eval \"$(aws configure export-credentials --format env)\"",
	    profile->name, kind);
}

static int
run_process(const struct provider_run *run, const char *command, struct credentials *out, struct err *err)
{
	CLEAN_BUF text = {0};
	int done;

	buf_init(&text, CREDS_REPLY_MAX);
	done = process_run(run->ctx, command, CREDS_PROCESS_MS, &text, err);
	if (done == 0) {
		done =
		    provider_parse_json(buf_text(&text), text.len, "credential_process", "SessionToken", 0, out, err);
	}
	if (text.data != NULL) {
		secret_wipe(text.data, text.len);
	}
	out->provider = "credential process";
	return done < 0 ? -1 : 1;
}

static int
assume_web_identity(
    const struct provider_run *run, const struct profile *profile, struct credentials *out, struct err *err)
{
	CLEAN_SECRET file = {.bytes = NULL};
	CLEAN_SECRET role = {.bytes = NULL};
	CLEAN_SECRET session = {.bytes = NULL};
	int named;

	if (find(profile, "web_identity_token_file", &file) <= 0 || find(profile, "role_arn", &role) <= 0) {
		return err_set(
		    err, ERR_CREDENTIALS, 0, "profile '%s' has a web identity token and no role_arn", profile->name);
	}
	named = find(profile, "role_session_name", &session);
	return provider_assume(
	    run, secret_reveal(&file), secret_reveal(&role), named > 0 ? secret_reveal(&session) : NULL, out, err);
}

static int
use_profile(const struct provider_run *run, const struct profile *profile, struct credentials *out, struct err *err)
{
	CLEAN_SECRET command = {.bytes = NULL};
	int key, secret;

	if (has(profile, "web_identity_token_file")) {
		return assume_web_identity(run, profile, out, err);
	}
	if (has(profile, "role_arn")) {
		return refuse(profile, "assumes a role", err);
	}
	key = find(profile, "aws_access_key_id", &out->access_key);
	secret = find(profile, "aws_secret_access_key", &out->secret_key);
	if (key > 0 && secret > 0) {
		out->provider = "profile";
		return find(profile, "aws_session_token", &out->token) < 0
		           ? err_set(err, ERR_SYSTEM, ENOMEM, "cannot keep the credentials")
		           : 1;
	}
	if (key > 0 || secret > 0) {
		return err_set(err, ERR_CREDENTIALS, 0,
		    "profile '%s' has only one of aws_access_key_id and aws_secret_access_key", profile->name);
	}
	if (find(profile, "credential_process", &command) > 0) {
		return run_process(run, secret_reveal(&command), out, err);
	}
	if (has(profile, "sso_session") || has(profile, "sso_start_url") || has(profile, "sso_account_id")) {
		return refuse(profile, "signs in by SSO", err);
	}
	if (has(profile, "login_session")) {
		return refuse(profile, "signs in by 'aws login'", err);
	}
	if (profile->named) {
		return err_set(err, ERR_CREDENTIALS, 0, "profile '%s' holds no credentials", profile->name);
	}
	provider_skip(run, "profile 'default'", "holds no credentials");
	return 0;
}

static int
name_profile(const struct provider_run *run, struct profile *profile, struct err *err)
{
	const char *name = net_env(run->ctx->envp, "AWS_PROFILE");

	name = name == NULL ? net_env(run->ctx->envp, "AWS_DEFAULT_PROFILE") : name;
	profile->named = name != NULL;
	name = name == NULL ? "default" : name;
	if (strlen(name) >= PROFILE_NAME_MAX) {
		return err_set(err, ERR_CREDENTIALS, 0, "AWS_PROFILE has more than %d bytes", PROFILE_NAME_MAX - 1);
	}
	(void)snprintf(profile->name, sizeof(profile->name), "%s", name);
	(void)snprintf(
	    profile->section, sizeof(profile->section), "%s%s", strcmp(name, "default") == 0 ? "" : "profile ", name);
	return 0;
}

static void
release(struct profile *profile)
{
	if (profile->credentials.data != NULL) {
		secret_wipe(profile->credentials.data, profile->credentials.len);
	}
	if (profile->config.data != NULL) {
		secret_wipe(profile->config.data, profile->config.len);
	}
	buf_release(&profile->credentials);
	buf_release(&profile->config);
}

int
provider_profile(const struct provider_run *run, struct credentials *out, struct err *err)
{
	CLEANUP(release) struct profile profile = {.named = 0};

	if (name_profile(run, &profile, err) < 0 ||
	    read_shared(run, "AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", &profile.credentials, err) < 0 ||
	    read_shared(run, "AWS_CONFIG_FILE", ".aws/config", &profile.config, err) < 0) {
		return -1;
	}
	if (ini_has_section(buf_text(&profile.credentials), profile.name) ||
	    ini_has_section(buf_text(&profile.config), profile.section)) {
		return use_profile(run, &profile, out, err);
	}
	if (profile.named) {
		return err_set(err, ERR_CREDENTIALS, 0,
		    "profile '%s' (AWS_PROFILE) is in neither ~/.aws/credentials nor ~/.aws/config", profile.name);
	}
	provider_skip(run, "profile 'default'", "in neither ~/.aws/credentials nor ~/.aws/config");
	return 0;
}
