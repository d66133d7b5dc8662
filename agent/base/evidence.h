/*
 * What the machine shows about a failure beside the exit code: what the kernel counted while the pipeline ran, and how full the
 * volumes are afterwards. Plain values that `run` and `files` read, the hall gathers and `report` words.
 */
#ifndef TRAIN_BASE_EVIDENCE_H
#define TRAIN_BASE_EVIDENCE_H

#include <stddef.h>
#include <stdint.h>

/* Of the whole container. The first three only ever grow; -1 stands for what the kernel does not tell, and for no limit. */
struct kernel_counts {
	int64_t memory_kills;    /* processes that were killed for want of memory */
	int64_t memory_refusals; /* times that the memory limit was hit; most of them end well */
	int64_t forks_refused;   /* by the limit on processes */
	int64_t memory_limit;    /* bytes */
	int64_t process_limit;   /* processes and threads together */
};

struct volume {
	const char *path; /* by which it is known; borrowed */
	uint64_t bytes, bytes_free;
	uint64_t inodes, inodes_free; /* 0 and 0 where the file system does not count them */
};

enum { VOLUMES_MAX = 6 /* workspace, output, model, checkpoints, /tmp, /dev/shm */ };

#endif
