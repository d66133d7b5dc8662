#include "config/code_find.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"

static const char SUBMIT_NAME[] = "sagemaker_submit_directory";
static const char FILE_PREFIX[] = "file://";

static int
no_memory(struct err *err)
{
	return err_set(err, ERR_SYSTEM, ENOMEM, "cannot keep the address of the code");
}

static int
is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* 1 for a file, and for a folder with any entry in it. A folder that may not be read counts as full: opening it later says why. */
static int
holds_something(const char *path)
{
	struct stat seen;
	DIR *dir = NULL;
	int found = 0;

	if (stat(path, &seen) < 0) {
		return errno == EACCES;
	}
	if (!S_ISDIR(seen.st_mode)) {
		return S_ISREG(seen.st_mode);
	}
	dir = opendir(path);
	if (dir == NULL) {
		return errno == EACCES;
	}
	for (const struct dirent *entry = readdir(dir); entry != NULL && !found; entry = readdir(dir)) {
		found = !is_dots(entry->d_name);
	}
	(void)closedir(dir);
	return found;
}

static int
take(struct code_find *find, enum code_found how, const char *address, struct err *err)
{
	find->how = how;
	find->address = strdup(address);
	return find->address != NULL ? 1 : no_memory(err);
}

static int
look_in_channel(struct code_find *find, const struct opt_ml *job, struct err *err)
{
	const struct channel *channel = channels_find(&job->channels, "code");

	if (channel == NULL) {
		return 0;
	}
	if (channel->is_pipe) {
		return err_set(err, ERR_SETTINGS, 0, "the channel 'code' is in Pipe mode: code needs File or FastFile");
	}
	return holds_something(channel->path) ? take(find, CODE_FOUND_CHANNEL, "channel:code", err) : 0;
}

/* SDK local mode leaves the caller's own path in it, which does not exist in the container: then <root>/code has the files. */
static int
look_at_submit_directory(struct code_find *find, const struct opt_ml *job, struct notes *warnings, struct err *err)
{
	const struct hyperparameter *hp = hyperparameters_find(&job->hyperparameters, SUBMIT_NAME);
	const char *path = hp != NULL ? hp->variable : "";

	if (*path == '\0') {
		return 0;
	}
	if (strncmp(path, FILE_PREFIX, strlen(FILE_PREFIX)) == 0) {
		path += strlen(FILE_PREFIX);
	}
	if (path[0] == '/' && !holds_something(path)) {
		notes_add(warnings, "%s names '%s', where nothing is: looking elsewhere for the code", SUBMIT_NAME,
		    hp->variable);
		return 0;
	}
	return take(find, CODE_FOUND_SUBMIT, hp->variable, err);
}

static int
look_in_root(struct code_find *find, const struct opt_ml *job, struct err *err)
{
	CLEAN_TEXT *path = text_format("%s/code", job->root);

	if (path == NULL) {
		return no_memory(err);
	}
	return holds_something(path) ? take(find, CODE_FOUND_FOLDER, path, err) : 0;
}

int
code_find_default(
    struct code_find *find, const struct opt_ml *job, int has_command, struct notes *warnings, struct err *err)
{
	int found = 0;

	*find = (struct code_find){0};
	found = look_in_channel(find, job, err);
	if (found == 0) {
		found = look_at_submit_directory(find, job, warnings, err);
	}
	if (found == 0) {
		found = look_in_root(find, job, err);
	}
	if (found == 0 && has_command) {
		find->how = CODE_FOUND_HERE;
	}
	return found < 0 ? -1 : 0;
}

void
code_find_release(struct code_find *find)
{
	free(find->address);
	*find = (struct code_find){0};
}

const char *
code_find_label(const struct code_find *find)
{
	return find->how == CODE_FOUND_HERE ? code_find_name(find->how) : find->address;
}

const char *
code_find_name(enum code_found how)
{
	switch (how) {
	case CODE_FOUND_NONE:
		return "nothing";
	case CODE_FOUND_NAMED:
		return "setting code";
	case CODE_FOUND_CHANNEL:
		return "channel code";
	case CODE_FOUND_SUBMIT:
		return SUBMIT_NAME;
	case CODE_FOUND_FOLDER:
		return "<root>/code";
	case CODE_FOUND_HERE:
		return "the working directory";
	}
	return "nothing";
}
