#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t
clock_now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
clock_now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
clock_earlier(int64_t a_ms, int64_t b_ms)
{
	return a_ms < b_ms ? a_ms : b_ms;
}

int
clock_poll_ms(int64_t deadline_ms)
{
	const int64_t hour_ms = 3600 * 1000;
	int64_t left;

	if (deadline_ms == DEADLINE_NEVER) {
		return -1;
	}
	left = deadline_ms - clock_now_ms();
	if (left <= 0) {
		return 0;
	}
	return (int)(left > hour_ms ? hour_ms : left);
}

double
clock_wall(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	long micros = now.tv_nsec / 1000;
	return (double)now.tv_sec + (double)micros / 1e6;
}

void
clock_format_utc(char out[CLOCK_TEXT], int64_t epoch_s, int compact)
{
	time_t when = (time_t)epoch_s;
	struct tm utc;

	if (gmtime_r(&when, &utc) == NULL ||
	    strftime(out, CLOCK_TEXT, compact ? "%Y%m%dT%H%M%SZ" : "%Y-%m-%dT%H:%M:%SZ", &utc) == 0) {
		(void)snprintf(out, CLOCK_TEXT, "%s", compact ? "19700101T000000Z" : "1970-01-01T00:00:00Z");
	}
}

/* Days from 1970-01-01 to a date of the Gregorian calendar; years from 1 on. */
static int64_t
days_since_epoch(int64_t year, int64_t month, int64_t day)
{
	/* Years begin in March, so that the leap day is the last one. */
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t m = (month + 9) % 12;

	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static int
days_in_month(int year, int month)
{
	int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 ? 28 + leap : 30 + (month + (month > 7)) % 2;
}

/* Digits where the pattern has 'd', the pattern's own characters elsewhere: sscanf alone takes signs and blanks as well. */
static int
fits(const char *text, const char *pattern)
{
	for (; *pattern != '\0'; text++, pattern++) {
		if (*pattern == 'd' ? *text < '0' || *text > '9' : *text != *pattern) {
			return 0;
		}
	}
	return 1;
}

int64_t
clock_parse_utc(const char *text)
{
	static const char pattern[] = "dddd-dd-ddTdd:dd:dd";
	int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;

	if (!fits(text, pattern) ||
	    sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d", &year, &month, &day, &hour, &minute, &second) != 6) {
		return -1;
	}
	text += sizeof(pattern) - 1;
	if (*text == '.') {
		size_t digits = strspn(text + 1, "0123456789");

		text += digits > 0 ? 1 + digits : 0;
	}
	if (strcmp(text, "Z") != 0 && strcmp(text, "+00:00") != 0) {
		return -1;
	}
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) || hour > 23 ||
	    minute > 59 || second > 60) {
		return -1;
	}
	return days_since_epoch(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
}
