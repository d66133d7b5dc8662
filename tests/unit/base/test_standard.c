/* Descriptors 0, 1 and 2 exist before anything is opened: else the first file would become one of them. */
#include "unit/base/apart.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"

enum { STANDARD = 3, COMBINATIONS = 1 << STANDARD };

static int
is_null(int fd)
{
	struct stat st, null;

	return fstat(fd, &st) == 0 && stat("/dev/null", &null) == 0 && S_ISCHR(st.st_mode) &&
	       st.st_rdev == null.st_rdev;
}

/* Closes those whose bit is set; the others must stay what they were. Its own number for each thing that can be wrong: there is no stderr to say it. */
static int
open_those(void *self)
{
	unsigned closed = *(const unsigned *)self;
	struct stat before[STANDARD], after;
	struct err err = {0};

	for (int fd = 0; fd < STANDARD; fd++) {
		int file = open("/proc/self/status", O_RDONLY);

		APART_CHECK(file >= 0 && dup2(file, fd) == fd && fstat(fd, &before[fd]) == 0);
		fd_close(&file);
	}
	for (int fd = 0; fd < STANDARD; fd++) {
		APART_CHECK((closed & 1U << fd) == 0 || close(fd) == 0);
	}
	if (fd_open_standard(&err) < 0) {
		return 2;
	}
	for (int fd = 0; fd < STANDARD; fd++) {
		if ((closed & 1U << fd) != 0) {
			/* Both ways: somebody may print to stdin's number, and the pipeline inherits them without close-on-exec. */
			if (!is_null(fd) || (fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDWR || fcntl(fd, F_GETFD) != 0) {
				return 10 + fd;
			}
		} else if (fstat(fd, &after) < 0 || after.st_ino != before[fd].st_ino ||
		           after.st_dev != before[fd].st_dev) {
			return 20 + fd;
		}
	}
	int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return next >= STANDARD ? 0 : 3;
}

static void
whichever_are_closed_become_dev_null_and_the_others_stay(void **state)
{
	(void)state;
	for (unsigned closed = 0; closed < COMBINATIONS; closed++) {
		apart(open_those, &closed);
	}
}

static int
open_without_dev(void *self)
{
	struct err err = {0};

	(void)self;
	if (apart_mounts() < 0 || mount("none", "/dev", "tmpfs", 0, NULL) < 0) {
		return APART_SKIPPED;
	}
	APART_CHECK(fd_open_standard(&err) == 0); /* all are there: nothing is opened */
	APART_CHECK(close(STDIN_FILENO) == 0);
	APART_CHECK(fd_open_standard(&err) == -1 && err.kind == ERR_SYSTEM);
	APART_CHECK(strstr(err.text, "'/dev/null' as descriptor 0") != NULL);
	return 0;
}

static void
without_dev_null_it_is_an_error(void **state)
{
	(void)state;
	apart(open_without_dev, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(whichever_are_closed_become_dev_null_and_the_others_stay),
	    cmocka_unit_test(without_dev_null_it_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
