/* Removing what we made, whatever the pipeline left in it, and nothing else. */
#include "unit/base/apart.h"
#include "unit/files/box.h"

#include <sys/resource.h>

#include "base/clock.h"
#include "files/remover.h"

enum { DEEP = 1500, FEW_DESCRIPTORS = 128, MANY_NAMES = 3000 };

/* Folders inside folders, each with a file, and with these bits at last. */
static int
make_deep(int dir_fd, const char *name, int depth, mode_t mode)
{
	CLEAN_FD at = -1;

	if (mkdirat(dir_fd, name, 0700) < 0) {
		return -1;
	}
	at = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < depth && at >= 0; i++) {
		int next = mkdirat(at, "d", 0700) == 0 ? openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
		int file = openat(at, "f", O_WRONLY | O_CREAT | O_CLOEXEC, 0400);

		if (file < 0 || fchmod(at, mode) < 0) {
			fd_close(&next);
		}
		fd_close(&file);
		fd_close(&at);
		at = next;
	}
	return at >= 0 ? 0 : -1;
}

static void
remove_takes_everything_and_follows_no_link(void **state)
{
	struct box *box = *state;
	struct err err = {0};

	assert_int_equal(mkdirat(box->in_fd, "go", 0755), 0);
	assert_int_equal(mkdirat(box->in_fd, "go/sub", 0755), 0);
	assert_int_equal(mkdirat(box->in_fd, "stay", 0755), 0);
	assert_int_equal(fd_write_file(box->in_fd, "stay/file", "x", 1, 0644, &err), 0);
	assert_int_equal(fd_write_file(box->in_fd, "go/sub/file", "x", 1, 0000, &err), 0);
	assert_int_equal(symlinkat("../stay", box->in_fd, "go/link"), 0);
	assert_int_equal(symlinkat("../../stay/file", box->in_fd, "go/sub/link"), 0);
	assert_int_equal(symlinkat("nowhere", box->in_fd, "go/dangling"), 0);
	assert_int_equal(mkfifoat(box->in_fd, "go/fifo", 0600), 0);
	assert_int_equal(linkat(box->in_fd, "stay/file", box->in_fd, "go/hard", 0), 0);
	assert_int_equal(remover_remove(box->in_fd, "go", &err), 0);
	assert_false(box_has(box, "go"));
	assert_string_equal(box_read(box, "stay/file"), "x");
	assert_int_equal(err.kind, ERR_NONE);
}

/* Who filled the folder must not decide how long a job takes to end. */
static void
remove_until_a_moment_leaves_and_names_the_rest(void **state)
{
	struct box *box = *state;
	struct err err = {0};

	assert_int_equal(make_deep(box->in_fd, "go", 3, 0755), 0);
	assert_int_equal(remover_remove_until(box->in_fd, "go", clock_now_ms() - 1, &err), -1);
	assert_int_equal(err.kind, ERR_IO);
	assert_non_null(strstr(err.text, "too much for the time that is left"));
	assert_true(box_has(box, "go/d/d/d") && box_has(box, "go/f"));
	assert_int_equal(remover_remove_until(box->in_fd, "go", DEADLINE_NEVER, &err), 0);
	assert_false(box_has(box, "go"));
}

static void
remove_of_what_is_not_there_is_done(void **state)
{
	struct box *box = *state;
	struct err err = {0};

	assert_int_equal(remover_remove(box->in_fd, "nothing", &err), 0);
	assert_int_equal(err.kind, ERR_NONE);
}

static void
remove_of_a_link_touches_neither_it_nor_its_target(void **state)
{
	struct box *box = *state;
	struct err err = {0};

	assert_int_equal(mkdirat(box->in_fd, "target", 0755), 0);
	assert_int_equal(symlinkat("target", box->in_fd, "link"), 0);
	assert_int_equal(remover_remove(box->in_fd, "link", &err), -1);
	assert_int_equal(err.kind, ERR_IO);
	assert_non_null(strstr(err.text, "'link'"));
	assert_true(box_has(box, "link") && box_has(box, "target"));
}

