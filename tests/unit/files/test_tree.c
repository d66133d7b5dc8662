/* A folder that is filled from outside: every name is hostile, and nothing but the folder is touched. */
#include "unit/files/box.h"

#include <time.h>

#include "base/attr.h"
#include "files/tree.h"

static const struct timespec some_time = {.tv_sec = 1600000000, .tv_nsec = 123456789};

static struct tree
begin(struct box *box)
{
	struct tree tree;

	tree_init(&tree, box->in_fd, &box->wish.limits);
	box->err = (struct err){0};
	return tree;
}

static int
add_file(struct box *box, struct tree *tree, const char *name, mode_t mode, const char *content)
{
	int fd = -1;

	if (tree_entry(tree, name, &box->err) != 1) {
		return -1;
	}
	fd = tree_add_file(tree, mode, (int64_t)strlen(content), &box->err);
	if (fd < 0) {
		return -1;
	}
	assert_int_equal(fd_write_all(fd, content, strlen(content)), 0);
	int result = tree_end_file(tree, &fd, &some_time, &box->err);
	assert_int_equal(fd, -1);
	return result;
}

static int
add_folder(struct box *box, struct tree *tree, const char *name, mode_t mode)
{
	return tree_entry(tree, name, &box->err) != 1 ? -1 : tree_add_folder(tree, mode, &some_time, &box->err);
}

static int
add_link(struct box *box, struct tree *tree, const char *name, const char *target)
{
	return tree_entry(tree, name, &box->err) != 1 ? -1 : tree_add_link(tree, target, &box->err);
}

static int
add_hard_link(struct box *box, struct tree *tree, const char *name, const char *target)
{
	return tree_entry(tree, name, &box->err) != 1 ? -1 : tree_add_hard_link(tree, target, &box->err);
}

/* The last thing that was tried was refused, as an archive's fault, with these words. */
static void
assert_refused(struct box *box, int result, const char *words)
{
	assert_int_equal(result, -1);
	if (box->err.kind != ERR_ARCHIVE || strstr(box->err.text, words) == NULL) {
		fail_msg("kind %d, '%s' should say '%s'", (int)box->err.kind, box->err.text, words);
	}
	box_assert_untouched(box);
	box->err = (struct err){0};
}

/* ---- names ---- */

static void
names_are_cleaned(void **state)
{
	static const char *const spellings[] = {
	    "a/b", "./a/b", "a//b", "a/./b", ".//.///a/b", "a/b/", "a/b//", "a/b/."};
	struct box *box = *state;
	CLEAN_TREE tree = begin(box);

	for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
		assert_int_equal(tree_entry(&tree, spellings[i], &box->err), 1);
		assert_string_equal(tree.path, "a/b");
		assert_int_equal(tree.entries, (int64_t)i + 1);
	}
}

static void
names_of_the_folder_itself_are_no_entry(void **state)
{
	static const char *const spellings[] = {".", "./", "./.", ".//"};
	struct box *box = *state;
	CLEAN_TREE tree = begin(box);

	for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
		assert_int_equal(tree_entry(&tree, spellings[i], &box->err), 0);
	}
}

static void
names_that_lead_out_are_refused_with_number_and_name(void **state)
{
	static const char *const dots[] = {
	    "..", "../", "../a", "a/..", "a/../b", "./../a", "a/b/../..", ".//..", "a//../b"};
	static const char *const absolute[] = {"/", "/etc/passwd", "//etc", "/.", "/../a"};
	struct box *box = *state;
	CLEAN_TREE tree = begin(box);
	char words[64];

	for (size_t i = 0; i < ARRAY_LEN(dots); i++) {
		(void)snprintf(words, sizeof(words), "entry %d '%s': '..' in a name", (int)i + 1, dots[i]);
		assert_refused(box, tree_entry(&tree, dots[i], &box->err), words);
	}
	for (size_t i = 0; i < ARRAY_LEN(absolute); i++) {
		assert_refused(box, tree_entry(&tree, absolute[i], &box->err), "an absolute name");
	}
	assert_refused(box, tree_entry(&tree, "", &box->err), "without a name");
	assert_refused(box, tree_entry(&tree, NULL, &box->err), "without a name");
	assert_int_equal(box_count(box, "in"), 0);
}

static void
names_that_only_look_like_dots_are_names(void **state)
{
	static const char *const names[] = {
	    "...", "..a", "a..", ". ", " ", "..\\..\\x", "a\nb", "\xff\xfe", "-rf", "~", "$HOME"};
	struct box *box = *state;
	CLEAN_TREE tree = begin(box);

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_int_equal(add_file(box, &tree, names[i], 0644, names[i]), 0);
	}
	assert_int_equal(tree_close(&tree, &box->err), 0);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_string_equal(box_read(box, names[i]), names[i]);
	}
	assert_int_equal(box_count(box, "in"), (int)ARRAY_LEN(names));
}

