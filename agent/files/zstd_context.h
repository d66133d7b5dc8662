/*
 * zstd's decompression contexts with their memory, tables and windows, from the budget.
 */
#ifndef TRAIN_FILES_ZSTD_CONTEXT_H
#define TRAIN_FILES_ZSTD_CONTEXT_H

#include <zstd.h>

#include "base/budget.h"

/* To be freed by ZSTD_freeDCtx, with the budget still there. NULL when the budget refuses; later, ZSTD_error_memory_allocation says the same. */
ZSTD_DCtx *zstd_context_new(struct budget *budget);

#endif
