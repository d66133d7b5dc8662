/*
 * Threads, and their stack. They are started while code is brought and nowhere else, meet in base/ring or under one lock, and are joined before the
 * pipeline is spawned. All signals are blocked in them as in the thread that starts them.
 */
#ifndef TRAIN_BASE_THREAD_H
#define TRAIN_BASE_THREAD_H

#include <pthread.h>

#include "base/attr.h"
#include "base/err.h"

enum {
	THREAD_STACK_BYTES =
	    256 << 10 /* libcurl, TLS and zstd keep some buffers on it; musl's own default is half of it */
};

/* Runs 'run' with 'self'; whoever starts it joins it. -1 with ERR_SYSTEM. */
MUST_CHECK int thread_start(pthread_t *thread, void *(*run)(void *self), void *self, struct err *err);

#endif
