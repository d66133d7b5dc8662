/* What the kernel counts about our control group: captured files of both versions, and the real ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "run/counters.h"
#include "unit/scratch.h"

static char root[SCRATCH_PATH];

static int
set_up(void **state)
{
	(void)state;
	scratch_make(root);
	scratch_folder(root, "proc", 0700);
	scratch_folder(root, "proc/self", 0700);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	scratch_remove(root);
	return 0;
}

/* Makes every folder on the way to 'path'. */
static void
make_folders(const char *path)
{
	char part[SCRATCH_PATH];

	for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		(void)snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		if (!scratch_exists(root, part)) {
			scratch_folder(root, part, 0700);
		}
	}
}

static void
put(const char *path, const char *text)
{
	make_folders(path);
	scratch_write(root, path, text);
}

static void
put_proc(const char *cgroup, const char *mountinfo)
{
	put("proc/self/cgroup", cgroup);
	put("proc/self/mountinfo", mountinfo);
}

static const char DOCKER_V2[] =
    "2156 2037 0:169 / / rw,relatime master:619 - overlay overlay rw,lowerdir=/l/A:/l/B,upperdir=/u,workdir=/w\n"
    "2157 2156 0:172 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw\n"
    "2160 2159 0:29 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate,memory_recursiveprot\n"
    "2161 2158 0:170 / /dev/mqueue rw,nosuid,nodev,noexec,relatime - mqueue mqueue rw\n";

static const char HOST_V2[] =
    "24 30 0:22 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw\n"
    "32 24 0:27 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

static const char HYBRID[] = "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
                             "33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n"
                             "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
                             "39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids\n"
                             "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

static const char EVENTS[] = "low 0\nhigh 0\nmax 1187\noom 3\noom_kill 2\noom_group_kill 0\n";

static struct kernel_counts
counts(void)
{
	struct kernel_counts got;

	counters_read(root, &got);
	return got;
}

static void
expect(int64_t kills, int64_t refusals, int64_t forks, int64_t memory, int64_t processes)
{
	struct kernel_counts got = counts();

	assert_int_equal(got.memory_kills, kills);
	assert_int_equal(got.memory_refusals, refusals);
	assert_int_equal(got.forks_refused, forks);
	assert_int_equal(got.memory_limit, memory);
	assert_int_equal(got.process_limit, processes);
}

static void
container_of_v2_is_the_top_of_its_namespace(void **state)
{
	(void)state;
	put_proc("0::/\n", DOCKER_V2);
	put("sys/fs/cgroup/memory.events", EVENTS);
	put("sys/fs/cgroup/memory.max", "67108864\n");
	put("sys/fs/cgroup/pids.events", "max 4\n");
	put("sys/fs/cgroup/pids.max", "100\n");
	expect(2, 1187, 4, 67108864, 100);
}

static void
whole_container_counts_where_we_are_in_a_part_of_it(void **state)
{
	(void)state;
	put_proc("0::/init.scope\n", DOCKER_V2);
	put("sys/fs/cgroup/memory.events", EVENTS);
	put("sys/fs/cgroup/init.scope/memory.events", "oom_kill 0\n");
	put("sys/fs/cgroup/memory.max", "max\n");
	expect(2, 1187, -1, -1, -1);
}

static void
own_folder_of_v2_counts_where_the_machines_top_is_seen(void **state)
{
	(void)state;
	put_proc("0::/system.slice/docker-abc.scope\n", HOST_V2);
	put("sys/fs/cgroup/cgroup.procs", "");
	put("sys/fs/cgroup/system.slice/docker-abc.scope/memory.events", EVENTS);
	put("sys/fs/cgroup/system.slice/docker-abc.scope/memory.max", "max\n");
	put("sys/fs/cgroup/system.slice/docker-abc.scope/pids.max", "512\n");
	put("sys/fs/cgroup/system.slice/docker-abc.scope/pids.events", "max 0\n");
	expect(2, 1187, 0, -1, 512);
}

