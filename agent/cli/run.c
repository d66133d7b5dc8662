/* train run: a project folder or an archive here, the way a job would run it. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "cli/jobroot.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/verb.h"
#include "config/variables.h"
#include "files/pack.h"
#include "job/job.h"

enum { OUR_SETS = 2 /* code and code-sha256 */ };

/* What is to be run, found out from the one plain word. */
struct target {
	char path[PATH_MAX]; /* of the folder or archive, absolute */
	char here[PATH_MAX]; /* where .train stands */
	int is_folder;
};

static int
find_target(struct target *target, const struct options *options, struct err *err)
{
	const char *word = options->plain.count > 0 ? options->plain.items[0] : ".";
	struct stat st;

	if (options->plain.count > 1) {
		return err_set(err, ERR_USAGE, 0, "'%s': one folder or archive at a time; a command goes behind '--'",
		    options->plain.items[1]);
	}
	if (realpath(word, target->path) == NULL || stat(target->path, &st) < 0) {
		return err_set(err, ERR_USAGE, errno, "cannot open '%s'", word);
	}
	target->is_folder = S_ISDIR(st.st_mode);
	if (!target->is_folder && !S_ISREG(st.st_mode)) {
		return err_set(err, ERR_USAGE, 0, "'%s' is neither a folder nor an archive", word);
	}
	if (realpath(target->is_folder ? word : ".", target->here) == NULL) {
		return err_set(err, ERR_USAGE, errno, "cannot open '%s'", target->is_folder ? word : ".");
	}
	return 0;
}

/* The sets of the caller come last, so that they win. */
static int
put_first(struct words *sets, char *const *ours, size_t count, struct err *err)
{
	if (sets->count + count > WORDS_MAX) {
		return err_set(err, ERR_USAGE, 0, "more than %d times '--set'", (int)(WORDS_MAX - OUR_SETS));
	}
	memmove(sets->items + count, sets->items, sets->count * sizeof(*sets->items));
	for (size_t i = 0; i < count; i++) {
		sets->items[i] = ours[i];
	}
	sets->count += count;
	return 0;
}

static int
pack_target(
    const struct target *target, const char *file, char *const *envp, struct pack_report *report, struct err *err)
{
	CLEAN_FD dir = open(target->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct progress progress = progress_begin();
	struct pack_wish wish = {
	    .dir_fd = dir, .dir = target->path, .file = file, .moved = progress_show, .self = &progress};

	if (dir < 0) {
		return err_set(err, ERR_IO, errno, "cannot open '%s'", target->path);
	}
	if (pack_kind(file, &wish.kind, err) < 0 ||
	    pack_time(variables_get(envp, "SOURCE_DATE_EPOCH"), &wish.mtime, err) < 0) {
		return -1;
	}
	int packed = pack_folder(&wish, report, err);
	progress_end(&progress);
	if (packed < 0) {
		return -1;
	}
	log_info("packed '%s': %lld files, %lld bytes, SHA-256 %s", target->path, (long long)report->files,
	    (long long)report->size, report->sha256);
	return 0;
}

/* The word of '--set code=...', or NULL: then that is the code, and the folder only has its channels and .train. */
static const char *
code_set(const struct words *sets)
{
	static const char name[] = "code=";

	for (size_t i = 0; i < sets->count; i++) {
		if (strncmp(sets->items[i], name, sizeof(name) - 1) == 0) {
			return sets->items[i];
		}
	}
	return NULL;
}

/* Runs it with the code named by our own settings, or as a folder of links. */
static int
run_target(const struct target *target, const struct jobroot *root, struct job_request *request, struct words *sets,
    int packed, struct err *err)
{
	CLEAN_PACK_REPORT report = {.size = 0};
	CLEAN_TEXT *archive = packed ? text_format("%s/%s", root->path, JOBROOT_ARCHIVE) : strdup(target->path);
	CLEAN_TEXT *code = text_format("code=%s", archive != NULL ? archive : "");

	if (archive == NULL || code == NULL) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot run");
	}
	if (packed && pack_target(target, archive, request->envp, &report, err) < 0) {
		return -1;
	}
	CLEAN_TEXT *digest = text_format("code-sha256=%s", report.sha256);
	char *const ours[OUR_SETS] = {code, digest};
	if (target->is_folder && !packed) {
		request->project = code_set(sets) == NULL ? target->path : NULL;
	} else if (digest == NULL || put_first(sets, ours, packed ? 2 : 1, err) < 0) {
		return digest == NULL ? err_set(err, ERR_SYSTEM, ENOMEM, "cannot run") : -1;
	}
	request->sets = sets->items;
	request->set_count = sets->count;
	return job_run(request, err);
}

int
verb_run(char *const *argv, char *const *envp, struct err *err)
{
	struct words sets = {0}, hps = {0}, channels = {0}, packed = {0};
	const struct option table[] = {{"--set", "NAME=VALUE", &sets}, {"--hp", "NAME=VALUE", &hps},
	    {"--channel", "NAME=PATH", &channels}, {"--packed", NULL, &packed}, {NULL, NULL, NULL}};
	struct options options = {.table = table};
	struct target target;
	CLEAN_JOBROOT root = JOBROOT_NONE;

	if (options_parse(&options, argv, err) < 0 || find_target(&target, &options, err) < 0) {
		return -1;
	}
	if (packed.count > 0 && !target.is_folder) {
		return err_set(err, ERR_USAGE, 0, "--packed: '%s' is packed already", target.path);
	}
	if (code_set(&sets) != NULL && (options.plain.count > 0 || packed.count > 0)) {
		return err_set(
		    err, ERR_USAGE, 0, "'%s' and '--set %s' both name the code", target.path, code_set(&sets));
	}
	if (options.command != NULL && options.command[0] == NULL) {
		return err_set(err, ERR_USAGE, 0, "no command behind '--'");
	}
	const struct jobroot_wish wish = {.folder = target.here,
	    .hps = hps.items,
	    .hp_count = hps.count,
	    .channels = channels.items,
	    .channel_count = channels.count};
	if (jobroot_make(&root, &wish, err) < 0) {
		return -1;
	}
	struct job_request request = {.envp = envp,
	    .command = options.command,
	    .root = root.path,
	    .work = root.path,
	    .run_id = root.run_id,
	    .local = 1};
	return run_target(&target, &root, &request, &sets, packed.count > 0, err);
}
