/*
 * The netrc file: who logs in where. $NETRC, else ~/.netrc.
 */
#ifndef TRAIN_NET_NETRC_H
#define TRAIN_NET_NETRC_H

#include "base/attr.h"
#include "base/err.h"
#include "base/secret.h"

enum { NETRC_MAX = 65536 }; /* bytes of the file; a few machines have a line each */

/*
 * Looks for "machine HOST" or "default" and fills 'userpass' with "login:password". 1 when found, 0 when not (no file
 * is no find), -1 with ERR_SETTINGS when $NETRC names a file that cannot be read or the file is no netrc. "macdef" is
 * skipped.
 */
MUST_CHECK int netrc_find(char *const *envp, const char *host, struct secret *userpass, struct err *err);

#endif
