/*
 * A project folder for one test, packed and unpacked again: 'project' is what is packed, 'out' gets archives, 'back' what is unpacked.
 */
#ifndef TESTS_UNIT_FILES_PACKING_H
#define TESTS_UNIT_FILES_PACKING_H

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

#include "base/buf.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/stream.h"
#include "files/pack.h"
#include "files/remover.h"
#include "files/unpack.h"

#define PACKING __attribute__((unused)) static

enum { PACKING_PATH = 512, PACKING_TEXT_MAX = 1 << 20, PACKING_KINDS = 4 };

static const char *const packing_archives[PACKING_KINDS] = {
    "out/code.tar", "out/code.tar.gz", "out/code.tar.zst", "out/code.zip"};

struct packing {
	char path[PACKING_PATH];
	struct pack_report report;
	struct err err;
};

/* "<folder>/<name>" until the fourth call from now. */
PACKING const char *
packing_path(const struct packing *packing, const char *name)
{
	static char paths[4][2 * PACKING_PATH + PATH_BYTES_MAX];
	static int next;

	next = (next + 1) % 4;
	(void)snprintf(paths[next], sizeof(paths[next]), "%s/%s", packing->path, name);
	return paths[next];
}

PACKING void
packing_folder(const struct packing *packing, const char *name)
{
	if (mkdir(packing_path(packing, name), 0777) < 0) {
		fail_msg("cannot make %s", name);
	}
}

/* In memory where the machine has that: there a folder is read in the order in which it was filled. */
PACKING int
packing_setup(void **state)
{
	struct packing *packing = calloc(1, sizeof(*packing));
	const char *tmp = getenv("TMPDIR");

	assert_non_null(packing);
	(void)umask(022);
	tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : tmp != NULL ? tmp : "/tmp";
	(void)snprintf(packing->path, sizeof(packing->path), "%s/train-pack-XXXXXX", tmp);
	assert_non_null(mkdtemp(packing->path));
	packing_folder(packing, "project");
	packing_folder(packing, "out");
	*state = packing;
	return 0;
}

