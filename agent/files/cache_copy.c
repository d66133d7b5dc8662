#include "files/cache_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"

enum {
	FILE_MODE = 0600,
	MEASURE_BYTES = 1 << 20, /* so many are written between two looks at what is left of the file system */
};

static int
failed(const struct cache_copy *copy, int sys, struct err *err)
{
	return err_set(err, ERR_IO, sys, "cannot write '%s/%s'", copy->cache->path, copy->part);
}

static int
make_part(struct cache_copy *copy, struct err *err)
{
	unsigned number = 0;

	sys_random(&number, sizeof(number));
	(void)snprintf(copy->part, sizeof(copy->part), "%.71s.part-%08x", copy->name, number);
	copy->fd =
	    openat(copy->cache->dir_fd, copy->part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	return copy->fd >= 0 && flock(copy->fd, LOCK_EX | LOCK_NB) == 0 ? 0 : failed(copy, errno, err);
}

int
cache_copy_begin(struct cache_copy *copy, const struct cache *cache, const char *digest, int64_t size, struct err *err)
{
	CLEAN_FD lock = cache_lock(cache, LOCK_EX, err);

	*copy = (struct cache_copy){.cache = cache, .fd = -1};
	cache_name(copy->name, digest);
	if (lock < 0 || cache_make_room(cache, size, err) < 0 || make_part(copy, err) < 0) {
		cache_copy_end(copy);
		return -1;
	}
	return 0;
}

/* ---- what passes ---- */

/* Nobody waits for the copy: what went wrong is kept until somebody asks, and the bytes are given back now, for others need them. */
static void
give_up(struct cache_copy *copy)
{
	if (ftruncate(copy->fd, 0) < 0) {
		return; /* it goes with its name, then */
	}
}

static void
add(struct cache_copy *copy, const void *bytes, size_t len)
{
	int fits = 1;

	if (copy->trouble.kind != ERR_NONE) {
		return;
	}
	copy->bytes += (int64_t)len;
	if (copy->bytes - copy->measured >= MEASURE_BYTES) {
		fits = cache_fits(copy->cache, copy->bytes, 0);
		copy->measured = copy->bytes;
	}
	if (!fits || fd_write_all(copy->fd, bytes, len) < 0) {
		(void)failed(copy, fits ? errno : ENOSPC, &copy->trouble);
		give_up(copy);
	}
}

static ssize_t
pass_read(void *self, void *bytes, size_t len, struct err *err)
{
	struct cache_copy *copy = self;
	ssize_t n = source_read(&copy->from, bytes, len, err);

	if (n > 0) {
		add(copy, bytes, (size_t)n);
	}
	return n;
}

static ssize_t
pass_lend(void *self, const void **bytes, struct err *err)
{
	struct cache_copy *copy = self;
	ssize_t n = copy->from.lend(copy->from.self, bytes, err);

	if (n > 0) {
		add(copy, *bytes, (size_t)n);
	}
	return n;
}

struct source
cache_copy_source(struct cache_copy *copy, const struct source *from)
{
	if (copy->cache == NULL) {
		return *from;
	}
	copy->from = *from;
	return (struct source){.read = pass_read, .lend = from->lend != NULL ? pass_lend : NULL, .self = copy};
}

/* ---- the end ---- */

/* The same archive of another job may have come first, and is replaced by its like; what is no file of ours stays. */
static int
take_place(struct cache_copy *copy, struct err *err)
{
	int dir_fd = copy->cache->dir_fd;
	struct stat st;

	if (fstatat(dir_fd, copy->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !cache_is_ours(&st)) {
		return err_set(err, ERR_IO, 0, "'%s/%s' is no file of ours", copy->cache->path, copy->name);
	}
	if (renameat(dir_fd, copy->part, dir_fd, copy->name) < 0) {
		return failed(copy, errno, err);
	}
	copy->part[0] = '\0';
	return 0;
}

int
cache_copy_keep(struct cache_copy *copy, struct err *err)
{
	if (copy->trouble.kind != ERR_NONE) {
		enum phase phase = err->phase;

		*err = copy->trouble;
		err->phase = phase;
		return -1;
	}
	CLEAN_FD lock = cache_lock(copy->cache, LOCK_EX, err);
	if (lock < 0 || cache_make_room(copy->cache, 0, err) < 0) {
		return -1;
	}
	/* Its lock goes with the descriptor; the folder's keeps everybody away until it has its name. */
	return fd_close_written(&copy->fd, copy->part, err) < 0 ? -1 : take_place(copy, err);
}

void
cache_copy_end(struct cache_copy *copy)
{
	if (copy->cache != NULL) {
		if (copy->part[0] != '\0') {
			(void)unlinkat(copy->cache->dir_fd, copy->part, 0);
		}
		fd_close(&copy->fd);
	}
	*copy = (struct cache_copy){.cache = NULL};
}
