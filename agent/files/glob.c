#include "files/glob.h"

#include <string.h>

#include "base/attr.h"
#include "base/check.h"

struct glob {
	const unsigned char *bytes;
	size_t len;
};

/* For each place of the pattern: may the rest of the text match from here? */
enum state {
	OFF,
	ON,
	ENTERED /* and what a "**" here may skip is on as well */
};

size_t
glob_plain(const char *pattern, size_t len)
{
	size_t plain = 0;

	while (plain < len && strchr("*?[\\", pattern[plain]) == NULL) {
		plain++;
	}
	return plain;
}

/* ---- sets ---- */

/* -1 for a class that does not exist. */
static int
in_class(const unsigned char *name, size_t len, unsigned char c)
{
	/* Pairs: from, to. ASCII only, whatever the locale. */
	static const struct {
		char name[7];
		char ranges[9];
	} classes[] = {
	    {"alnum", "09AZaz"},
	    {"alpha", "AZaz"},
	    {"blank", "\t\t  "},
	    {"cntrl", "\x01\x1f\x7f\x7f"},
	    {"digit", "09"},
	    {"graph", "!~"},
	    {"lower", "az"},
	    {"print", " ~"},
	    {"punct", "!/:@[`{~"},
	    {"space", "\t\n\r\r  "},
	    {"upper", "AZ"},
	    {"xdigit", "09AFaf"},
	};

	for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
		if (strlen(classes[i].name) != len || memcmp(classes[i].name, name, len) != 0) {
			continue;
		}
		for (const char *range = classes[i].ranges; *range != '\0'; range += 2) {
			if (c >= (unsigned char)range[0] && c <= (unsigned char)range[1]) {
				return 1;
			}
		}
		return 0;
	}
	return -1;
}

/* A set while it is read. */
struct set {
	const struct glob *glob;
	size_t at;
	unsigned char c; /* the byte that is looked for */
	int from;        /* what a range would begin with; -1 when nothing may */
	int found;
};

/* "[:name:]" at 'at': 1 when it was one, 0 when the '[' stands for itself, -1 when the set is malformed. */
static int
read_class(struct set *set)
{
	const struct glob *glob = set->glob;
	size_t name = set->at + 2;
	const unsigned char *end = name < glob->len ? memchr(glob->bytes + name, ']', glob->len - name) : NULL;

	if (end == NULL) {
		return -1;
	}
	if (end == glob->bytes + name || end[-1] != ':') {
		return 0;
	}
	int in = in_class(glob->bytes + name, (size_t)(end - glob->bytes) - name - 1, set->c);
	set->found |= in > 0;
	set->from = -1;
	set->at = (size_t)(end - glob->bytes) + 1;
	return in < 0 ? -1 : 1;
}

/* A byte that stands for itself, behind a backslash or not. -1 when nothing stands behind it. */
static int
read_byte(struct set *set)
{
	const struct glob *glob = set->glob;

	if (glob->bytes[set->at] == '\\') {
		set->at++;
	}
	return set->at < glob->len ? glob->bytes[set->at++] : -1;
}

static int
read_member(struct set *set)
{
	const struct glob *glob = set->glob;
	int more = set->at + 1 < glob->len;
	int next = more ? glob->bytes[set->at + 1] : ']';
	int c = glob->bytes[set->at];

	if (c == '[' && next == ':') {
		int class = read_class(set);

		if (class != 0) {
			return class;
		}
	}
	int is_range = c == '-' && set->from >= 0 && next != ']';
	set->at += is_range ? 1 : 0;
	int to = read_byte(set);
	int from = is_range ? set->from : to;
	set->found |= set->c >= from && set->c <= to;
	set->from = is_range ? -1 : to;
	return to;
}

/* The set that begins at 'at' with a '[': where it ends, or 0 when it never does. 'in': does it hold 'c'? */
static size_t
read_set(const struct glob *glob, size_t at, unsigned char c, int *in)
{
	int negated = at + 1 < glob->len && (glob->bytes[at + 1] == '!' || glob->bytes[at + 1] == '^');
	size_t first = at + 1 + (size_t)negated;
	struct set set = {.glob = glob, .at = first, .c = c, .from = -1};

	while (set.at < glob->len && (glob->bytes[set.at] != ']' || set.at == first)) {
		if (read_member(&set) < 0) {
			return 0;
		}
	}
	*in = set.found != negated;
	return set.at < glob->len ? set.at + 1 : 0;
}

/* ---- stars ---- */

static size_t
behind_stars(const struct glob *glob, size_t at)
{
	while (at < glob->len && glob->bytes[at] == '*') {
		at++;
	}
	return at;
}

/* Two stars or more that stand alone between slashes. */
static int
is_wide(const struct glob *glob, size_t at, size_t behind)
{
	int slash = behind < glob->len &&
	            (glob->bytes[behind] == '/' ||
	                (glob->bytes[behind] == '\\' && behind + 1 < glob->len && glob->bytes[behind + 1] == '/'));

	return behind - at > 1 && (at == 0 || glob->bytes[at - 1] == '/') && (behind == glob->len || slash);
}

/* The place 'at' is reached: on with it and with what can be reached from it without a byte of the text. */
static void
enter(const struct glob *glob, unsigned char *states, size_t at)
{
	while (states[at] != ENTERED) {
		states[at] = ENTERED;
		if (at == glob->len || glob->bytes[at] != '*') {
			return;
		}
		size_t behind = behind_stars(glob, at);
		if (states[behind] == OFF) {
			states[behind] = ON;
		}
		if (!is_wide(glob, at, behind) || behind == glob->len || glob->bytes[behind] != '/') {
			return;
		}
		at = behind + 1; /* no folder at all */
	}
}

/* ---- the match ---- */

/* One byte of the text at one place of the pattern. */
static void
step(const struct glob *glob, size_t at, unsigned char c, unsigned char *next)
{
	unsigned char p = glob->bytes[at];
	size_t behind = at + 1;
	int in = 0;

	if (p == '*') {
		behind = behind_stars(glob, at);
		if (c != '/' || is_wide(glob, at, behind)) {
			next[at] = next[at] == OFF ? ON : next[at];
			next[behind] = next[behind] == OFF ? ON : next[behind];
		}
		return;
	}
	if (p == '[') {
		behind = read_set(glob, at, c, &in);
		in = in && behind > 0 && c != '/';
	} else if (p == '?') {
		in = c != '/';
	} else if (p == '\\') {
		behind = at + 2;
		in = at + 1 < glob->len && glob->bytes[at + 1] == c;
	} else {
		in = p == c;
	}
	if (in) {
		enter(glob, next, behind);
	}
}

int
glob_match(const char *pattern, size_t len, const char *text)
{
	const struct glob glob = {.bytes = (const unsigned char *)pattern, .len = len};
	unsigned char sets[2][GLOB_MAX + 1];
	unsigned char *now = sets[0];
	unsigned char *next = sets[1];

	CHECK(len <= GLOB_MAX);
	memset(now, OFF, len + 1);
	enter(&glob, now, 0);
	for (; *text != '\0'; text++) {
		unsigned char *was = now;

		memset(next, OFF, len + 1);
		for (size_t at = 0; at < len; at++) {
			if (now[at] != OFF) {
				step(&glob, at, (unsigned char)*text, next);
			}
		}
		now = next;
		next = was;
	}
	return now[len] != OFF;
}
