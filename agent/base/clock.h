/*
 * Time. Waiting is always an absolute moment on the monotonic clock, in milliseconds, passed down as 'deadline_ms'; wall time is only
 * for people and signatures.
 */
#ifndef TRAIN_BASE_CLOCK_H
#define TRAIN_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Far enough never to come. */
#define DEADLINE_NEVER INT64_MAX

/* Milliseconds of CLOCK_MONOTONIC. */
int64_t clock_now_ms(void);

/* The same in microseconds, for adding up short spans. */
int64_t clock_now_us(void);

/* The earlier of two moments. */
int64_t clock_earlier(int64_t a_ms, int64_t b_ms);

/* What poll(2) wants: milliseconds until then, 0 when it has passed, -1 for DEADLINE_NEVER; never above an hour. */
int clock_poll_ms(int64_t deadline_ms);

/* Seconds since the epoch with microseconds. */
double clock_wall(void);

/* "2026-01-15T12:00:00Z"; with 'compact' "20260115T120000Z" as SigV4 wants it. 'out' holds at least 21 bytes. */
enum { CLOCK_TEXT = 24 };
void clock_format_utc(char out[CLOCK_TEXT], int64_t epoch_s, int compact);

/* Reads "2026-01-15T12:00:00Z", also with fractions of a second. Seconds since the epoch, or -1 when it is no such text. */
int64_t clock_parse_utc(const char *text);

#endif
