#include "run/counters.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/limits.h"

enum {
	MOUNTINFO_MAX =
	    4 << 20, /* a host with thousands of containers has a line of 300 bytes for each of their mounts */
	SMALL_FILE_MAX = 4096, /* a page: the files of a control group have a few numbers */
	OPTIONS_MAX = 256,
	KIND_MAX = 16,
};

/* v1 has no word for "no limit": the largest number of whole pages stands there. No machine has as much. */
static const int64_t UNLIMITED = INT64_C(1) << 60;

/* A hierarchy of control groups: its part below 'top' is mounted on 'point', and we are in 'path'. */
struct view {
	char top[PATH_BYTES_MAX], point[PATH_BYTES_MAX], path[PATH_BYTES_MAX];
	int unified; /* v2 */
};

static int
read_text(const char *root, const char *path, size_t max, struct buf *text)
{
	char whole[2 * PATH_BYTES_MAX];
	struct err unknown = {0};

	(void)snprintf(whole, sizeof(whole), "%s/%s", root, path);
	buf_init(text, max);
	return fd_read_file(AT_FDCWD, whole, text, &unknown);
}

/* Behind the line that 'at' is in, or NULL. */
static const char *
next_line(const char *at)
{
	const char *end = strchr(at, '\n');

	return end != NULL && end[1] != '\0' ? end + 1 : NULL;
}

/* Is 'word' in the list, which is separated by commas? */
static int
is_listed(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (; list != NULL; list = strchr(list, ',') != NULL ? strchr(list, ',') + 1 : NULL) {
		if (strncmp(list, word, len) == 0 && (list[len] == ',' || list[len] == '\0')) {
			return 1;
		}
	}
	return 0;
}

/*
 * "31 23 0:28 /top /point rw,nosuid shared:1 - cgroup cgroup rw,memory" (proc_pid_mountinfo(5)). v1 comes first: where both are mounted (hybrid) the v2 one has
 * no controllers.
 */
static int
find_mount(const char *mountinfo, const char *controller, struct view *view)
{
	int found = 0;

	for (const char *line = mountinfo; line != NULL; line = next_line(line)) {
		struct view seen;
		char kind[KIND_MAX], options[OPTIONS_MAX];

		/* No field has a dash before the one that is a dash alone, but the paths may. */
		if (sscanf(line, "%*s %*s %*s %4095s %4095s %*[^-\n]- %15s %*s %255s", seen.top, seen.point, kind,
		        options) != 4) {
			continue;
		}
		int old = strcmp(kind, "cgroup") == 0 && is_listed(options, controller);

		if (old || (!found && strcmp(kind, "cgroup2") == 0)) {
			*view = seen;
			view->unified = !old;
			found = 1;
		}
		if (old) {
			break;
		}
	}
	return found;
}

/* Our path: "4:memory:/path" of v1, "0::/path" of v2 (cgroups(7)). */
static int
find_path(const char *cgroup, const char *controller, struct view *view)
{
	for (const char *line = cgroup; line != NULL; line = next_line(line)) {
		char list[OPTIONS_MAX];

		if (view->unified
		        ? sscanf(line, "0::%4095s", view->path) == 1
		        : sscanf(line, "%*u:%255[^:]:%4095s", list, view->path) == 2 && is_listed(list, controller)) {
			return 1;
		}
	}
	return 0;
}

/* What of our path is below the top of the view; NULL where we are not in it, so that nothing there is about us. */
static const char *
path_below(const char *top, const char *path)
{
	size_t len = strcmp(top, "/") == 0 ? 0 : strlen(top);

	/* ".." stands for a part above our namespace. */
	if (strncmp(top, "/..", 3) == 0 || strncmp(path, "/..", 3) == 0) {
		return NULL;
	}
	if (strncmp(path, top, len) == 0 && (path[len] == '/' || path[len] == '\0')) {
		return path + len;
	}
	/* A view of just the container, and a path that is told from within it. */
	return strcmp(path, "/") == 0 ? "" : NULL;
}

/* The number behind 'key' in a file of the control group, or the file's first where that is NULL; -1 where there is none ("max"). */
static int64_t
number_in(const char *folder, const char *name, const char *key)
{
	CLEAN_BUF text = {0};
	size_t len = key != NULL ? strlen(key) : 0;

	if (read_text(folder, name, SMALL_FILE_MAX, &text) < 0) {
		return -1;
	}
	for (const char *line = buf_text(&text); line != NULL; line = next_line(line)) {
		if (len == 0 || (strncmp(line, key, len) == 0 && line[len] == ' ')) {
			char *end = NULL;
			int64_t number = strtoll(line + len, &end, 10);

			return end != line + len && number >= 0 ? number : -1;
		}
	}
	return -1;
}

/* The folder that counts for us, without a slash at its end: 1, or 0 where there is none that can be known. */
static int
find_folder(const char *root, const char *controller, char out[PATH_BYTES_MAX], int *unified)
{
	CLEAN_BUF mountinfo = {0};
	CLEAN_BUF cgroup = {0};
	struct view view;

	if (read_text(root, "proc/self/mountinfo", MOUNTINFO_MAX, &mountinfo) < 0 ||
	    read_text(root, "proc/self/cgroup", MOUNTINFO_MAX, &cgroup) < 0 ||
	    !find_mount(buf_text(&mountinfo), controller, &view) || !find_path(buf_text(&cgroup), controller, &view)) {
		return 0;
	}
	const char *below = path_below(view.top, view.path);
	int n = snprintf(out, PATH_BYTES_MAX, "%s%s", root, view.point);

	*unified = view.unified;
	if (below == NULL || n < 0 || n + (int)strlen(below) >= PATH_BYTES_MAX) {
		return 0;
	}
	/* Only the machine's own top has no such file. */
	if (!view.unified || number_in(out, "memory.events", "oom_kill") < 0) {
		(void)snprintf(out + n, PATH_BYTES_MAX - (size_t)n, "%s", strcmp(below, "/") != 0 ? below : "");
	}
	return 1;
}

static int64_t
limit_in(const char *folder, const char *name)
{
	int64_t limit = number_in(folder, name, NULL);

	return limit < UNLIMITED ? limit : -1;
}

void
counters_read(const char *root, struct kernel_counts *counts)
{
	char folder[PATH_BYTES_MAX];
	int unified = 0;

	*counts = (struct kernel_counts){-1, -1, -1, -1, -1};
	if (find_folder(root, "memory", folder, &unified)) {
		counts->memory_kills = number_in(folder, unified ? "memory.events" : "memory.oom_control", "oom_kill");
		counts->memory_refusals =
		    unified ? number_in(folder, "memory.events", "max") : number_in(folder, "memory.failcnt", NULL);
		counts->memory_limit = limit_in(folder, unified ? "memory.max" : "memory.limit_in_bytes");
	}
	if (find_folder(root, "pids", folder, &unified)) {
		counts->forks_refused = number_in(folder, "pids.events", "max");
		counts->process_limit = limit_in(folder, "pids.max");
	}
}

static int64_t
since(int64_t before, int64_t after)
{
	return before >= 0 && after >= before ? after - before : -1;
}

struct kernel_counts
counters_since(const struct kernel_counts *before, const struct kernel_counts *after)
{
	return (struct kernel_counts){
	    .memory_kills = since(before->memory_kills, after->memory_kills),
	    .memory_refusals = since(before->memory_refusals, after->memory_refusals),
	    .forks_refused = since(before->forks_refused, after->forks_refused),
	    .memory_limit = after->memory_limit,
	    .process_limit = after->process_limit,
	};
}
