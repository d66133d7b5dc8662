#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "run/relay.h"

enum { LIMIT_MS = 20000 };

/* The relay between two pipes of a pipeline and the two readers of a log. */
struct rig {
	struct relay relay;
	int say[RELAY_STREAMS];  /* the pipeline's ends */
	int read[RELAY_STREAMS]; /* the readers' ends */
	int sink[RELAY_STREAMS]; /* what the relay was lent */
	struct buf got[RELAY_STREAMS];
};

static void
pipe_of(int *read_fd, int *write_fd, int flags)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(fcntl(fds[0], F_SETFL, flags), 0);
	*read_fd = fds[0];
	*write_fd = fds[1];
}

/* 'shared': both streams lead to the same pipe. */
static void
rig_open(struct rig *rig, int shared, const struct mask *mask)
{
	struct err err = {0};
	int feeds[RELAY_STREAMS];

	for (int i = 0; i < RELAY_STREAMS; i++) {
		pipe_of(&feeds[i], &rig->say[i], O_NONBLOCK);
		pipe_of(&rig->read[i], &rig->sink[i], O_NONBLOCK);
		buf_init(&rig->got[i], 64 << 20);
	}
	assert_int_equal(
	    relay_open(&rig->relay, rig->sink[RELAY_OUT], rig->sink[shared ? RELAY_OUT : RELAY_ERR], mask, &err), 0);
	relay_attach(&rig->relay, feeds[RELAY_OUT], feeds[RELAY_ERR]);
}

static void
rig_close(struct rig *rig)
{
	relay_close(&rig->relay);
	for (int i = 0; i < RELAY_STREAMS; i++) {
		fd_close(&rig->say[i]);
		fd_close(&rig->read[i]);
		fd_close(&rig->sink[i]);
		buf_release(&rig->got[i]);
	}
}

static void
say(struct rig *rig, int stream, const char *text)
{
	assert_int_equal(fd_write_all(rig->say[stream], text, strlen(text)), 0);
}

static void
collect(struct rig *rig, int stream)
{
	static char block[65536];
	ssize_t n;

	while ((n = read(rig->read[stream], block, sizeof(block))) > 0) {
		assert_int_equal(buf_add(&rig->got[stream], block, (size_t)n), 0);
	}
}

/* Turns the relay as the supervisor does until 'text' is all that came from 'stream'. */
static void
expect(struct rig *rig, int stream, const char *text)
{
	int64_t end_ms = clock_now_ms() + LIMIT_MS;

	for (;;) {
		struct pollfd fds[RELAY_FDS_MAX];
		int64_t until_ms = end_ms;
		nfds_t count;

		(void)relay_pump(&rig->relay, 0);
		collect(rig, stream);
		if (strlen(text) == rig->got[stream].len || clock_now_ms() >= end_ms) {
			break;
		}
		count = relay_watch(&rig->relay, fds, &until_ms);
		(void)poll(fds, count, clock_poll_ms(until_ms));
	}
	assert_string_equal(buf_text(&rig->got[stream]), text);
	buf_reset(&rig->got[stream]);
}

static void
relay_keeps_streams_apart(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, 0, NULL);
	say(&rig, RELAY_OUT, "to out\n");
	say(&rig, RELAY_ERR, "to err\n");
	expect(&rig, RELAY_OUT, "to out\n");
	expect(&rig, RELAY_ERR, "to err\n");
	rig_close(&rig);
}

static void
relay_marks_the_pieces_of_a_long_line(void **state)
{
	static char line[FEED_LINE_MAX + 3];
	struct rig rig;
	CLEAN_BUF want;

	(void)state;
	rig_open(&rig, 0, NULL);
	buf_init(&want, 1 << 20);
	assert_true(fcntl(rig.say[RELAY_OUT], F_SETPIPE_SZ, 4 * FEED_LINE_MAX) > 0);
	assert_true(fcntl(rig.sink[RELAY_OUT], F_SETPIPE_SZ, 4 * FEED_LINE_MAX) > 0);
	memset(line, 'x', sizeof(line) - 1);
	say(&rig, RELAY_OUT, line);
	say(&rig, RELAY_OUT, "\n");
	buf_add(&want, line, FEED_LINE_MAX);
	buf_adds(&want, "[...]\n[...]xx\n");
	expect(&rig, RELAY_OUT, buf_text(&want));
	rig_close(&rig);
}

