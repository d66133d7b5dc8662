/* What to do about the errors that everybody has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "report/clues.h"

static const char *const CHANNELS[] = {"training", "eval-2", NULL};

/* The advice for these lines of stderr; "" when there is none. */
static const char *
advice(const char *lines, const char *const *channels)
{
	static char made[CLUES_ADVICE_MAX];
	CLEAN_BUF text = {0};
	struct traceback found;

	buf_init(&text, 1 << 16);
	assert_int_equal(buf_adds(&text, lines), 0);
	traceback_find(&text, &found);
	const char *got = clues_find(&text, &found, channels, made);

	return got != NULL ? got : "";
}

static void
no_space_left_is_said_of_shared_memory_too(void **state)
{
	const char *disk = advice("OSError: [Errno 28] No space left on device", CHANNELS);

	(void)state;
	assert_non_null(strstr(clues_of_volume(disk, "/dev/shm"), "/dev/shm is too small"));
	assert_ptr_equal(clues_of_volume(disk, "/opt/ml/model"), disk);
	assert_ptr_equal(clues_of_volume(disk, NULL), disk);
	assert_null(clues_of_volume(NULL, "/dev/shm"));
	assert_string_equal(clues_of_volume("another", "/dev/shm"), "another");
}

static void
known_errors_have_their_advice(void **state)
{
	static const struct {
		const char *line, *word;
	} cases[] = {
	    {"torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", "GPU's own memory"},
	    {"RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
	        "GPU's own memory"},
	    {"RuntimeError: DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that dataloader's workers are "
	     "out of shared memory.",
	        "/dev/shm"},
	    {"OSError: [Errno 28] No space left on device: 'model/weights'", "VolumeSizeInGB"},
	    {"OSError: [Errno 24] Too many open files: 'x'", "ulimit -n"},
	    {"RuntimeError: can't start new thread", "OMP_NUM_THREADS"},
	    {"MemoryError", "refused memory"},
	    {"numpy.core._exceptions._ArrayMemoryError: Unable to allocate 74.5 GiB", "refused memory"},
	    {"Error: cannot allocate vector of size 8.0 Gb", "refused memory"},
	    {"RuntimeError: CUDA error: device-side assert triggered", "CUDA_LAUNCH_BLOCKING"},
	    {"RuntimeError: [1] NCCL error: unhandled system error", "failed first"},
	    {"socket.gaierror: [Errno -3] Temporary failure in name resolution", "VPC"},
	    {"malloc(): corrupted top size", "Native code"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_non_null(strstr(advice(cases[i].line, CHANNELS), cases[i].word));
	}
	assert_string_equal(advice("ValueError: x\nno rows\n", CHANNELS), "");
	assert_string_equal(advice("", CHANNELS), "");
}

static void
missing_package_is_named(void **state)
{
	(void)state;
	assert_string_equal(advice("ModuleNotFoundError: No module named 'lightgbm.sklearn'\n", NULL),
	    "The package 'lightgbm' is in neither the image nor the code: install it when the image is built.");
	assert_non_null(
	    strstr(advice("Error in library(mgcv) : there is no package called \xe2\x80\x98mgcv\xe2\x80\x99\n", NULL),
	        "The package 'mgcv' "));
	assert_non_null(strstr(advice("/usr/bin/python3: No module named my_fit\n", NULL), "The package 'my_fit' "));
	assert_string_equal(advice("No module named ", NULL), "");
	assert_string_equal(advice("No module named ''", NULL), "");
}

static void
missing_channel_is_named(void **state)
{
	(void)state;
	assert_string_equal(
	    advice("FileNotFoundError: [Errno 2] No such file or directory: 'data/validation/a.csv'\n", CHANNELS),
	    "The job has no channel 'validation': add it to InputDataConfig, or correct the name in the code.");
	assert_non_null(strstr(advice("KeyError: 'SM_CHANNEL_VALIDATION'\n", CHANNELS), "'VALIDATION'"));
	assert_string_equal(advice("KeyError: 'SM_CHANNEL_TRAINING'\n", CHANNELS), "");
	assert_string_equal(advice("No such file or directory: 'data/training/a.csv'\n", CHANNELS), "");
	assert_string_equal(
	    advice("No such file or directory: 'data/a.csv'\n", CHANNELS), ""); /* a file of the project's */
	assert_string_equal(advice("KeyError: 'SM_CHANNEL_VALIDATION'\n", NULL), "");
}

static void
exception_is_asked_before_all_other_lines(void **state)
{
	(void)state;
	assert_string_equal(
	    advice(
	        "warning: Too many open files\nTraceback (most recent call last):\n  File\nValueError: x\n", CHANNELS),
	    "");
	assert_non_null(strstr(advice("Disk quota exceeded\nToo many open files\nend\n", CHANNELS), "ulimit"));
}

static void
advice_has_room_for_the_longest_name(void **state)
{
	char line[1024];

	(void)state;
	for (int len = 1; len < 900; len++) {
		memset(line, 'a', sizeof(line));
		memcpy(line, "No module named '", 17);
		line[17 + len] = '\0';
		const char *got = advice(line, CHANNELS);

		assert_true(*got == '\0' || got[strlen(got) - 1] == '.');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_errors_have_their_advice),
	    cmocka_unit_test(no_space_left_is_said_of_shared_memory_too),
	    cmocka_unit_test(missing_package_is_named),
	    cmocka_unit_test(missing_channel_is_named),
	    cmocka_unit_test(exception_is_asked_before_all_other_lines),
	    cmocka_unit_test(advice_has_room_for_the_longest_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
