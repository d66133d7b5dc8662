/*
 * One stream of the pipeline, cut into what may be passed on: whole lines, unfinished ones after 100 ms, progress updates once a
 * second, marked pieces of lines over 64 KiB (product §10).
 *
 * The buffer holds the current line from where it was last passed on. A carriage return that is not part of CR LF makes what stands
 * before and after it progress updates: each replaces the one before, the newest is in 'held' until it is due or final.
 *
 * A feed decides; feed_next names one piece at a time and the relay sends it, so that nothing is taken out that cannot be written.
 */
#ifndef TRAIN_RUN_FEED_H
#define TRAIN_RUN_FEED_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/mask.h"
#include "run/escape.h"

enum {
	FEED_LINE_MAX = 64 << 10, /* bytes of a line passed on in one piece (product §10) */
	FEED_BUF_BYTES =
	    FEED_LINE_MAX + 2,   /* the longest line and its CR LF: so it never depends on luck whether one is cut */
	FEED_PART_MS = 100,      /* an unfinished line is held so long (product §10) */
	FEED_PROGRESS_MS = 1000, /* one progress update in so long (product §10) */
};

/* Where a line of over FEED_LINE_MAX bytes was cut: at the end of the piece, and at the beginning of the next. */
#define FEED_MARK "[...]"

enum piece_kind {
	PIECE_NONE,   /* nothing may be passed on now */
	PIECE_LINES,  /* whole lines with their newlines */
	PIECE_LINE,   /* one line that ended otherwise (CR LF): a newline follows */
	PIECE_PART,   /* the beginning or middle of a line */
	PIECE_CUT,    /* a part of an overlong line: FEED_MARK and a newline follow */
	PIECE_UPDATE, /* a progress update that another one may replace */
	PIECE_FINAL,  /* the last update: its line ends */
	PIECE_END,    /* no bytes: the line that was begun ends here */
	PIECE_KINDS
};

struct piece {
	enum piece_kind kind;
	const char *bytes; /* borrowed until feed_take */
	size_t len;
	int continues; /* 1: FEED_MARK comes before it */
	size_t eats;   /* for feed_take */
};

struct feed {
	int fd;           /* owned reading end, non-blocking; -1 when it has ended or there is none */
	int strip;        /* 1: escape sequences are taken out */
	int dry;          /* 1 when the last read found nothing */
	char *buf;        /* FEED_BUF_BYTES */
	size_t head, len; /* buf[head..len) is the current line from where it was passed on, and what follows it */
	char *held;       /* FEED_BUF_BYTES: the newest update that was not shown */
	size_t held_len;
	size_t passed; /* bytes of the current line already passed on */
	size_t shown;  /* bytes of the current update already shown */
	int after_cr;  /* the current line stands after a carriage return: it is an update */
	int has_cr;    /* there may be a carriage return in the buffer */
	int continues; /* the line before was cut */
	enum escape_state escape;
	int64_t read_ms;  /* when the last bytes came */
	int64_t since_ms; /* when the current line began to wait */
	int64_t due_ms;   /* when feed_next may have something though nothing is read */
	int64_t progress_due_ms;
};

/* Takes memory. 0, or -1 when it was refused. */
MUST_CHECK int feed_init(struct feed *feed);

/* A new stream: takes 'fd' (-1: none), closes the old one, forgets what was left. 'strip' as above. */
void feed_attach(struct feed *feed, int fd, int strip);

/* Reads once, as much as fits. The end of the stream closes the descriptor. */
void feed_read(struct feed *feed, int64_t now_ms);

/* What may be passed on now. 'ending': nothing more will come, so everything may. 'mask' (may be NULL): no part ends inside a value. */
struct piece feed_next(struct feed *feed, const struct mask *mask, int64_t now_ms, int ending);

/* It was passed on. */
void feed_take(struct feed *feed, const struct piece *piece, int64_t now_ms);

/* When feed_next will have something though nothing is read; DEADLINE_NEVER when not. */
int64_t feed_deadline_ms(const struct feed *feed);

/* Closes and frees. Accepts a zeroed one that was never initialised. */
void feed_release(struct feed *feed);

#endif
