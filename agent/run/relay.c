#include "run/relay.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"

/* Whom a gate knows: the feeds by their stream, and behind them the queues. */
static int
feed_name(int stream)
{
	return stream;
}

static int
queue_name(int stream)
{
	return RELAY_STREAMS + stream;
}

static int
is_same_file(int a, int b)
{
	struct stat at, bt;

	return fstat(a, &at) == 0 && fstat(b, &bt) == 0 && at.st_dev == bt.st_dev && at.st_ino == bt.st_ino;
}

int
relay_open(struct relay *relay, int out_fd, int err_fd, const struct mask *mask, struct err *err)
{
	int bad = 0;

	memset(relay, 0, sizeof(*relay));
	relay->mask = mask;
	buf_init(&relay->masked, OUTLET_PUT_MAX);
	bad |= queue_init(&relay->queues[RELAY_OUT], RELAY_OUT_QUEUE_BYTES) < 0;
	bad |= queue_init(&relay->queues[RELAY_ERR], RELAY_ERR_QUEUE_BYTES) < 0;
	bad |= outlet_open(&relay->outlets[RELAY_OUT], out_fd) < 0;
	bad |= outlet_open(&relay->outlets[RELAY_ERR], err_fd) < 0;
	for (int i = 0; i < RELAY_STREAMS; i++) {
		bad |= feed_init(&relay->feeds[i]) < 0;
		gate_init(&relay->gates[i]);
		relay->gate_of[i] = &relay->gates[i];
	}
	if (bad) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot prepare the log");
	}
	if (is_same_file(out_fd, err_fd)) {
		relay->gate_of[RELAY_ERR] = &relay->gates[RELAY_OUT];
	}
	return 0;
}

void
relay_attach(struct relay *relay, int out_fd, int err_fd)
{
	feed_attach(&relay->feeds[RELAY_OUT], out_fd, !relay->outlets[RELAY_OUT].is_terminal);
	feed_attach(&relay->feeds[RELAY_ERR], err_fd, !relay->outlets[RELAY_ERR].is_terminal);
	tail_reset(&relay->tail);
	for (int i = 0; i < RELAY_STREAMS; i++) {
		gate_abandon(relay->gate_of[i], feed_name(i));
		relay->blocked[i] = 0;
	}
}

/* ---- emitting ---- */

static void
put(struct relay *relay, int stream, const char *bytes, size_t len)
{
	outlet_put(&relay->outlets[stream], bytes, len);
}

/* The pipeline's own bytes: masked, remembered, sent. */
static void
emit(struct relay *relay, int stream, const char *bytes, size_t len)
{
	buf_reset(&relay->masked);
	if (mask_values(relay->mask, bytes, len, &relay->masked)) {
		if (relay->masked.full) {
			/* No memory to hide it in: better lost than seen. */
			outlet_drop(&relay->outlets[stream], bytes, len);
			return;
		}
		bytes = buf_text(&relay->masked);
		len = relay->masked.len;
	}
	if (stream == RELAY_ERR) {
		tail_add(&relay->tail, bytes, len);
	}
	put(relay, stream, bytes, len);
}

static void
end_line(struct relay *relay, int stream)
{
	put(relay, stream, "\n", 1);
	if (stream == RELAY_ERR) {
		tail_add(&relay->tail, "\n", 1);
	}
}

static int
other_of(int stream)
{
	return stream == RELAY_OUT ? RELAY_ERR : RELAY_OUT;
}

/* Is there room on 'stream'? Streams of one file keep their order, so the other one must have nothing waiting. */
static int
has_room(const struct relay *relay, int stream)
{
	const struct outlet *other = &relay->outlets[other_of(stream)];
	int shared = relay->gate_of[RELAY_OUT] == relay->gate_of[RELAY_ERR];

	return outlet_ready(&relay->outlets[stream]) && !(shared && other->tail > other->head);
}

