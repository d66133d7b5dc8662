#include "files/cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"

enum { LOCK_PAUSE_MS = 10 };

static const char PREFIX[] = "sha256-";
static const char PART[] = ".part-";

/* ---- names ---- */

void
cache_name(char name[CACHE_NAME_MAX], const char *digest)
{
	(void)snprintf(name, CACHE_NAME_MAX, "%s%s", PREFIX, digest);
}

/* What follows 'digits' lower-case hex digits; NULL when there are fewer. */
static const char *
skip_hex(const char *text, size_t digits)
{
	return strspn(text, "0123456789abcdef") == digits ? text + digits : NULL;
}

enum name_kind { NAME_FOREIGN, NAME_ENTRY, NAME_PART };

static enum name_kind
kind_of(const char *name)
{
	const char *rest =
	    strncmp(name, PREFIX, sizeof(PREFIX) - 1) == 0 ? skip_hex(name + sizeof(PREFIX) - 1, SHA256_HEX - 1) : NULL;

	if (rest == NULL || *rest == '\0') {
		return rest == NULL ? NAME_FOREIGN : NAME_ENTRY;
	}
	rest = strncmp(rest, PART, sizeof(PART) - 1) == 0 ? skip_hex(rest + sizeof(PART) - 1, 8) : NULL;
	return rest != NULL && *rest == '\0' ? NAME_PART : NAME_FOREIGN;
}

int
cache_is_ours(const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_uid == geteuid();
}

/* ---- the folder and its lock ---- */

int
cache_open(struct cache *cache, const char *path, struct err *err)
{
	int made = mkdir(path, 0700);
	int sys = errno;

	*cache = (struct cache){.dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .path = path};
	if (cache->dir_fd >= 0) {
		return 0;
	}
	return err_set(err, ERR_IO, made < 0 && sys != EEXIST ? sys : errno, "cannot open the folder '%s'", path);
}

void
cache_close(struct cache *cache)
{
	fd_close(&cache->dir_fd);
}

