/*
 * The hosts of the job: resourceconfig.json (C§2.2), read tolerantly: every key but the hosts is optional, in any order, may be null.
 *
 * Invariants of a read one: at least one host, 'rank' is the place of this host in the platform's order ("algo-10" sorts before
 * "algo-2"), hosts[0] is the master. Without a file it is one host called "local". Names hold letters, digits, '.', '-', '_' only:
 * they become parts of file names.
 */
#ifndef TRAIN_CONFIG_CLUSTER_H
#define TRAIN_CONFIG_CLUSTER_H

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "config/config_file.h"
#include "config/notes.h"

enum {
	HOST_NAME_MAX_BYTES = 64, /* "algo-1-abcde"; DNS labels have 63 */
	INSTANCE_GROUPS_MAX = 64, /* C§1.5 says 5 */
};

struct instance_group {
	char *name;
	char *instance_type; /* or NULL */
	char **hosts;        /* ended by NULL; in the platform's order, which is not sorted here */
};

struct cluster {
	char **hosts; /* ended by NULL */
	size_t host_count;
	size_t rank;
	char *host;          /* this one */
	char *instance_type; /* "local" when the file does not say, as the toolkit has it */
	char *group_name;    /* "homogeneousCluster" likewise */
	char *interface;     /* "eth0" likewise */
	struct instance_group *groups;
	size_t group_count; /* 0 when the file has none */
	char *json;         /* the whole file, compact with sorted keys; "{}" without a file */
};

/* From the document, or with NULL from nothing. Mistakes go to 'mistakes'. -1 with 'err' only when memory is refused. */
MUST_CHECK int cluster_read(
    struct cluster *cluster, const struct config_file *file, struct notes *mistakes, struct err *err);
void cluster_release(struct cluster *cluster);

#endif