/* May 'who' put something on 'stream' now? */
static int
may_put(struct relay *relay, int stream, int who, int64_t now_ms)
{
	enum gate_answer answer;

	if (!has_room(relay, stream)) {
		(void)outlet_flush(&relay->outlets[stream]);
		(void)outlet_flush(&relay->outlets[other_of(stream)]);
		if (!has_room(relay, stream)) {
			return 0;
		}
	}
	answer = gate_enter(relay->gate_of[stream], who, now_ms);
	if (answer == GATE_BREAK) {
		put(relay, stream, "\n", 1);
	}
	return answer != GATE_WAIT;
}

/* An update on a terminal stands on one line and is overwritten; elsewhere it is a line. */
static void
send_update(struct relay *relay, int stream, const struct piece *piece)
{
	struct gate *gate = relay->gate_of[stream];
	int holds = gate->holder == feed_name(stream);

	if (!relay->outlets[stream].is_terminal) {
		emit(relay, stream, piece->bytes, piece->len);
		end_line(relay, stream);
		gate_leave(gate, feed_name(stream));
		return;
	}
	if (holds) {
		put(relay, stream, "\r", 1);
	}
	emit(relay, stream, piece->bytes, piece->len);
	if (piece->kind == PIECE_FINAL) {
		end_line(relay, stream);
		gate_leave(gate, feed_name(stream));
	} else {
		tail_add(&relay->tail, "\n", stream == RELAY_ERR);
		gate_hold(gate, feed_name(stream), 1);
	}
}

static void
send_lines(struct relay *relay, int stream, const struct piece *piece)
{
	struct gate *gate = relay->gate_of[stream];
	/* The line was broken for another's sake: its own newline would now be an empty line. */
	size_t skip = relay->feeds[stream].passed > 0 && gate->holder != feed_name(stream) && piece->bytes[0] == '\n';

	emit(relay, stream, piece->bytes + skip, piece->len - skip);
	gate_leave(gate, feed_name(stream));
}

static void
send_piece(struct relay *relay, int stream, const struct piece *piece)
{
	struct gate *gate = relay->gate_of[stream];

	if (piece->continues) {
		put(relay, stream, FEED_MARK, sizeof(FEED_MARK) - 1);
	}
	switch (piece->kind) {
	case PIECE_LINES:
		send_lines(relay, stream, piece);
		return;
	case PIECE_PART:
		emit(relay, stream, piece->bytes, piece->len);
		gate_hold(gate, feed_name(stream), 0);
		return;
	case PIECE_UPDATE:
	case PIECE_FINAL:
		send_update(relay, stream, piece);
		return;
	case PIECE_END:
		if (gate->holder == feed_name(stream)) {
			end_line(relay, stream);
			gate_leave(gate, feed_name(stream));
		}
		return;
	case PIECE_CUT:
	case PIECE_LINE:
		emit(relay, stream, piece->bytes, piece->len);
		if (piece->kind == PIECE_CUT) {
			put(relay, stream, FEED_MARK, sizeof(FEED_MARK) - 1);
		}
		end_line(relay, stream);
		gate_leave(gate, feed_name(stream));
		return;
	case PIECE_NONE:
	case PIECE_KINDS:
	default:
		return;
	}
}

/* ---- turns ---- */

static void
pump_queue(struct relay *relay, int stream, int64_t now_ms)
{
	struct queue *queue = &relay->queues[stream];
	const char *lines;
	size_t len;

	while ((len = queue_peek(queue, OUTLET_PUT_MAX, &lines)) > 0 &&
	       may_put(relay, stream, queue_name(stream), now_ms)) {
		put(relay, stream, lines, len);
		queue_take(queue, len);
	}
}

