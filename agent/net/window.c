#include "net/window.h"

#include <string.h>

int
window_put(struct window *window, const char *bytes, size_t len)
{
	size_t direct = 0;

	if (window->into != NULL && window->held_len == 0) {
		direct = window->into_len - window->into_got < len ? window->into_len - window->into_got : len;
	}
	if (window->held_at + window->held_len + len - direct > sizeof(window->held)) {
		return -1;
	}
	if (direct > 0) {
		memcpy(window->into + window->into_got, bytes, direct);
		window->into_got += direct;
	}
	memcpy(window->held + window->held_at + window->held_len, bytes + direct, len - direct);
	window->held_len += len - direct;
	return 0;
}

size_t
window_take(struct window *window, void *bytes, size_t len)
{
	size_t n = window->held_len < len ? window->held_len : len;

	memcpy(bytes, window->held + window->held_at, n);
	window->held_len -= n;
	window->held_at = window->held_len == 0 ? 0 : window->held_at + n;
	return n;
}
