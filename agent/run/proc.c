#include "run/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"

void
proc_release(struct proc_list *list)
{
	free(list->items);
	*list = (struct proc_list){0};
}

/* ---- one process ---- */

/* "pid (name) S ppid pgrp session tty tpgid flags ..."; the name may hold blanks and brackets, so its end is the last bracket. */
static int
parse_stat(const char *text, struct proc *proc)
{
	const char *name = strchr(text, '(');
	const char *end = strrchr(text, ')');
	uint64_t ticks[4];
	int pid, ppid, pgid, threads;

	if (name == NULL || end == NULL || end < name || sscanf(text, "%d", &pid) != 1) {
		return -1;
	}
	/* Fields 3 to 5; from 14 on the ticks of CPU, its own and its children's; 20 the threads; 22 the start time. */
	if (sscanf(end + 1,
	        " %c %d %d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
	        " %*d %*d %d %*d %" SCNu64,
	        &proc->state, &ppid, &pgid, &ticks[0], &ticks[1], &ticks[2], &ticks[3], &threads, &proc->start) != 9) {
		return -1;
	}
	proc->ticks = ticks[0] + ticks[1];
	proc->reaped_ticks = ticks[2] + ticks[3];
	/* A first thread that has ended looks dead while others still run. */
	proc->dead = (proc->state == 'Z' || proc->state == 'X') && threads <= 1;
	proc->pid = pid;
	proc->ppid = ppid;
	proc->pgid = pgid;
	name++;
	(void)snprintf(proc->name, sizeof(proc->name), "%.*s", (int)(end - name), name);
	return 0;
}

int
proc_read(int folder_fd, const char *pid, struct proc *proc)
{
	char path[32], text[1024];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%.16s/stat", pid);

	CLEAN_FD fd = openat(folder_fd, path, O_RDONLY | O_CLOEXEC);

	n = fd < 0 ? -1 : fd_read_full(fd, text, sizeof(text) - 1);
	if (n <= 0) {
		return -1;
	}
	text[n] = '\0';
	*proc = (struct proc){.pid = 0};
	return parse_stat(text, proc);
}

static int
is_same(const struct proc *a, const struct proc *b)
{
	return a->pid == b->pid && a->start == b->start;
}

/* 1 when the pid still names the process that was seen. */
static int
is_still(const struct proc *proc)
{
	CLEAN_FD proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char pid[16];
	struct proc now;

	(void)snprintf(pid, sizeof(pid), "%d", (int)proc->pid);
	return proc_fd >= 0 && proc_read(proc_fd, pid, &now) == 0 && is_same(proc, &now);
}

int
proc_signal(const struct proc *proc, int sig)
{
	CLEAN_FD pid_fd = sys_pidfd_open(proc->pid);

	if (pid_fd < 0 && errno != ENOSYS) {
		return -1;
	}
	if (!is_still(proc)) {
		errno = ESRCH;
		return -1;
	}
	/* Without pidfd a moment remains in which the pid could be given away; nothing narrower exists there. */
	return pid_fd >= 0 ? sys_pidfd_kill(pid_fd, proc->pid, sig) : kill(proc->pid, sig);
}

/* ---- all of them ---- */

static int
compare_pids(const void *a, const void *b)
{
	const struct proc *pa = a, *pb = b;

	return (pa->pid > pb->pid) - (pa->pid < pb->pid);
}

static struct proc *
find(const struct proc_list *list, pid_t pid)
{
	struct proc key = {.pid = pid};

	return list->count == 0 ? NULL : bsearch(&key, list->items, list->count, sizeof(key), compare_pids);
}

static int
is_in(const struct proc_list *list, const struct proc *proc)
{
	const struct proc *found = list == NULL ? NULL : find(list, proc->pid);

	return found != NULL && is_same(found, proc);
}

static int
add(struct proc_list *list, const struct proc *proc)
{
	if (list->count == list->room) {
		size_t room = list->room == 0 ? 64 : list->room * 2;
		struct proc *items = room > PROC_LIST_MAX ? NULL : realloc(list->items, room * sizeof(*items));

		if (items == NULL) {
			errno = ENOMEM;
			return -1;
		}
		list->items = items;
		list->room = room;
	}
	list->items[list->count++] = *proc;
	return 0;
}

