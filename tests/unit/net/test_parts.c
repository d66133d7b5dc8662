/* One object over several connections, which here are threads that number their bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "net/parts.h"

enum { SLOTS = 6, PIECE = 256 << 10, SLOW_MS = 4 /* a piece of a slow connection */ };

static const int64_t OBJECT = 30 * (int64_t)PARTS_SLOT_BYTES + 12345;

/* What the far side is like. */
struct server {
	int slow_ms;       /* a piece takes so long */
	int lanes;         /* connections at most; 0: as many as there can be */
	int no_ranges;     /* only the plain stream is served */
	int64_t breaks_at; /* a range that holds this byte fails there; -1: none */
	int one_at_a_time; /* it gives each piece to one connection, however many there are */
	pthread_mutex_t turn;
	atomic_int open, most_open, added, woken;
	atomic_int aimed; /* how often a range was asked for */
	atomic_int late;  /* pieces that connections beyond the first two got after the object's first half */
};

struct connection {
	struct server *server;
	int number;
	int plain; /* still on the first stream */
	int64_t at, to;
};

static unsigned char
byte_at(int64_t at)
{
	return (unsigned char)(at * 13 % 241);
}

static ssize_t
read_connection(void *self, void *bytes, size_t len, struct err *err)
{
	struct connection *connection = self;
	struct server *server = connection->server;
	int64_t left = connection->to - connection->at;
	size_t n = len < PIECE ? len : PIECE;

	if (server->one_at_a_time) {
		assert_int_equal(pthread_mutex_lock(&server->turn), 0);
	}
	if (server->slow_ms > 0) {
		(void)poll(NULL, 0, server->slow_ms);
	}
	if (server->one_at_a_time) {
		assert_int_equal(pthread_mutex_unlock(&server->turn), 0);
	}
	if (atomic_load(&server->woken)) {
		return err_set(err, ERR_STOPPED, 0, "woken");
	}
	if (!connection->plain && server->no_ranges) {
		(void)err_set(err, ERR_UNAVAILABLE, 0, "no parts");
		err->sys = ENOTSUP;
		return -1;
	}
	n = (int64_t)n < left ? n : (size_t)left;
	if (server->breaks_at >= connection->at && server->breaks_at < connection->at + (int64_t)n) {
		return err_set(err, ERR_UNAVAILABLE, 0, "broken for good");
	}
	for (size_t i = 0; i < n; i++) {
		((unsigned char *)bytes)[i] = byte_at(connection->at + (int64_t)i);
	}
	connection->at += (int64_t)n;
	(void)atomic_fetch_add(&server->late, connection->number > 1 && connection->at > OBJECT / 2);
	return (ssize_t)n;
}

static void
aim_connection(void *self, int64_t from, int64_t to)
{
	struct connection *connection = self;

	connection->plain = connection->plain && connection->at == from;
	(void)atomic_fetch_add(&connection->server->aimed, !connection->plain);
	connection->at = from;
	connection->to = to;
}

static void
close_connection(void *self)
{
	struct connection *connection = self;

	(void)atomic_fetch_sub(&connection->server->open, 1);
	free(connection);
}

static struct lane
connect_to(struct server *server, int plain)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	int open = atomic_fetch_add(&server->open, 1) + 1;

	assert_non_null(connection);
	if (open > atomic_load(&server->most_open)) {
		atomic_store(&server->most_open, open);
	}
	*connection = (struct connection){.server = server, .plain = plain, .number = atomic_load(&server->added)};
	return (struct lane){
	    .aim = aim_connection,
	    .source = {.read = read_connection, .self = connection},
	    .close = close_connection,
	    .self = connection,
	};
}

static int
add_connection(void *self, struct lane *lane, struct err *err)
{
	struct server *server = self;

	(void)err;
	(void)atomic_fetch_add(&server->added, 1);
	*lane = connect_to(server, 0);
	return 0;
}

static void
wake_server(void *self)
{
	struct server *server = self;

	atomic_store(&server->woken, 1);
}

