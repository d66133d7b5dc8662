#include "net/context.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

const char *
net_env(char *const *envp, const char *name)
{
	size_t len = strlen(name);

	for (; envp != NULL && *envp != NULL; envp++) {
		if (strncmp(*envp, name, len) == 0 && (*envp)[len] == '=') {
			return (*envp)[len + 1] == '\0' ? NULL : *envp + len + 1;
		}
	}
	return NULL;
}

int
net_env_is_true(char *const *envp, const char *name)
{
	static const char *const yes[] = {"true", "1", "yes", "on"};
	const char *value = net_env(envp, name);

	for (size_t i = 0; value != NULL && i < ARRAY_LEN(yes); i++) {
		if (strcasecmp(value, yes[i]) == 0) {
			return 1;
		}
	}
	return 0;
}

int
net_wakes(const struct net_context *ctx, struct pollfd fds[NET_WAKES])
{
	fds[0] = (struct pollfd){.fd = ctx->wake_fd, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = ctx->cancel_fd, .events = POLLIN};
	return NET_WAKES; /* poll passes over descriptors below 0 */
}

/*
 * 1 once the wake descriptor is readable, 0 when the time is up first. An error of poll itself counts as the time
 * being up.
 */
static int
woken(const struct net_context *ctx, int64_t until_ms)
{
	struct pollfd wakes[NET_WAKES];
	int count = net_wakes(ctx, wakes), ready;

	do {
		ready = poll(wakes, (nfds_t)count, clock_poll_ms(until_ms));
	} while ((ready < 0 && errno == EINTR) || (ready == 0 && clock_now_ms() < until_ms));
	return ready > 0;
}

int
net_wait(const struct net_context *ctx, int64_t until_ms, struct err *err)
{
	int64_t end_ms = clock_earlier(until_ms, ctx->deadline_ms);

	if (woken(ctx, end_ms)) {
		return err_set(err, ERR_STOPPED, 0, "a stop was requested");
	}
	if (clock_now_ms() >= ctx->deadline_ms) {
		return err_set(err, ERR_DEADLINE, 0, "the time for this phase is over");
	}
	return 0;
}

int
net_check(const struct net_context *ctx, struct err *err)
{
	return net_wait(ctx, 0, err);
}
