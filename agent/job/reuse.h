/*
 * Code that was verified before: taken from the cache where its digest is known beforehand, and kept there after it was fetched. Whatever is wrong with the
 * cache is a warning, and the code is fetched as if there were none.
 */
#ifndef TRAIN_JOB_REUSE_H
#define TRAIN_JOB_REUSE_H

#include "base/attr.h"
#include "base/err.h"
#include "files/cache.h"
#include "files/cache_copy.h"

struct job;

/* Offers the warm pool's folder as the default of 'cache', where the platform names one. */
void reuse_offer(struct job *job);

/* Opens the cache where there is one and a digest to look for: cache->dir_fd says whether. */
void reuse_open(struct job *job, struct cache *cache);

/* Brings the code from the cache: 1, and nothing was asked of the network; 0: it is not there; -1 with 'err' as receive_archive. */
MUST_CHECK int reuse_bring(struct job *job, struct cache *cache, struct err *err);

/* Begins a copy of what will pass, of 'size' bytes (below 0: unknown). Without a cache there is none. */
void reuse_begin(struct job *job, struct cache *cache, struct cache_copy *copy, int64_t size);

/* All of it was right: it stays. */
void reuse_keep(struct job *job, struct cache_copy *copy);

#endif
