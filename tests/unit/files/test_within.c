/* Does a name inside a folder lead out of it, by way of what really lies there? */
#include "unit/files/box.h"

#include <limits.h>

#include "base/attr.h"
#include "files/within.h"

static void
make_link(const struct box *box, const char *target, const char *name)
{
	assert_int_equal(symlinkat(target, box->in_fd, name), 0);
}

static void
make_folder(const struct box *box, const char *name)
{
	assert_int_equal(mkdirat(box->in_fd, name, 0755), 0);
}

static void
plain_names_stay_inside(void **state)
{
	static const char *const inside[] = {"a", "a/b/c", "./a", "a//b", "a/../b", "a/b/../../c", "a/..", ".", "",
	    "a/./.", "...", "..a", "a/...", "missing/../x"};
	struct box *box = *state;

	for (size_t i = 0; i < ARRAY_LEN(inside); i++) {
		if (within_leaves(box->in_fd, inside[i])) {
			fail_msg("'%s' is inside", inside[i]);
		}
	}
}

static void
dots_and_absolute_names_lead_out(void **state)
{
	static const char *const outside[] = {
	    "..", "../x", "a/../..", "a/../../in/a", "./..", "/", "/etc", "//a", "a/b/../../..", ".//.././a"};
	struct box *box = *state;

	for (size_t i = 0; i < ARRAY_LEN(outside); i++) {
		if (!within_leaves(box->in_fd, outside[i])) {
			fail_msg("'%s' leads out", outside[i]);
		}
	}
}

static void
links_are_followed_one_by_one(void **state)
{
	struct box *box = *state;

	make_folder(box, "deep");
	make_folder(box, "deep/er");
	make_link(box, "deep/er", "down");
	make_link(box, "..", "deep/er/up");
	make_link(box, "../..", "deep/er/upup");
	make_link(box, "../../..", "deep/er/out");
	make_link(box, "/etc", "deep/absolute");
	make_link(box, "down/up/up", "chain");
	make_link(box, "missing/later", "dangling");
	assert_false(within_leaves(box->in_fd, "down"));
	assert_false(within_leaves(box->in_fd, "down/up"));
	assert_false(within_leaves(box->in_fd, "down/upup"));
	assert_false(within_leaves(box->in_fd, "down/up/er"));
	assert_false(within_leaves(box->in_fd, "dangling"));
	assert_true(within_leaves(box->in_fd, "down/out"));
	assert_true(within_leaves(box->in_fd, "down/upup/.."));
	assert_true(within_leaves(box->in_fd, "deep/absolute"));
	assert_true(within_leaves(box->in_fd, "deep/absolute/passwd"));
	/* "down/up" is "deep", and "deep/up" is not there: a name like any other, as no link stands in its way */
	assert_false(within_leaves(box->in_fd, "chain"));
}

/* "down/.." is the parent of where the link leads, not of where it lies. */
static void
dots_behind_a_link_count_from_where_it_leads(void **state)
{
	struct box *box = *state;

	make_folder(box, "a");
	make_folder(box, "a/b");
	make_folder(box, "c");
	make_link(box, "../c", "a/side");
	assert_false(within_leaves(box->in_fd, "a/side/.."));
	assert_true(within_leaves(box->in_fd, "a/side/../.."));
	make_link(box, "side/../..", "a/trick");
	assert_true(within_leaves(box->in_fd, "a/trick"));
}

static void
two_links_that_look_harmless_alone(void **state)
{
	struct box *box = *state;

	make_folder(box, "x");
	make_link(box, ".", "x/here");
	make_link(box, "x/here/../..", "b");
	assert_true(within_leaves(box->in_fd, "b"));
	make_link(box, "x", "a");
	make_link(box, "a/..", "top");
	make_link(box, "top/..", "out");
	assert_false(within_leaves(box->in_fd, "top"));
	assert_true(within_leaves(box->in_fd, "out"));
	assert_true(within_leaves(box->in_fd, "out/etc/passwd"));
}

static void
circles_count_as_leading_out(void **state)
{
	struct box *box = *state;

	make_link(box, "self", "self");
	make_link(box, "b", "a");
	make_link(box, "a", "b");
	assert_true(within_leaves(box->in_fd, "self"));
	assert_true(within_leaves(box->in_fd, "a"));
	assert_true(within_leaves(box->in_fd, "b/c"));
}

/* 40 links in a row, as the kernel follows; one more is too many. */
static void
long_chains_end_where_the_kernel_ends_them(void **state)
{
	struct box *box = *state;
	char name[16];
	char target[16];

	make_folder(box, "end");
	make_link(box, "end", "l1");
	for (int i = 2; i <= 41; i++) {
		(void)snprintf(name, sizeof(name), "l%d", i);
		(void)snprintf(target, sizeof(target), "l%d", i - 1);
		make_link(box, target, name);
	}
	assert_false(within_leaves(box->in_fd, "l40"));
	assert_true(faccessat(box->in_fd, "l40", F_OK, 0) == 0);
	assert_true(within_leaves(box->in_fd, "l41"));
	assert_true(faccessat(box->in_fd, "l41", F_OK, 0) < 0);
}

/* A folder that becomes the root takes its links along: what they reached beside it is then outside. */
static void
top_folders_may_be_left_or_not(void **state)
{
	static const char *const stays[] = {"top", "top/a/..", "top/a/../..a", "top/down/er", "top/deep/up"};
	static const char *const leaves[] = {
	    "top/..", "top/../x", "top/../top/a", "top/beside", "top/deep/out", "top/a/../.."};
	struct box *box = *state;

	make_folder(box, "top");
	make_folder(box, "top/deep");
	make_link(box, "deep", "top/down");
	make_link(box, "..", "top/deep/up");
	make_link(box, "../x", "top/beside");
	make_link(box, "up/../x", "top/deep/out");
	for (size_t i = 0; i < ARRAY_LEN(stays); i++) {
		assert_false(within_leaves_top(box->in_fd, stays[i]));
		assert_false(within_leaves(box->in_fd, stays[i]));
	}
	for (size_t i = 0; i < ARRAY_LEN(leaves); i++) {
		if (!within_leaves_top(box->in_fd, leaves[i]) || within_leaves(box->in_fd, leaves[i])) {
			fail_msg("'%s' leaves the top only", leaves[i]);
		}
	}
	assert_true(within_leaves_top(box->in_fd, "top/../.."));
}

/* What cannot be resolved for its length is not inside. */
static void
names_that_are_too_long_lead_out(void **state)
{
	struct box *box = *state;
	char name[PATH_MAX + 10];

	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_true(within_leaves(box->in_fd, name));
	/* a link that makes a short name longer at each turn */
	char target[1500];
	memset(target, 'b', sizeof(target));
	for (size_t i = 200; i < sizeof(target) - 1; i += 200) {
		target[i] = '/';
	}
	memcpy(target, "lin/", 4);
	target[sizeof(target) - 1] = '\0';
	make_link(box, target, "lin");
	assert_true(within_leaves(box->in_fd, "lin"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    BOX_TEST(plain_names_stay_inside),
	    BOX_TEST(dots_and_absolute_names_lead_out),
	    BOX_TEST(links_are_followed_one_by_one),
	    BOX_TEST(dots_behind_a_link_count_from_where_it_leads),
	    BOX_TEST(two_links_that_look_harmless_alone),
	    BOX_TEST(circles_count_as_leading_out),
	    BOX_TEST(long_chains_end_where_the_kernel_ends_them),
	    BOX_TEST(top_folders_may_be_left_or_not),
	    BOX_TEST(names_that_are_too_long_lead_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