static struct parts *
open_parts(struct server *server, struct budget *budget, int64_t size)
{
	struct err err = {0};
	const struct parts_setup setup = {
	    .budget = budget,
	    .size = size,
	    .slots = SLOTS,
	    .lanes = server->lanes > 0 ? server->lanes : PARTS_LANES_MAX,
	    .first = connect_to(server, 1),
	    .add = add_connection,
	    .wake = wake_server,
	    .self = server,
	};
	budget_init(budget, SLOTS * (size_t)PARTS_SLOT_BYTES);
	struct parts *parts = parts_open(&setup, &err);

	assert_non_null(parts);
	return parts;
}

/* Reads to the end or the first error, checking every byte: how many came. */
static int64_t
read_all(struct parts *parts, struct err *err)
{
	const struct source source = parts_source(parts);
	const void *lent = NULL;
	unsigned char byte;
	int64_t got = 0;
	ssize_t n = 1;

	for (int turn = 0; n > 0; turn++) {
		n = turn % 5 == 4 ? source_read(&source, &byte, 1, err) : source_lend(&source, NULL, 0, &lent, err);
		const unsigned char *bytes = turn % 5 == 4 ? &byte : lent;
		for (ssize_t i = 0; i < n; i++) {
			if (bytes[i] != byte_at(got + i)) {
				fail_msg("byte %lld is wrong", (long long)(got + i));
			}
		}
		got += n > 0 ? n : 0;
	}
	return got;
}

static void
parts_of_a_fast_server_need_one_connection(void **state)
{
	struct server server = {.breaks_at = -1};
	struct budget budget;
	struct err err = {0};
	struct parts *parts = open_parts(&server, &budget, OBJECT);

	(void)state;
	assert_int_equal(read_all(parts, &err), OBJECT);
	assert_int_equal(err.kind, ERR_NONE);
	parts_close(parts);
	assert_int_equal(server.open, 0);
	assert_true(budget_is_whole(&budget));
}

static void
parts_of_a_slow_server_come_over_several_connections(void **state)
{
	struct server server = {.slow_ms = SLOW_MS, .breaks_at = -1};
	struct budget budget;
	struct err err = {0};
	struct parts *parts = open_parts(&server, &budget, OBJECT);

	(void)state;
	assert_int_equal(read_all(parts, &err), OBJECT);
	assert_int_equal(err.kind, ERR_NONE);
	assert_true(parts_lanes(parts) > 2);
	parts_close(parts);
	assert_int_equal(server.open, 0);
	assert_true(budget_is_whole(&budget));
}

static void
parts_open_no_more_connections_than_they_may(void **state)
{
	struct server server = {.slow_ms = SLOW_MS, .lanes = 3, .breaks_at = -1};
	struct budget budget;
	struct err err = {0};
	struct parts *parts = open_parts(&server, &budget, OBJECT);

	(void)state;
	assert_int_equal(read_all(parts, &err), OBJECT);
	assert_int_equal(server.most_open, 3);
	assert_int_equal(parts_lanes(parts), 3);
	parts_close(parts);
	assert_true(budget_is_whole(&budget));
}

static void
a_lane_asks_for_several_slots_at_once(void **state)
{
	struct server server = {.slow_ms = SLOW_MS, .lanes = 2, .breaks_at = -1};
	struct budget budget;
	struct err err = {0};
	struct parts *parts = open_parts(&server, &budget, OBJECT);

	(void)state;
	assert_int_equal(read_all(parts, &err), OBJECT);
	assert_int_equal(parts_lanes(parts), 2);
	assert_true(server.aimed < 24);
	parts_close(parts);
	assert_true(budget_is_whole(&budget));
}

/* Pieces that the third and later connections got late, of a server for which more connections are no gain. */
static int
late_pieces(void)
{
	struct server server = {
	    .slow_ms = SLOW_MS, .breaks_at = -1, .one_at_a_time = 1, .turn = PTHREAD_MUTEX_INITIALIZER};
	struct budget budget;
	struct err err = {0};
	struct parts *parts = open_parts(&server, &budget, OBJECT);

	assert_int_equal(read_all(parts, &err), OBJECT);
	assert_int_equal(err.kind, ERR_NONE);
	assert_int_equal(server.added, parts_lanes(parts) - 1);
	parts_close(parts);
	assert_true(budget_is_whole(&budget));
	return server.late;
}