/* Names in it may be longer than what a path of the kernel takes. */
PACKING void
packing_remove(const struct packing *packing, const char *name)
{
	CLEAN_FD fd = open(packing->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct err err = {0};

	if (remover_remove(fd, name, &err) < 0) {
		fail_msg("%s", err.text);
	}
}

PACKING int
packing_teardown(void **state)
{
	struct packing *packing = *state;

	pack_report_release(&packing->report);
	packing_remove(packing, "project");
	packing_remove(packing, "out");
	packing_remove(packing, "back");
	packing_remove(packing, "other");
	assert_int_equal(rmdir(packing->path), 0);
	free(packing);
	return 0;
}

#define PACKING_TEST(name) cmocka_unit_test_setup_teardown(name, packing_setup, packing_teardown)

/* ---- filling the folder ---- */

PACKING void
packing_bytes(const struct packing *packing, const char *name, const void *bytes, size_t len, mode_t mode)
{
	CLEAN_FD fd = open(packing_path(packing, name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, bytes, len), 0);
	assert_int_equal(fchmod(fd, mode), 0);
}

PACKING void
packing_file(const struct packing *packing, const char *name, const char *text)
{
	packing_bytes(packing, name, text, strlen(text), 0644);
}

PACKING void
packing_link(const struct packing *packing, const char *name, const char *target)
{
	assert_int_equal(symlink(target, packing_path(packing, name)), 0);
}

/* ---- packing and unpacking ---- */

PACKING int
packing_pack_at(struct packing *packing, const char *folder, const char *archive, int64_t mtime)
{
	CLEAN_FD fd = open(packing_path(packing, folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct pack_wish wish = {.dir_fd = fd, .dir = folder, .file = packing_path(packing, archive), .mtime = mtime};

	assert_true(fd >= 0);
	packing->err = (struct err){0};
	pack_report_release(&packing->report);
	assert_int_equal(pack_kind(archive, &wish.kind, &packing->err), 0);
	int result = pack_folder(&wish, &packing->report, &packing->err);
	assert_true(result == 0 || (result == -1 && packing->err.kind != ERR_NONE && packing->err.text[0] != '\0'));
	return result;
}

PACKING int
packing_pack(struct packing *packing, const char *archive)
{
	return packing_pack_at(packing, "project", archive, PACK_TIME);
}

PACKING void
packing_assert_packs(struct packing *packing, const char *archive)
{
	if (packing_pack(packing, archive) < 0) {
		fail_msg("not packed: %s", packing->err.text);
	}
}

/* How many entries a folder has. */
PACKING int
packing_count(const struct packing *packing, const char *name)
{
	DIR *dir = opendir(packing_path(packing, name));
	int count = -2; /* "." and ".." */

	assert_non_null(dir);
	while (readdir(dir) != NULL) {
		count++;
	}
	(void)closedir(dir);
	return count;
}

/* Refused with these words, and nothing lies where the archive would. */
PACKING void
packing_assert_refused(struct packing *packing, enum err_kind kind, const char *text)
{
	for (int i = 0; i < PACKING_KINDS; i++) {
		if (packing_pack(packing, packing_archives[i]) == 0) {
			fail_msg("%s was packed, though it should say: %s", packing_archives[i], text);
		}
		if (packing->err.kind != kind || strstr(packing->err.text, text) == NULL) {
			fail_msg("kind %d, '%s' should say '%s'", (int)packing->err.kind, packing->err.text, text);
		}
		assert_int_equal(packing_count(packing, "out"), 0);
	}
}

/* Unpacks as the agent does, into a fresh 'back'. */
PACKING void
packing_unpack(struct packing *packing, const char *archive)
{
	CLEAN_FD fd = open(packing_path(packing, archive), O_RDONLY | O_CLOEXEC);
	CLEAN_FD spool = open(packing_path(packing, "out"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	struct fd_source file;
	struct source source = fd_source_init(&file, fd, archive);
	struct unpacked unpacked;
	struct budget budget;
	struct unpack_wish wish = {
	    .limits = {.bytes_max = 1 << 30, .entries_max = 100000},
	    .window_max = 12 << 20, /* a quarter of the default fetch-memory */
	    .spool_fd = spool,
	    .budget = &budget,
	};

	budget_init(&budget, 48 << 20);
	assert_true(fd >= 0 && spool >= 0);
	if (stat(packing_path(packing, "back"), &st) == 0) {
		packing_remove(packing, "back");
	}
	packing_folder(packing, "back");
	CLEAN_FD back = open(packing_path(packing, "back"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (unpack(&source, back, &wish, &unpacked, &packing->err) < 0) {
		fail_msg("%s was refused: %s", archive, packing->err.text);
	}
	assert_true(budget_is_whole(&budget));
}

/* ---- looking at a folder ---- */

PACKING int
packing_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

PACKING void packing_describe(int fd, const char *path, int64_t mtime, struct buf *out);

PACKING void
packing_describe_one(int fd, const char *name, const char *path, int64_t mtime, struct buf *out)
{
	char target[PATH_BYTES_MAX] = "";
	struct stat st;

	assert_int_equal(fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	if (mtime >= 0 && !S_ISLNK(st.st_mode) && st.st_mtime != mtime) {
		fail_msg("%s has the time %lld", path, (long long)st.st_mtime);
	}
	buf_printf(out, "%s %06o", path, st.st_mode);
	if (S_ISLNK(st.st_mode)) {
		assert_true(readlinkat(fd, name, target, sizeof(target) - 1) > 0);
		buf_printf(out, " -> %s\n", target);
	} else if (S_ISREG(st.st_mode)) {
		CLEAN_BUF bytes = {0};
		struct err err = {0};
		unsigned char sum[SHA256_BYTES];
		char hex[SHA256_HEX];

		buf_init(&bytes, 64 << 20);
		assert_int_equal(fd_read_file(fd, name, &bytes, &err), 0);
		sha256_of(buf_text(&bytes), bytes.len, sum);
		hex_encode(hex, sum, sizeof(sum));
		buf_printf(out, " %zu %s\n", bytes.len, hex);
	} else {
		CLEAN_FD below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		buf_addc(out, '\n');
		packing_describe(below, path, mtime, out);
	}
}

/* A line for everything below the folder: path, mode, and content or target; all of one time unless 'mtime' is -1. */
PACKING void
packing_describe(int fd, const char *path, int64_t mtime, struct buf *out)
{
	DIR *dir = fdopendir(fcntl(fd, F_DUPFD_CLOEXEC, 0));
	char **names = calloc(100000, sizeof(*names));
	size_t count = 0;

	assert_non_null(dir);
	assert_non_null(names);
	for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
			names[count++] = strdup(entry->d_name);
		}
	}
	(void)closedir(dir);
	qsort(names, count, sizeof(*names), packing_compare);
	for (size_t i = 0; i < count; i++) {
		char below[PATH_BYTES_MAX];

		(void)snprintf(below, sizeof(below), "%s%s%s", path, *path != '\0' ? "/" : "", names[i]);
		packing_describe_one(fd, names[i], below, mtime, out);
		free(names[i]);
	}
	free(names);
}

/* The description of a folder; free it. */
PACKING char *
packing_tree(const struct packing *packing, const char *folder, int64_t mtime)
{
	CLEAN_FD fd = open(packing_path(packing, folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	CLEAN_BUF text = {0};

	assert_true(fd >= 0);
	buf_init(&text, PACKING_TEXT_MAX);
	packing_describe(fd, "", mtime, &text);
	assert_false(text.full);
	return strdup(buf_text(&text));
}

/* What was packed and unpacked is the project again, all of the time 'mtime'. */
PACKING void
packing_assert_same(const struct packing *packing, int64_t mtime)
{
	char *before = packing_tree(packing, "project", -1);
	char *after = packing_tree(packing, "back", mtime);

	assert_string_equal(after, before);
	free(before);
	free(after);
}

PACKING int
packing_has(const struct packing *packing, const char *name)
{
	struct stat st;

	return lstat(packing_path(packing, name), &st) == 0;
}

PACKING void
packing_assert_round_trip(struct packing *packing, int64_t mtime)
{
	for (int at = 0; at < PACKING_KINDS; at++) {
		const char *archive = packing_archives[at];
		if (packing_pack_at(packing, "project", archive, mtime) < 0) {
			fail_msg("%s: %s", archive, packing->err.text);
		}
		packing_unpack(packing, archive);
		packing_assert_same(packing, mtime);
	}
}

#endif
