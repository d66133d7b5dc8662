/*
 * A real HTTP server on 127.0.0.1 for the tests of the net room: answers one scripted reply a connection, keeps each
 * request's text. Threads, because the client under test runs in this process.
 */
#ifndef TRAIN_TESTS_NET_LOOPBACK_H
#define TRAIN_TESTS_NET_LOOPBACK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/stream.h"
#include "net/context.h"

enum { LOOPBACK_STEPS = 32, LOOPBACK_REQUEST = 32768, LOOPBACK_WAIT_MS = 20000 };

/* What a connection gets. */
struct step {
	const char *fixture; /* file under tests/data/aws, or NULL */
	const char *raw;     /* head with LF, empty line, body; or NULL */
	size_t cut;          /* send only so many bytes of the body; 0: all of it */
	size_t fill;         /* send so many 'x' as the body instead; Content-Length is added */
	int length;          /* add the Content-Length of the body */
	int silent;          /* read the request, answer nothing and keep the connection until the end */
};

struct loopback {
	int fd, port;
	int stop[2];
	pthread_t thread;
	const struct step *steps;
	size_t count;
	size_t served; /* valid after loopback_stop */
	char requests[LOOPBACK_STEPS][LOOPBACK_REQUEST];
	char url[64]; /* http://127.0.0.1:PORT */
	int kept[LOOPBACK_STEPS];
};

/* Reads one request, head and body, into 'text'. 1, or 0 when the other side went away. */
static inline int
loopback_read(int fd, char *text)
{
	size_t len = 0;

	for (;;) {
		char *end = strstr(text, "\r\n\r\n");
		char *length = end == NULL ? NULL : strcasestr(text, "\r\nContent-Length:");

		if (end != NULL) {
			size_t body = length != NULL && length < end ? strtoul(length + 17, NULL, 10) : 0;

			if (len >= (size_t)(end - text) + 4 + body) {
				return 1;
			}
		}
		ssize_t n = len + 1 < LOOPBACK_REQUEST ? read(fd, text + len, LOOPBACK_REQUEST - 1 - len) : 0;
		if (n <= 0) {
			return 0;
		}
		len += (size_t)n;
		text[len] = '\0';
	}
}

static inline void
loopback_send_fill(int fd, size_t fill)
{
	char page[65536];

	memset(page, 'x', sizeof(page));
	while (fill > 0) {
		ssize_t n = send(fd, page, fill < sizeof(page) ? fill : sizeof(page), MSG_NOSIGNAL);

		if (n <= 0) {
			return; /* the test has seen enough */
		}
		fill -= (size_t)n;
	}
}

/* The head with CR LF and "Connection: close", then the body as the step wants it. */
static inline void
loopback_send(int fd, const struct step *step, const char *text, size_t len)
{
	const char *end = strstr(text, "\n\n");
	size_t head = end == NULL ? len : (size_t)(end - text) + 1;
	size_t body = end == NULL ? 0 : len - head - 1;
	char *out = malloc(2 * len + 256);
	size_t n = 0;

	for (size_t i = 0; i < head; i++) {
		if (text[i] == '\n') {
			out[n++] = '\r';
		}
		out[n++] = text[i];
	}
	n += (size_t)snprintf(out + n, 128, "Connection: close\r\n");
	if (step->length) {
		n += (size_t)snprintf(out + n, 128, "Content-Length: %zu\r\n", body);
	}
	if (step->fill > 0) {
		n += (size_t)snprintf(out + n, 128, "Content-Length: %zu\r\n", step->fill);
	}
	memcpy(out + n, "\r\n", 2);
	n += 2;
	body = step->cut > 0 && step->cut < body ? step->cut : body;
	if (body > 0) {
		memcpy(out + n, text + head + 1, body);
		n += body;
	}
	(void)!send(fd, out, n, MSG_NOSIGNAL);
	free(out);
	loopback_send_fill(fd, step->cut > 0 && step->cut < step->fill ? step->cut : step->fill);
}

static inline void
loopback_answer(int fd, const struct step *step)
{
	if (step->fixture != NULL) {
		struct err err = {.kind = ERR_NONE};
		char path[256];
		struct buf text;

		(void)snprintf(path, sizeof(path), "tests/data/aws/%s", step->fixture);
		buf_init(&text, 1 << 20);
		if (fd_read_file(AT_FDCWD, path, &text, &err) == 0) {
			loopback_send(fd, step, buf_text(&text), text.len);
		}
		buf_release(&text);
	} else {
		loopback_send(fd, step, step->raw, strlen(step->raw));
	}
}