/* Passes on what may go; 0 when something has to wait. */
static int
empty_feed(struct relay *relay, int stream, int64_t now_ms, int ending)
{
	struct feed *feed = &relay->feeds[stream];
	struct piece piece;

	while ((piece = feed_next(feed, relay->mask, now_ms, ending)).kind != PIECE_NONE) {
		if (!may_put(relay, stream, feed_name(stream), now_ms)) {
			return 0;
		}
		send_piece(relay, stream, &piece);
		feed_take(feed, &piece, now_ms);
	}
	if (ending) {
		gate_abandon(relay->gate_of[stream], feed_name(stream));
	}
	return 1;
}

/* While the pipeline lives, one read a turn: signals come first. At its end all that its pipe still holds. */
static void
pump_feed(struct relay *relay, int stream, int64_t now_ms, int ending)
{
	struct feed *feed = &relay->feeds[stream];
	int turns = ending ? RELAY_TURNS_MAX : 1;

	relay->blocked[stream] = 0;
	while (turns-- > 0 && !relay->blocked[stream]) {
		feed_read(feed, now_ms);
		relay->blocked[stream] = !empty_feed(relay, stream, now_ms, feed->fd < 0 || (ending && feed->dry));
		if (feed->fd < 0 || feed->dry) {
			return;
		}
	}
}

static int
is_busy(const struct relay *relay, int stream)
{
	const struct feed *feed = &relay->feeds[stream];
	const struct queue *queue = &relay->queues[stream];
	const struct outlet *outlet = &relay->outlets[stream];

	return (feed->fd >= 0 && !feed->dry) || feed->len > feed->head || feed->held_len > 0 ||
	       queue->tail > queue->head || outlet->tail > outlet->head;
}

int
relay_pump(struct relay *relay, int ending)
{
	int64_t now_ms = clock_now_ms();

	for (int i = 0; i < RELAY_STREAMS; i++) {
		(void)outlet_flush(&relay->outlets[i]);
	}
	pump_queue(relay, RELAY_ERR, now_ms);
	pump_queue(relay, RELAY_OUT, now_ms);
	for (int i = 0; i < RELAY_STREAMS; i++) {
		pump_feed(relay, i, now_ms, ending);
	}
	for (int i = 0; i < RELAY_STREAMS; i++) {
		(void)outlet_flush(&relay->outlets[i]);
	}
	return is_busy(relay, RELAY_OUT) || is_busy(relay, RELAY_ERR);
}

/* Something waits that could go now: the last flush made room after it was refused. */
static int
is_held_up(const struct relay *relay, int stream)
{
	const struct gate *gate = relay->gate_of[stream];
	const struct queue *queue = &relay->queues[stream];

	return has_room(relay, stream) && ((relay->blocked[stream] && !gate_is_shut(gate, feed_name(stream))) ||
	                                      (queue->tail > queue->head && !gate_is_shut(gate, queue_name(stream))));
}

static void
add_fd(struct pollfd *fds, nfds_t *count, int fd, short events)
{
	fds[(*count)++] = (struct pollfd){.fd = fd, .events = events};
}

nfds_t
relay_watch(const struct relay *relay, struct pollfd fds[RELAY_FDS_MAX], int64_t *deadline_ms)
{
	nfds_t count = 0;

	for (int i = 0; i < RELAY_STREAMS; i++) {
		const struct feed *feed = &relay->feeds[i];

		if (feed->fd >= 0 && feed->len - feed->head < FEED_BUF_BYTES) {
			add_fd(fds, &count, feed->fd, POLLIN);
		}
		if (relay->outlets[i].tail > relay->outlets[i].head) {
			add_fd(fds, &count, relay->outlets[i].fd, POLLOUT);
		}
		if (is_held_up(relay, i)) {
			*deadline_ms = 0;
		}
		/* What is blocked waits for a reader or at a gate, not for its own moment. */
		if (!relay->blocked[i]) {
			*deadline_ms = clock_earlier(*deadline_ms, feed_deadline_ms(feed));
		}
		*deadline_ms = clock_earlier(*deadline_ms, gate_deadline_ms(&relay->gates[i]));
	}
	return count;
}

