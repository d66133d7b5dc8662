#include "report/evidence_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"

/* Who wrote a volume full often cannot use its last bytes; a hundredth of a large one is much. */
enum { FULL_SHARE = 100, FULL_BYTES = 64 << 20 };

void
evidence_bytes(char out[EVIDENCE_BYTES], uint64_t bytes)
{
	static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
	size_t unit = 0;
	uint64_t tenths = bytes;

	if (bytes >= 1024) {
		for (tenths = bytes * 10; tenths >= 10240 && unit + 1 < ARRAY_LEN(units); unit++) {
			tenths /= 1024;
		}
	}
	if (unit > 0 && tenths < 100 && tenths % 10 != 0) {
		(void)snprintf(
		    out, EVIDENCE_BYTES, "%u.%u %s", (unsigned)(tenths / 10), (unsigned)(tenths % 10), units[unit]);
	} else {
		(void)snprintf(out, EVIDENCE_BYTES, "%" PRIu64 " %s", unit > 0 ? tenths / 10 : bytes, units[unit]);
	}
}

void
evidence_of_counts(struct buf *out, const struct kernel_counts *counts, int kills)
{
	if (kills && counts->memory_kills > 0) {
		buf_printf(out, "The kernel killed processes of the container for want of memory: %" PRId64 ".\n",
		    counts->memory_kills);
	}
	if (counts->forks_refused > 0 && counts->process_limit > 0) {
		buf_printf(out,
		    "The container's limit of %" PRId64 " processes and threads was hit: new ones were refused.\n",
		    counts->process_limit);
	}
}

static int
is_full(const struct volume *volume)
{
	return volume->bytes_free <= volume->bytes / FULL_SHARE && volume->bytes_free <= FULL_BYTES;
}

static int
has_no_inodes(const struct volume *volume)
{
	return volume->inodes > 0 && volume->inodes_free == 0;
}

void
evidence_of_volumes(struct buf *out, const struct volume *volumes, size_t count, int shm)
{
	char all[EVIDENCE_BYTES], left[EVIDENCE_BYTES];

	for (size_t i = 0; i < count; i++) {
		const struct volume *volume = &volumes[i];

		evidence_bytes(all, volume->bytes);
		evidence_bytes(left, volume->bytes_free);
		if (has_no_inodes(volume)) {
			buf_printf(out, "'%s' has no inodes left: it holds as many files as it can, %" PRIu64 ".\n",
			    volume->path, volume->inodes);
		} else if (is_full(volume)) {
			buf_printf(out, "'%s' is full: %s of %s are free.\n", volume->path, left, all);
		} else if (shm && strcmp(volume->path, "/dev/shm") == 0) {
			buf_printf(out, "'%s' has %s, of which %s are free now.\n", volume->path, all, left);
		}
	}
}

const char *
evidence_full_volume(const struct volume *volumes, size_t count)
{
	const char *full = NULL;
	int found = 0;

	for (size_t i = 0; i < count; i++) {
		if (is_full(&volumes[i]) || has_no_inodes(&volumes[i])) {
			full = volumes[i].path;
			found++;
		}
	}
	return found == 1 ? full : NULL;
}
