/*
 * The processes below us, by /proc. Parents are followed from a root process down; members of the pipeline's group count too. As
 * PID 1 or subreaper every orphan becomes our child, so nothing that the pipeline started can leave this tree.
 *
 * A pid alone names nobody: it is reused. A process is its pid and its start time, and a signal goes through a pidfd that was opened
 * before the start time was compared.
 */
#ifndef TRAIN_RUN_PROC_H
#define TRAIN_RUN_PROC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"

enum {
	PROC_LIST_MAX = 65536, /* processes looked at; pid_max of most kernels is half of it */
	PROC_NAME_MAX = 16,    /* TASK_COMM_LEN */
	PROC_ROUNDS_MAX =
	    64, /* walks before a tree that grows faster than it is stopped is killed as far as it is known */
};

struct proc {
	pid_t pid, ppid, pgid;
	uint64_t start;           /* clock ticks after boot */
	uint64_t ticks;           /* of CPU it used, all its threads */
	uint64_t reaped_ticks;    /* of CPU its children used that it has waited for */
	char state;               /* as in /proc: 'R', 'S', 'T' and so on */
	char dead;                /* nothing of it runs any more */
	char ours;                /* set by the walk: belongs to the tree */
	char name[PROC_NAME_MAX]; /* as the process calls itself: may hold anything but a zero */
};

/* Sorted by pid. A zeroed one is empty. */
struct proc_list {
	struct proc *items;
	size_t count;
	size_t room;
};

/*
 * Fills 'list' with the living processes below 'root' (not itself), and with those of group 'pgid' (0: none), without those of 'not'
 * (NULL: none) and what is below them. 0, or -1 with errno when /proc cannot be read or memory was refused.
 */
MUST_CHECK int proc_walk(struct proc_list *list, pid_t root, pid_t pgid, const struct proc_list * not );

/* Fills 'list' with all that is below us, as proc_walk does; cheap where there is nobody. 0, or -1 as proc_walk. */
MUST_CHECK int proc_children(struct proc_list *list);

/* Reads the process 'pid' of the folder '/proc', or the thread of a folder '/proc/PID/task'. 0, or -1 when there is none (any more). */
MUST_CHECK int proc_read(int folder_fd, const char *pid, struct proc *proc);

/* Sends 'sig' to exactly this process. 0, or -1 with errno ESRCH when it is gone. */
int proc_signal(const struct proc *proc, int sig);

/*
 * SIGKILL for the whole tree: each is stopped, the walk repeated until it finds nobody new, then all are killed (product §9).
 * Returns how many, or -1 with errno as proc_walk; 'list' holds them afterwards.
 */
int proc_kill_tree(struct proc_list *list, pid_t root, pid_t pgid, const struct proc_list * not );

/* "name (pid), name (pid)" with strange bytes as '?'; cut with "..." where it does not fit. */
void proc_names(const struct proc_list *list, char *out, size_t room);

void proc_release(struct proc_list *list);
#define CLEAN_PROCS CLEANUP(proc_release) struct proc_list

#endif
