/*
 * Patterns over names as git's ignore files have them: '*' and '?' match no slash, '**' between slashes (or at an end) matches any number of
 * folders, "[a-z]", "[!a-z]" and "[[:digit:]]" one byte, '\' takes the next character as it is. Bytes are compared; case counts.
 *
 * Patterns come with the project and may be hostile: all places of the pattern are followed at once, byte by byte of the name, so that the time
 * is at most the product of both lengths. There is no backtracking.
 */
#ifndef TRAIN_FILES_GLOB_H
#define TRAIN_FILES_GLOB_H

#include <stddef.h>

enum { GLOB_MAX = 4096 /* bytes of a pattern: no name is longer */ };

/* How many bytes at the beginning of a pattern stand for themselves. */
size_t glob_plain(const char *pattern, size_t len);

/* 1 when the pattern (at most GLOB_MAX bytes) matches the whole text. One that is malformed matches nothing. */
int glob_match(const char *pattern, size_t len, const char *text);

#endif
