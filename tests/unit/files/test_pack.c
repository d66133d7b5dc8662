/* A folder, packed in each of the four kinds and unpacked as the agent does it. */
#include "unit/files/packing.h"

#include <sys/xattr.h>
#include <time.h>

enum { EARLIER = 1000000000, LATER = 1500000001 };

/* ---- what comes back ---- */

static void
pack_keeps_files_modes_folders_and_links(void **state)
{
	struct packing *packing = *state;

	packing_file(packing, "project/pipeline.json", "{}\n");
	packing_file(packing, "project/empty", "");
	packing_bytes(packing, "project/featurize", "#!/bin/sh\n", 10, 0755);
	packing_folder(packing, "project/src");
	packing_folder(packing, "project/src/nothing");
	packing_file(packing, "project/src/main.py", "print('hello')\n");
	packing_link(packing, "project/src/config", "../pipeline.json");
	packing_link(packing, "project/latest", "src/nothing");
	packing_link(packing, "project/dangling", "not/there");
	packing_link(packing, "project/itself", ".");
	packing_assert_round_trip(packing, PACK_TIME);
	assert_int_equal(packing->report.files, 4);
	assert_int_equal(packing->report.folders, 2);
	assert_int_equal(packing->report.links, 4);
	assert_int_equal(packing->report.bytes, 3 + 10 + 15);
	assert_int_equal(packing->report.left_count, 0);
}

static void
pack_keeps_names_of_every_shape(void **state)
{
	static const char *const names[] = {"a b", " ", "-rf", "#!", "colon:", "tab\there", "line\nbreak", "\x1b[31m",
	    "gr\xc3\xbc\xc3\x9f", "\xe6\x97\xa5\xe6\x9c\xac", "\xf0\x9f\x9a\x82.py", "...", "a.", "PaxHeader"};
	struct packing *packing = *state;
	char path[PACKING_PATH];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		(void)snprintf(path, sizeof(path), "project/%s", names[i]);
		packing_file(packing, path, names[i]);
	}
	packing_folder(packing, "project/\xc3\xa9t\xc3\xa9");
	packing_link(packing, "project/\xc3\xa9t\xc3\xa9/link", "../gr\xc3\xbc\xc3\x9f");
	packing_assert_round_trip(packing, PACK_TIME);
}

/* A name of 'len' bytes that says its length at its end, in storage of its own. */
static const char *
name_of(char name[300], int len)
{
	memset(name, '0', (size_t)len);
	for (int i = len - 1, rest = len; rest > 0; rest /= 10, i--) {
		name[i] = (char)('0' + rest % 10);
	}
	name[len] = '\0';
	return name;
}

/* Around each length at which a tar header needs another form: 100 bytes of name, 155 of prefix, what the unpacker takes at most. */
static void
pack_keeps_long_names(void **state)
{
	struct packing *packing = *state;
	char path[PACKING_PATH + 4096] = "project";
	char name[300];
	char inner[300];

	for (int len = 97; len <= 103; len++) {
		(void)snprintf(path, sizeof(path), "project/%s", name_of(name, len));
		packing_file(packing, path, "x");
		(void)snprintf(path, sizeof(path), "project/folder-%s", name);
		packing_folder(packing, path);
		(void)snprintf(path, sizeof(path), "project/link-%d", len);
		packing_link(packing, path, name);
	}
	(void)snprintf(path, sizeof(path), "project/%s", name_of(name, 255));
	packing_file(packing, path, "x");
	for (int len = 150; len <= 157; len++) {
		(void)snprintf(path, sizeof(path), "project/%s", name_of(name, len));
		packing_folder(packing, path);
		(void)snprintf(path, sizeof(path), "project/%s/%s", name, name_of(inner, 99 + len % 3));
		packing_file(packing, path, "y");
	}
	packing_assert_round_trip(packing, PACK_TIME);
}

