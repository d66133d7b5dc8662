/*
 * One object over several connections: pieces of it are fetched side by side into a ring of slots and handed on in order.
 *
 *     slot      0     1     2     3     4     5          lane 0: the first, plain GET, which already has the object's beginning
 *            [ taken |=====>| full  |==>  |==>  | free ]   lanes 1..: ranges
 *
 * It begins with one lane, whose stream has all slots. Only while the reader has to wait for bytes are lanes added, one on trial first (a server may not
 * know ranges), then twice as many each time, as long as they bring more; so on a fast network, with a slow disk or busy processors it stays with one. A
 * lane takes a run of slots, one request, then the next one. Each is a thread with a connection of its own; they meet only under the lock of this structure.
 *
 * Invariants: bytes come out once and in order; no lane is more than the ring's slots ahead of the reader; the first lasting error ends all lanes
 * and comes out behind the bytes before it; parts_close joins every thread.
 */
#ifndef TRAIN_NET_PARTS_H
#define TRAIN_NET_PARTS_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/budget.h"
#include "base/err.h"
#include "base/stream.h"

enum {
	PARTS_LANES_MAX = 8, /* connections; S3 gives each some 90 MB/s, and SDKs open 10 */
	PARTS_SLOTS_MAX = 32,
	PARTS_SLOT_BYTES = 2 << 20, /* a request's round trip is a tenth of its transfer at 90 MB/s and 2 ms */
	PARTS_TRIAL_MS = 50,        /* how long the reader is watched before lanes are added */
	PARTS_GAIN_SHARE = 8,       /* lanes that were added stay if they bring one part in so many more */
};

/* A way to get any piece of the object. */
struct lane {
	/* The next reads give the bytes from 'from' to 'to' (not included). No network is touched. */
	void (*aim)(void *self, int64_t from, int64_t to);
	struct source source;
	void (*close)(void *self);
	void *self;
};

struct parts_setup {
	struct budget *budget; /* the slots' memory */
	int64_t size;          /* of the object; above 0 */
	size_t slots;          /* at least 2 */
	int lanes;         /* connections at most, the first one included; what they cost was reserved by the caller */
	struct lane first; /* the plain GET; it may be aimed as any other once it has left its stream */

	/* Opens one more lane. -1 with 'err': then it stays with those that there are. NULL: one lane is all there can be. */
	int (*add)(void *self, struct lane *lane, struct err *err);
	void (*wake)(void *self); /* makes waiting lanes come back, for good */
	void *self;
};

struct parts;

/* Starts the first lane. NULL with ERR_SYSTEM; 'first' is closed then, as it is by parts_close. */
struct parts *parts_open(const struct parts_setup *setup, struct err *err);

/* The object's bytes. Lends what lies in the slots. */
struct source parts_source(struct parts *parts);

/* How many connections there were at most. */
int parts_lanes(const struct parts *parts);

/* Wakes and joins all lanes, closes them, gives the memory back. NULL is allowed. */
void parts_close(struct parts *parts);

#endif
