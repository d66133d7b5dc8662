/*
 * Folders and names below <root>/output that the report writes to. Paths are the operator's: links on the way are
 * followed; the files themselves never are (their writers open with O_NOFOLLOW or rename over).
 */
#ifndef TRAIN_REPORT_OUTDIR_H
#define TRAIN_REPORT_OUTDIR_H

#include "base/attr.h"
#include "base/err.h"

/* Room for "metrics-", a host and ".jsonl" within NAME_MAX; longer host names are cut. */
enum { OUTDIR_NAME = 128 };

/*
 * Opens the folder 'below' <root> ("output", "output/data/_train"), making what is missing of both with mode 0755. An
 * owned O_DIRECTORY descriptor, or -1 with 'err' of kind ERR_OUTPUT that names the folder which could not be made.
 */
MUST_CHECK int outdir_open(const char *root, const char *below, struct err *err);

/* "<before>-<host><after>" with every byte of the host outside [A-Za-z0-9._-] as '_': a host name is from outside. */
void outdir_name(char out[OUTDIR_NAME], const char *before, const char *host, const char *after);

#endif
