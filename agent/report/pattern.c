#include "report/pattern.h"

#include <ctype.h>
#include <string.h>

/* What may stand inside a bracket expression for the letter of a class escape; NULL for any other letter. */
static const char *
class_of(char letter)
{
	switch (letter) {
	case 'd':
		return "0-9";
	case 'w':
		return "A-Za-z0-9_";
	case 's':
		return " \t\n\r\f\v";
	default:
		return NULL;
	}
}

/* An escape outside brackets; 'c' is the byte after the backslash. */
static int
add_escape(char c, struct buf *out)
{
	const char *set = class_of((char)tolower((unsigned char)c));

	if (set != NULL) {
		return buf_printf(out, isupper((unsigned char)c) ? "[^%s]" : "[%s]", set);
	}
	if (c == 't') {
		return buf_addc(out, '\t');
	}
	if (!ispunct((unsigned char)c)) {
		return -1; /* \b \A \Z \1 \n \x41 */
	}
	return strchr(".[]()*+?{}|^$\\", c) != NULL ? buf_printf(out, "\\%c", c) : buf_addc(out, c);
}

/* An escape inside brackets, where POSIX has none: the byte itself, unless it means something there. */
static int
add_bracket_escape(const char *at, struct buf *out)
{
	const char *set = class_of(at[1]);

	if (set != NULL) {
		return buf_adds(out, set);
	}
	if (at[1] == '-') {
		/* Only at the end is a dash itself, whatever stands before it. */
		return at[2] == ']' ? buf_addc(out, '-') : -1;
	}
	return ispunct((unsigned char)at[1]) && strchr("^[]\\", at[1]) == NULL ? buf_addc(out, at[1]) : -1;
}

/* From '[' to its ']'. The count of bytes read, or 0. */
static size_t
add_bracket(const char *from, struct buf *out)
{
	const char *at = from + 1;

	buf_addc(out, '[');
	if (*at == '^') {
		buf_addc(out, *at++);
	}
	if (*at == ']') {
		buf_addc(out, *at++);
	}
	for (; *at != ']'; at++) {
		if (*at == '\0' || *at == '[') {
			return 0; /* "[[:alpha:]" means two different things */
		}
		if (*at == '\\') {
			if (at[1] == '\0' || add_bracket_escape(at, out) < 0) {
				return 0;
			}
			at++;
		} else {
			buf_addc(out, *at);
		}
	}
	buf_addc(out, ']');
	return (size_t)(at + 1 - from);
}

/* One element of the expression at 'at'. The count of bytes read, or 0. */
static size_t
add_element(const char *at, struct buf *out)
{
	switch (*at) {
	case '\\':
		return at[1] != '\0' && add_escape(at[1], out) == 0 ? 2 : 0;
	case '[':
		return add_bracket(at, out);
	case '(':
		if (at[1] != '?') {
			break;
		}
		buf_addc(out, '(');
		return at[2] == ':' ? 3 : 0;
	case '*':
	case '+':
	case '?':
	case '}':
		/* Lazy becomes greedy, which matches the same lines; possessive does not. */
		buf_addc(out, *at);
		return at[1] == '+' ? 0 : at[1] == '?' ? 2 : 1;
	default:
		break;
	}
	buf_addc(out, *at);
	return 1;
}

int
pattern_translate(const char *python, struct buf *out)
{
	while (*python != '\0') {
		size_t len = add_element(python, out);

		if (len == 0) {
			return -1;
		}
		python += len;
	}
	return out->full ? -1 : 0;
}