int
cache_lock(const struct cache *cache, int how, struct err *err)
{
	int64_t deadline_ms = clock_now_ms() + CACHE_LOCK_MS;
	CLEAN_FD fd = openat(cache->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	while (fd < 0 || flock(fd, how | LOCK_NB) < 0) {
		if (fd < 0 || (errno != EWOULDBLOCK && errno != EINTR)) {
			return err_set(err, ERR_IO, errno, "cannot lock '%s'", cache->path);
		}
		if (clock_now_ms() >= deadline_ms) {
			return err_set(err, ERR_IO, 0, "'%s' stays locked", cache->path);
		}
		if (cache->go_on != NULL && cache->go_on(cache->self, err) < 0) {
			return -1;
		}
		(void)poll(NULL, 0, LOCK_PAUSE_MS);
	}
	return fd_take(&fd);
}

/* ---- entries ---- */

int
cache_find(const struct cache *cache, const char *digest, int *fd, struct err *err)
{
	static const struct timespec now[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_NOW}};
	char name[CACHE_NAME_MAX];
	struct stat st;
	CLEAN_FD lock = cache_lock(cache, LOCK_SH, err);

	if (lock < 0) {
		return -1;
	}
	cache_name(name, digest);
	CLEAN_FD found = openat(cache->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (found < 0 && errno == ENOENT) {
		return 0;
	}
	if (found < 0 || fstat(found, &st) < 0) {
		return err_set(err, ERR_IO, errno, "cannot open '%s/%s'", cache->path, name);
	}
	if (!S_ISREG(st.st_mode)) {
		return err_set(err, ERR_IO, 0, "'%s/%s' is no file", cache->path, name);
	}
	/* Where neither is possible, as on a read-only mount, the bytes are as good. */
	(void)flock(found, LOCK_SH | LOCK_NB);
	(void)futimens(found, now);
	*fd = fd_take(&found);
	return 1;
}

int
cache_drop(const struct cache *cache, const char *digest, int fd, struct err *err)
{
	char name[CACHE_NAME_MAX];
	struct stat read, there;
	CLEAN_FD lock = cache_lock(cache, LOCK_EX, err);

	if (lock < 0) {
		return -1;
	}
	cache_name(name, digest);
	if (fstat(fd, &read) < 0 || fstatat(cache->dir_fd, name, &there, AT_SYMLINK_NOFOLLOW) < 0 ||
	    read.st_ino != there.st_ino || read.st_dev != there.st_dev) {
		return 0;
	}
	if (!cache_is_ours(&there)) {
		return err_set(err, ERR_IO, 0, "'%s/%s' belongs to another user", cache->path, name);
	}
	return unlinkat(cache->dir_fd, name, 0) == 0
	           ? 0
	           : err_set(err, ERR_IO, errno, "cannot remove '%s/%s'", cache->path, name);
}

/* ---- bounds ---- */

/* How many bytes the file system has, and how many of them may still be taken; without an answer, or without a bound, more than we count to. */
static void
measure(const struct cache *cache, int64_t *all, int64_t *left)
{
	struct statvfs fs;

	*all = *left = INT64_MAX / 2;
	if (fstatvfs(cache->dir_fd, &fs) == 0 && fs.f_blocks != 0) {
		*all = (int64_t)(fs.f_blocks * fs.f_frsize);
		*left = (int64_t)(fs.f_bavail * fs.f_frsize);
	}
}

/* 'more' beside what is 'used', once 'freed' bytes are given back. */
static int
is_within(const struct cache *cache, int64_t used, int64_t more, int64_t freed)
{
	int64_t all, left;

	measure(cache, &all, &left);
	int64_t bound = all / CACHE_SHARE < CACHE_BYTES_MAX ? all / CACHE_SHARE : CACHE_BYTES_MAX;
	int64_t spare = all == INT64_MAX / 2 ? 0 : all / CACHE_SPARE;
	return used <= bound && more <= bound - used && more <= left + freed - spare;
}

int
cache_fits(const struct cache *cache, int64_t used, int64_t more)
{
	return is_within(cache, used, more, 0);
}

/* What lies there: the bytes of all that is ours, and who may go first. */
struct survey {
	int64_t bytes;
	char oldest[CACHE_NAME_MAX];
	struct timespec used;
};

/* Nobody reads or writes it now. */
static int
is_free(const struct cache *cache, const char *name)
{
	CLEAN_FD fd = openat(cache->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

static int
is_earlier(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

static void
consider(const struct cache *cache, const char *name, struct survey *survey)
{
	enum name_kind kind = kind_of(name);
	struct stat st;

	if (kind == NAME_FOREIGN || fstatat(cache->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !cache_is_ours(&st)) {
		return;
	}
	/* Whoever writes a part has it locked for as long as he lives. */
	if (kind == NAME_PART && is_free(cache, name) && unlinkat(cache->dir_fd, name, 0) == 0) {
		return;
	}
	/* More than the bound is too much, however much: the sum stays a number. */
	survey->bytes += st.st_size < CACHE_BYTES_MAX ? st.st_size : CACHE_BYTES_MAX;
	if (kind == NAME_ENTRY && (survey->oldest[0] == '\0' || is_earlier(&st.st_mtim, &survey->used)) &&
	    is_free(cache, name)) {
		(void)snprintf(survey->oldest, sizeof(survey->oldest), "%.95s", name);
		survey->used = st.st_mtim;
	}
}

static int
look_round(const struct cache *cache, struct survey *survey, struct err *err)
{
	int fd = openat(cache->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	*survey = (struct survey){.bytes = 0};
	if (dir == NULL) {
		(void)err_set(err, ERR_IO, errno, "cannot read '%s'", cache->path);
		fd_close(&fd);
		return -1;
	}
	for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		consider(cache, entry->d_name, survey);
	}
	(void)closedir(dir);
	return 0;
}

int
cache_make_room(const struct cache *cache, int64_t bytes, struct err *err)
{
	struct survey survey;

	for (int i = 0; i < CACHE_REMOVALS_MAX; i++) {
		if (look_round(cache, &survey, err) < 0) {
			return -1;
		}
		if (cache_fits(cache, survey.bytes, bytes)) {
			return 0;
		}
		if (survey.oldest[0] == '\0' || !is_within(cache, 0, bytes, survey.bytes) ||
		    unlinkat(cache->dir_fd, survey.oldest, 0) < 0) {
			break;
		}
	}
	return err_set(err, ERR_DISK_FULL, 0, "'%s' has no room for %lld bytes more", cache->path, (long long)bytes);
}
