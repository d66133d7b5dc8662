/*
 * A folder for one test: 'in', the fresh folder that is unpacked into, 'spool', and a canary beside them that nobody may touch.
 */
#ifndef TESTS_UNIT_FILES_BOX_H
#define TESTS_UNIT_FILES_BOX_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/budget.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/stream.h"
#include "files/unpack.h"
#include "unit/scratch.h"

#define BOX __attribute__((unused)) static

enum { BOX_PATH = 512, BOX_WINDOW = 8 << 20, BOX_BUDGET = 4 * BOX_WINDOW };

struct box {
	char path[BOX_PATH];
	int fd, in_fd, spool_fd;
	struct budget budget;
	struct unpack_wish wish;
	struct unpacked unpacked;
	struct err err;
};

/* A source that gives at most 'step' bytes a call, and that knows when it was called after its end. */
struct drip {
	const unsigned char *bytes;
	size_t len, at, step;
	int ended, called_after_end;
	size_t fails_at; /* gives no more than so many bytes, then fails; 0 is never */
	unsigned char *lent;
};

BOX ssize_t
drip_read(void *self, void *bytes, size_t len, struct err *err)
{
	struct drip *drip = self;
	size_t n = drip->len - drip->at;

	drip->called_after_end |= drip->ended;
	n = n > len ? len : n;
	n = n > drip->step ? drip->step : n;
	if (drip->fails_at > 0 && drip->at + n > drip->fails_at) {
		drip->ended = 1;
		return err_set(err, ERR_UNAVAILABLE, 0, "the line is cut");
	}
	if (n > 0) {
		memcpy(bytes, drip->bytes + drip->at, n);
	}
	drip->at += n;
	drip->ended = n == 0;
	return (ssize_t)n;
}

BOX struct source
drip_source(struct drip *drip, const struct buf *bytes, size_t step)
{
	*drip = (struct drip){.bytes = (const unsigned char *)bytes->data, .len = bytes->len, .step = step};
	return (struct source){.read = drip_read, .self = drip};
}

enum { DRIP_LENT_MAX = 4096 };

/* What was lent is gone at the next call, and ASan sees who looks at it still. */
BOX ssize_t
drip_lend(void *self, const void **bytes, struct err *err)
{
	struct drip *drip = self;

	free(drip->lent);
	drip->lent = malloc(DRIP_LENT_MAX);
	assert_non_null(drip->lent);
	*bytes = drip->lent;
	return drip_read(self, drip->lent, DRIP_LENT_MAX, err);
}

/* The same bytes, lent; the caller frees 'lent' at the end. */
BOX struct source
drip_lending(struct drip *drip, const struct buf *bytes, size_t step)
{
	struct source source = drip_source(drip, bytes, step);

	source.lend = drip_lend;
	return source;
}

BOX const char *
box_path(const struct box *box, const char *name)
{
	static char path[2 * BOX_PATH];

	(void)snprintf(path, sizeof(path), "%s/%s", box->path, name);
	return path;
}