static int
read_all(struct proc_list *list, DIR *dir)
{
	const struct dirent *entry;

	list->count = 0;
	while ((entry = readdir(dir)) != NULL) {
		struct proc proc;

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
		    proc_read(dirfd(dir), entry->d_name, &proc) < 0) {
			continue;
		}
		/* The dead have no children, and nobody needs to end them. */
		if (!proc.dead && add(list, &proc) < 0) {
			return -1;
		}
	}
	if (list->count > 0) {
		qsort(list->items, list->count, sizeof(*list->items), compare_pids);
	}
	return 0;
}

/* Who has a parent in the tree is in the tree: again until nobody is added. Parents mostly come first, so twice is usual. */
static void
mark(struct proc_list *list, pid_t root, pid_t pgid, const struct proc_list * not )
{
	int more = 1;

	while (more) {
		more = 0;
		for (size_t i = 0; i < list->count; i++) {
			struct proc *proc = &list->items[i];
			const struct proc *parent = find(list, proc->ppid);

			if (proc->ours || proc->pid == root || is_in(not, proc)) {
				continue;
			}
			if (proc->ppid == root || (pgid > 0 && proc->pgid == pgid) ||
			    (parent != NULL && parent->ours)) {
				proc->ours = 1;
				more = 1;
			}
		}
	}
}

int
proc_walk(struct proc_list *list, pid_t root, pid_t pgid, const struct proc_list * not )
{
	DIR *dir = opendir("/proc");
	size_t kept = 0;
	int result;

	if (dir == NULL) {
		return -1;
	}
	result = read_all(list, dir);
	(void)closedir(dir);
	if (result < 0) {
		return -1;
	}
	mark(list, root, pgid, not );
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i].ours) {
			list->items[kept++] = list->items[i];
		}
	}
	list->count = kept;
	return 0;
}

int
proc_children(struct proc_list *list)
{
	siginfo_t info;

	if (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT) < 0) {
		return 0;
	}
	return proc_walk(list, getpid(), 0, NULL);
}

/* 1 when it has come to a stop, or will never run again. */
static int
stands_still(const struct proc *proc)
{
	return proc->state == 'T' || proc->state == 't' || proc->state == 'Z' || proc->state == 'X';
}

/*
 * Stops everybody who is not yet in 'known'. How many those were, and how many have not come to a stop: a fork under way is finished first (since
 * Linux 4.19 only a fatal signal keeps it from that), and its child may show after the next walk.
 */
static size_t
stop_new(const struct proc_list *list, const struct proc_list *known)
{
	size_t moving = 0;

	for (size_t i = 0; i < list->count; i++) {
		if (!is_in(known, &list->items[i])) {
			(void)proc_signal(&list->items[i], SIGSTOP);
			moving++;
		} else if (!stands_still(&list->items[i])) {
			moving++;
		}
	}
	return moving;
}

static void
swap(struct proc_list *a, struct proc_list *b)
{
	struct proc_list was = *a;

	*a = *b;
	*b = was;
}

int
proc_kill_tree(struct proc_list *list, pid_t root, pid_t pgid, const struct proc_list * not )
{
	CLEAN_PROCS known = {0};
	int calm = 0;
	int killed = 0;

	/*
	 * A process can start another one until it has come to a stop, so a walk must find nobody new and nobody on the move; and then one more, because
	 * the names in /proc are read before the states.
	 */
	for (int round = 0; round < PROC_ROUNDS_MAX && calm < 2; round++) {
		swap(list, &known);
		if (proc_walk(list, root, pgid, not ) < 0) {
			return -1;
		}
		calm = stop_new(list, &known) == 0 ? calm + 1 : 0;
	}
	for (size_t i = 0; i < list->count; i++) {
		killed += proc_signal(&list->items[i], SIGKILL) == 0;
	}
	return killed;
}

void
proc_names(const struct proc_list *list, char *out, size_t room)
{
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < list->count; i++) {
		char one[PROC_NAME_MAX + 32];
		int n = snprintf(
		    one, sizeof(one), "%s%s (%d)", i > 0 ? ", " : "", list->items[i].name, (int)list->items[i].pid);

		/* Room for "..." stays. */
		if (n < 0 || len + (size_t)n + 4 > room) {
			(void)snprintf(out + len, room - len, "...");
			break;
		}
		memcpy(out + len, one, (size_t)n + 1);
		len += (size_t)n;
	}
	for (char *c = out; *c != '\0'; c++) {
		*c = *c < 0x20 || *c > 0x7e ? '?' : *c;
	}
}