static void
pack_keeps_paths_and_links_up_to_what_is_unpacked(void **state)
{
	struct packing *packing = *state;
	CLEAN_FD fd = open(packing_path(packing, "project"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char name[256];
	char target[PATH_BYTES_MAX];

	/* 16 folders of 252 bytes: with the last name that is the longest path there may be. */
	(void)snprintf(name, sizeof(name), "%0252d", 7);
	for (int i = 0; i < 16; i++) {
		assert_int_equal(mkdirat(fd, name, 0755), 0);
		int next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		fd_close(&fd);
		fd = next;
	}
	(void)snprintf(name, sizeof(name), "%047d", 8);
	int file = openat(fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(write(file, "deep", 4), 4);
	fd_close(&file);
	(void)snprintf(target, sizeof(target), "%04094d", 0);
	for (size_t i = 200; i < strlen(target); i += 200) {
		target[i] = '/';
	}
	packing_link(packing, "project/long", target);
	packing_assert_round_trip(packing, PACK_TIME);

	(void)snprintf(name, sizeof(name), "%048d", 9);
	file = openat(fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	fd_close(&file);
	for (int i = 0; i < PACKING_KINDS; i++) {
		assert_int_equal(unlink(packing_path(packing, packing_archives[i])), 0);
	}
	packing_assert_refused(packing, ERR_ARCHIVE, "the name is too long to be unpacked");
}

static void
pack_keeps_large_files_of_every_size(void **state)
{
	static const size_t sizes[] = {1, 511, 512, 513, 65535, 65536, 65537, 131071, 131072, 131073, 5000000};
	struct packing *packing = *state;
	unsigned char *bytes = malloc(sizes[ARRAY_LEN(sizes) - 1]);
	uint32_t random = 1;

	assert_non_null(bytes);
	for (size_t i = 0; i < sizes[ARRAY_LEN(sizes) - 1]; i++) {
		random = random * 1664525 + 1013904223;
		bytes[i] = (unsigned char)(i % 3000 < 1000 ? random >> 24 : i / 100);
	}
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		char name[PACKING_PATH];

		(void)snprintf(name, sizeof(name), "project/%zu.bin", sizes[i]);
		packing_bytes(packing, name, bytes, sizes[i], 0644);
	}
	free(bytes);
	packing_assert_round_trip(packing, PACK_TIME);
	assert_true(packing->report.size < packing->report.bytes);
}

static void
pack_says_the_size_and_digest_of_the_file(void **state)
{
	struct packing *packing = *state;

	packing_file(packing, "project/a", "a");
	for (int at = 0; at < PACKING_KINDS; at++) {
		const char *archive = packing_archives[at];
		CLEAN_BUF bytes = {0};
		struct err err = {0};
		unsigned char sum[SHA256_BYTES];
		char hex[SHA256_HEX];

		packing_assert_packs(packing, archive);
		buf_init(&bytes, PACKING_TEXT_MAX);
		assert_int_equal(fd_read_file(AT_FDCWD, packing_path(packing, archive), &bytes, &err), 0);
		sha256_of(bytes.data, bytes.len, sum);
		hex_encode(hex, sum, sizeof(sum));
		assert_string_equal(packing->report.sha256, hex);
		assert_int_equal(packing->report.size, bytes.len);
	}
}

static void
pack_gives_every_entry_the_time_that_was_asked_for(void **state)
{
	struct packing *packing = *state;

	packing_file(packing, "project/a", "a");
	packing_folder(packing, "project/b");
	packing_assert_round_trip(packing, EARLIER);
	packing_assert_round_trip(packing, LATER);
	packing_assert_round_trip(packing, 0);
}

/* ---- the same bytes ---- */

static void
fill_for_comparison(const struct packing *packing, const char *folder, int backwards)
{
	char path[PACKING_PATH];

	for (int i = 0; i < 20; i++) {
		int at = backwards ? 19 - i : i;

		(void)snprintf(path, sizeof(path), "%s/%c", folder, 'a' + at);
		if (at % 4 == 1) {
			packing_folder(packing, path);
			(void)snprintf(path, sizeof(path), "%s/%c/z", folder, 'a' + at);
		}
		if (at % 4 == 2) {
			packing_link(packing, path, "a");
		} else {
			packing_bytes(packing, path, path + strlen(path) - 1, 1, at % 4 == 3 ? 0755 : 0644);
		}
	}
}

static void
assert_same_digests(struct packing *packing, const char *other, const char *what)
{
	for (int at = 0; at < PACKING_KINDS; at++) {
		const char *archive = packing_archives[at];
		char first[SHA256_HEX];

		packing_assert_packs(packing, archive);
		memcpy(first, packing->report.sha256, sizeof(first));
		assert_int_equal(packing_pack_at(packing, other, archive, PACK_TIME), 0);
		if (strcmp(first, packing->report.sha256) != 0) {
			fail_msg("%s differs by %s", archive, what);
		}
	}
}

static void
pack_does_not_depend_on_the_order_of_the_folder(void **state)
{
	struct packing *packing = *state;

	packing_folder(packing, "other");
	fill_for_comparison(packing, "project", 0);
	fill_for_comparison(packing, "other", 1);
	assert_same_digests(packing, "other", "order");
}

static void
pack_does_not_depend_on_times_modes_hard_links_and_attributes(void **state)
{
	struct packing *packing = *state;
	const struct timespec times[2] = {{.tv_sec = 5}, {.tv_sec = 7, .tv_nsec = 9}};

	packing_folder(packing, "other");
	fill_for_comparison(packing, "project", 0);
	fill_for_comparison(packing, "other", 0);
	assert_int_equal(chmod(packing_path(packing, "other/a"), 0460), 0);
	assert_int_equal(chmod(packing_path(packing, "other/d"), 06711), 0);
	assert_int_equal(chmod(packing_path(packing, "other/b"), 02700), 0);
	assert_int_equal(utimensat(AT_FDCWD, packing_path(packing, "other/a"), times, 0), 0);
	assert_int_equal(utimensat(AT_FDCWD, packing_path(packing, "other/b"), times, 0), 0);
	assert_int_equal(utimensat(AT_FDCWD, packing_path(packing, "other/c"), times, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(link(packing_path(packing, "other/e"), packing_path(packing, "out/e")), 0);
	(void)setxattr(packing_path(packing, "other/a"), "user.note", "x", 1, 0);
	assert_same_digests(packing, "other", "times, modes or links");
	assert_true(packing_has(packing, "out/e"));
}

static void
pack_makes_a_file_of_each_hard_link(void **state)
{
	struct packing *packing = *state;

	packing_file(packing, "project/a", "the same");
	assert_int_equal(link(packing_path(packing, "project/a"), packing_path(packing, "project/b")), 0);
	for (int at = 0; at < PACKING_KINDS; at++) {
		const char *archive = packing_archives[at];
		struct stat st;

		packing_assert_packs(packing, archive);
		packing_unpack(packing, archive);
		packing_assert_same(packing, PACK_TIME);
		assert_int_equal(stat(packing_path(packing, "back/b"), &st), 0);
		assert_int_equal(st.st_nlink, 1);
	}
}

static void
pack_does_not_depend_on_umask_time_zone_and_locale(void **state)
{
	struct packing *packing = *state;

	fill_for_comparison(packing, "project", 0);
	for (int at = 0; at < PACKING_KINDS; at++) {
		const char *archive = packing_archives[at];
		char first[SHA256_HEX];

		(void)umask(022);
		assert_int_equal(setenv("TZ", "America/St_Johns", 1), 0);
		tzset();
		packing_assert_packs(packing, archive);
		memcpy(first, packing->report.sha256, sizeof(first));
		(void)umask(077);
		assert_int_equal(setenv("TZ", "XYZ-11:30", 1), 0);
		tzset();
		packing_assert_packs(packing, archive);
		assert_string_equal(packing->report.sha256, first);
	}
	(void)umask(022);
	assert_int_equal(unsetenv("TZ"), 0);
}

/* Published digests stay right with a newer train: in a plain tar is no library that could change. Python's tarfile writes the same bytes. */
static void
pack_makes_the_tar_that_it_always_made(void **state)
{
	struct packing *packing = *state;
	char path[PACKING_PATH];

	fill_for_comparison(packing, "project", 0);
	(void)snprintf(path, sizeof(path), "project/%0200d", 1);
	packing_file(packing, path, "x");
	packing_assert_packs(packing, "out/code.tar");
	assert_string_equal(packing->report.sha256, "68bc643395b3d8d7f94fe4f0a55c5427242774b044097cf142de37c1488d1ba3");
}

/* ---- what was there before ---- */

static void
pack_leaves_the_old_archive_when_it_fails(void **state)
{
	struct packing *packing = *state;

	packing_folder(packing, "project/src");
	assert_int_equal(mkfifo(packing_path(packing, "project/src/pipe"), 0644), 0);
	for (int at = 0; at < PACKING_KINDS; at++) {
		const char *archive = packing_archives[at];
		struct stat st;

		packing_file(packing, archive, "old");
		assert_int_equal(packing_pack(packing, archive), -1);
		assert_int_equal(stat(packing_path(packing, archive), &st), 0);
		assert_int_equal(st.st_size, 3);
		assert_int_equal(unlink(packing_path(packing, archive)), 0);
		assert_int_equal(packing_count(packing, "out"), 0);
	}
}

static void
pack_replaces_the_old_archive_and_leaves_nothing_beside_it(void **state)
{
	struct packing *packing = *state;

	packing_file(packing, "project/a", "a");
	packing_folder(packing, "other");
	packing_file(packing, "other/mine", "mine");
	for (int at = 0; at < PACKING_KINDS; at++) {
		const char *archive = packing_archives[at];
		packing_link(packing, archive, "../other/mine");
		packing_assert_packs(packing, archive);
		packing_unpack(packing, archive);
		packing_assert_same(packing, PACK_TIME);
		assert_int_equal(unlink(packing_path(packing, archive)), 0);
		assert_int_equal(packing_count(packing, "out"), 0);
	}
	struct stat st;
	assert_int_equal(stat(packing_path(packing, "other/mine"), &st), 0);
	assert_int_equal(st.st_size, 4);
}

static void
pack_names_the_place_that_cannot_be_written(void **state)
{
	struct packing *packing = *state;

	packing_file(packing, "project/a", "a");
	assert_int_equal(packing_pack(packing, "nowhere/code.tar"), -1);
	assert_int_equal(packing->err.kind, ERR_IO);
	assert_non_null(strstr(packing->err.text, "nowhere/code.tar"));
	packing_folder(packing, "out/code.tar");
	assert_int_equal(packing_pack(packing, "out/code.tar"), -1);
	assert_int_equal(packing->err.kind, ERR_IO);
	assert_non_null(strstr(packing->err.text, "Is a directory"));
}

/* ---- who wants to know how far it is ---- */

struct seen {
	int64_t first, last, all;
	int calls;
};

static void
see(void *self, int64_t done, int64_t all)
{
	struct seen *seen = self;

	if (seen->calls++ == 0) {
		seen->first = done;
	}
	assert_true(done >= seen->last && done <= all);
	assert_true(seen->calls == 1 || all == seen->all);
	seen->last = done;
	seen->all = all;
}

static void
pack_tells_how_far_it_is(void **state)
{
	static char bytes[200000];
	struct packing *packing = *state;

	packing_bytes(packing, "project/big", bytes, sizeof(bytes), 0644);
	packing_file(packing, "project/empty", "");
	packing_folder(packing, "project/pkg");
	packing_file(packing, "project/pkg/small", "12345");
	packing_folder(packing, "project/data");
	packing_file(packing, "project/data/left", "not counted");
	for (int i = 0; i < PACKING_KINDS; i++) {
		CLEAN_FD fd = open(packing_path(packing, "project"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		struct seen seen = {.first = -1};
		struct pack_wish wish = {.dir_fd = fd,
		    .dir = "project",
		    .file = packing_path(packing, packing_archives[i]),
		    .mtime = PACK_TIME,
		    .moved = see,
		    .self = &seen};

		pack_report_release(&packing->report);
		assert_int_equal(pack_kind(wish.file, &wish.kind, &packing->err), 0);
		assert_int_equal(pack_folder(&wish, &packing->report, &packing->err), 0);
		assert_int_equal(seen.first, 0);
		assert_int_equal(seen.last, sizeof(bytes) + 5);
		assert_int_equal(seen.all, sizeof(bytes) + 5);
		assert_true(seen.calls > 3);
	}
}

/* ---- what was asked for ---- */

static void
pack_kind_is_told_by_the_suffix(void **state)
{
	struct err err = {0};
	enum kind kind = KIND_UNKNOWN;

	(void)state;
	assert_int_equal(pack_kind("a/code.tar.zst", &kind, &err), 0);
	assert_int_equal(kind, KIND_TAR_ZST);
	assert_int_equal(pack_kind("code.tar.gz", &kind, &err), 0);
	assert_int_equal(kind, KIND_TAR_GZ);
	assert_int_equal(pack_kind("code.tar", &kind, &err), 0);
	assert_int_equal(kind, KIND_TAR);
	assert_int_equal(pack_kind("code.v1.zip", &kind, &err), 0);
	assert_int_equal(kind, KIND_ZIP);
	static const char *const bad[] = {"code", "code.tgz", "code.tar.xz", "codezip", "code.ZIP", "", ".tar.", "tar"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		err_clear(&err);
		assert_int_equal(pack_kind(bad[i], &kind, &err), -1);
		assert_int_equal(err.kind, ERR_USAGE);
		assert_non_null(strstr(err.text, ".tar.zst, .tar.gz, .tar or .zip"));
	}
}

static void
pack_time_is_that_of_source_date_epoch(void **state)
{
	static const char *const bad[] = {"now", "-1", "1.5", " 1", "1 ", "8589934592", "99999999999999999999999999"};
	struct err err = {0};
	int64_t mtime = 0;

	(void)state;
	assert_int_equal(pack_time(NULL, &mtime, &err), 0);
	assert_int_equal(mtime, PACK_TIME);
	assert_int_equal(pack_time("", &mtime, &err), 0);
	assert_int_equal(mtime, PACK_TIME);
	assert_int_equal(pack_time("0", &mtime, &err), 0);
	assert_int_equal(mtime, 0);
	assert_int_equal(pack_time("8589934591", &mtime, &err), 0);
	assert_int_equal(mtime, PACK_TIME_MAX);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		err_clear(&err);
		assert_int_equal(pack_time(bad[i], &mtime, &err), -1);
		assert_int_equal(err.kind, ERR_SETTINGS);
		assert_non_null(strstr(err.text, bad[i]));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    PACKING_TEST(pack_keeps_files_modes_folders_and_links),
	    PACKING_TEST(pack_keeps_names_of_every_shape),
	    PACKING_TEST(pack_keeps_long_names),
	    PACKING_TEST(pack_keeps_paths_and_links_up_to_what_is_unpacked),
	    PACKING_TEST(pack_keeps_large_files_of_every_size),
	    PACKING_TEST(pack_says_the_size_and_digest_of_the_file),
	    PACKING_TEST(pack_gives_every_entry_the_time_that_was_asked_for),
	    PACKING_TEST(pack_does_not_depend_on_the_order_of_the_folder),
	    PACKING_TEST(pack_does_not_depend_on_times_modes_hard_links_and_attributes),
	    PACKING_TEST(pack_makes_a_file_of_each_hard_link),
	    PACKING_TEST(pack_does_not_depend_on_umask_time_zone_and_locale),
	    PACKING_TEST(pack_makes_the_tar_that_it_always_made),
	    PACKING_TEST(pack_leaves_the_old_archive_when_it_fails),
	    PACKING_TEST(pack_replaces_the_old_archive_and_leaves_nothing_beside_it),
	    PACKING_TEST(pack_names_the_place_that_cannot_be_written),
	    PACKING_TEST(pack_tells_how_far_it_is),
	    cmocka_unit_test(pack_kind_is_told_by_the_suffix),
	    cmocka_unit_test(pack_time_is_that_of_source_date_epoch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