static void
relay_does_not_tear_a_line_for_another_stream_of_the_same_file(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, 1, NULL);
	say(&rig, RELAY_OUT, "loading ");
	expect(&rig, RELAY_OUT, "loading ");
	say(&rig, RELAY_ERR, "warning\n");
	(void)relay_pump(&rig.relay, 0);
	(void)relay_pump(&rig.relay, 0);
	say(&rig, RELAY_OUT, "done\n");
	expect(&rig, RELAY_OUT, "done\nwarning\n");
	rig_close(&rig);
}

static void
relay_breaks_a_line_that_does_not_end_in_time(void **state)
{
	struct rig rig;
	int64_t began_ms;

	(void)state;
	rig_open(&rig, 1, NULL);
	say(&rig, RELAY_OUT, "waiting... ");
	expect(&rig, RELAY_OUT, "waiting... ");
	began_ms = clock_now_ms();
	assert_int_equal(relay_say(&rig.relay, RELAY_ERR, "train: still here\n", 18), 0);
	expect(&rig, RELAY_OUT, "\ntrain: still here\n");
	assert_true(clock_now_ms() - began_ms >= GATE_WAIT_MS);
	/* Its newline was put in already. */
	say(&rig, RELAY_OUT, "\nnext\n");
	expect(&rig, RELAY_OUT, "next\n");
	rig_close(&rig);
}

static void
relay_lets_streams_of_different_files_write_whenever(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, 0, NULL);
	say(&rig, RELAY_OUT, "part");
	expect(&rig, RELAY_OUT, "part");
	say(&rig, RELAY_ERR, "line\n");
	(void)relay_pump(&rig.relay, 0);
	collect(&rig, RELAY_ERR);
	assert_string_equal(buf_text(&rig.got[RELAY_ERR]), "line\n");
	rig_close(&rig);
}

static void
relay_says_a_line_at_once_without_a_pipeline(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, 0, NULL);
	relay_attach(&rig.relay, -1, -1);
	assert_int_equal(relay_say(&rig.relay, RELAY_ERR, "train: hello\n", 13), 0);
	collect(&rig, RELAY_ERR);
	assert_string_equal(buf_text(&rig.got[RELAY_ERR]), "train: hello\n");
	rig_close(&rig);
}

static void
relay_ends_an_unfinished_line_of_an_ended_stream_for_the_next(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig, 1, NULL);
	say(&rig, RELAY_OUT, "no newline");
	fd_close(&rig.say[RELAY_OUT]);
	expect(&rig, RELAY_OUT, "no newline");
	assert_int_equal(relay_say(&rig.relay, RELAY_ERR, "train: end\n", 11), 0);
	expect(&rig, RELAY_OUT, "\ntrain: end\n");
	rig_close(&rig);
}

static void
relay_masks_values_also_across_parts(void **state)
{
	struct mask mask = {0};
	struct rig rig;

	(void)state;
	assert_int_equal(mask_add(&mask, "hunter2", 7), 0);
	rig_open(&rig, 0, &mask);
	say(&rig, RELAY_ERR, "a hunter2 b\nhunt");
	expect(&rig, RELAY_ERR, "a *** b\n");
	say(&rig, RELAY_ERR, "er2\n");
	expect(&rig, RELAY_ERR, "***\n");

	CLEAN_BUF tail;

	buf_init(&tail, TAIL_TEXT_MAX);
	tail_text(&rig.relay.tail, NULL, &tail);
	assert_string_equal(buf_text(&tail), "a *** b\n***\n");
	rig_close(&rig);
	mask_release(&mask);
}

static void
relay_keeps_the_tail_of_stderr_only_and_of_one_step(void **state)
{
	struct rig rig;
	CLEAN_BUF tail;

	(void)state;
	rig_open(&rig, 0, NULL);
	buf_init(&tail, TAIL_TEXT_MAX);
	say(&rig, RELAY_OUT, "out\n");
	say(&rig, RELAY_ERR, "\033[1mValueError\033[0m\n");
	expect(&rig, RELAY_OUT, "out\n");
	expect(&rig, RELAY_ERR, "ValueError\n");
	tail_text(&rig.relay.tail, NULL, &tail);
	assert_string_equal(buf_text(&tail), "ValueError\n");
	relay_attach(&rig.relay, -1, -1);
	buf_reset(&tail);
	tail_text(&rig.relay.tail, NULL, &tail);
	assert_int_equal(tail.len, 0);
	rig_close(&rig);
}

