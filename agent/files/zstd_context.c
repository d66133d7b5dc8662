#define ZSTD_STATIC_LINKING_ONLY /* its way to give an allocator; the pinned library is linked in */
#include "files/zstd_context.h"

#include <stddef.h>

/* Before each piece stands its size, which the budget wants back with it. */
struct piece {
	size_t bytes;
	max_align_t memory[];
};

static void *
take(void *opaque, size_t bytes)
{
	size_t whole = sizeof(struct piece) + bytes;
	struct piece *piece = budget_take(opaque, whole);

	if (piece == NULL) {
		return NULL;
	}
	piece->bytes = whole;
	return piece->memory;
}

static void
give(void *opaque, void *memory)
{
	if (memory != NULL) {
		struct piece *piece = (void *)((char *)memory - offsetof(struct piece, memory));

		budget_give(opaque, piece, piece->bytes);
	}
}

ZSTD_DCtx *
zstd_context_new(struct budget *budget)
{
	return ZSTD_createDCtx_advanced((ZSTD_customMem){.customAlloc = take, .customFree = give, .opaque = budget});
}