/* The reason must survive however long the name is, and the text must stay one readable line. */
static void
names_are_shortened_in_messages_and_the_reason_stays(void **state)
{
	struct box *box = *state;
	CLEAN_TREE tree = begin(box);
	char name[3000];

	for (size_t i = 0; i < sizeof(name); i++) {
		name[i] = i % 100 == 99 ? '/' : 'n';
	}
	memcpy(name + sizeof(name) - 4, "/..", 4);
	assert_refused(box, tree_entry(&tree, name, &box->err), "...': '..' in a name");
	memcpy(name, "\xc3\xa9\xc3\xa9\xc3\xa9\n\x1b[31m\xff", 13);
	assert_int_equal(tree_entry(&tree, name, &box->err), -1);
	assert_non_null(strstr(box->err.text, "entry 2 '\xc3\xa9\xc3\xa9\xc3\xa9??[31m?n"));
}

static void
names_have_bounds(void **state)
{
	struct box *box = *state;
	CLEAN_TREE tree = begin(box);
	char name[8192];

	memset(name, 'a', sizeof(name));
	name[255] = '\0';
	assert_int_equal(add_file(box, &tree, name, 0644, "longest"), 0);
	name[255] = 'a';
	name[256] = '\0';
	assert_refused(box, tree_entry(&tree, name, &box->err), "too long");
	for (size_t i = 0; i < sizeof(name); i++) {
		name[i] = i % 2 == 0 ? 'd' : '/';
	}
	name[2 * TREE_PARTS_MAX - 1] = '\0';
	assert_int_equal(add_file(box, &tree, name, 0644, "deepest"), 0);
	name[2 * TREE_PARTS_MAX - 1] = '/';
	name[2 * TREE_PARTS_MAX + 1] = '\0';
	assert_refused(box, tree_entry(&tree, name, &box->err), "deep");
	for (size_t i = 0; i < sizeof(name); i++) {
		name[i] = i % 200 == 199 ? '/' : 'p';
	}
	name[4100] = '\0';
	assert_refused(box, tree_entry(&tree, name, &box->err), "too long");
}

/* ---- what stands in the way ---- */

static void
later_entry_of_the_same_kind_wins(void **state)
{
	struct box *box = *state;
	CLEAN_TREE tree = begin(box);

	assert_int_equal(add_file(box, &tree, "f", 0755, "first, and longer"), 0);
	assert_int_equal(add_hard_link(box, &tree, "other", "f"), 0);
	assert_int_equal(add_file(box, &tree, "./f", 0644, "second"), 0);
	assert_int_equal(add_link(box, &tree, "l", "f"), 0);
	assert_int_equal(add_link(box, &tree, "l", "other"), 0);
	assert_int_equal(add_folder(box, &tree, "d", 0755), 0);
	assert_int_equal(add_file(box, &tree, "d/kept", 0644, "kept"), 0);
	assert_int_equal(add_folder(box, &tree, "d/", 0755), 0);
	assert_int_equal(tree_close(&tree, &box->err), 0);
	assert_string_equal(box_read(box, "f"), "second");
	assert_int_equal(box_stat(box, "f").st_mode & 0777, 0644);
	assert_string_equal(box_read(box, "other"), "first, and longer");
	assert_string_equal(box_link(box, "l"), "other");
	assert_string_equal(box_read(box, "d/kept"), "kept");
}

enum { A_FILE, A_FOLDER, A_LINK, A_HARD_LINK, A_KINDS };

static int
add_kind(struct box *box, struct tree *tree, int kind)
{
	switch (kind) {
	case A_FILE:
		return add_file(box, tree, "x", 0644, "");
	case A_FOLDER:
		return add_folder(box, tree, "x", 0755);
	case A_LINK:
		return add_link(box, tree, "x", "target");
	default:
		return add_hard_link(box, tree, "x", "target");
	}
}

static void
name_given_twice_with_another_kind_is_refused(void **state)
{
	struct box *box = *state;

	for (int first = 0; first < A_KINDS; first++) {
		for (int second = 0; second < A_KINDS; second++) {
			CLEAN_TREE tree = begin(box);
			int same = first == second || (first == A_FILE && second == A_HARD_LINK) ||
			           (first == A_HARD_LINK && second == A_FILE);

			assert_int_equal(add_file(box, &tree, "target", 0644, "t"), 0);
			assert_int_equal(add_kind(box, &tree, first), 0);
			int result = add_kind(box, &tree, second);
			if (same) {
				assert_int_equal(result, 0);
			} else {
				assert_refused(box, result, "entry 3 'x': the name is there already with another kind");
			}
			box_clear(box);
		}
	}
}

