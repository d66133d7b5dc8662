#include "job/hooks.h"

#ifdef TRAIN_TEST_HOOKS

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "config/variables.h"

/* How to crash at this place, or NULL: not here. */
static const char *
wanted_at(char *const *envp, const char *place)
{
	const char *wanted = variables_get(envp, "TRAIN_TEST_CRASH");
	size_t len = strlen(place);

	if (wanted == NULL || strncmp(wanted, place, len) != 0 || (wanted[len] != ':' && wanted[len] != '\0')) {
		return NULL;
	}
	return wanted[len] == ':' ? wanted + len + 1 : "check";
}

static unsigned
go_deeper(unsigned depth)
{
	volatile char frame[4096];

	memset((void *)(uintptr_t)frame, (int)depth, sizeof(frame));
	return depth == UINT32_MAX ? 0 : go_deeper(depth + 1) + (unsigned)frame[depth % sizeof(frame)];
}

/* Writes behind the end of its array, over the word that guards the frame and nothing else: without a guard nothing comes of it. */
static __attribute__((noinline)) void
smash(void)
{
	char frame[64];
	volatile uintptr_t begin = (uintptr_t)frame;
	volatile char *past = (volatile char *)(begin + sizeof(frame));

	for (size_t i = 0; i < sizeof(uintptr_t); i++) {
		past[i] = (char)~past[i];
	}
}

void
hooks_pass(char *const *envp, const char *place)
{
	volatile uintptr_t nowhere = 8;
	const char *how = wanted_at(envp, place);

	if (how == NULL || strcmp(how, "leak") == 0) {
		return;
	}
	CHECK(strcmp(how, "check") != 0);
	if (strcmp(how, "segv") == 0) {
		*(volatile char *)nowhere = 1;
	}
	if (strcmp(how, "overflow") == 0) {
		nowhere = go_deeper(0);
	}
	if (strcmp(how, "smash") == 0) {
		smash();
	}
	abort();
}

void
hooks_leak(char *const *envp, const char *place, struct budget *budget)
{
	const char *how = wanted_at(envp, place);

	if (how != NULL && strcmp(how, "leak") == 0) {
		CHECK(budget_take(budget, 1) != NULL);
	}
}

#else

void
hooks_pass(char *const *envp, const char *place)
{
	(void)envp;
	(void)place;
}

void
hooks_leak(char *const *envp, const char *place, struct budget *budget)
{
	(void)envp;
	(void)place;
	(void)budget;
}

#endif
