/* What the supervisor does beside: the log, whose reader may stall or go, and the watches lent to it. */
#include "unit/run/rig.h"

/* A reader of stdout that begins to read only when told. */
struct late_reader {
	struct rig *rig;
	int fd;
	int *begun;
	size_t bytes;
};

static void
read_late(void *self)
{
	struct late_reader *reader = self;
	char block[65536];
	ssize_t n;

	while (*reader->begun > 0 && (n = read(reader->fd, block, sizeof(block))) > 0) {
		reader->bytes += (size_t)n;
	}
}

static void
supervisor_stops_at_once_while_the_reader_is_stalled(void **state)
{
	struct rig rig;
	struct late_reader late;
	struct watch watches[2];
	struct outcome outcome;
	uint64_t lines, bytes;
	struct err err = {0};
	int fds[2];

	(void)state;
	rig_open(&rig);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	relay_close(&rig.relay);
	assert_int_equal(relay_open(&rig.relay, fds[1], rig.sink_fd, NULL, &err), 0);
	late = (struct late_reader){.rig = &rig, .fd = fds[0], .begun = &rig.seen[NOTICE_STOP]};
	watches[0] = rig.watch;
	watches[1] = (struct watch){.fd = fds[0], .events = POLLIN, .ready = read_late, .self = &late};
	rig.sup.watches.list = watches;
	rig.sup.watches.count = 2;
	rig.cues[0] = (struct cue){"stalled\n", SIGTERM};
	outcome = play(&rig, "flood", "");
	assert_int_equal(outcome_exit_code(outcome.status), 128 + SIGTERM);
	relay_lost(&rig.relay, &lines, &bytes);
	assert_true(lines == 0 && bytes == 0);
	assert_true(late.bytes > 2 * 65536);
	(void)close(fds[0]);
	(void)close(fds[1]);
	rig_close(&rig);
}

static void
supervisor_lets_the_pipeline_run_when_the_reader_is_gone(void **state)
{
	struct rig rig;
	struct outcome outcome;
	uint64_t lines, bytes;

	(void)state;
	rig_open(&rig);
	rig.sup.watches.count = 0;
	fd_close(&rig.read_fd);
	outcome = play(&rig, "say", "nobody\nhears\n");
	assert_int_equal(outcome_exit_code(outcome.status), 0);
	relay_lost(&rig.relay, &lines, &bytes);
	assert_true(lines == 2 && bytes == 13);
	rig_close(&rig);
}

static void
supervisor_serves_watches_until_they_are_empty(void **state)
{
	char path[] = "/tmp/supervisor-fifo-XXXXXX";
	struct rig rig;
	struct rig fifo;
	struct watch watches[2];

	(void)state;
	assert_non_null(mkdtemp(path));
	rig_open(&rig);
	memset(&fifo, 0, sizeof(fifo));
	buf_init(&fifo.got, 1 << 20);

	char name[64];

	(void)snprintf(name, sizeof(name), "%s/fifo", path);
	assert_int_equal(mkfifo(name, 0600), 0);
	fifo.read_fd = open(name, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	assert_true(fifo.read_fd >= 0);
	watches[0] = rig.watch;
	watches[1] = (struct watch){.fd = fifo.read_fd, .events = POLLIN, .ready = read_log, .self = &fifo};
	rig.sup.watches.list = watches;
	rig.sup.watches.count = 2;
	(void)play(&rig, "metrics", name);
	assert_int_equal(fifo.got.len, 1000 * strlen("loss=0.5\n"));
	fd_close(&fifo.read_fd);
	buf_release(&fifo.got);
	(void)unlink(name);
	(void)rmdir(path);
	rig_close(&rig);
}

static int
always(void *self)
{
	(void)self;
	return 1;
}

/* A watch that ends at the third time it is asked, and must not be asked or served after that. */
struct ending {
	int asked;
	int served_late;
};

static void
serve_ending(void *self)
{
	struct ending *ending = self;

	ending->served_late += ending->asked >= 3;
}

static int
end_at_third(void *self)
{
	struct ending *ending = self;

	ending->asked++;
	assert_true(ending->asked <= 3);
	return ending->asked == 3;
}

static void
supervisor_ends_when_the_watches_have_ended(void **state)
{
	struct rig rig;
	struct ending ending = {0};
	struct watch watches[2];
	struct outcome outcome;
	int fds[2];

	(void)state;
	rig_open(&rig);
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	(void)close(fds[1]); /* polls as hung up from the first turn on */
	watches[0] = (struct watch){
	    .fd = fds[0], .events = POLLIN, .ready = serve_ending, .ended = end_at_third, .self = &ending};
	watches[1] = rig.watch;
	watches[1].ended = always;
	rig.sup.watches.list = watches;
	rig.sup.watches.count = 2;
	outcome = play(&rig, "say", "all\n");
	assert_int_equal(outcome_exit_code(outcome.status), 0);
	assert_int_equal(ending.asked, 3);
	assert_int_equal(ending.served_late, 0);
	(void)close(fds[0]);
	rig_close(&rig);
}

static int64_t
soon(void *self)
{
	const struct rig *rig = self;

	return rig->seen[NOTICE_KILL] > 0 ? DEADLINE_NEVER : 0;
}

static void
stop_once(void *self)
{
	struct rig *rig = self;

	if (strstr(buf_text(&rig->got), "ready") != NULL && rig->next_cue == 0) {
		rig->next_cue = 1;
		(void)raise(SIGTERM);
	}
}

static void
supervisor_calls_a_watch_at_its_deadline(void **state)
{
	struct rig rig;
	struct watch watches[2];
	struct outcome outcome;

	(void)state;
	rig_open(&rig);
	watches[0] = rig.watch;
	watches[1] = (struct watch){.fd = -1, .ready = stop_once, .deadline_ms = soon, .self = &rig};
	rig.sup.watches.list = watches;
	rig.sup.watches.count = 2;
	rig.sup.grace_ms = 0;
	outcome = play(&rig, "deaf", "");
	assert_int_equal(outcome_exit_code(outcome.status), 137);
	rig_close(&rig);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(supervisor_stops_at_once_while_the_reader_is_stalled),
	    cmocka_unit_test(supervisor_lets_the_pipeline_run_when_the_reader_is_gone),
	    cmocka_unit_test(supervisor_serves_watches_until_they_are_empty),
	    cmocka_unit_test(supervisor_ends_when_the_watches_have_ended),
	    cmocka_unit_test(supervisor_calls_a_watch_at_its_deadline),
	};

	return rig_main(argc, argv, tests, ARRAY_LEN(tests));
}