static void
nothing_is_made_behind_a_link_or_a_file(void **state)
{
	struct box *box = *state;
	CLEAN_TREE tree = begin(box);

	assert_int_equal(add_folder(box, &tree, "real", 0755), 0);
	assert_int_equal(add_link(box, &tree, "l", "real"), 0);
	assert_int_equal(add_link(box, &tree, "up", ".."), 0);
	assert_int_equal(add_link(box, &tree, "real/up", ".."), 0);
	assert_int_equal(add_file(box, &tree, "f", 0644, ""), 0);
	assert_refused(box, add_file(box, &tree, "l/x", 0644, ""), "behind a link or a file");
	assert_refused(box, add_file(box, &tree, "up/canary", 0644, ""), "behind a link or a file");
	assert_refused(box, add_file(box, &tree, "real/up/x", 0644, ""), "behind a link or a file");
	assert_refused(box, add_folder(box, &tree, "l/x", 0755), "behind a link or a file");
	assert_refused(box, add_link(box, &tree, "l/x/y", "z"), "behind a link or a file");
	assert_refused(box, add_hard_link(box, &tree, "l/x", "f"), "behind a link or a file");
	assert_refused(box, add_file(box, &tree, "f/x", 0644, ""), "behind a link or a file");
	assert_int_equal(box_count(box, "in/real"), 1);
}

/* The folder of the entry before is kept open: what came in between must not be seen through it. */
static void
folders_are_found_again_whatever_came_in_between(void **state)
{
	struct box *box = *state;
	CLEAN_TREE tree = begin(box);

	assert_int_equal(add_file(box, &tree, "a/b/one", 0644, "1"), 0);
	assert_int_equal(add_file(box, &tree, "a/bb/two", 0644, "2"), 0);
	assert_int_equal(add_file(box, &tree, "a/three", 0644, "3"), 0);
	assert_int_equal(add_file(box, &tree, "four", 0644, "4"), 0);
	assert_int_equal(add_file(box, &tree, "a/b/five", 0644, "5"), 0);
	assert_int_equal(tree_close(&tree, &box->err), 0);
	assert_string_equal(box_read(box, "a/b/one"), "1");
	assert_string_equal(box_read(box, "a/bb/two"), "2");
	assert_string_equal(box_read(box, "a/three"), "3");
	assert_string_equal(box_read(box, "four"), "4");
	assert_string_equal(box_read(box, "a/b/five"), "5");
}

/* ---- links ---- */

static void
links_inside_stay_as_they_are(void **state)
{
	struct box *box = *state;
	CLEAN_TREE tree = begin(box);

	assert_int_equal(add_link(box, &tree, "before", "later/file"), 0);
	assert_int_equal(add_file(box, &tree, "later/file", 0644, "x"), 0);
	assert_int_equal(add_link(box, &tree, "later/back", "../later/./file"), 0);
	assert_int_equal(add_link(box, &tree, "dangling", "never/there"), 0);
	assert_int_equal(add_link(box, &tree, "odd", "a b\n\xff"), 0);
	assert_int_equal(tree_close(&tree, &box->err), 0);
	assert_string_equal(box_link(box, "before"), "later/file");
	assert_string_equal(box_link(box, "later/back"), "../later/./file");
	assert_string_equal(box_link(box, "dangling"), "never/there");
	assert_string_equal(box_link(box, "odd"), "a b\n\xff");
}

static void
absolute_links_are_refused_with_the_way_out(void **state)
{
	struct box *box = *state;
	CLEAN_TREE tree = begin(box);

	assert_refused(box, add_link(box, &tree, "venv/bin/python", "/usr/bin/python3"),
	    "entry 1 'venv/bin/python': a link to an absolute name: a virtual environment? publish a PEX or conda-pack");
	assert_refused(box, add_link(box, &tree, "empty", ""), "without a target");
	assert_refused(box, add_link(box, &tree, "none", NULL), "without a target");
}

static void
links_that_leave_are_refused_with_their_own_number(void **state)
{
	static const char *const targets[] = {"..", "../x", "d/../..", "./../../etc/passwd", "d/../d/../.."};
	struct box *box = *state;

	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		CLEAN_TREE tree = begin(box);

		assert_int_equal(add_folder(box, &tree, "d", 0755), 0);
		assert_int_equal(add_link(box, &tree, "l", targets[i]), 0);
		assert_int_equal(add_file(box, &tree, "last", 0644, ""), 0);
		assert_refused(box, tree_close(&tree, &box->err), "entry 2 'l': a link that leaves the folder");
		box_clear(box);
	}
}

