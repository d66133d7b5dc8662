#include "run/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/fd.h"

/*
 * The same pipe or terminal as a description of our own: O_NONBLOCK on the one we were lent would change it for everybody who shares
 * it. Refused where the file belongs to somebody else, or /proc is missing.
 */
static int
reopen(int fd)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static void
choose(struct outlet *outlet, const struct stat *st)
{
	outlet->is_terminal = S_ISCHR(st->st_mode) && isatty(outlet->fd);
	if (S_ISSOCK(st->st_mode)) {
		outlet->kind = OUTLET_SOCKET;
	} else if (S_ISFIFO(st->st_mode) || outlet->is_terminal) {
		outlet->own_fd = reopen(outlet->fd);
		outlet->kind = outlet->own_fd >= 0 ? OUTLET_OWN : OUTLET_PIECES;
		outlet->fd = outlet->own_fd >= 0 ? outlet->own_fd : outlet->fd;
		outlet->piece_max = outlet->is_terminal ? OUTLET_PIECE_TTY : OUTLET_PIECE_PIPE;
	} else {
		/* A file must not be reopened: its offset is shared with others. */
		outlet->kind = OUTLET_PLAIN;
	}
}

int
outlet_open(struct outlet *outlet, int fd)
{
	struct stat st;

	*outlet = (struct outlet){.fd = fd, .own_fd = -1, .kind = OUTLET_GONE, .pending = malloc(OUTLET_PENDING_MAX)};
	if (outlet->pending == NULL) {
		return -1;
	}
	if (fd >= 0 && fstat(fd, &st) == 0) {
		choose(outlet, &st);
	}
	return 0;
}

int
outlet_ready(const struct outlet *outlet)
{
	return OUTLET_PENDING_MAX - (outlet->tail - outlet->head) >= 2 * OUTLET_PUT_MAX;
}

/* One write that does not wait: bytes taken, or -1 with errno EAGAIN or worse. */
static ssize_t
write_some(const struct outlet *outlet, const char *bytes, size_t len)
{
	struct pollfd wait = {.fd = outlet->fd, .events = POLLOUT};

	if (outlet->kind == OUTLET_SOCKET) {
		return send(outlet->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	if (outlet->kind != OUTLET_PIECES) {
		return write(outlet->fd, bytes, len);
	}
	if (poll(&wait, 1, 0) <= 0) {
		errno = EAGAIN;
		return -1;
	}
	return write(outlet->fd, bytes, len < outlet->piece_max ? len : outlet->piece_max);
}

/*
 * Writes as far as it goes: how many of the bytes need no further thought, because they were taken or nobody will take them. A reader
 * that closed does not come back; a full disk may.
 */
static size_t
push(struct outlet *outlet, const char *bytes, size_t len)
{
	size_t done = 0;

	while (done < len && outlet->kind != OUTLET_GONE) {
		ssize_t n = write_some(outlet, bytes + done, len - done);

		if (n >= 0) {
			done += (size_t)n;
			outlet->taken += (uint64_t)n;
		} else if (errno == EAGAIN) {
			return done;
		} else if (errno != EINTR) {
			outlet->kind = errno == EPIPE || errno == EIO || errno == ECONNRESET || errno == EBADF
			                   ? OUTLET_GONE
			                   : outlet->kind;
			break;
		}
	}
	if (done < len) {
		outlet_drop(outlet, bytes + done, len - done);
	}
	return len;
}

void
outlet_put(struct outlet *outlet, const char *bytes, size_t len)
{
	size_t waiting = outlet->tail - outlet->head;

	if (waiting == 0 && len >= OUTLET_DIRECT_MIN) {
		size_t done = push(outlet, bytes, len);

		bytes += done;
		len -= done;
	}
	if (len > OUTLET_PENDING_MAX - outlet->tail) {
		memmove(outlet->pending, outlet->pending + outlet->head, waiting);
		outlet->head = 0;
		outlet->tail = waiting;
	}
	memcpy(outlet->pending + outlet->tail, bytes, len);
	outlet->tail += len;
}

int
outlet_flush(struct outlet *outlet)
{
	if (outlet->head < outlet->tail) {
		outlet->head += push(outlet, outlet->pending + outlet->head, outlet->tail - outlet->head);
	}
	if (outlet->head >= outlet->tail) {
		outlet->head = outlet->tail = 0;
	}
	return outlet->tail == 0;
}

void
outlet_drop(struct outlet *outlet, const char *bytes, size_t len)
{
	if (bytes == NULL) {
		bytes = outlet->pending + outlet->head;
		len = outlet->tail - outlet->head;
		outlet->head = outlet->tail = 0;
	}
	CHECK(bytes != NULL || len == 0);
	outlet->lost_bytes += len;
	for (const char *end; len > 0 && (end = memchr(bytes, '\n', len)) != NULL;) {
		outlet->lost_lines++;
		len -= (size_t)(end + 1 - bytes);
		bytes = end + 1;
	}
	/* What is left of a line is a line that somebody misses. */
	outlet->lost_lines += len > 0;
}

void
outlet_release(struct outlet *outlet)
{
	/* A zeroed one does not own descriptor 0. */
	if (outlet->pending != NULL) {
		fd_close(&outlet->own_fd);
	}
	free(outlet->pending);
	*outlet = (struct outlet){.fd = -1, .own_fd = -1};
}
