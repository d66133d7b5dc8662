/*
 * What every wait in this room obeys: the moment by which the phase must be over, and the descriptor that says
 * "stop".
 *
 * The hall owns it and passes it down by pointer; it must outlive every object made with it. The hall may change
 * 'deadline_ms' between phases. 'wake_fd' is only polled and never read here: net does not know what a signal is.
 */
#ifndef TRAIN_NET_CONTEXT_H
#define TRAIN_NET_CONTEXT_H

#include <poll.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

/* Why something was asked for again. */
enum net_cause {
	NET_CUT,    /* a connection broke, or could not be made */
	NET_SLOW,   /* it took too long */
	NET_SERVER, /* the server said so: throttles and 5xx */
	NET_CAUSES
};

/* Counts of a phase, from all its threads. */
struct net_tally {
	atomic_uint retries[NET_CAUSES];
};

struct net_context {
	int wake_fd;             /* readable means stop at once; -1 when there is none */
	int cancel_fd;           /* the same for what is fetched now and nobody wants any more; -1 when there is none */
	int64_t deadline_ms;     /* monotonic; DEADLINE_NEVER is allowed, though no phase uses it */
	struct net_tally *tally; /* where retries are counted, or NULL */
	char *const *envp;       /* NAME=VALUE words ended by NULL; where every AWS_ and proxy variable is looked up */
	int plain_http; /* 1: http:// may go beyond loopback: TRAIN_CODE_INSECURE, or the request has a digest */
};

/* Fills 'fds' with what every wait in this room polls besides its own: how many. */
enum { NET_WAKES = 2 };
int net_wakes(const struct net_context *ctx, struct pollfd fds[NET_WAKES]);

/* The value of an environment variable; NULL when it is absent or empty. Borrowed from envp. */
const char *net_env(char *const *envp, const char *name);

/*
 * 1 for "true", "1", "yes", "on" in any case, as SDKs read their switches; 0 for everything else and for absent
 * ones.
 */
int net_env_is_true(char *const *envp, const char *name);

/* 0 when the phase may go on; -1 with ERR_STOPPED (the descriptor is readable; sys is 0) or ERR_DEADLINE. */
MUST_CHECK int net_check(const struct net_context *ctx, struct err *err);

/*
 * Waits until that moment. 0 when it has come; -1 as net_check, at once when a stop comes. The only wait in this
 * room besides http.c's, so a stop request never finds us asleep.
 */
MUST_CHECK int net_wait(const struct net_context *ctx, int64_t until_ms, struct err *err);

#endif
