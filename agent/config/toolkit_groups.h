/*
 * The groups of hosts as SageMaker's training toolkit sees them: which there are, which of them a launcher is for, and who its master
 * is. Part of config/toolkit_env.c's work.
 */
#ifndef TRAIN_CONFIG_TOOLKIT_GROUPS_H
#define TRAIN_CONFIG_TOOLKIT_GROUPS_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json_read.h"
#include "config/opt_ml.h"

struct toolkit_groups {
	const struct cluster *cluster; /* borrowed */
	struct json resource;          /* resourceconfig.json; borrows cluster->json */
	char *distribution; /* JSON: the names of the groups that a launcher is for; "[]" when there is none */
	const char *master; /* the first host that a launcher is for, else the first of all; borrowed */
	char **
	    launched; /* the hosts that a launcher is for, ended by NULL, borrowed; all of them where no group is described */
};

/* -1 with ERR_SYSTEM. Release it in every case. 'job' must outlive it. */
MUST_CHECK int toolkit_groups_read(struct toolkit_groups *groups, const struct opt_ml *job, struct err *err);
void toolkit_groups_release(struct toolkit_groups *groups);
#define CLEAN_TOOLKIT_GROUPS CLEANUP(toolkit_groups_release) struct toolkit_groups

/* The hosts of this host's group, borrowed; NULL where no group is described. */
char *const *toolkit_groups_hosts(const struct toolkit_groups *groups);

/* Appends the list of the groups' names; and {name: {...}} as the file describes them, sorted by name. */
void toolkit_groups_put_names(const struct toolkit_groups *groups, struct buf *out);
void toolkit_groups_put_all(const struct toolkit_groups *groups, struct buf *out);

#endif
