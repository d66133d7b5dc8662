/* The archive's file while it grows: never half of it at its place, nothing beside it afterwards. */
#include "unit/files/packing.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "files/pack_out.h"

enum { SMALL = 1 << 18, CHILD_SKIPS = 42 };

static void
fill_out(struct pack_out *out, size_t bytes)
{
	struct sink sink = pack_out_sink(out);
	struct err err = {0};

	for (size_t i = 0; i < bytes; i++) {
		assert_int_equal(sink_write(&sink, &"abcdefghij"[i % 10], 1, &err), 0);
	}
}

static void
out_appears_whole_or_not_at_all(void **state)
{
	struct packing *packing = *state;
	CLEAN_PACK_OUT out = {.dir_fd = -1, .fd = -1};
	struct err err = {0};
	char sha256[SHA256_HEX];
	struct stat st;

	packing_file(packing, "out/a.tar", "old");
	assert_int_equal(pack_out_open(&out, packing_path(packing, "out/a.tar"), &err), 0);
	fill_out(&out, 300000);
	assert_int_equal(stat(packing_path(packing, "out/a.tar"), &st), 0);
	assert_int_equal(st.st_size, 3);
	assert_int_equal(pack_out_at(&out), 300000);
	assert_int_equal(pack_out_finish(&out, sha256, &err), 0);
	pack_out_release(&out);
	assert_int_equal(stat(packing_path(packing, "out/a.tar"), &st), 0);
	assert_int_equal(st.st_size, 300000);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_int_equal(packing_count(packing, "out"), 1);
}

static void
out_without_finish_leaves_nothing(void **state)
{
	struct packing *packing = *state;
	CLEAN_PACK_OUT out = {.dir_fd = -1, .fd = -1};
	struct err err = {0};

	assert_int_equal(pack_out_open(&out, packing_path(packing, "out/a.tar"), &err), 0);
	fill_out(&out, 300000);
	pack_out_release(&out);
	assert_int_equal(packing_count(packing, "out"), 0);
}

/* What is patched may still be buffered, may be written, and the digest is that of what lies there in the end. */
static void
out_patches_what_was_appended(void **state)
{
	struct packing *packing = *state;
	static const int64_t places[] = {0, 1000, PACK_OUT_BUFFER - 10, PACK_OUT_BUFFER, 299990};
	CLEAN_PACK_OUT out = {.dir_fd = -1, .fd = -1};
	CLEAN_BUF bytes = {0};
	struct err err = {0};
	char sha256[SHA256_HEX];
	char hex[SHA256_HEX];
	unsigned char sum[SHA256_BYTES];

	assert_int_equal(pack_out_open(&out, packing_path(packing, "out/a.tar"), &err), 0);
	fill_out(&out, 300000);
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		assert_int_equal(pack_out_patch(&out, places[i], "PATCHEDBY?", 10, &err), 0);
	}
	assert_int_equal(pack_out_finish(&out, sha256, &err), 0);
	buf_init(&bytes, PACKING_TEXT_MAX);
	assert_int_equal(fd_read_file(AT_FDCWD, packing_path(packing, "out/a.tar"), &bytes, &err), 0);
	assert_int_equal(bytes.len, 300000);
	for (size_t i = 0; i < bytes.len; i++) {
		int patched = 0;

		for (size_t p = 0; p < ARRAY_LEN(places); p++) {
			patched |= (int64_t)i >= places[p] && (int64_t)i < places[p] + 10
			               ? "PATCHEDBY?"[(int64_t)i - places[p]]
			               : 0;
		}
		assert_int_equal(bytes.data[i], patched != 0 ? patched : "abcdefghij"[i % 10]);
	}
	sha256_of(bytes.data, bytes.len, sum);
	hex_encode(hex, sum, sizeof(sum));
	assert_string_equal(sha256, hex);
}

static void
out_obeys_the_umask(void **state)
{
	struct packing *packing = *state;
	CLEAN_PACK_OUT out = {.dir_fd = -1, .fd = -1};
	struct err err = {0};
	char sha256[SHA256_HEX];
	struct stat st;

	(void)umask(077);
	assert_int_equal(pack_out_open(&out, packing_path(packing, "out/a.tar"), &err), 0);
	assert_int_equal(pack_out_finish(&out, sha256, &err), 0);
	(void)umask(022);
	assert_int_equal(stat(packing_path(packing, "out/a.tar"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

/* A disk that takes no more, as far as this process is concerned. */
static void
out_says_when_nothing_more_can_be_written(void **state)
{
	struct packing *packing = *state;
	static unsigned char bytes[SMALL];
	struct rlimit before;
	struct err err = {0};
	CLEAN_PACK_OUT out = {.dir_fd = -1, .fd = -1};
	int result = 0;

	assert_int_equal(sigaction(SIGXFSZ, &(struct sigaction){.sa_handler = SIG_IGN}, NULL), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = SMALL, .rlim_max = before.rlim_max}), 0);
	assert_int_equal(pack_out_open(&out, packing_path(packing, "out/a.tar"), &err), 0);
	struct sink sink = pack_out_sink(&out);
	for (int i = 0; i < 3 && result == 0; i++) {
		result = sink_write(&sink, bytes, sizeof(bytes), &err);
	}
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(result, -1);
	assert_int_equal(err.sys, EFBIG);
	assert_non_null(strstr(err.text, "out/a.tar"));
	pack_out_release(&out);
	assert_int_equal(packing_count(packing, "out"), 0);
}

/* ---- without /proc a file without a name could get none ---- */

static int
has_unfinished(const struct packing *packing)
{
	DIR *dir = opendir(packing_path(packing, "out"));
	int found = 0;

	for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
		found |= strncmp(entry->d_name, "a.tar.", 6) == 0 && strstr(entry->d_name, PACK_OUT_BESIDE) != NULL;
	}
	(void)closedir(dir);
	return found;
}

static int
write_without_proc(const struct packing *packing)
{
	CLEAN_PACK_OUT out = {.dir_fd = -1, .fd = -1};
	CLEAN_PACK_OUT dropped = {.dir_fd = -1, .fd = -1};
	char sha256[SHA256_HEX];
	struct err err = {0};

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/proc", "tmpfs", 0, NULL) < 0) {
		return CHILD_SKIPS;
	}
	if (pack_out_open(&dropped, packing_path(packing, "out/a.tar"), &err) < 0 || !has_unfinished(packing)) {
		return 1;
	}
	pack_out_release(&dropped);
	if (packing_count(packing, "out") != 0) {
		return 2;
	}
	if (pack_out_open(&out, packing_path(packing, "out/a.tar"), &err) < 0 ||
	    pack_out_finish(&out, sha256, &err) < 0) {
		return 3;
	}
	return packing_count(packing, "out") == 1 && packing_has(packing, "out/a.tar") ? 0 : 4;
}

static void
out_has_a_name_beside_its_place_where_it_needs_one(void **state)
{
	struct packing *packing = *state;
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		_exit(write_without_proc(packing));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == CHILD_SKIPS) {
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    PACKING_TEST(out_appears_whole_or_not_at_all),
	    PACKING_TEST(out_without_finish_leaves_nothing),
	    PACKING_TEST(out_patches_what_was_appended),
	    PACKING_TEST(out_obeys_the_umask),
	    PACKING_TEST(out_says_when_nothing_more_can_be_written),
	    PACKING_TEST(out_has_a_name_beside_its_place_where_it_needs_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
