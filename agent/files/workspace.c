#include "files/workspace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"
#include "base/text.h"
#include "files/remover.h"

enum {
	NAME_TRIES = 16,
	WORK_MODE = 0755,
	PRIVATE_MODE = 0711, /* whoever drops privileges may pass to the FIFO, and list nothing */
};

void
workspace_init(struct workspace *ws)
{
	*ws = (struct workspace){.base_fd = -1, .place_fd = -1, .stage_fd = -1, .dir_fd = -1};
}

static int
trouble(const char *what, const char *path, struct err *err)
{
	int sys = errno;

	return err_set(
	    err, sys == ENOSPC || sys == EDQUOT ? ERR_DISK_FULL : ERR_WORKSPACE, sys, "cannot %s '%s'", what, path);
}

static char *
join(const char *folder, const char *name)
{
	return text_format("%s%s%s", folder, strcmp(folder, "/") == 0 ? "" : "/", name);
}

static void
random_tag(char tag[9])
{
	unsigned number = 0;

	sys_random(&number, sizeof(number));
	(void)snprintf(tag, 9, "%08x", number);
}

/* ---- open ---- */

/* The name of the run's folders is found by making the private one: nobody else has it then. */
static int
make_private(struct workspace *ws, char tag[9], const char *base_path, struct err *err)
{
	int made = -1;

	for (int i = 0; i < NAME_TRIES && made < 0; i++) {
		random_tag(tag);
		(void)snprintf(ws->private_name, sizeof(ws->private_name), "train-%s-private", tag);
		made = mkdirat(ws->base_fd, ws->private_name, 0700);
		if (made < 0 && errno != EEXIST) {
			break;
		}
	}
	if (made < 0) {
		ws->private_name[0] = '\0';
		return trouble("make a folder in", base_path, err);
	}
	return fchmodat(ws->base_fd, ws->private_name, PRIVATE_MODE, 0) == 0
	           ? 0
	           : trouble("open the private folder in", base_path, err);
}

int
workspace_open(struct workspace *ws, int base_fd, const char *base_path, const char *place, struct err *err)
{
	const char *where = place != NULL ? place : base_path;
	char tag[9];

	ws->base_fd = base_fd;
	if (make_private(ws, tag, base_path, err) < 0) {
		return -1;
	}
	(void)snprintf(ws->stage_name, sizeof(ws->stage_name), ".train-%s", tag);
	(void)snprintf(ws->name, sizeof(ws->name), "%s", place != NULL ? "work" : ws->stage_name + 1);
	ws->private_path = join(base_path, ws->private_name);
	ws->path = join(where, ws->name);
	ws->name[0] = '\0'; /* it exists from workspace_settle on */
	ws->place_fd = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ws->place_fd < 0) {
		return trouble("open", where, err);
	}
	return ws->private_path != NULL && ws->path != NULL
	           ? 0
	           : err_set(err, ERR_SYSTEM, ENOMEM, "cannot name the working folder");
}

/* ---- fill, settle, show ---- */

int
workspace_stage(struct workspace *ws, struct err *err)
{
	if (ws->stage_fd >= 0 && remover_remove(ws->place_fd, ws->stage_name, err) < 0) {
		return -1;
	}
	fd_close(&ws->stage_fd);
	if (mkdirat(ws->place_fd, ws->stage_name, 0700) < 0) {
		return trouble("make the working folder", ws->path, err);
	}
	ws->stage_fd = openat(ws->place_fd, ws->stage_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return ws->stage_fd >= 0 ? ws->stage_fd : trouble("open the working folder", ws->path, err);
}

static const char *
last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

int
workspace_settle(struct workspace *ws, const char *strip, struct err *err)
{
	const char *name = last_part(ws->path);

	/* The folder inside has the archive's mode: it gets the stage's before it is moved, so that nobody looks in early. */
	if (strip != NULL && fchmodat(ws->stage_fd, strip, 0700, 0) < 0) {
		return trouble("settle", strip, err);
	}
	if (strip != NULL ? renameat(ws->stage_fd, strip, ws->place_fd, name) < 0
	                  : renameat(ws->place_fd, ws->stage_name, ws->place_fd, name) < 0) {
		return trouble("make the working folder", ws->path, err);
	}
	(void)snprintf(ws->name, sizeof(ws->name), "%s", name);
	fd_close(&ws->stage_fd);
	if (strip != NULL && unlinkat(ws->place_fd, ws->stage_name, AT_REMOVEDIR) < 0) {
		return trouble("remove", ws->stage_name, err);
	}
	ws->stage_name[0] = '\0';
	ws->dir_fd = openat(ws->place_fd, ws->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return ws->dir_fd >= 0 ? 0 : trouble("open the working folder", ws->path, err);
}

int
workspace_show(struct workspace *ws, struct err *err)
{
	return ws->dir_fd < 0 || fchmod(ws->dir_fd, WORK_MODE) == 0 ? 0 : trouble("open up", ws->path, err);
}

/* ---- the end ---- */

/* Removes one of ours and forgets its name; the first trouble is kept. */
static int
drop(int dir_fd, char *name, int64_t deadline_ms, struct err *err)
{
	struct err ours = {.phase = err->phase};
	int result = 0;

	if (dir_fd >= 0 && name[0] != '\0') {
		result = remover_remove_until(dir_fd, name, deadline_ms, &ours);
	}
	if (result < 0 && err->kind == ERR_NONE) {
		*err = ours;
		err_wrap(err, "'%s' is left behind", name);
	}
	name[0] = '\0';
	return result;
}

int
workspace_end(struct workspace *ws, int keep, int64_t deadline_ms, struct err *err)
{
	struct err ours = {.phase = err->phase};
	int failed = drop(ws->base_fd, ws->private_name, deadline_ms, &ours) < 0;

	failed |= drop(ws->place_fd, ws->stage_name, deadline_ms, &ours) < 0;
	if (!keep) {
		failed |= drop(ws->place_fd, ws->name, deadline_ms, &ours) < 0;
	}
	if (failed) {
		*err = ours;
	}
	return failed ? -1 : 0;
}

void
workspace_release(struct workspace *ws)
{
	fd_close(&ws->base_fd);
	fd_close(&ws->place_fd);
	fd_close(&ws->stage_fd);
	fd_close(&ws->dir_fd);
	free(ws->path);
	free(ws->private_path);
	workspace_init(ws);
}
