/* What the pipeline is told about the machine. */
#include "unit/config/jobroot.h"

#include <sys/resource.h>

#include "config/machine.h"

enum { ROOT_MAX = 256 };

static void
machine_counts_processors_as_python_does(void **state)
{
	(void)state;
	/* The host's libc counts what is online, as Python's cpu_count does through it; others count what this process may use. */
	assert_int_equal(machine_cpus(), sysconf(_SC_NPROCESSORS_ONLN));
}

static void
machine_reads_the_kernels_list_of_processors(void **state)
{
	static const struct {
		const char *list;
		int count;
	} cases[] = {
	    {"0\n", 1},
	    {"0-3\n", 4},
	    {"0-3,8", 5},
	    {"0,2,4-5,7-7\n", 5},
	    {"0-1023", 1024},
	    {"", 0},
	    {"\n", 0},
	    {"x", 0},
	    {"0-", 0},
	    {"3-1", 0},
	    {"0,", 0},
	    {"-1", 0},
	    {"0-99999999999999999999", 0},
	    {"0 1", 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		if (machine_count_list(cases[i].list) != cases[i].count) {
			fail_msg("'%s' is %d", cases[i].list, machine_count_list(cases[i].list));
		}
	}
}

static void
machine_counts_gpus_by_their_devices(void **state)
{
	static const char *const others[] = {
	    "nvidiactl", "nvidia-uvm", "nvidia-caps/nvidia-cap1", "nvidia", "xnvidia0", "nvidia0x", "null"};
	char root[ROOT_MAX];

	(void)state;
	scratch_make(root);
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		scratch_write(root, others[i], "");
	}
	assert_int_equal(machine_gpus(root), 0);
	scratch_write(root, "nvidia0", "");
	scratch_write(root, "nvidia3", "");
	scratch_write(root, "nvidia15", "");
	assert_int_equal(machine_gpus(root), 3);
	scratch_drop(root);
	assert_int_equal(machine_gpus(root), 0);
}

static void
machine_finds_the_home_of_a_user(void **state)
{
	char root[ROOT_MAX];
	char text[2048];
	char passwd[ROOT_MAX + 16];
	char home[PATH_BYTES_MAX];

	(void)state;
	scratch_make(root);
	scratch_write(root, "file", "");
	(void)snprintf(text, sizeof(text),
	    "# a comment\nshort:line\nroot:x:0:0:root:/:/bin/sh\nalice:x:1000:1000::%s:/bin/sh\n"
	    "bob:x:100:100::%s/missing:/bin/sh\ncarl:x:10001:1::%s/file:/bin/sh\ndora:x:7:7::relative:/bin/sh\n"
	    "last:x:42:42::%s:",
	    root, root, root, root);
	scratch_write(root, "passwd", text);
	(void)snprintf(passwd, sizeof(passwd), "%s/passwd", root);
	assert_int_equal(machine_home(1000, passwd, home), 1);
	assert_string_equal(home, root);
	assert_int_equal(machine_home(42, passwd, home), 1); /* no newline at the end of the file */
	assert_int_equal(machine_home(0, passwd, home), 0);  /* "/" is no home */
	assert_int_equal(machine_home(100, passwd, home), 0);
	assert_int_equal(machine_home(10001, passwd, home), 0);
	assert_int_equal(machine_home(7, passwd, home), 0);
	assert_int_equal(machine_home(10, passwd, home), 0); /* nobody has it; 100 and 1000 are others */
	scratch_drop(root);
	assert_int_equal(machine_home(1000, passwd, home), 0);
}

/* The kernel's own rule: a quarter of the stack limit, never under 128 KiB (execve(2)). */
static void
machine_leaves_room_for_arguments_by_the_stack_limit(void **state)
{
	static const struct {
		rlim_t stack;
		size_t least, most;
	} cases[] = {
	    {(rlim_t)8 << 20, (2 << 20) - 16384, 2 << 20},
	    {(rlim_t)64 << 10, (128 << 10) - 16384, 128 << 10},
	    {(rlim_t)16 << 20, (4 << 20) - 16384, 4 << 20},
	};
	struct rlimit was;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_STACK, &was), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct rlimit now = {.rlim_cur = cases[i].stack, .rlim_max = was.rlim_max};

		if (now.rlim_max < now.rlim_cur) {
			continue;
		}
		assert_int_equal(setrlimit(RLIMIT_STACK, &now), 0);
		size_t room = machine_args_max();
		assert_int_equal(setrlimit(RLIMIT_STACK, &was), 0);
		assert_true(room >= cases[i].least && room < cases[i].most);
	}
}

static void
machine_reads_the_containers_memory_limit(void **state)
{
	static const struct {
		const char *file, *text;
		unsigned long long limit;
	} cases[] = {
	    {"memory.max", "268435456\n", 268435456}, {"memory.max", "max\n", 0}, {"memory.max", "", 0},
	    {"memory/memory.limit_in_bytes", "1048576\n", 1048576},
	    {"memory/memory.limit_in_bytes", "9223372036854771712\n", 0}, /* v1 without one */
	};
	char folder[ROOT_MAX] = "/tmp/train-cgroup-XXXXXX", memory[2 * ROOT_MAX], path[2 * ROOT_MAX];

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(machine_memory_limit(folder), 0);
	(void)snprintf(memory, sizeof(memory), "%s/memory", folder);
	assert_int_equal(mkdir(memory, 0700), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", folder, cases[i].file);
		FILE *file = fopen(path, "we");
		assert_non_null(file);
		assert_true(fputs(cases[i].text, file) >= 0);
		assert_int_equal(fclose(file), 0);
		assert_true(machine_memory_limit(folder) == cases[i].limit);
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(rmdir(memory), 0);
	assert_int_equal(rmdir(folder), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(machine_reads_the_containers_memory_limit),
	    cmocka_unit_test(machine_counts_processors_as_python_does),
	    cmocka_unit_test(machine_reads_the_kernels_list_of_processors),
	    cmocka_unit_test(machine_counts_gpus_by_their_devices),
	    cmocka_unit_test(machine_finds_the_home_of_a_user),
	    cmocka_unit_test(machine_leaves_room_for_arguments_by_the_stack_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