int
relay_say(struct relay *relay, enum relay_stream stream, const char *line, size_t len)
{
	int result = queue_add(&relay->queues[stream], line, len);

	pump_queue(relay, stream, clock_now_ms());
	(void)outlet_flush(&relay->outlets[stream]);
	return result;
}

/* ---- the end ---- */

/* What the pipeline wrote and nobody will see: counted as if it had been passed on. */
static void
drop_stream(struct relay *relay, int stream)
{
	struct outlet *outlet = &relay->outlets[stream];
	struct feed *feed = &relay->feeds[stream];
	struct queue *queue = &relay->queues[stream];

	outlet->given_up = 1;
	outlet_drop(outlet, NULL, 0);
	outlet_drop(outlet, queue->bytes + queue->head, queue->tail - queue->head);
	queue_take(queue, queue->tail - queue->head);
	/* At most what the pipe holds: its writers are gone, and one that is not shall not keep us. */
	for (int turns = 0; turns < RELAY_TURNS_MAX; turns++) {
		outlet_drop(outlet, feed->buf + feed->head, feed->len - feed->head);
		feed->head = feed->len = feed->held_len = 0;
		feed_read(feed, clock_now_ms());
		if (feed->len == 0) {
			break;
		}
	}
	feed_attach(feed, -1, feed->strip);
}

static int
has_given_up(const struct relay *relay)
{
	return (!is_busy(relay, RELAY_OUT) || relay->outlets[RELAY_OUT].given_up) &&
	       (!is_busy(relay, RELAY_ERR) || relay->outlets[RELAY_ERR].given_up);
}

void
relay_finish(struct relay *relay, int64_t stall_ms, int64_t deadline_ms)
{
	uint64_t taken = relay_taken(relay);
	int64_t stalled_ms = clock_now_ms() + stall_ms;

	while (relay_pump(relay, 1)) {
		int64_t until_ms = clock_earlier(stalled_ms, deadline_ms);
		struct pollfd fds[RELAY_FDS_MAX];
		nfds_t count;

		if (has_given_up(relay) || clock_now_ms() >= until_ms) {
			break;
		}
		count = relay_watch(relay, fds, &until_ms);
		(void)poll(fds, count, clock_poll_ms(until_ms));
		if (relay_taken(relay) != taken) {
			taken = relay_taken(relay);
			stalled_ms = clock_now_ms() + stall_ms;
		}
	}
	for (int i = 0; i < RELAY_STREAMS; i++) {
		if (is_busy(relay, i)) {
			drop_stream(relay, i);
		}
	}
}

uint64_t
relay_taken(const struct relay *relay)
{
	return relay->outlets[RELAY_OUT].taken + relay->outlets[RELAY_ERR].taken;
}

int64_t
relay_heard_ms(const struct relay *relay)
{
	int64_t out_ms = relay->feeds[RELAY_OUT].read_ms, err_ms = relay->feeds[RELAY_ERR].read_ms;

	return out_ms > err_ms ? out_ms : err_ms;
}

int
relay_holds_up(const struct relay *relay)
{
	int holds = 0;

	for (int i = 0; i < RELAY_STREAMS; i++) {
		const struct feed *feed = &relay->feeds[i];

		holds |= feed->fd >= 0 && feed->len - feed->head >= FEED_BUF_BYTES;
	}
	return holds;
}

void
relay_lost(const struct relay *relay, uint64_t *lines, uint64_t *bytes)
{
	*lines = relay->outlets[RELAY_OUT].lost_lines + relay->outlets[RELAY_ERR].lost_lines;
	*bytes = relay->outlets[RELAY_OUT].lost_bytes + relay->outlets[RELAY_ERR].lost_bytes;
}

void
relay_close(struct relay *relay)
{
	for (int i = 0; i < RELAY_STREAMS; i++) {
		feed_release(&relay->feeds[i]);
		outlet_release(&relay->outlets[i]);
		queue_release(&relay->queues[i]);
	}
	buf_release(&relay->masked);
}
