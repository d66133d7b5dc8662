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

/* Where a hierarchy can be seen: the part below 'top' is mounted on 'point'. */
struct view {
	char top[PATH_BYTES_MAX];
	char point[PATH_BYTES_MAX];
	int unified; /* v2 */
};

static int
read_text(const char *path, size_t max, struct buf *text)
{
	struct err unknown = {0};

	buf_init(text, max);
	return fd_read_file(AT_FDCWD, path, text, &unknown);
}

/* Behind the line that 'at' is in, or NULL. */
static const char *
next_line(const char *at)
{
	const char *end = strchr(at, '\n');

	return end != NULL && end[1] != '\0' ? end + 1 : NULL;
}

/* Is 'word' in the list, which is separated by commas and ended by 'end'? */
static int
is_listed(const char *list, const char *word, char end)
{
	const char stops[] = {',', '\n', end, '\0'};
	size_t len = strlen(word);

	for (;;) {
		size_t n = strcspn(list, stops);

		if (n == len && memcmp(list, word, len) == 0) {
			return 1;
		}
		if (list[n] != ',') {
			return 0;
		}
		list += n + 1;
	}
}

/* "31 23 0:28 /top /point rw,nosuid shared:1 - cgroup cgroup rw,memory" (proc_pid_mountinfo(5)). */
static int
parse_mount(const char *line, struct view *view, char kind[KIND_MAX], char options[OPTIONS_MAX])
{
	const char *dash = strstr(line, " - ");
	const char *end = strchr(line, '\n');

	return dash != NULL && (end == NULL || dash < end) &&
	       sscanf(line, "%*s %*s %*s %4095s %4095s", view->top, view->point) == 2 &&
	       sscanf(dash, " - %15s %*s %255s", kind, options) == 2;
}

/* The hierarchy with the controller. v1 comes first: where both are mounted (hybrid) the v2 one has no controllers. */
static int
find_view(const char *mountinfo, const char *controller, struct view *found)
{
	struct view view;
	char kind[KIND_MAX], options[OPTIONS_MAX];
	int result = -1;

	for (const char *line = mountinfo; line != NULL; line = next_line(line)) {
		if (!parse_mount(line, &view, kind, options)) {
			continue;
		}
		view.unified = strcmp(kind, "cgroup2") == 0;
		if (strcmp(kind, "cgroup") == 0 && is_listed(options, controller, '\0')) {
			*found = view;
			return 0;
		}
		if (view.unified && result < 0) {
			*found = view;
			result = 0;
		}
	}
	return result;
}

/* Our path in the hierarchy: "4:memory:/path" of v1, "0::/path" of v2 (cgroups(7)). */
static int
find_path(const char *cgroup, const char *controller, int unified, char out[PATH_BYTES_MAX])
{
	for (const char *line = cgroup; line != NULL; line = next_line(line)) {
		const char *list = strchr(line, ':');
		const char *path = list != NULL ? strchr(list + 1, ':') : NULL;

		if (path != NULL && (unified ? path == list + 1 : is_listed(list + 1, controller, ':'))) {
			return sscanf(path, ":%4095s", out) == 1 ? 0 : -1;
		}
	}
	return -1;
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
	char path[2 * PATH_BYTES_MAX];
	size_t len = key != NULL ? strlen(key) : 0;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (read_text(path, SMALL_FILE_MAX, &text) < 0) {
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

/* The folder that counts for us, without a slash at its end. -1 where there is none that can be known. */
static int
find_folder(const char *root, const char *controller, char out[PATH_BYTES_MAX], int *unified)
{
	CLEAN_BUF mountinfo = {0};
	CLEAN_BUF cgroup = {0};
	struct view view;
	char path[PATH_BYTES_MAX];

	(void)snprintf(path, sizeof(path), "%s/proc/self/mountinfo", root);
	if (read_text(path, MOUNTINFO_MAX, &mountinfo) < 0 || find_view(buf_text(&mountinfo), controller, &view) < 0) {
		return -1;
	}
	(void)snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
	if (read_text(path, MOUNTINFO_MAX, &cgroup) < 0 ||
	    find_path(buf_text(&cgroup), controller, view.unified, path) < 0) {
		return -1;
	}
	const char *below = path_below(view.top, path);
	int n = snprintf(out, PATH_BYTES_MAX, "%s%s", root, view.point);

	*unified = view.unified;
	if (below == NULL || n < 0 || n + (int)strlen(below) >= PATH_BYTES_MAX) {
		return -1;
	}
	/* Only the machine's own top has no such file. */
	if (!view.unified || number_in(out, "memory.events", "oom_kill") < 0) {
		(void)snprintf(out + n, PATH_BYTES_MAX - (size_t)n, "%s", strcmp(below, "/") != 0 ? below : "");
	}
	return 0;
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
	if (find_folder(root, "memory", folder, &unified) == 0) {
		counts->memory_kills = number_in(folder, unified ? "memory.events" : "memory.oom_control", "oom_kill");
		counts->memory_refusals =
		    unified ? number_in(folder, "memory.events", "max") : number_in(folder, "memory.failcnt", NULL);
		counts->memory_limit = limit_in(folder, unified ? "memory.max" : "memory.limit_in_bytes");
	}
	if (find_folder(root, "pids", folder, &unified) == 0) {
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
