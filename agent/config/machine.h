/*
 * The few facts about the machine that the pipeline is told.
 */
#ifndef TRAIN_CONFIG_MACHINE_H
#define TRAIN_CONFIG_MACHINE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "base/limits.h"

/* Processors as Python's os.cpu_count() counts them: those that are online, whatever this process may use; at least 1. */
int machine_cpus(void);

/* How many a list of the kernel's has: "0-3,8" is 5; 0 when it is no such list. */
int machine_count_list(const char *list);

/* How many of <dev>/nvidia0, nvidia1 ... there are; 'dev' is "/dev". */
int machine_gpus(const char *dev);

/* The home of 'uid' in 'passwd' ("/etc/passwd") if it is a folder that may be written: 1 and 'out', else 0. */
int machine_home(uid_t uid, const char *passwd, char out[PATH_BYTES_MAX]);

/* Bytes that arguments and environment of a new process may have together: a quarter of the stack limit, as the kernel counts, less a reserve. */
size_t machine_args_max(void);

/*
 * The container's memory limit in bytes: 'cgroup' ("/sys/fs/cgroup") holds memory.max (v2) or memory/memory.limit_in_bytes (v1). 0 when there is none,
 * or none that could ever bind.
 */
uint64_t machine_memory_limit(const char *cgroup);

#endif