/* The client closes first or has what it wants; then the socket can go without a reset that would eat its last bytes.
 */
static inline void
loopback_finish(int fd)
{
	char rest[4096];
	struct pollfd in = {.fd = fd, .events = POLLIN};

	(void)shutdown(fd, SHUT_WR);
	while (poll(&in, 1, LOOPBACK_WAIT_MS) > 0 && read(fd, rest, sizeof(rest)) > 0) {
	}
	(void)close(fd);
}

static inline void *
loopback_serve(void *self)
{
	struct loopback *lo = self;

	while (lo->served < lo->count) {
		struct pollfd fds[2] = {{.fd = lo->fd, .events = POLLIN}, {.fd = lo->stop[0], .events = POLLIN}};
		int fd;

		if (poll(fds, 2, LOOPBACK_WAIT_MS) <= 0 || fds[1].revents != 0) {
			break;
		}
		fd = accept4(lo->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0 || !loopback_read(fd, lo->requests[lo->served])) {
			(void)close(fd);
			continue;
		}
		if (lo->steps[lo->served].silent) {
			lo->kept[lo->served++] = fd;
			continue;
		}
		loopback_answer(fd, &lo->steps[lo->served++]);
		loopback_finish(fd);
	}
	return NULL;
}

static inline void
loopback_start(struct loopback *lo, const struct step *steps, size_t count)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);

	memset(lo, 0, sizeof(*lo));
	lo->steps = steps;
	lo->count = count;
	lo->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(lo->fd >= 0);
	assert_int_equal(bind(lo->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(lo->fd, 16), 0);
	assert_int_equal(getsockname(lo->fd, (struct sockaddr *)&address, &len), 0);
	lo->port = ntohs(address.sin_port);
	(void)snprintf(lo->url, sizeof(lo->url), "http://127.0.0.1:%d", lo->port);
	assert_int_equal(pipe2(lo->stop, O_CLOEXEC), 0);
	for (size_t i = 0; i < LOOPBACK_STEPS; i++) {
		lo->kept[i] = -1;
	}
	assert_int_equal(pthread_create(&lo->thread, NULL, loopback_serve, lo), 0);
}

/* Ends the server; afterwards 'served' and 'requests' may be looked at. */
static inline void
loopback_stop(struct loopback *lo)
{
	(void)close(lo->stop[1]);
	(void)pthread_join(lo->thread, NULL);
	(void)close(lo->stop[0]);
	(void)close(lo->fd);
	for (size_t i = 0; i < LOOPBACK_STEPS; i++) {
		if (lo->kept[i] >= 0) {
			(void)close(lo->kept[i]);
		}
	}
}

/* A context that ends within the test's patience. */
static inline struct net_context
loopback_context(char *const *envp)
{
	return (struct net_context){
	    .wake_fd = -1, .cancel_fd = -1, .deadline_ms = clock_now_ms() + LOOPBACK_WAIT_MS, .envp = envp};
}

/* Reads a source to its end into 'buf'. 0, or -1 with 'err'. */
static inline int
loopback_drain(struct source source, struct buf *buf, struct err *err)
{
	char piece[10000];
	ssize_t n;

	while ((n = source_read(&source, piece, sizeof(piece), err)) > 0) {
		assert_int_equal(buf_add(buf, piece, (size_t)n), 0);
	}
	return n < 0 ? -1 : 0;
}

/* A scratch folder; remove it with loopback_remove. */
static inline void
loopback_scratch(char path[256])
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(path, 256, "%s/train-net-XXXXXX", tmp == NULL ? "/tmp" : tmp);
	assert_non_null(mkdtemp(path));
}

static inline void
loopback_write(const char *dir, const char *name, const char *text, mode_t mode)
{
	struct err err = {.kind = ERR_NONE};
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(fd_write_file(AT_FDCWD, path, text, strlen(text), mode, &err), 0);
}

static inline void
loopback_remove(const char *dir, const char *const *names)
{
	char path[512];

	for (; *names != NULL; names++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, *names);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(dir), 0);
}

#endif
