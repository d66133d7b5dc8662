#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "run/outlet.h"

static char block[OUTLET_PUT_MAX];

static void
fill_block(void)
{
	memset(block, 'x', sizeof(block));
	for (size_t i = 99; i < sizeof(block); i += 100) {
		block[i] = '\n';
	}
}

/* Puts until the outlet has no room any more: its reader reads nothing. */
static size_t
stall(struct outlet *outlet)
{
	size_t put = 0;

	while (outlet_ready(outlet)) {
		outlet_put(outlet, block, sizeof(block));
		put += sizeof(block);
		(void)outlet_flush(outlet);
		assert_true(put < 64 << 20);
	}
	return put;
}

/* Reads from 'fd' until the outlet is empty and all of 'len' bytes came. */
static void
read_back(struct outlet *outlet, int fd, size_t len)
{
	static char got[65536];

	while (len > 0) {
		ssize_t n = read(fd, got, sizeof(got));

		assert_true(n > 0);
		assert_true((size_t)n <= len);
		len -= (size_t)n;
		(void)outlet_flush(outlet);
	}
	assert_true(outlet_flush(outlet));
}

static void
check_stall_and_read_back(int write_fd, int read_fd, enum outlet_kind kind)
{
	int flags = fcntl(write_fd, F_GETFL);
	struct outlet outlet;
	size_t put;

	assert_int_equal(outlet_open(&outlet, write_fd), 0);
	if (kind == OUTLET_PIECES) {
		/* As where the reopening is refused. */
		fd_close(&outlet.own_fd);
		outlet.fd = write_fd;
		outlet.kind = kind;
	}
	assert_int_equal(outlet.kind, kind);
	put = stall(&outlet);
	assert_int_equal(fcntl(write_fd, F_GETFL), flags);
	read_back(&outlet, read_fd, put);
	assert_true(outlet.taken == put);
	assert_true(outlet.lost_bytes == 0);
	outlet_release(&outlet);
}

static void
outlet_never_waits_for_a_pipe_and_leaves_its_flags(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	check_stall_and_read_back(fds[1], fds[0], OUTLET_OWN);
	close(fds[0]);
	close(fds[1]);
}

static void
outlet_never_waits_for_a_pipe_that_cannot_be_reopened(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	check_stall_and_read_back(fds[1], fds[0], OUTLET_PIECES);
	close(fds[0]);
	close(fds[1]);
}

static void
outlet_never_waits_for_a_socket(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	check_stall_and_read_back(fds[1], fds[0], OUTLET_SOCKET);
	close(fds[0]);
	close(fds[1]);
}

static void
outlet_never_waits_for_a_terminal(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct outlet outlet;
	int slave;

	(void)state;
	assert_true(master >= 0);
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(slave >= 0);
	assert_int_equal(outlet_open(&outlet, slave), 0);
	assert_true(outlet.is_terminal);
	(void)stall(&outlet);
	assert_false(outlet_ready(&outlet));
	outlet_release(&outlet);
	close(slave);
	close(master);
}

static void
outlet_writes_a_file_where_its_offset_is(void **state)
{
	char path[] = "/tmp/outlet-XXXXXX";
	int fd = mkstemp(path);
	struct outlet outlet;
	char got[16] = "";

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(write(fd, "old ", 4), 4);
	assert_int_equal(outlet_open(&outlet, fd), 0);
	assert_int_equal(outlet.kind, OUTLET_PLAIN);
	outlet_put(&outlet, "new\n", 4);
	assert_true(outlet_flush(&outlet));
	assert_int_equal(pread(fd, got, sizeof(got), 0), 8);
	assert_string_equal(got, "old new\n");
	outlet_release(&outlet);
	close(fd);
}

static void
outlet_counts_what_a_closed_reader_misses(void **state)
{
	struct outlet outlet;
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(outlet_open(&outlet, fds[1]), 0);
	close(fds[0]);
	outlet_put(&outlet, "one\ntwo\n", 8);
	assert_true(outlet_flush(&outlet));
	assert_int_equal(outlet.kind, OUTLET_GONE);
	outlet_put(&outlet, "three\nhalf", 10);
	assert_true(outlet_flush(&outlet));
	assert_true(outlet.lost_lines == 4);
	assert_true(outlet.lost_bytes == 18);
	outlet_release(&outlet);
	close(fds[1]);
}

static void
outlet_takes_a_closed_descriptor_for_a_reader_that_is_gone(void **state)
{
	struct outlet outlet;

	(void)state;
	assert_int_equal(outlet_open(&outlet, -1), 0);
	assert_int_equal(outlet.kind, OUTLET_GONE);
	outlet_put(&outlet, "x\n", 2);
	assert_true(outlet_flush(&outlet));
	assert_true(outlet.lost_lines == 1);
	outlet_release(&outlet);
}

static void
outlet_keeps_going_after_a_full_disk(void **state)
{
	struct outlet outlet;
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(outlet_open(&outlet, fd), 0);
	outlet_put(&outlet, "x\n", 2);
	assert_true(outlet_flush(&outlet));
	assert_int_equal(outlet.kind, OUTLET_PLAIN);
	assert_true(outlet.lost_lines == 1);
	outlet_release(&outlet);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(outlet_never_waits_for_a_pipe_and_leaves_its_flags),
	    cmocka_unit_test(outlet_never_waits_for_a_pipe_that_cannot_be_reopened),
	    cmocka_unit_test(outlet_never_waits_for_a_socket),
	    cmocka_unit_test(outlet_never_waits_for_a_terminal),
	    cmocka_unit_test(outlet_writes_a_file_where_its_offset_is),
	    cmocka_unit_test(outlet_counts_what_a_closed_reader_misses),
	    cmocka_unit_test(outlet_takes_a_closed_descriptor_for_a_reader_that_is_gone),
	    cmocka_unit_test(outlet_keeps_going_after_a_full_disk),
	};
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	(void)sigaction(SIGPIPE, &ignore, NULL);
	fill_block();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
