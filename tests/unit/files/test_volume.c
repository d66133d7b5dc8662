/* How full a volume is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "files/volume.h"
#include "unit/scratch.h"

static char folder[SCRATCH_PATH];

static void
volume_is_added_once_and_only_where_it_is(void **state)
{
	struct volume volumes[VOLUMES_MAX] = {{0}};

	(void)state;
	assert_int_equal(volume_add(volumes, 0, folder), 1);
	assert_ptr_equal(volumes[0].path, folder);
	assert_true(volumes[0].bytes >= volumes[0].bytes_free);
	assert_int_equal(volume_add(volumes, 1, folder), 1);
	assert_int_equal(volume_add(volumes, 1, "/no/such/folder"), 1);
	assert_int_equal(volume_add(volumes, 1, "/proc"), 1); /* nobody can fill it */
}

static void
small_volume_shows_how_full_it_is(void **state)
{
	struct volume volumes[VOLUMES_MAX] = {{0}};
	char small[SCRATCH_PATH];

	(void)state;
	scratch_folder(folder, "small", 0700);
	(void)snprintf(small, sizeof(small), "%.200s/small", folder);
	if (scratch_mount_small(small) < 0) {
		skip(); /* not root, or a container without the right to mount */
	}
	assert_int_equal(volume_add(volumes, 0, small), 1);
	assert_int_equal(volumes[0].bytes, 65536);
	assert_int_equal(volumes[0].bytes_free, 65536);
	assert_true(volumes[0].inodes_free > 0);
	scratch_fill(small);
	assert_int_equal(volume_add(volumes, 0, small), 1);
	assert_int_equal(volumes[0].bytes_free, 0);
	assert_int_equal(mount(NULL, small, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	assert_int_equal(volume_add(volumes, 0, small), 0);
	assert_int_equal(umount(small), 0);
}

static int
set_up(void **state)
{
	(void)state;
	scratch_make(folder);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	scratch_remove(folder);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(volume_is_added_once_and_only_where_it_is),
	    cmocka_unit_test(small_volume_shows_how_full_it_is),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
