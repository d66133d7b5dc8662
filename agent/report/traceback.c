#include "report/traceback.h"

#include <ctype.h>
#include <string.h>

#include "base/attr.h"

static const char HEAD[] = "Traceback (most recent call last):";

/* What may stand before the head and is no prefix of the lines that follow it. */
static const char *const KINDS[] = {"Original ", "Exception Group "};

/* How a line of an error begins, each ended by a zero; behind '@' words that stand anywhere in it. */
static const char ERRORS[] = "Caused by: \0"            /* Java */
                             "Exception in thread \0"   /* Java */
                             "Error in \0"              /* R */
                             "Error: \0"                /* R, and many others */
                             "terminate called \0"      /* C++ */
                             "what(): \0"               /* C++ */
                             "@: Assertion `\0"         /* glibc's assert */
                             "malloc\0"                 /* glibc: malloc(): corrupted top size */
                             "free(): \0"               /* glibc: free(): invalid pointer */
                             "double free or \0"        /* glibc */
                             "corrupted \0"             /* glibc: corrupted size vs. prev_size */
                             "*** \0"                   /* glibc: *** stack smashing detected ***: terminated */
                             "@Fortran runtime error\0" /* gfortran */
                             "forrtl: \0"               /* ifort */
                             "ERROR STOP\0"             /* Fortran */
                             "STOP \0"                  /* Fortran */
                             "MPI_ABORT \0"             /* Open MPI */
                             "panic: \0";               /* Go */

/* They say that another process failed, which has told why before. */
static const char *const MESSENGERS[] = {"ChildFailedError", "CalledProcessError", "ProcessExitedException"};

struct search {
	struct traceback *found;
	struct span head; /* of the traceback whose exception is still to come, NULL: none */
	size_t prefix;    /* bytes before its lines: a launcher's "[rank0]: " or a group's "  | " */
	int linked;       /* the next traceback is what became of the last exception */
	int ignored;      /* the next traceback ends nothing: of a finaliser, while Python shuts down */
};

/* Does the line end as a traceback begins? */
static int
take_head(struct search *search, struct span line)
{
	size_t words = sizeof(HEAD) - 1;

	if (line.len < words || memcmp(line.at + line.len - words, HEAD, words) != 0) {
		return 0;
	}
	search->head = line;
	search->prefix = line.len - words;
	for (size_t i = 0; i < ARRAY_LEN(KINDS); i++) {
		size_t n = strlen(KINDS[i]);

		if (search->prefix >= n && memcmp(line.at + search->prefix - n, KINDS[i], n) == 0) {
			search->prefix -= n;
		}
	}
	return 1;
}

/* Do both begin alike? The lines of a group's tree ("  + Exception Group Traceback", "  | ValueError") do but for its branches. */
static int
has_prefix(const struct search *search, struct span line)
{
	for (size_t i = 0; i < search->prefix; i++) {
		if (i >= line.len || (line.at[i] != search->head.at[i] &&
		                         (search->head.at[i] != '+' || strchr(" |-+", line.at[i]) == NULL))) {
			return 0;
		}
	}
	return 1;
}

/* "a.b.Name" or "Name: words", as Python ends a traceback. The length of the dotted name, or 0. */
static size_t
dotted_name(struct span line)
{
	size_t n = 0;

	while (n < line.len &&
	       (isalnum((unsigned char)line.at[n]) || strchr("_.<>", line.at[n]) != NULL || (line.at[n] & 0x80) != 0)) {
		n++;
	}
	return n > 0 && !isdigit((unsigned char)line.at[0]) && (n == line.len || strchr(":(", line.at[n]) != NULL) ? n
	                                                                                                           : 0;
}

/* Without the modules before it. */
static struct span
last_part(struct span name)
{
	size_t start = name.len;

	while (start > 0 && name.at[start - 1] != '.') {
		start--;
	}
	return (struct span){name.at + start, name.len - start};
}

static int
is_messenger(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(MESSENGERS); i++) {
		if (name.len == strlen(MESSENGERS[i]) && span_starts(name, MESSENGERS[i])) {
			return 1;
		}
	}
	return 0;
}

static int
is_ranked(struct span line)
{
	return span_starts(line, "[rank");
}

/* 'own' is the line without what a launcher put before it, 'name' its dotted name. */
static void
take_exception(struct search *search, struct span line, struct span own, size_t name)
{
	struct traceback *found = search->found;
	struct span last = last_part((struct span){own.at, name});
	int told = found->exception.at != NULL || found->error.at != NULL;
	int passes = search->ignored || (told && is_messenger(last)) ||
	             (!search->linked && is_ranked(line) && is_ranked(found->exception));

	search->head.at = NULL;
	search->ignored = 0;
	if (!passes) {
		if (!search->linked) {
			found->cause = (struct span){0};
		} else if (found->cause.at == NULL) {
			found->cause = found->exception;
		}
		found->exception = line;
		found->name = last;
		found->error = (struct span){0};
	}
	search->linked = 0;
}

/* A program that Python cannot even read has no traceback. */
static int
is_syntax_error(struct span line)
{
	return span_starts(line, "SyntaxError: ") || span_starts(line, "IndentationError: ");
}

static int
is_error(struct span line)
{
	for (const char *words = ERRORS; *words != '\0'; words = span_next(words)) {
		if (*words == '@' ? span_find(line, words + 1) != NULL : span_starts(line, words)) {
			return 1;
		}
	}
	return 0;
}

/* R puts a long call and its message on two lines. */
static struct span
take_message(const struct buf *text, struct span line)
{
	struct span words = span_trimmed(line);
	size_t next = (size_t)(line.at - text->data) + line.len + 1;

	if (span_starts(words, "Error in ") && words.at[words.len - 1] == ':' && next < text->len) {
		struct span message = span_trimmed(span_line(text, next));

		words.len = (size_t)(message.at + message.len - words.at);
	}
	return words;
}

static void
look_at(struct search *search, const struct buf *text, struct span line)
{
	struct span own = {line.at + search->prefix, line.len > search->prefix ? line.len - search->prefix : 0};
	size_t name = dotted_name(own);

	if (take_head(search, line)) {
		return;
	}
	if (search->head.at != NULL && has_prefix(search, line) && name > 0) {
		take_exception(search, *line.at == ' ' ? own : line, own, name);
	} else if (span_find(line, "direct cause of the following exception") != NULL ||
	           span_find(line, "another exception occurred:") != NULL) {
		search->linked = search->found->exception.at != NULL;
	} else if (span_starts(line, "Exception ignored in")) {
		search->ignored = 1;
	} else if (is_syntax_error(line)) {
		take_exception(search, line, line, dotted_name(line));
	} else if (is_error(span_trimmed(line))) {
		search->found->error = take_message(text, line);
	}
}

void
traceback_find(const struct buf *text, struct traceback *found)
{
	struct search search = {.found = found};

	*found = (struct traceback){.exception = {0}};
	for (size_t at = 0; at < text->len;) {
		struct span line = span_line(text, at);

		at += line.len + 1;
		look_at(&search, text, line);
	}
}
