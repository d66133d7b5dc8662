/*
 * One writing end of the log that never blocks and never changes the flags of a descriptor it was lent: pipes and terminals are
 * reopened through /proc/self/fd as our own non-blocking description; where that is refused they are written in small pieces after
 * poll said yes; sockets take MSG_DONTWAIT; files are written as they are.
 *
 * Invariants: bytes leave in the order of outlet_put; 'pending' is what the reader has not taken yet, and stays under its capacity
 * because whoever puts asks outlet_ready first. A reader that is gone is no error: what follows is counted as lost.
 */
#ifndef TRAIN_RUN_OUTLET_H
#define TRAIN_RUN_OUTLET_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

enum {
	OUTLET_PUT_MAX = (64 << 10) + 64,        /* bytes one put may bring: a full feed and its marks */
	OUTLET_PENDING_MAX = 4 * OUTLET_PUT_MAX, /* room for the puts that one turn makes before it looks again */
	OUTLET_DIRECT_MIN = 4096,                /* a put from this size on is written without being copied first */
	OUTLET_PIECE_PIPE = 4096, /* PIPE_BUF: poll promises that much of a pipe that we could not reopen */
	OUTLET_PIECE_TTY = 256,   /* and of a terminal (the kernel wakes writers at 256) */
};

enum outlet_kind { OUTLET_GONE, OUTLET_PLAIN, OUTLET_OWN, OUTLET_PIECES, OUTLET_SOCKET, OUTLET_KINDS };

struct outlet {
	int fd;     /* what is written to: lent, or 'own_fd' */
	int own_fd; /* the reopened description, or -1 */
	enum outlet_kind kind;
	int is_terminal;
	size_t piece_max; /* for OUTLET_PIECES */
	char *pending;
	size_t head, tail; /* pending[head..tail) waits */
	uint64_t taken;    /* bytes that the reader took: whoever looks twice sees a stall */
	uint64_t lost_lines, lost_bytes;
	int given_up; /* 1 after outlet_drop of a stalled reader */
};

/* Looks what 'fd' (borrowed) is. A closed one is a reader that is gone. 0, or -1 when memory was refused. */
MUST_CHECK int outlet_open(struct outlet *outlet, int fd);

/* 1 when one more put fits. */
int outlet_ready(const struct outlet *outlet);

/* Adds at most OUTLET_PUT_MAX bytes; large ones are written straight away as far as they go. */
void outlet_put(struct outlet *outlet, const char *bytes, size_t len);

/* Writes what waits, as far as it goes without waiting. 1 when nothing is left. */
int outlet_flush(struct outlet *outlet);

/* Counts 'len' bytes as lost; with NULL what is pending, which is then gone. */
void outlet_drop(struct outlet *outlet, const char *bytes, size_t len);

void outlet_release(struct outlet *outlet);

#endif
