#include "cli/jobroot.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/json_write.h"
#include "base/log.h"
#include "base/text.h"
#include "config/channels.h"
#include "config/pipeline.h"
#include "files/remover.h"

enum { CONFIG_MAX = 1 << 20 /* bytes of a config file that we write */ };

/* A folder under data/ or --channel, on its way to inputdataconfig.json. */
struct local_channel {
	char *name;
	char *path; /* absolute */
};

struct local_channels {
	struct local_channel list[CHANNELS_MAX];
	size_t count;
};

static void
channels_done(struct local_channels *channels)
{
	for (size_t i = 0; i < channels->count; i++) {
		free(channels->list[i].name);
		free(channels->list[i].path);
	}
}

static int
no_memory(struct err *err)
{
	return err_set(err, ERR_SYSTEM, ENOMEM, "cannot lay out the run");
}

/* ---- channels ---- */

static int
is_channel_name(const char *name)
{
	size_t len = strlen(name);

	return len >= 1 && len <= CHANNEL_NAME_MAX && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
	       strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == len;
}

/* Takes 'path'. A name that is there already gets the new path. */
static int
add_channel(struct local_channels *channels, const char *name, char *path, struct err *err)
{
	for (size_t i = 0; i < channels->count; i++) {
		if (strcmp(channels->list[i].name, name) == 0 && path != NULL) {
			free(channels->list[i].path);
			channels->list[i].path = path;
			return 0;
		}
	}
	char *copy = strdup(name);
	if (copy == NULL || path == NULL || channels->count == CHANNELS_MAX) {
		int full = channels->count == CHANNELS_MAX;

		free(copy);
		free(path);
		return full
		           ? err_set(err, ERR_USAGE, 0,
		                 "more than %d channels: each folder directly under data/ is one; put them into a folder together",
		                 (int)CHANNELS_MAX)
		           : no_memory(err);
	}
	channels->list[channels->count++] = (struct local_channel){.name = copy, .path = path};
	return 0;
}

/* The project's pipeline.json may call a folder otherwise than the channel (its `data`). What is wrong in it the job itself will say. */
static void
read_names(const char *folder, struct pipeline *pipeline)
{
	CLEAN_SETTINGS unused;
	CLEAN_BUF text = {0};
	CLEAN_TEXT *path = text_format("%s/%s", folder, PIPELINE_FILE);
	struct err ignored = {0};

	settings_init(&unused);
	buf_init(&text, CONFIG_MAX);
	if (path == NULL || fd_read_file(AT_FDCWD, path, &text, &ignored) < 0 ||
	    pipeline_parse(pipeline, buf_text(&text), text.len, PIPELINE_FILE, &unused, &ignored) < 0) {
		log_debug("no names of channels from '%s'", PIPELINE_FILE);
	}
}

static int
add_folder(struct local_channels *channels, const struct pipeline *pipeline, const char *folder, const char *name,
    struct err *err)
{
	const char *channel = pipeline_pairs_find(&pipeline->data, name, NULL);

	if (channel == NULL && !is_channel_name(name)) {
		log_warn("'data/%s' is no channel: names have letters, digits, '.', '_' and '-'", name);
		return 0;
	}
	return add_channel(channels, channel != NULL ? channel : name, text_format("%s/data/%s", folder, name), err);
}

static int
find_channels(struct local_channels *channels, const char *folder, struct err *err)
{
	CLEAN_TEXT *path = text_format("%s/data", folder);
	CLEAN_PIPELINE pipeline = {0};
	DIR *dir = path != NULL ? opendir(path) : NULL;
	struct stat st;
	int result = 0;

	if (dir == NULL) {
		return path != NULL ? 0 : no_memory(err);
	}
	read_names(folder, &pipeline);
	for (const struct dirent *entry = readdir(dir); entry != NULL && result == 0; entry = readdir(dir)) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    fstatat(dirfd(dir), entry->d_name, &st, 0) == 0 && S_ISDIR(st.st_mode)) {
			result = add_folder(channels, &pipeline, folder, entry->d_name, err);
		}
	}
	(void)closedir(dir);
	return result;
}

static int
take_channel(struct local_channels *channels, const char *word, struct err *err)
{
	const char *equals = strchr(word, '=');
	char path[PATH_MAX];
	struct stat st;

	CLEAN_TEXT *name = equals != NULL ? strndup(word, (size_t)(equals - word)) : strdup("");
	if (name == NULL) {
		return no_memory(err);
	}
	if (!is_channel_name(name)) {
		return err_set(err, ERR_USAGE, 0,
		    "--channel '%s': give NAME=PATH, the name of letters, digits, '.', '_' and '-'", word);
	}
	if (realpath(equals + 1, path) == NULL || stat(path, &st) < 0) {
		return err_set(err, ERR_USAGE, errno, "--channel '%s': cannot open '%s'", name, equals + 1);
	}
	return S_ISDIR(st.st_mode) ? add_channel(channels, name, strdup(path), err)
	                           : err_set(err, ERR_USAGE, 0, "--channel '%s': '%s' is no folder", name, equals + 1);
}

