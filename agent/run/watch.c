#include "run/watch.h"

#include "base/clock.h"

static int64_t
deadline_of(const struct watch *watch)
{
	return watch->deadline_ms == NULL ? DEADLINE_NEVER : watch->deadline_ms(watch->self);
}

void
watches_add(const struct watches *watches, int settled, struct pollfd *fds, int64_t *until_ms)
{
	for (size_t i = 0; i < watches->count; i++) {
		const struct watch *watch = &watches->list[i];

		fds[i] = (struct pollfd){.fd = settled ? -1 : watch->fd, .events = watch->events};
		*until_ms = clock_earlier(*until_ms, deadline_of(watch));
	}
}

int
watches_serve(const struct watches *watches, const struct pollfd *fds)
{
	int64_t now_ms = clock_now_ms();
	int busy = 0;

	for (size_t i = 0; i < watches->count; i++) {
		const struct watch *watch = &watches->list[i];

		if (fds[i].revents != 0 || now_ms >= deadline_of(watch)) {
			watch->ready(watch->self);
		}
		busy |= fds[i].revents != 0;
	}
	return busy;
}

int
watches_have_ended(const struct watches *watches)
{
	int ended = 1;

	for (size_t i = 0; i < watches->count && ended; i++) {
		const struct watch *watch = &watches->list[i];

		ended = watch->ended != NULL && watch->ended(watch->self) == 1;
	}
	return ended;
}