/* Each alone stays inside; in the order given or in the other one, together they do not. */
static void
links_that_leave_by_way_of_links_are_refused(void **state)
{
	static const char *const pairs[][4] = {
	    {"a/up", "..", "out", "a/up/.."},
	    {"out", "a/up/..", "a/up", ".."},
	    {"a/b/top", "../..", "out", "a/b/top/../x"},
	    {"here", ".", "out", "here/here/../here"},
	};
	struct box *box = *state;

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		CLEAN_TREE tree = begin(box);

		assert_int_equal(add_folder(box, &tree, "a/b", 0755), 0);
		assert_int_equal(add_link(box, &tree, pairs[i][0], pairs[i][1]), 0);
		assert_int_equal(add_link(box, &tree, pairs[i][2], pairs[i][3]), 0);
		assert_refused(box, tree_close(&tree, &box->err), "'out': a link that leaves the folder");
		box_clear(box);
	}
}

static void
hard_links_are_made_to_files_of_the_archive_only(void **state)
{
	struct box *box = *state;
	CLEAN_TREE tree = begin(box);

	assert_int_equal(add_file(box, &tree, "d/f", 0644, "shared"), 0);
	assert_int_equal(add_link(box, &tree, "l", "d/f"), 0);
	assert_int_equal(add_link(box, &tree, "dl", "d"), 0);
	assert_int_equal(add_hard_link(box, &tree, "h", "./d//f"), 0);
	assert_int_equal(box_stat(box, "h").st_ino, box_stat(box, "d/f").st_ino);
	assert_refused(box, add_hard_link(box, &tree, "x", "missing"), "entry 5 'x': a hard link to what is no file");
	assert_refused(box, add_hard_link(box, &tree, "x", "d"), "a hard link to what is no file");
	assert_refused(box, add_hard_link(box, &tree, "x", "."), "a hard link to what is no file");
	assert_refused(box, add_hard_link(box, &tree, "x", "l"), "a hard link to what is no file");
	assert_refused(box, add_hard_link(box, &tree, "x", "dl/f"), "a hard link to what is no file");
	assert_refused(box, add_hard_link(box, &tree, "x", "../canary"), "entry 10 'x': a hard link that leaves");
	assert_refused(box, add_hard_link(box, &tree, "x", "/etc/passwd"), "entry 11 'x': a hard link that leaves");
	assert_refused(box, add_hard_link(box, &tree, "d/f", "d/f"), "'d/f': a hard link to itself");
	assert_string_equal(box_read(box, "d/f"), "shared");
	assert_false(box_has(box, "x"));
}

/* ---- bits and times ---- */

static void
execute_bits_and_times_are_kept_and_the_umask_applies(void **state)
{
	static const struct {
		mode_t mask, mode, want;
	} cases[] = {
	    {022, 0644, 0644},
	    {022, 0755, 0755},
	    {022, 0777, 0755},
	    {022, 0000, 0644},
	    {022, 0100, 0744},
	    {022, 01755, 0755}, /* sticky: only not taken over */
	    {077, 0755, 0700},
	    {002, 0644, 0664},
	};
	struct box *box = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_TREE tree = begin(box);
		mode_t before = umask(cases[i].mask);

		assert_int_equal(add_folder(box, &tree, "d", cases[i].mode), 0);
		assert_int_equal(add_file(box, &tree, "d/f", cases[i].mode, "x"), 0);
		assert_int_equal(add_file(box, &tree, "implied/f", cases[i].mode, "x"), 0);
		assert_int_equal(tree_close(&tree, &box->err), 0);
		(void)umask(before);
		assert_int_equal(box_stat(box, "d/f").st_mode & 07777, cases[i].want);
		assert_int_equal(box_stat(box, "d").st_mode & 07777, 0777 & ~cases[i].mask);
		assert_int_equal(box_stat(box, "implied").st_mode & 07777, 0777 & ~cases[i].mask);
		assert_int_equal(box_stat(box, "d/f").st_mtim.tv_sec, some_time.tv_sec);
		assert_int_equal(box_stat(box, "d/f").st_mtim.tv_nsec, some_time.tv_nsec);
		assert_int_equal(box_stat(box, "d").st_mtim.tv_sec, some_time.tv_sec);
		assert_int_equal(box_stat(box, "d/f").st_uid, geteuid());
		box_clear(box);
	}
}