/* ---- files ---- */

/* Hyperparameters can be secrets, and the folder stays: nobody but the caller reads it. */
static int
write_config(int root_fd, const char *name, const struct buf *text, struct err *err)
{
	if (text->full) {
		return no_memory(err);
	}
	return fd_write_file(root_fd, name, buf_text(text), text->len, 0600, err);
}

/* As with other programs' options the last one counts. */
static int
is_named_again(const struct jobroot_wish *wish, size_t at, size_t name_len)
{
	for (size_t i = at + 1; i < wish->hp_count; i++) {
		if (strncmp(wish->hps[i], wish->hps[at], name_len + 1) == 0) {
			return 1;
		}
	}
	return 0;
}

static int
compose_hyperparameters(struct buf *text, const struct jobroot_wish *wish, struct err *err)
{
	struct json_writer writer;

	buf_init(text, CONFIG_MAX);
	json_writer_init(&writer, text, 0);
	json_open_object(&writer, NULL);
	for (size_t i = 0; i < wish->hp_count; i++) {
		const char *equals = strchr(wish->hps[i], '=');
		CLEAN_TEXT *name = equals != NULL ? strndup(wish->hps[i], (size_t)(equals - wish->hps[i])) : NULL;

		if (equals == NULL || equals == wish->hps[i]) {
			return err_set(err, ERR_USAGE, 0, "--hp '%s': give NAME=VALUE", wish->hps[i]);
		}
		if (!is_named_again(wish, i, (size_t)(equals - wish->hps[i]))) {
			json_add_string(&writer, name, equals + 1);
		}
	}
	json_close_object(&writer);
	return 0;
}

static int
write_channels(int root_fd, const struct local_channels *channels, struct err *err)
{
	CLEAN_BUF text = {0};
	struct json_writer writer;

	buf_init(&text, CONFIG_MAX);
	json_writer_init(&writer, &text, 0);
	json_open_object(&writer, NULL);
	for (size_t i = 0; i < channels->count; i++) {
		CLEAN_TEXT *link = text_format("input/data/%s", channels->list[i].name);

		if (link == NULL || symlinkat(channels->list[i].path, root_fd, link) < 0) {
			return err_set(err, ERR_WORKSPACE, errno, "cannot link channel '%s'", channels->list[i].name);
		}
		json_open_object(&writer, channels->list[i].name);
		json_add_string(&writer, "TrainingInputMode", "File");
		json_close_object(&writer);
	}
	json_close_object(&writer);
	return write_config(root_fd, "input/config/inputdataconfig.json", &text, err);
}

static int
write_checkpoints(int root_fd, const char *path, struct err *err)
{
	CLEAN_BUF text = {0};
	CLEAN_TEXT *folder = text_format("%s/checkpoints", path);
	struct json_writer writer;

	buf_init(&text, CONFIG_MAX);
	json_writer_init(&writer, &text, 0);
	json_open_object(&writer, NULL);
	json_add_string(&writer, "LocalPath", folder);
	json_close_object(&writer);
	return folder == NULL ? no_memory(err)
	                      : write_config(root_fd, "input/config/checkpointconfig.json", &text, err);
}

/* ---- folders ---- */

static int
make_folders(int dir_fd, const char *const *names, const char *where, struct err *err)
{
	for (; *names != NULL; names++) {
		if (mkdirat(dir_fd, *names, 0777) < 0 && errno != EEXIST) {
			return err_set(err, ERR_WORKSPACE, errno, "cannot make '%s/%s'", where, *names);
		}
	}
	return 0;
}

/* .train: an owned descriptor. Git and other people's backups are told to leave it alone. */
static int
open_train(const char *folder, struct err *err)
{
	static const char *const top[] = {".train", ".train/runs", NULL};
	CLEAN_FD dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0) {
		return err_set(err, ERR_WORKSPACE, errno, "cannot open '%s'", folder);
	}
	if (make_folders(dir, top, folder, err) < 0) {
		return -1;
	}
	CLEAN_FD train = openat(dir, ".train", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (train < 0) {
		return err_set(err, ERR_WORKSPACE, errno, "cannot open '%s/.train'", folder);
	}
	if (faccessat(train, ".gitignore", F_OK, 0) < 0 &&
	    fd_write_file(train, ".gitignore", "*\n", 2, 0644, err) < 0) {
		return -1;
	}
	return fd_take(&train);
}

static int
link_latest(int train_fd, const char *run_id, struct err *err)
{
	CLEAN_TEXT *target = text_format("runs/%s", run_id);
	CLEAN_TEXT *fresh = text_format("latest-%s", run_id);

	if (target == NULL || fresh == NULL) {
		return no_memory(err);
	}
	if (symlinkat(target, train_fd, fresh) < 0 || renameat(train_fd, fresh, train_fd, "latest") < 0) {
		err_set(err, ERR_WORKSPACE, errno, "cannot make the link '.train/latest'");
		(void)unlinkat(train_fd, fresh, 0);
		return -1;
	}
	return 0;
}

