/*
 * A folder of archives that were verified once, kept by their SHA-256 (product §3, cache): an archive that is here need not be fetched.
 *
 * Who is trusted: nobody. What lies here is read as if it came from outside, and its digest is taken anew on every use: whoever can write the folder
 * can spoil what it holds, and never choose what runs. So nothing here is synchronised to the disk: what a crash leaves is found out, too. Files are 0600 and
 * a folder made here 0700: who may not ask the bucket shall not read its code here.
 *
 * Invariants: an entry is "sha256-<digest>", and whole: it is written beside (files/cache_copy.h) and renamed. Names of any other form, links, folders,
 * devices, and files of another user are not ours: never followed, never removed. Whoever changes the folder holds its lock alone, whoever looks
 * something up shares it; a reader shares the lock of its entry until it closes it, and what is locked is not put out. All entries together take at most CACHE_BYTES_MAX, and
 * a quarter of the file system, of which an eighth stays free: what was used least recently goes first.
 */
#ifndef TRAIN_FILES_CACHE_H
#define TRAIN_FILES_CACHE_H

#include <stdint.h>
#include <sys/stat.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/limits.h"

#define CACHE_BYTES_MAX \
	((int64_t)16 << 30) /* more code than a pool of machines sees; larger volumes exist, larger projects hardly */

enum {
	CACHE_SHARE = 4,         /* one part of so many of the file system may be the cache's */
	CACHE_SPARE = 8,         /* and one part stays free for everybody else */
	CACHE_LOCK_MS = 2000,    /* others hold the lock for a look round the folder: milliseconds */
	CACHE_REMOVALS_MAX = 64, /* entries put out for one new one: each is another look round the folder */
	CACHE_NAME_MAX = 96,     /* "sha256-", 64 digits, ".part-" and 8 digits */
};

struct cache {
	int dir_fd;                                /* -1: there is none */
	const char *path;                          /* borrowed, for messages */
	int (*go_on)(void *self, struct err *err); /* asked while a lock is waited for: -1 with 'err' ends it */
	void *self;
};

/* Opens the folder, and makes it where only its last part is missing. Borrows 'path'. -1 with ERR_IO. */
MUST_CHECK int cache_open(struct cache *cache, const char *path, struct err *err);
void cache_close(struct cache *cache);
#define CLEAN_CACHE CLEANUP(cache_close) struct cache

/*
 * The lock of the folder, LOCK_SH or LOCK_EX: an owned descriptor whose closing ends it. -1 with ERR_IO when others have it for CACHE_LOCK_MS, or as
 * go_on says.
 */
MUST_CHECK int cache_lock(const struct cache *cache, int how, struct err *err);

/* The archive with this digest, marked as used: 1 and an owned descriptor in '*fd'; 0 when it is not there; -1 with ERR_IO. What it holds is not proved. */
MUST_CHECK int cache_find(const struct cache *cache, const char *digest, int *fd, struct err *err);

/* Removes the entry that 'fd' is: it is damaged. One that has taken its place meanwhile stays. -1 with 'err' when it stays though it is damaged. */
MUST_CHECK int cache_drop(const struct cache *cache, const char *digest, int fd, struct err *err);

/* ---- for cache_copy.c ---- */

/* The name of an entry. */
void cache_name(char name[CACHE_NAME_MAX], const char *digest);

/* 1 for a regular file that we may have made. */
int cache_is_ours(const struct stat *st);

/* 1 when entries of 'used' bytes and 'more' beside them are within the bounds. */
int cache_fits(const struct cache *cache, int64_t used, int64_t more);

/*
 * Makes room for 'bytes' more, and removes what a killed job left half-written. With the lock held alone. -1 with ERR_DISK_FULL when that cannot be: then
 * nothing that is whole was removed for what would never fit.
 */
MUST_CHECK int cache_make_room(const struct cache *cache, int64_t bytes, struct err *err);

#endif