static void
remove_needs_few_descriptors_however_deep_it_is(void **state)
{
	struct box *box = *state;
	struct err err = {0};
	struct rlimit before, few;

	assert_int_equal(make_deep(box->in_fd, "deep", DEEP, 0755), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = (struct rlimit){.rlim_cur = FEW_DESCRIPTORS, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	int result = remover_remove(box->in_fd, "deep", &err);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_string_equal(err.text, "");
	assert_int_equal(result, 0);
	assert_int_equal(box_count(box, "in"), 0);
}

/* Folders in the box that an ordinary user may write. */
static int
make_own(const struct box *box, const char *name)
{
	if (fchmod(box->fd, 0755) < 0 || fchmod(box->in_fd, 0755) < 0 || mkdirat(box->in_fd, name, 0755) < 0) {
		return -1;
	}
	return geteuid() == 0 ? fchownat(box->in_fd, name, APART_NOBODY, APART_NOBODY, 0) : 0;
}

/* The folder "own", and from now on we are that user. */
static int
open_own(const struct box *box)
{
	return make_own(box, "own") == 0 && apart_as_nobody() == 0
	           ? openat(box->in_fd, "own", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
	           : -1;
}

/* As an ordinary user: folders without write, without search, without any bit; deeper than descriptors are held. */
static int
remove_read_only(void *self)
{
	static const char *const names[] = {"deep/0", "deep/1", "deep/2", "deep/3", "deep/4", "deep/5", "deep/6"};
	CLEAN_FD fd = open_own(self);
	struct err err = {0};

	APART_CHECK(fd >= 0);
	APART_CHECK(make_deep(fd, "deep", 150, 0555) == 0 && fchmodat(fd, "deep", 0755, 0) == 0);
	for (size_t mode = 0; mode < ARRAY_LEN(names); mode++) {
		APART_CHECK(make_deep(fd, names[mode], 1, (mode_t)(mode << 6)) == 0);
	}
	APART_CHECK(fchmodat(fd, "deep", 0555, 0) == 0);
	int result = remover_remove(fd, "deep", &err);
	APART_CHECK(err.text[0] == '\0' && result == 0);
	APART_CHECK(mkdirat(fd, "closed", 0700) == 0 && fchmodat(fd, "closed", 0, 0) == 0);
	APART_CHECK(remover_remove(fd, "closed", &err) == 0);
	return 0;
}

static void
remove_opens_what_was_closed_against_its_owner(void **state)
{
	apart(remove_read_only, *state);
}

/* What belongs to somebody else stays, and is said. */
static int
remove_foreign(void *self)
{
	const struct box *box = self;
	struct err err = {0};

	if (geteuid() != 0) {
		return APART_SKIPPED;
	}
	APART_CHECK(mkdirat(box->in_fd, "roots", 0755) == 0 && mkdirat(box->in_fd, "roots/inner", 0755) == 0);
	CLEAN_FD fd = open_own(box);
	APART_CHECK(fd >= 0);
	APART_CHECK(remover_remove(box->in_fd, "roots", &err) == -1);
	APART_CHECK(err.kind == ERR_IO && strstr(err.text, "'inner'") != NULL);
	APART_CHECK(box_has(box, "roots/inner"));
	return 0;
}

static void
remove_says_what_stays(void **state)
{
	apart(remove_foreign, *state);
}

/* ---- mounts ---- */

/* Mounts of our own, in a view of the box that sees them: descriptors from before look into the old one. */
static int
enter_mounts(struct box *box)
{
	if (apart_mounts() < 0) {
		return -1;
	}
	fd_close(&box->in_fd);
	box->in_fd = open(box_path(box, "in"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return box->in_fd >= 0 ? 0 : -1;
}

/* A folder "go" with a mount of another file system, one of the same, and a mounted file. */
static int
make_mounts(const struct box *box)
{
	struct err err = {0};

	APART_CHECK(mkdirat(box->in_fd, "go", 0755) == 0 && mkdirat(box->in_fd, "go/first", 0755) == 0);
	APART_CHECK(mkdirat(box->in_fd, "go/second", 0755) == 0 && mkdirat(box->in_fd, "same", 0755) == 0);
	APART_CHECK(fd_write_file(box->in_fd, "go/plain", "x", 1, 0644, &err) == 0);
	APART_CHECK(fd_write_file(box->in_fd, "go/third", "x", 1, 0644, &err) == 0);
	APART_CHECK(fd_write_file(box->in_fd, "same/file", "same", 4, 0644, &err) == 0);
	APART_CHECK(chdir(box_path(box, "in")) == 0);
	APART_CHECK(mount("none", "go/first", "tmpfs", 0, "size=64k,mode=0755") == 0);
	APART_CHECK(fd_write_file(AT_FDCWD, "go/first/file", "other", 5, 0644, &err) == 0);
	APART_CHECK(mount("same", "go/second", NULL, MS_BIND, NULL) == 0);
	APART_CHECK(mount("same/file", "go/third", NULL, MS_BIND, NULL) == 0);
	return 0;
}

static int
mounts_are_whole(void)
{
	APART_CHECK(access("go/first/file", F_OK) == 0);
	APART_CHECK(access("go/second/file", F_OK) == 0 && access("same/file", F_OK) == 0);
	APART_CHECK(access("go/third", F_OK) == 0);
	return 0;
}

static int
remove_around_mounts(void *self)
{
	const struct box *box = self;
	struct err err = {0};

	if (enter_mounts(self) < 0) {
		return APART_SKIPPED;
	}
	APART_CHECK(make_mounts(box) == 0);
	APART_CHECK(remover_remove(box->in_fd, "go", &err) == -1);
	APART_CHECK(err.kind == ERR_IO);
	APART_CHECK(mounts_are_whole() == 0);
	APART_CHECK(access("go/plain", F_OK) < 0);
	/* one after the other is what keeps it */
	APART_CHECK(umount("go/third") == 0);
	err_clear(&err);
	APART_CHECK(remover_remove(box->in_fd, "go", &err) == -1 && strstr(err.text, "mounted") != NULL);
	APART_CHECK(umount("go/first") == 0);
	APART_CHECK(remover_remove(box->in_fd, "go", &err) == -1 && strstr(err.text, "'second'") != NULL);
	APART_CHECK(umount("go/second") == 0);
	APART_CHECK(remover_remove(box->in_fd, "go", &err) == 0 && !box_has(box, "go"));
	APART_CHECK(access("same/file", F_OK) == 0);
	return 0;
}

static void
remove_enters_no_mount(void **state)
{
	apart(remove_around_mounts, *state);
}

static int
remove_mounted_itself(void *self)
{
	const struct box *box = self;
	struct err err = {0};

	if (enter_mounts(self) < 0) {
		return APART_SKIPPED;
	}
	APART_CHECK(make_mounts(box) == 0);
	APART_CHECK(remover_remove(box->in_fd, "go/first", &err) == -1);
	APART_CHECK(strstr(err.text, "mounted") != NULL);
	APART_CHECK(mounts_are_whole() == 0);
	return 0;
}

static void
remove_of_a_mount_itself_is_refused(void **state)
{
	apart(remove_mounted_itself, *state);
}

/* An old kernel or a strict profile: then the device's number has to do. */
static int
remove_without_statx(void *self)
{
	const struct box *box = self;
	struct err err = {0};

	if (enter_mounts(self) < 0) {
		return APART_SKIPPED;
	}
	APART_CHECK(make_mounts(box) == 0);
	APART_CHECK(umount("go/second") == 0 && umount("go/third") == 0);
	APART_CHECK(apart_without(SYS_statx, EPERM) == 0);
	APART_CHECK(remover_remove(box->in_fd, "go", &err) == -1);
	APART_CHECK(strstr(err.text, "mounted") != NULL);
	APART_CHECK(access("go/first/file", F_OK) == 0);
	return 0;
}

static void
remove_sees_mounts_without_statx_too(void **state)
{
	apart(remove_without_statx, *state);
}

/* Not even the bits of what is mounted are changed on the way. */
static int
remove_closed_mount(void *self)
{
	const struct box *box = self;
	struct err err = {0};
	struct stat st;

	if (enter_mounts(self) < 0) {
		return APART_SKIPPED;
	}
	APART_CHECK(make_own(box, "own") == 0 && make_own(box, "own/go") == 0 && make_own(box, "own/go/closed") == 0);
	APART_CHECK(chdir(box_path(box, "in")) == 0);
	APART_CHECK(mount("none", "own/go/closed", "tmpfs", 0, "size=64k,mode=0000,uid=65534") == 0);
	APART_CHECK(apart_as_nobody() == 0);
	APART_CHECK(remover_remove(box->in_fd, "own/go", &err) == -1 && strstr(err.text, "mounted") != NULL);
	APART_CHECK(stat("own/go/closed", &st) == 0 && (st.st_mode & 07777) == 0);
	return 0;
}

static void
remove_leaves_the_bits_of_a_mount(void **state)
{
	apart(remove_closed_mount, *state);
}

/* ---- names that come while we work ---- */

static _Noreturn void
keep_making(int dir_fd)
{
	for (int i = 0; i < MANY_NAMES; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "go/%d", i);
		if (i % 3 == 0) {
			(void)mkdirat(dir_fd, name, 0755);
		} else {
			int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

			fd_close(&fd);
		}
	}
	_exit(0);
}

static void
remove_ends_while_names_are_made(void **state)
{
	struct box *box = *state;
	struct err err = {0};
	int status = 0;

	assert_int_equal(make_deep(box->in_fd, "go", 100, 0755), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		keep_making(box->in_fd);
	}
	int result = remover_remove(box->in_fd, "go", &err);
	assert_true(result == 0 || (result == -1 && err.kind == ERR_IO && err.text[0] != '\0'));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	err_clear(&err);
	assert_int_equal(remover_remove(box->in_fd, "go", &err), 0);
	assert_int_equal(box_count(box, "in"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    BOX_TEST(remove_takes_everything_and_follows_no_link),
	    BOX_TEST(remove_until_a_moment_leaves_and_names_the_rest),
	    BOX_TEST(remove_of_what_is_not_there_is_done),
	    BOX_TEST(remove_of_a_link_touches_neither_it_nor_its_target),
	    BOX_TEST(remove_needs_few_descriptors_however_deep_it_is),
	    BOX_TEST(remove_opens_what_was_closed_against_its_owner),
	    BOX_TEST(remove_says_what_stays),
	    BOX_TEST(remove_enters_no_mount),
	    BOX_TEST(remove_of_a_mount_itself_is_refused),
	    BOX_TEST(remove_sees_mounts_without_statx_too),
	    BOX_TEST(remove_leaves_the_bits_of_a_mount),
	    BOX_TEST(remove_ends_while_names_are_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