static void
set_uid_and_set_gid_are_refused(void **state)
{
	struct box *box = *state;
	CLEAN_TREE tree = begin(box);

	assert_refused(box, add_file(box, &tree, "su", 04755, ""), "entry 1 'su': a set-uid or set-gid bit");
	assert_refused(box, add_file(box, &tree, "sg", 02755, ""), "a set-uid or set-gid bit");
	assert_refused(box, add_folder(box, &tree, "sd", 04755), "a set-uid or set-gid bit");
	assert_int_equal(
	    add_folder(box, &tree, "inherits", 02755), 0); /* common on shared folders, and not taken over */
	assert_int_equal(box_stat(box, "inherits").st_mode & 07000, 0);
	assert_false(box_has(box, "su") || box_has(box, "sg"));
}

/* ---- limits ---- */

static void
more_entries_than_allowed_are_refused(void **state)
{
	struct box *box = *state;

	box->wish.limits.entries_max = 3;
	CLEAN_TREE tree = begin(box);
	assert_int_equal(add_file(box, &tree, "a", 0644, ""), 0);
	assert_int_equal(tree_entry(&tree, ".", &box->err), 0); /* counts too */
	assert_int_equal(add_file(box, &tree, "a", 0644, ""), 0);
	assert_refused(box, tree_entry(&tree, "b", &box->err), "more than 3 entries: raise unpack-max-entries");
}

static void
more_bytes_than_allowed_are_refused(void **state)
{
	struct box *box = *state;

	box->wish.limits.bytes_max = 10;
	CLEAN_TREE tree = begin(box);
	assert_int_equal(add_file(box, &tree, "a", 0644, "12345"), 0);
	assert_int_equal(add_file(box, &tree, "b", 0644, "67890"), 0);
	assert_int_equal(add_file(box, &tree, "c", 0644, ""), 0);
	assert_refused(box, add_file(box, &tree, "d", 0644, "!"),
	    "entry 4 'd': more than 10 bytes in all: raise unpack-max-bytes");
	assert_int_equal(tree_entry(&tree, "e", &box->err), 1);
	assert_refused(box, tree_add_file(&tree, 0644, -1, &box->err), "bytes");
	assert_refused(box, tree_add_file(&tree, 0644, INT64_MAX, &box->err), "unpack-max-bytes");
	assert_false(box_has(box, "d") || box_has(box, "e"));
}

static int
stop_at_second(void *self, struct err *err)
{
	int *asked = self;

	return ++*asked < 2 ? 0 : err_set(err, ERR_STOPPED, 15, "a stop request");
}

static void
somebody_is_asked_at_each_entry_whether_to_go_on(void **state)
{
	struct box *box = *state;
	int asked = 0;

	box->wish.limits.go_on = stop_at_second;
	box->wish.limits.self = &asked;
	CLEAN_TREE tree = begin(box);
	assert_int_equal(add_file(box, &tree, "a", 0644, ""), 0);
	assert_int_equal(tree_entry(&tree, "b", &box->err), -1);
	assert_int_equal(box->err.kind, ERR_STOPPED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    BOX_TEST(names_are_cleaned),
	    BOX_TEST(names_of_the_folder_itself_are_no_entry),
	    BOX_TEST(names_that_lead_out_are_refused_with_number_and_name),
	    BOX_TEST(names_that_only_look_like_dots_are_names),
	    BOX_TEST(names_are_shortened_in_messages_and_the_reason_stays),
	    BOX_TEST(names_have_bounds),
	    BOX_TEST(later_entry_of_the_same_kind_wins),
	    BOX_TEST(name_given_twice_with_another_kind_is_refused),
	    BOX_TEST(nothing_is_made_behind_a_link_or_a_file),
	    BOX_TEST(folders_are_found_again_whatever_came_in_between),
	    BOX_TEST(links_inside_stay_as_they_are),
	    BOX_TEST(absolute_links_are_refused_with_the_way_out),
	    BOX_TEST(links_that_leave_are_refused_with_their_own_number),
	    BOX_TEST(links_that_leave_by_way_of_links_are_refused),
	    BOX_TEST(hard_links_are_made_to_files_of_the_archive_only),
	    BOX_TEST(execute_bits_and_times_are_kept_and_the_umask_applies),
	    BOX_TEST(set_uid_and_set_gid_are_refused),
	    BOX_TEST(more_entries_than_allowed_are_refused),
	    BOX_TEST(more_bytes_than_allowed_are_refused),
	    BOX_TEST(somebody_is_asked_at_each_entry_whether_to_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
