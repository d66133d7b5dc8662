#include "base/budget.h"

#include <stdlib.h>

#include "base/check.h"

void
budget_init(struct budget *budget, size_t max)
{
	budget->max = max;
	atomic_init(&budget->used, 0);
	atomic_init(&budget->peak, 0);
}

static void
note_peak(struct budget *budget, size_t used)
{
	size_t peak = atomic_load(&budget->peak);

	while (used > peak && !atomic_compare_exchange_weak(&budget->peak, &peak, used)) {
	}
}

int
budget_reserve(struct budget *budget, size_t bytes)
{
	size_t used = atomic_load(&budget->used);

	do {
		if (bytes > budget->max - used) {
			return -1;
		}
	} while (!atomic_compare_exchange_weak(&budget->used, &used, used + bytes));
	note_peak(budget, used + bytes);
	return 0;
}

void
budget_return(struct budget *budget, size_t bytes)
{
	CHECK(atomic_fetch_sub(&budget->used, bytes) >= bytes);
}

void *
budget_take(struct budget *budget, size_t bytes)
{
	if (budget_reserve(budget, bytes) != 0) {
		return NULL;
	}
	void *memory = malloc(bytes);
	if (memory == NULL) {
		budget_return(budget, bytes);
	}
	return memory;
}

void
budget_give(struct budget *budget, void *memory, size_t bytes)
{
	if (memory == NULL) {
		return;
	}
	free(memory);
	budget_return(budget, bytes);
}

size_t
budget_left(const struct budget *budget)
{
	return budget->max - atomic_load(&budget->used);
}

int
budget_is_whole(const struct budget *budget)
{
	return atomic_load(&budget->used) == 0;
}