/* Fills the reader's pipe and all buffers, until the pipeline's own pipe takes no more: that is backpressure. */
static size_t
flood(struct rig *rig)
{
	char line[100];
	size_t put = 0;

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	assert_int_equal(fcntl(rig->say[RELAY_OUT], F_SETFL, O_NONBLOCK), 0);
	for (int refused = 0; refused < 3;) {
		if (write(rig->say[RELAY_OUT], line, sizeof(line)) == (ssize_t)sizeof(line)) {
			put += sizeof(line);
			refused = 0;
		} else {
			(void)relay_pump(&rig->relay, 0);
			refused++;
		}
	}
	return put;
}

static void
relay_slows_the_pipeline_for_a_slow_reader_and_loses_nothing(void **state)
{
	struct rig rig;
	uint64_t lines, bytes;
	size_t put;

	(void)state;
	rig_open(&rig, 0, NULL);
	put = flood(&rig);
	/* The other stream goes on meanwhile. */
	say(&rig, RELAY_ERR, "still alive\n");
	expect(&rig, RELAY_ERR, "still alive\n");
	fd_close(&rig.say[RELAY_OUT]);
	while (relay_pump(&rig.relay, 1)) {
		collect(&rig, RELAY_OUT);
	}
	collect(&rig, RELAY_OUT);
	assert_int_equal(rig.got[RELAY_OUT].len, put);
	relay_lost(&rig.relay, &lines, &bytes);
	assert_true(lines == 0 && bytes == 0);
	rig_close(&rig);
}

static void
relay_never_waits_for_a_stalled_reader_when_it_says_something(void **state)
{
	struct rig rig;
	size_t said = 0;

	(void)state;
	rig_open(&rig, 0, NULL);
	(void)flood(&rig);
	while (relay_say(&rig.relay, RELAY_OUT, "#metric x=1;\n", 13) == 0) {
		said += 13;
	}
	assert_true(said > RELAY_OUT_QUEUE_BYTES / 2 && said <= RELAY_OUT_QUEUE_BYTES);
	rig_close(&rig);
}

static void
relay_counts_what_a_stalled_reader_loses_at_the_end(void **state)
{
	struct rig rig;
	uint64_t lines, bytes;
	size_t put;

	(void)state;
	rig_open(&rig, 0, NULL);
	put = flood(&rig);
	fd_close(&rig.say[RELAY_OUT]);
	relay_finish(&rig.relay, 0, DEADLINE_NEVER);
	collect(&rig, RELAY_OUT);
	relay_lost(&rig.relay, &lines, &bytes);
	assert_true(bytes == put - rig.got[RELAY_OUT].len);
	assert_true(bytes > 0 && lines >= bytes / 100);
	/* The next end does not wait again. */
	assert_int_equal(relay_say(&rig.relay, RELAY_ERR, "x\n", 2), 0);
	relay_finish(&rig.relay, LIMIT_MS, DEADLINE_NEVER);
	rig_close(&rig);
}

static void
relay_discards_for_a_reader_that_closed_and_lets_the_pipeline_run(void **state)
{
	struct rig rig;
	uint64_t lines, bytes;

	(void)state;
	rig_open(&rig, 0, NULL);
	fd_close(&rig.read[RELAY_OUT]);
	fd_close(&rig.sink[RELAY_OUT]);
	for (int i = 0; i < 1000; i++) {
		say(&rig, RELAY_OUT, "nobody reads this\n");
		(void)relay_pump(&rig.relay, 0);
	}
	relay_lost(&rig.relay, &lines, &bytes);
	assert_true(lines == 1000 && bytes == 18000);
	rig_close(&rig);
}

