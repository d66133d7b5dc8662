#include "base/crash.h"

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/check.h"

static const struct fault {
	int number;
	char name[8];
} faults[] = {{SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGILL, "SIGILL"}, {SIGFPE, "SIGFPE"}, {SIGABRT, "SIGABRT"},
    {SIGTRAP, "SIGTRAP"}, {SIGSYS, "SIGSYS"}};

/* Where the program begins in memory: the linker's. */
extern const char program_begin[] __asm__("__ehdr_start") __attribute__((visibility("hidden")));

/* Bytes behind the program's beginning, as addr2line takes them; something else for code that is not ours. */
static unsigned long
place_of(const void *context)
{
	const ucontext_t *at = context;

#if defined(__x86_64__)
	return (unsigned long)at->uc_mcontext.gregs[REG_RIP] - (unsigned long)(uintptr_t)program_begin;
#elif defined(__aarch64__)
	return (unsigned long)at->uc_mcontext.pc - (unsigned long)(uintptr_t)program_begin;
#else
#error "where does this machine keep the place of a fault?"
#endif
}

static const struct sigaction usual = {.sa_handler = SIG_DFL};

/* Somebody else sent it: what happens is what would have happened without us. */
static void
have_default_effect(int number)
{
	if (getpid() != 1) {
		(void)sigaction(number, &usual, NULL);
		(void)raise(number);
	}
}

static void
crashed(int number, siginfo_t *info, void *context)
{
	const struct fault *fault = faults;
	char text[64];

	if (info->si_code <= 0 && info->si_pid != getpid()) {
		have_default_effect(number);
		return;
	}
	while (fault->number != number) {
		fault++;
	}
	(void)snprintf(text, sizeof(text), "%s at 0x%lx, address 0x%lx", fault->name, place_of(context),
	    info->si_code > 0 ? (unsigned long)(uintptr_t)info->si_addr : 0UL);
	check_crashed(text);
}

/* Sets 'new' where the disposition is the one of 'old'. */
static void
replace(const struct sigaction *old, const struct sigaction *new)
{
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		struct sigaction now;

		if (sigaction(faults[i].number, NULL, &now) == 0 && now.sa_handler == old->sa_handler) {
			(void)sigaction(faults[i].number, new, NULL);
		}
	}
}

static const struct sigaction caught = {
    .sa_sigaction = crashed, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | SA_RESTART};

void
crash_catch(struct crash *crash)
{
	const stack_t stack = {.ss_sp = crash->stack, .ss_size = sizeof(crash->stack)};

	(void)sigaltstack(&stack, NULL);
	replace(&usual, &caught);
	crash->is_caught = 1;
}

void
crash_release(struct crash *crash)
{
	const stack_t none = {.ss_flags = SS_DISABLE};

	if (crash->is_caught) {
		replace(&caught, &usual);
		(void)sigaltstack(&none, NULL);
		crash->is_caught = 0;
	}
}