/* Connections that only take from each other are not worth their cost. On a busy machine chance may look like a gain, but not each time. */
static void
lanes_that_bring_nothing_more_go_again(void **state)
{
	int late = 1;

	(void)state;
	for (int turn = 0; turn < 5 && late > 0; turn++) {
		late = late_pieces();
	}
	assert_int_equal(late, 0);
}

static void
parts_of_a_server_without_ranges_come_by_the_first_stream(void **state)
{
	struct server server = {.slow_ms = SLOW_MS, .no_ranges = 1, .breaks_at = -1};
	struct budget budget;
	struct err err = {0};
	struct parts *parts = open_parts(&server, &budget, OBJECT);

	(void)state;
	assert_int_equal(read_all(parts, &err), OBJECT);
	assert_int_equal(err.kind, ERR_NONE);
	assert_int_equal(server.added, 1);
	parts_close(parts);
	assert_true(budget_is_whole(&budget));
}

static void
a_broken_part_ends_all_behind_the_bytes_before_it(void **state)
{
	struct server server = {.slow_ms = SLOW_MS, .breaks_at = 20 * (int64_t)PARTS_SLOT_BYTES + 7};
	struct budget budget;
	struct err err = {.phase = PHASE_FETCH};
	struct parts *parts = open_parts(&server, &budget, OBJECT);

	(void)state;
	int64_t got = read_all(parts, &err);
	assert_true(got <= server.breaks_at);
	assert_int_equal(err.kind, ERR_UNAVAILABLE);
	assert_int_equal(err.phase, PHASE_FETCH);
	assert_non_null(strstr(err.text, "broken for good"));
	parts_close(parts);
	assert_int_equal(server.open, 0);
	assert_true(budget_is_whole(&budget));
}

static void
parts_can_be_closed_in_the_middle(void **state)
{
	struct budget budget;

	(void)state;
	for (int slots = 0; slots < 12; slots += 3) {
		struct server server = {.slow_ms = 1, .breaks_at = -1};
		struct parts *parts = open_parts(&server, &budget, OBJECT);
		const struct source source = parts_source(parts);
		const void *lent = NULL;
		struct err err = {0};

		for (int64_t got = 0; got < slots * (int64_t)PARTS_SLOT_BYTES;) {
			got += source_lend(&source, NULL, 0, &lent, &err);
		}
		parts_close(parts);
		assert_int_equal(server.open, 0);
		assert_true(budget_is_whole(&budget));
	}
}

static void
parts_of_any_size_come_whole(void **state)
{
	static const int64_t sizes[] = {1, PARTS_SLOT_BYTES - 1, PARTS_SLOT_BYTES, PARTS_SLOT_BYTES + 1,
	    SLOTS * (int64_t)PARTS_SLOT_BYTES, SLOTS * (int64_t)PARTS_SLOT_BYTES + 1};
	struct budget budget;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		struct server server = {.slow_ms = i % 2 == 0 ? 1 : 0, .breaks_at = -1};
		struct err err = {0};
		struct parts *parts = open_parts(&server, &budget, sizes[i]);

		assert_int_equal(read_all(parts, &err), sizes[i]);
		parts_close(parts);
		assert_true(budget_is_whole(&budget));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(parts_of_a_fast_server_need_one_connection),
	    cmocka_unit_test(parts_of_a_slow_server_come_over_several_connections),
	    cmocka_unit_test(parts_open_no_more_connections_than_they_may),
	    cmocka_unit_test(a_lane_asks_for_several_slots_at_once),
	    cmocka_unit_test(lanes_that_bring_nothing_more_go_again),
	    cmocka_unit_test(parts_of_a_server_without_ranges_come_by_the_first_stream),
	    cmocka_unit_test(a_broken_part_ends_all_behind_the_bytes_before_it),
	    cmocka_unit_test(parts_can_be_closed_in_the_middle),
	    cmocka_unit_test(parts_of_any_size_come_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
