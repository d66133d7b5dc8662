#include "report/pace.h"

int64_t
pace_next_ms(const struct pace *pace)
{
	return pace->sent_ms[pace->oldest] == 0 ? 0 : pace->sent_ms[pace->oldest] + PACE_MS;
}

void
pace_sent(struct pace *pace, int64_t now_ms)
{
	pace->sent_ms[pace->oldest] = now_ms;
	pace->oldest = (pace->oldest + 1) % PACE_LINES;
}