/* ---- runs before ---- */

static int
newest_first(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*b)->d_name, (*a)->d_name);
}

/* Only what job_make_run_id may have named: a folder of somebody else is nobody's to clean. */
static int
is_run(const struct dirent *entry)
{
	static const char form[] = "00000000T000000Z-xxxxxxxx";
	const char *c = entry->d_name;

	for (const char *f = form; *f != '\0'; f++, c++) {
		int fits = *f == '0'   ? isdigit((unsigned char)*c) != 0
		           : *f == 'x' ? isxdigit((unsigned char)*c) != 0
		                       : *c == *f;

		if (!fits) {
			return 0;
		}
	}
	return *c == '\0';
}

static void
drop_work(int runs_fd, const char *name)
{
	struct err trouble = {0};
	CLEAN_FD run = openat(runs_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	/* Whoever holds the lock still works there. */
	if (run < 0 || flock(run, LOCK_EX | LOCK_NB) < 0) {
		return;
	}
	if (remover_remove(run, "work", &trouble) < 0) {
		log_warn("run '%s': %s", name, trouble.text);
	}
	if (unlinkat(run, JOBROOT_ARCHIVE, 0) < 0 && errno != ENOENT) {
		log_warn("run '%s': cannot remove '%s': %s", name, JOBROOT_ARCHIVE, strerror(errno));
	}
}

/* Models, outputs and records of old runs stay: only the links and unpacked archives go. */
static void
prune(const char *folder)
{
	struct dirent **entries = NULL;
	CLEAN_TEXT *path = text_format("%s/.train/runs", folder);
	CLEAN_FD runs = path != NULL ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int count = runs >= 0 ? scandir(path, &entries, is_run, newest_first) : -1;

	for (int i = 0; i < count; i++) {
		if (i >= JOBROOT_WORK_KEPT) {
			drop_work(runs, entries[i]->d_name);
		}
		free(entries[i]);
	}
	free(entries);
}

/* ---- all of it ---- */

static int
gather_channels(struct local_channels *channels, const struct jobroot_wish *wish, struct err *err)
{
	if (find_channels(channels, wish->folder, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < wish->channel_count; i++) {
		if (take_channel(channels, wish->channels[i], err) < 0) {
			return -1;
		}
	}
	return 0;
}

static int
fill(const struct jobroot *root, const struct local_channels *channels, const struct buf *hps, struct err *err)
{
	static const char *const inside[] = {
	    "input", "input/config", "input/data", "model", "output", "output/data", "checkpoints", NULL};
	int fd = root->lock_fd;

	if (make_folders(fd, inside, root->path, err) < 0 ||
	    write_config(fd, "input/config/hyperparameters.json", hps, err) < 0 ||
	    write_channels(fd, channels, err) < 0) {
		return -1;
	}
	return write_checkpoints(fd, root->path, err);
}

static int
open_run(struct jobroot *root, struct err *err)
{
	root->lock_fd = open(root->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root->lock_fd < 0) {
		return err_set(err, ERR_WORKSPACE, errno, "cannot open '%s'", root->path);
	}
	/* Some network file systems have no locks: then nobody can take this one away either, and nothing is ever pruned there. */
	if (flock(root->lock_fd, LOCK_SH) < 0) {
		log_debug("cannot lock '%s': %s", root->path, strerror(errno));
	}
	return 0;
}

/* A run that could not even be laid out is none. */
static void
take_back(int train_fd, const struct jobroot *root)
{
	struct err unused = {0};
	CLEAN_FD runs = openat(train_fd, "runs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (runs >= 0 && remover_remove(runs, root->run_id, &unused) < 0) {
		log_warn("%s", unused.text);
	}
}

int
jobroot_make(struct jobroot *root, const struct jobroot_wish *wish, struct err *err)
{
	CLEANUP(channels_done) struct local_channels channels = {.count = 0};
	CLEAN_BUF hps = {0};

	*root = JOBROOT_NONE;
	/* What was typed wrong is found before anything is made. */
	if (gather_channels(&channels, wish, err) < 0 || compose_hyperparameters(&hps, wish, err) < 0) {
		return -1;
	}
	job_make_run_id(root->run_id);
	root->path = text_format("%s/.train/runs/%s", wish->folder, root->run_id);
	if (root->path == NULL) {
		return no_memory(err);
	}
	CLEAN_FD train = open_train(wish->folder, err);
	if (train < 0) {
		return -1;
	}
	if (mkdir(root->path, 0777) < 0) {
		return err_set(err, ERR_WORKSPACE, errno, "cannot make '%s'", root->path);
	}
	if (open_run(root, err) < 0 || fill(root, &channels, &hps, err) < 0 ||
	    link_latest(train, root->run_id, err) < 0) {
		take_back(train, root);
		return -1;
	}
	prune(wish->folder);
	return 0;
}

void
jobroot_release(struct jobroot *root)
{
	free(root->path);
	fd_close(&root->lock_fd);
	*root = JOBROOT_NONE;
}
