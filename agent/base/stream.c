#include "base/stream.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static ssize_t
mem_read(void *self, void *bytes, size_t len, struct err *err)
{
	struct mem_source *mem = self;
	size_t n = len < mem->left ? len : mem->left;

	(void)err;
	if (n > 0) {
		memcpy(bytes, mem->bytes, n);
		mem->bytes += n;
		mem->left -= n;
	}
	return (ssize_t)n;
}

struct source
mem_source_init(struct mem_source *mem, const void *bytes, size_t len)
{
	mem->bytes = bytes;
	mem->left = len;
	return (struct source){.read = mem_read, .self = mem};
}

static ssize_t
fd_read(void *self, void *bytes, size_t len, struct err *err)
{
	struct fd_source *src = self;
	ssize_t n;

	do {
		n = read(src->fd, bytes, len);
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		return err_set(err, ERR_IO, errno, "cannot read '%s'", src->name);
	}
	return n;
}

struct source
fd_source_init(struct fd_source *src, int fd, const char *name)
{
	src->fd = fd;
	src->name = name;
	return (struct source){.read = fd_read, .self = src};
}

ssize_t
source_read_full(const struct source *src, void *bytes, size_t len, struct err *err)
{
	size_t got = 0;

	while (got < len) {
		ssize_t n = source_read(src, (char *)bytes + got, len - got, err);

		if (n < 0) {
			return -1;
		}
		if (n == 0) {
			break;
		}
		got += (size_t)n;
	}
	return (ssize_t)got;
}
