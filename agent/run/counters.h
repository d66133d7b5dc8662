/*
 * What the kernel counts about our control group, the container's own: processes killed for want of memory, forks refused, and the
 * limits behind both (cgroup v1 and v2; Documentation/admin-guide/cgroup-v1/memory.rst, cgroup-v1/pids.rst, cgroup-v2.rst). Stateless:
 * read before the run and after it, the difference tells.
 *
 * Which folder is ours say /proc/self/cgroup (the path in the hierarchy) and /proc/self/mountinfo (which part of the hierarchy is
 * mounted where). In v2 the topmost folder that can be seen counts for all below it: in a container that is the container's. In v1 each
 * folder counts for itself, so it is the one that we and, as long as nobody moves, the pipeline are in.
 */
#ifndef TRAIN_RUN_COUNTERS_H
#define TRAIN_RUN_COUNTERS_H

#include "base/evidence.h"

/* Reads all of them; what cannot be read is -1. 'root' stands before every path: "" but in tests. */
void counters_read(const char *root, struct kernel_counts *counts);

/* What happened from 'before' to 'after'; a count that is unknown in one of them is unknown, a limit is that of 'after'. */
struct kernel_counts counters_since(const struct kernel_counts *before, const struct kernel_counts *after);

#endif
