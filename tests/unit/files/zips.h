/*
 * Zips that were made in memory, given to zip_check in a file without a name.
 */
#ifndef TESTS_UNIT_FILES_ZIPS_H
#define TESTS_UNIT_FILES_ZIPS_H

#include "unit/files/makers.h"

#include <sys/mman.h>

#include "base/fd.h"
#include "files/zip.h"

/* Where the fields of a local header lie. */
enum { CRC_AT = 14, PACKED_AT = 18, PLAIN_AT = 22, FLAGS_AT = 6, METHOD_AT = 8, LOCAL_NAME_AT = 30 };

enum { ZIP_BUDGET = 64 << 20 };

MAKER int
zip_tried_within(size_t budget_bytes, const struct buf *bytes, struct zip_facts *facts, struct err *err)
{
	CLEAN_FD fd = memfd_create("zip", MFD_CLOEXEC);
	struct budget budget;

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, bytes->data, bytes->len), 0);
	*err = (struct err){0};
	budget_init(&budget, budget_bytes);
	int result = zip_check(fd, &budget, facts, err);
	assert_true(budget_is_whole(&budget));
	return result;
}

MAKER int
zip_tried(const struct buf *bytes, struct zip_facts *facts, struct err *err)
{
	return zip_tried_within(ZIP_BUDGET, bytes, facts, err);
}

MAKER void
assert_good(const struct buf *bytes, struct zip_facts *facts)
{
	struct err err;

	if (zip_tried(bytes, facts, &err) < 0) {
		fail_msg("refused: %s", err.text);
	}
}

MAKER void
assert_bad(const struct buf *bytes, const char *says)
{
	struct zip_facts facts;
	struct err err;

	if (zip_tried(bytes, &facts, &err) == 0) {
		fail_msg("not refused, though it should say: %s", says);
	}
	if (err.kind != ERR_ARCHIVE || strstr(err.text, says) == NULL) {
		fail_msg("kind %d, '%s' should say '%s'", (int)err.kind, err.text, says);
	}
}

#endif
