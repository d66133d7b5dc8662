/*
 * credential_process: a program named in ~/.aws/config that prints credentials. Run without a shell, for a bounded
 * time, its output bounded.
 */
#ifndef TRAIN_NET_PROCESS_H
#define TRAIN_NET_PROCESS_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "net/context.h"

enum { PROCESS_WORDS_MAX = 64 }; /* words of its command line */

/*
 * Splits 'command' at blanks (double and single quotes keep blanks, a backslash the next character outside single
 * quotes), runs it in a process group of its own with stdin and stderr at /dev/null, and collects its stdout in 'out'
 * (initialised by the caller; the caller wipes it). -1 with ERR_CREDENTIALS (cannot be run, non-zero exit, too much
 * output, too slow), ERR_STOPPED, ERR_DEADLINE; the process group is dead then, and waited for in every case.
 */
MUST_CHECK int process_run(
    const struct net_context *ctx, const char *command, int within_ms, struct buf *out, struct err *err);

#endif