static void
v1_comes_before_a_v2_without_controllers(void **state)
{
	(void)state;
	put_proc(
	    "9:name=systemd:/\n8:pids:/docker/abc\n4:memory:/docker/abc\n1:cpu,cpuacct:/\n0::/docker/abc\n", HYBRID);
	put("sys/fs/cgroup/memory/docker/abc/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 7\n");
	put("sys/fs/cgroup/memory/docker/abc/memory.failcnt", "31\n");
	put("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "104857600\n");
	put("sys/fs/cgroup/pids/docker/abc/pids.events", "max 5\n");
	put("sys/fs/cgroup/pids/docker/abc/pids.max", "max\n");
	expect(7, 31, 5, 104857600, -1);
}

static void
v1_in_a_container_sees_only_its_own_part(void **state)
{
	static const char mounts[] =
	    "870 869 0:32 /docker/abc /sys/fs/cgroup/memory ro,nosuid - cgroup cgroup rw,memory\n"
	    "871 869 0:36 /docker/abc /sys/fs/cgroup/pids ro,nosuid - cgroup cgroup rw,pids\n";

	(void)state;
	put("sys/fs/cgroup/memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
	put("sys/fs/cgroup/memory/memory.failcnt", "9\n");
	put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	put("sys/fs/cgroup/pids/pids.events", "max 3\n");
	put_proc("8:pids:/docker/abc\n4:memory:/docker/abc\n", mounts);
	expect(1, 9, 3, -1, -1);
	put_proc("8:pids:/\n4:memory:/\n", mounts); /* told from within a namespace of control groups */
	expect(1, 9, 3, -1, -1);
}

static void
kernel_before_4_13_does_not_tell_its_kills(void **state)
{
	(void)state;
	put_proc("4:memory:/\n", HYBRID);
	put("sys/fs/cgroup/memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\n");
	put("sys/fs/cgroup/memory/memory.failcnt", "12\n");
	expect(-1, 12, -1, -1, -1);
}

static void
group_that_is_not_in_sight_is_unknown(void **state)
{
	static const char above[] = "32 24 0:27 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
	static const char elsewhere[] = "870 869 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";

	(void)state;
	put("sys/fs/cgroup/memory.events", EVENTS);
	put("sys/fs/cgroup/memory/memory.oom_control", "oom_kill 1\n");
	put_proc("0::/\n", above);
	expect(-1, -1, -1, -1, -1);
	put_proc("0::/../other\n", HOST_V2);
	expect(-1, -1, -1, -1, -1);
	put_proc("4:memory:/docker/abcdef\n", elsewhere);
	expect(-1, -1, -1, -1, -1);
}

static void
nonsense_is_unknown(void **state)
{
	static const char *const texts[] = {"", "\n", "-", " - ", "a b c d e - cgroup2", "4:memory",
	    "4:memory:", ":::", "0::", "1 2 3 /  - cgroup cgroup rw,memory\n",
	    "1 2 3 / /sys/fs/cgroup rw - cgroup2 x y\n"};

	(void)state;
	expect(-1, -1, -1, -1, -1); /* no /proc at all */
	put("sys/fs/cgroup/memory.events", "oom_kill\noom_kill x\nmax -5\n");
	put("sys/fs/cgroup/memory.max", "\n");
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		for (size_t j = 0; j < ARRAY_LEN(texts); j++) {
			put_proc(texts[i], texts[j]);
			expect(-1, -1, -1, -1, -1);
		}
	}
	put_proc("0::/\n", DOCKER_V2);
	expect(-1, -1, -1, -1, -1);
}

static void
difference_tells_what_happened_meanwhile(void **state)
{
	const struct kernel_counts before = {2, 10, -1, 100, 5}, after = {3, 10, 4, 200, -1};
	struct kernel_counts got = counters_since(&before, &after);

	(void)state;
	assert_int_equal(got.memory_kills, 1);
	assert_int_equal(got.memory_refusals, 0);
	assert_int_equal(got.forks_refused, -1);
	assert_int_equal(got.memory_limit, 200);
	assert_int_equal(got.process_limit, -1);
	got = counters_since(&after, &before); /* another group's numbers: we were moved */
	assert_int_equal(got.memory_kills, -1);
}

static void
this_machines_own_are_read(void **state)
{
	struct kernel_counts got;

	(void)state;
	counters_read("", &got);
	assert_true(got.memory_kills >= 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(container_of_v2_is_the_top_of_its_namespace),
	    TEST(whole_container_counts_where_we_are_in_a_part_of_it),
	    TEST(own_folder_of_v2_counts_where_the_machines_top_is_seen),
	    TEST(v1_comes_before_a_v2_without_controllers),
	    TEST(v1_in_a_container_sees_only_its_own_part),
	    TEST(kernel_before_4_13_does_not_tell_its_kills),
	    TEST(group_that_is_not_in_sight_is_unknown),
	    TEST(nonsense_is_unknown),
	    TEST(difference_tells_what_happened_meanwhile),
	    TEST(this_machines_own_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