static void
relay_loses_nothing_of_two_streams_in_one_pipe(void **state)
{
	struct rig rig;
	size_t a = 0, b = 0;

	(void)state;
	rig_open(&rig, 1, NULL);
	for (int i = 0; i < 20000; i++) {
		say(&rig, i % 3 == 0 ? RELAY_ERR : RELAY_OUT, i % 3 == 0 ? "eeee eeee eeee\n" : "oooo oooo oooo\n");
		if (i % 64 == 0) {
			(void)relay_pump(&rig.relay, 0);
			collect(&rig, RELAY_OUT);
		}
	}
	fd_close(&rig.say[RELAY_OUT]);
	fd_close(&rig.say[RELAY_ERR]);
	while (relay_pump(&rig.relay, 1)) {
		collect(&rig, RELAY_OUT);
	}
	collect(&rig, RELAY_OUT);
	assert_int_equal(rig.got[RELAY_OUT].len, 20000 * 15);
	for (const char *line = buf_text(&rig.got[RELAY_OUT]); *line != '\0'; line += 15) {
		a += strncmp(line, "eeee eeee eeee\n", 15) == 0;
		b += strncmp(line, "oooo oooo oooo\n", 15) == 0;
	}
	assert_int_equal(a, 6667);
	assert_int_equal(b, 13333);
	rig_close(&rig);
}

/* A terminal shows updates in place and keeps colours. */
static void
relay_overwrites_updates_on_a_terminal(void **state)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	struct termios raw;
	struct rig rig;
	int feed;

	(void)state;
	assert_true(master >= 0);
	assert_int_equal(grantpt(master) | unlockpt(master), 0);
	rig_open(&rig, 0, NULL);
	fd_close(&rig.read[RELAY_OUT]);
	fd_close(&rig.sink[RELAY_OUT]);
	fd_close(&rig.say[RELAY_OUT]);
	rig.read[RELAY_OUT] = master;
	rig.sink[RELAY_OUT] = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_int_equal(tcgetattr(rig.sink[RELAY_OUT], &raw), 0);
	raw.c_oflag &= (tcflag_t)~OPOST;
	assert_int_equal(tcsetattr(rig.sink[RELAY_OUT], TCSANOW, &raw), 0);

	struct err err = {0};

	relay_close(&rig.relay);
	assert_int_equal(relay_open(&rig.relay, rig.sink[RELAY_OUT], rig.sink[RELAY_ERR], NULL, &err), 0);
	pipe_of(&feed, &rig.say[RELAY_OUT], O_NONBLOCK);
	relay_attach(&rig.relay, feed, -1);
	say(&rig, RELAY_OUT, "\033[1mbold\033[0m\n\r 1%");
	expect(&rig, RELAY_OUT, "\033[1mbold\033[0m\n 1%");
	say(&rig, RELAY_OUT, "\r100%\n");
	expect(&rig, RELAY_OUT, "\r100%\n");
	rig_close(&rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(relay_keeps_streams_apart),
	    cmocka_unit_test(relay_marks_the_pieces_of_a_long_line),
	    cmocka_unit_test(relay_does_not_tear_a_line_for_another_stream_of_the_same_file),
	    cmocka_unit_test(relay_breaks_a_line_that_does_not_end_in_time),
	    cmocka_unit_test(relay_lets_streams_of_different_files_write_whenever),
	    cmocka_unit_test(relay_says_a_line_at_once_without_a_pipeline),
	    cmocka_unit_test(relay_ends_an_unfinished_line_of_an_ended_stream_for_the_next),
	    cmocka_unit_test(relay_masks_values_also_across_parts),
	    cmocka_unit_test(relay_keeps_the_tail_of_stderr_only_and_of_one_step),
	    cmocka_unit_test(relay_slows_the_pipeline_for_a_slow_reader_and_loses_nothing),
	    cmocka_unit_test(relay_never_waits_for_a_stalled_reader_when_it_says_something),
	    cmocka_unit_test(relay_counts_what_a_stalled_reader_loses_at_the_end),
	    cmocka_unit_test(relay_discards_for_a_reader_that_closed_and_lets_the_pipeline_run),
	    cmocka_unit_test(relay_loses_nothing_of_two_streams_in_one_pipe),
	    cmocka_unit_test(relay_overwrites_updates_on_a_terminal),
	};
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	(void)sigaction(SIGPIPE, &ignore, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