BOX void
box_open(struct box *box)
{
	assert_int_equal(mkdir(box_path(box, "in"), 0700), 0);
	box->in_fd = open(box_path(box, "in"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(box->in_fd >= 0);
}

/* An empty 'in' again. */
BOX void
box_clear(struct box *box)
{
	fd_close(&box->in_fd);
	scratch_remove(box_path(box, "in"));
	box_open(box);
}

BOX int
box_setup(void **state)
{
	struct box *box = calloc(1, sizeof(*box));
	const char *tmp = getenv("TMPDIR");
	struct err err = {0};

	assert_non_null(box);
	(void)umask(022);
	(void)snprintf(box->path, sizeof(box->path), "%s/train-files-XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(box->path));
	assert_int_equal(mkdir(box_path(box, "spool"), 0700), 0);
	box->spool_fd = open(box_path(box, "spool"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	box->fd = open(box->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(box->spool_fd >= 0 && box->fd >= 0);
	assert_int_equal(fd_write_file(box->fd, "canary", "sings", 5, 0644, &err), 0);
	box_open(box);
	box->wish = (struct unpack_wish){
	    .limits = {.bytes_max = 1 << 30, .entries_max = 1000},
	    .window_max = BOX_WINDOW,
	    .spool_fd = box->spool_fd,
	    .budget = &box->budget,
	};
	budget_init(&box->budget, BOX_BUDGET);
	*state = box;
	return 0;
}

BOX int
box_teardown(void **state)
{
	struct box *box = *state;

	assert_true(budget_is_whole(&box->budget));
	fd_close(&box->in_fd);
	fd_close(&box->spool_fd);
	fd_close(&box->fd);
	scratch_remove(box->path);
	free(box);
	return 0;
}

/* The file's bytes until the next call, ended by a zero. */
BOX const char *
box_read(const struct box *box, const char *name)
{
	static char text[8192];
	CLEAN_FD fd = openat(box->in_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	assert_true(fd >= 0);
	ssize_t n = fd_read_full(fd, text, sizeof(text) - 1);
	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

BOX int
box_has(const struct box *box, const char *name)
{
	struct stat st;

	return fstatat(box->in_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

BOX struct stat
box_stat(const struct box *box, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(box->in_fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st;
}

BOX const char *
box_link(const struct box *box, const char *name)
{
	static char target[BOX_PATH];
	ssize_t n = readlinkat(box->in_fd, name, target, sizeof(target) - 1);

	assert_true(n >= 0);
	target[n] = '\0';
	return target;
}

/* How many entries a folder of the box has. */
BOX int
box_count(const struct box *box, const char *name)
{
	DIR *dir = opendir(box_path(box, name));
	int count = -2; /* "." and ".." */

	assert_non_null(dir);
	while (readdir(dir) != NULL) {
		count++;
	}
	(void)closedir(dir);
	return count;
}

/* Whatever was unpacked: beside 'in' nothing is new, gone or changed. */
BOX void
box_assert_untouched(const struct box *box)
{
	struct stat st;

	assert_int_equal(box_count(box, "."), 3);
	assert_int_equal(box_count(box, "spool"), 0);
	assert_int_equal(fstatat(box->fd, "canary", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_size == 5 && (st.st_mode & 07777) == 0644);
}

/* Unpacks, in steps of so many bytes. */
BOX int
box_unpack_steps(struct box *box, const struct buf *archive, size_t step)
{
	struct drip drip;
	struct source source = drip_source(&drip, archive, step);

	box->err = (struct err){0};
	int result = unpack(&source, box->in_fd, &box->wish, &box->unpacked, &box->err);
	assert_false(drip.called_after_end);
	assert_true(result == 0 || (result == -1 && box->err.kind != ERR_NONE && box->err.text[0] != '\0'));
	assert_true(result < 0 || drip.at == archive->len);
	box_assert_untouched(box);
	return result;
}

BOX int
box_unpack(struct box *box, const struct buf *archive)
{
	return box_unpack_steps(box, archive, SIZE_MAX);
}

BOX void
box_assert_unpacks(struct box *box, const struct buf *archive)
{
	if (box_unpack(box, archive) < 0) {
		fail_msg("refused: %s", box->err.text);
	}
}

/* Refused as an archive, with this in the text; 'in' is empty again afterwards. */
BOX void
box_assert_refused(struct box *box, const struct buf *archive, const char *text)
{
	if (box_unpack(box, archive) == 0) {
		fail_msg("not refused, though it should say: %s", text);
	}
	if (strstr(box->err.text, text) == NULL || box->err.kind != ERR_ARCHIVE) {
		fail_msg("kind %d, '%s' should say '%s'", (int)box->err.kind, box->err.text, text);
	}
	box_clear(box);
}

#define BOX_TEST(name) cmocka_unit_test_setup_teardown(name, box_setup, box_teardown)

#endif
