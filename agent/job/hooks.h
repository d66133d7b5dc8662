/*
 * Mistakes of ours on demand, so that the tests see what becomes of one. Only in the build with TRAIN_TEST_HOOKS: elsewhere these do nothing.
 *
 * TRAIN_TEST_CRASH=PLACE[:HOW] says where and how: check (the default), segv, abort, overflow, smash; leak, which crashes nothing by itself.
 */
#ifndef TRAIN_JOB_HOOKS_H
#define TRAIN_JOB_HOOKS_H

#include "base/budget.h"

/* Crashes, if this is the place. */
void hooks_pass(char *const *envp, const char *place);

/* Keeps a byte, if this is the place. */
void hooks_leak(char *const *envp, const char *place, struct budget *budget);

#endif
