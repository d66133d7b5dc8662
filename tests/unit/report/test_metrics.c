/* The FIFO, the statistics, the file, and the lines for stdout. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <sys/wait.h>

#include "unit/report/rig.h"

static void
fifo_can_be_written_by_any_user_and_never_ends(void **state)
{
	struct stat st;
	struct pollfd wait = {.fd = metrics.fd, .events = POLLIN};

	(void)state;
	assert_int_equal(stat(metrics.path, &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0622);
	say("a=1\n");
	assert_int_equal(poll(&wait, 1, 0), 0); /* the writer has gone and there is no hang-up */
	assert_int_equal(metrics_pump(&metrics), 0);
	finish();
	assert_false(scratch_exists(root, "metrics"));
}

static void
values_become_lines_and_statistics(void **state)
{
	(void)state;
	say("{\"train:loss\": 0.5, \"step\": 1}\ntrain:loss=0.25 step=2\ntrain:loss=1 acc=0.75\n");
	finish();
	assert_string_equal(buf_text(&printed), "#metric train:loss=0.5; step=1\n#metric train:loss=0.25; step=2\n"
	                                        "#metric train:loss=1;\n#metric acc=0.75;\n");
	assert_int_equal(metrics.name_count, 2);
	assert_string_equal(metrics.names[0].name, "train:loss");
	assert_int_equal(metrics.names[0].count, 3);
	assert_true(metrics.names[0].last == 1 && metrics.names[0].min == 0.25 && metrics.names[0].max == 1);
	assert_false(metrics.names[0].own);
}

static void
file_holds_every_value(void **state)
{
	(void)state;
	say("{\"loss\": 0.5, \"step\": 1, \"time\": 17.5}\nb=2\n");
	assert_memory_equal(file_text(),
	    "{\"name\":\"loss\",\"value\":0.5,\"time\":17.5,\"step\":1}\n{\"name\":\"b\",\"value\":2,\"time\":1",
	    strlen(
	        "{\"name\":\"loss\",\"value\":0.5,\"time\":17.5,\"step\":1}\n{\"name\":\"b\",\"value\":2,\"time\":1"));
	metrics_add_own(&metrics, "fetch_seconds", 1.5);
	finish();
	assert_non_null(strstr(file_text(), "{\"name\":\"agent:fetch_seconds\",\"value\":1.5,\"time\":"));
}

static void
file_of_an_earlier_run_is_replaced(void **state)
{
	(void)state;
	assert_int_equal(mkdir(scratch_path(root, "output"), 0755), 0);
	assert_int_equal(mkdir(scratch_path(root, "output/data"), 0755), 0);
	assert_int_equal(mkdir(scratch_path(root, "output/data/_train"), 0755), 0);
	scratch_write(root, "output/data/_train/metrics-algo-1.jsonl", "{\"name\": \"old\"}\n");
	say("a=1\n");
	finish();
	assert_null(strstr(file_text(), "old"));
}

static void
no_value_means_no_file(void **state)
{
	(void)state;
	say("nonsense\n");
	finish();
	assert_null(file_text());
	assert_string_equal(buf_text(&printed), "");
}

static void
host_that_does_not_publish_keeps_its_file(void **state)
{
	(void)state;
	metrics_release(&metrics);
	begin(0);
	say("a=1\n");
	finish();
	assert_string_equal(buf_text(&printed), "");
	assert_non_null(strstr(file_text(), "\"a\""));
	assert_int_equal(metrics.dropped, 0);
}

static void
name_that_holds_a_masked_value_is_refused_with_its_record(void **state)
{
	struct mask mask = {0};
	struct err err = {0};

	(void)state;
	metrics_release(&metrics);
	assert_int_equal(mask_add(&mask, "acme", 4), 0);
	metrics_init(&metrics,
	    &(struct metrics_setup){
	        .root = root, .host = "algo-1", .publish = 1, .mask = &mask, .emit = take_line, .self = &printed});
	assert_int_equal(metrics_listen(&metrics, root, &err), 0);
	say("x=1 acme:loss=2\nloss=3\n");
	finish();
	mask_release(&mask);
	assert_int_equal(metrics.bad, 1);
	assert_string_equal(buf_text(&printed), "#metric loss=3;\n");
	assert_null(strstr(file_text(), "acme"));
}

static void
nan_and_infinity_are_counted_and_never_shown(void **state)
{
	(void)state;
	say("{\"loss\": NaN, \"ok\": 1}\nloss=inf\nloss=-inf\n{\"loss\":null}\n");
	finish();
	assert_int_equal(metrics.nonfinite, 4);
	assert_int_equal(metrics.bad, 0);
	assert_int_equal(metrics.name_count, 1);
	assert_string_equal(buf_text(&printed), "#metric ok=1;\n");
	assert_null(strstr(file_text(), "loss"));
}

static void
bad_records_are_counted_and_the_first_is_shown_harmlessly(void **state)
{
	(void)state;
	say("lo\x1b[31mss=1\nagent:fetch_seconds=0\nx=1\n{\"a\n\n\r\n");
	finish();
	assert_int_equal(metrics.bad, 3);
	assert_non_null(strstr(metrics.first_bad, "'lo?[31mss=1'"));
	assert_string_equal(buf_text(&printed), "#metric x=1;\n");
}

static void
first_bad_record_is_shown_with_escapes_as_they_came(void **state)
{
	(void)state;
	say("{\"a\\/b\": x}\n");
	finish();
	assert_non_null(strstr(metrics.first_bad, "'{\"a\\/b\": x}'"));
}

static void
line_of_4096_bytes_is_taken_and_one_more_is_skipped(void **state)
{
	char line[METRICS_LINE_MAX + 2];

	(void)state;
	memset(line, ' ', sizeof(line));
	memcpy(line, "a=1", 3);
	line[METRICS_LINE_MAX - 1] = '\n';
	say_bytes(line, METRICS_LINE_MAX);
	assert_int_equal(metrics.overlong, 0);
	assert_int_equal(metrics.name_count, 1);
	line[METRICS_LINE_MAX - 1] = ' ';
	line[METRICS_LINE_MAX] = '\n';
	memcpy(line, "b=1", 3);
	say_bytes(line, METRICS_LINE_MAX + 1);
	say("c=1\n");
	finish();
	assert_int_equal(metrics.overlong, 1);
	assert_int_equal(metrics.bad, 0);
	assert_non_null(strstr(metrics.first_bad, "more than 4096 bytes: 'b=1 "));
	assert_int_equal(metrics.name_count, 2);
	assert_string_equal(metrics.names[1].name, "c");
}

static void
megabyte_without_newline_is_skipped_and_counted_once(void **state)
{
	enum { MEGABYTE = 1 << 20 };
	char *flood = malloc(MEGABYTE);

	(void)state;
	assert_non_null(flood);
	memset(flood, '=', MEGABYTE);
	say_bytes(flood, MEGABYTE);
	say("\na=1\n");
	finish();
	free(flood);
	assert_int_equal(metrics.overlong, 1);
	assert_int_equal(metrics.bad, 0);
	assert_string_equal(buf_text(&printed), "#metric a=1;\n");
}

static void
record_may_come_in_pieces(void **state)
{
	(void)state;
	say("train:");
	say("loss=0.");
	say("25\nb=");
	assert_string_equal(buf_text(&printed), "#metric train:loss=0.25;\n");
	finish();
	assert_int_equal(metrics.bad, 1);
	assert_non_null(strstr(metrics.first_bad, "no newline"));
}

static void
names_beyond_the_limit_stay_in_the_file_only(void **state)
{
	char line[64];

	(void)state;
	for (int i = 0; i < METRICS_NAMES_MAX + 5; i++) {
		(void)snprintf(line, sizeof(line), "metric%d=1\n", i);
		say(line);
	}
	say("metric0=2\n");
	finish();
	assert_int_equal(metrics.name_count, METRICS_NAMES_MAX);
	assert_int_equal(metrics.names_over, 5);
	assert_int_equal(metrics.names[0].count, 2);
	assert_null(strstr(buf_text(&printed), "metric1003="));
}

static void
own_metrics_need_no_fifo_and_have_clean_names(void **state)
{
	char step[400];

	(void)state;
	metrics_release(&metrics);
	metrics_init(&metrics,
	    &(struct metrics_setup){.root = root, .host = "algo-1", .publish = 1, .emit = take_line, .self = &printed});
	metrics_add_own(&metrics, "startup_seconds", 0.004);
	metrics_add_own(&metrics, "step_seconds:my step\n", 2);
	memset(step, 's', sizeof(step));
	step[sizeof(step) - 1] = '\0';
	metrics_add_own(&metrics, step, 2);
	assert_int_equal(metrics_pump(&metrics), 0);
	finish();
	assert_memory_equal(buf_text(&printed),
	    "#metric agent:startup_seconds=0.004;\n#metric agent:step_seconds:my_step_=2;\n",
	    strlen("#metric agent:startup_seconds=0.004;\n#metric agent:step_seconds:my_step_=2;\n"));
	assert_true(metrics.names[0].own);
	assert_int_equal(strlen(metrics.names[2].name), METRICS_NAME_MAX);
}

static void
no_file_is_written_where_none_is_wanted(void **state)
{
	(void)state;
	metrics_release(&metrics);
	metrics_init(&metrics, &(struct metrics_setup){.publish = 1, .emit = take_line, .self = &printed});
	metrics_add_own(&metrics, "tags_seconds", 1);
	finish();
	assert_false(scratch_exists(root, "output"));
}

static void
file_that_is_a_link_is_not_followed_and_reported_at_the_end(void **state)
{
	struct err err = {0};

	(void)state;
	scratch_write(root, "victim", "precious");
	assert_int_equal(mkdir(scratch_path(root, "output"), 0755), 0);
	assert_int_equal(mkdir(scratch_path(root, "output/data"), 0755), 0);
	assert_int_equal(mkdir(scratch_path(root, "output/data/_train"), 0755), 0);
	assert_int_equal(symlink("../../../victim", scratch_path(root, "output/data/_train/metrics-algo-1.jsonl")), 0);
	say("a=1\na=2\n");
	assert_int_equal(metrics_finish(&metrics, &err), -1);
	assert_int_equal(err.kind, ERR_OUTPUT);
	assert_string_equal(scratch_read(root, "victim"), "precious");
	assert_string_equal(buf_text(&printed), "#metric a=1;\n#metric a=2;\n");
}

static void
folder_where_a_fifo_stands_already_is_refused(void **state)
{
	struct metrics other;
	struct err err = {0};

	(void)state;
	metrics_init(&other, &(struct metrics_setup){.emit = take_line});
	assert_int_equal(metrics_listen(&other, root, &err), -1);
	assert_int_equal(err.kind, ERR_WORKSPACE);
	metrics_release(&other);
	assert_true(scratch_exists(root, "metrics"));
}

static void
several_processes_do_not_tear_each_others_records(void **state)
{
	enum { WRITERS = 4, RECORDS = 200 };
	pid_t pids[WRITERS];

	(void)state;
	for (int w = 0; w < WRITERS; w++) {
		pids[w] = fork();
		if (pids[w] == 0) {
			int fd = open(metrics.path, O_WRONLY | O_CLOEXEC);
			char line[64];

			for (int i = 1; i <= RECORDS; i++) {
				int n = snprintf(line, sizeof(line), "{\"writer%d\": %d, \"step\": %d}\n", w, i, i);

				if (write(fd, line, (size_t)n) != n) {
					_exit(1);
				}
			}
			_exit(0);
		}
	}
	for (int w = 0; w < WRITERS; w++) {
		int status = -1;

		while (waitpid(pids[w], &status, WNOHANG) == 0) {
			(void)metrics_pump(&metrics);
		}
		assert_int_equal(status, 0);
	}
	while (metrics_pump(&metrics)) {
	}
	finish();
	assert_int_equal(metrics.name_count, WRITERS);
	for (size_t i = 0; i < WRITERS; i++) {
		assert_int_equal(metrics.names[i].count, RECORDS);
		assert_true(metrics.names[i].last == RECORDS);
	}
	assert_int_equal(metrics.bad, 0);
}

static void
full_disk_stops_the_file_and_not_the_metrics(void **state)
{
	struct err err = {0};

	(void)state;
	metrics_release(&metrics);
	if (scratch_mount_small(root) < 0) {
		begin(1);
		skip();
	}
	begin(1);
	scratch_fill(root);
	say("a=1\na=2\n");
	assert_int_equal(metrics_finish(&metrics, &err), -1);
	assert_true(err.kind == ERR_DISK_FULL || err.kind == ERR_OUTPUT);
	assert_string_equal(buf_text(&printed), "#metric a=1;\n#metric a=2;\n");
	metrics_release(&metrics);
	assert_int_equal(umount(root), 0);
}

static void
end_is_told_once_no_writer_is_left(void **state)
{
	(void)state;
	CLEAN_FD writer = open(metrics.path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	say("early=1\n");
	assert_int_equal(metrics_ended(&metrics), 0);
	assert_int_equal(metrics.names[0].count, 1);
	assert_int_equal(write(writer, "late=2\n", 7), 7);
	fd_close(&writer);
	assert_int_equal(metrics_ended(&metrics), 1);
	finish();
	assert_string_equal(buf_text(&printed), "#metric early=1;\n#metric late=2;\n");
}

static void
end_is_told_at_once_where_nobody_ever_wrote(void **state)
{
	(void)state;
	assert_int_equal(metrics_ended(&metrics), 1);
	metrics_release(&metrics);
	assert_int_equal(metrics_ended(&metrics), 1);
}

static void
end_waits_for_more_than_one_turn_can_read(void **state)
{
	(void)state;
	CLEAN_FD writer = open(metrics.path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	size_t records = 0;

	(void)fcntl(writer, F_SETPIPE_SZ, 1 << 20);
	while (write(writer, "loss=0.5\n", 9) == 9) {
		records++;
	}
	assert_true(records * 9 > METRICS_PUMP_BYTES);
	fd_close(&writer);
	while (metrics_ended(&metrics) == 0) {
		assert_true(metrics.names[0].count < records);
	}
	assert_int_equal(metrics.names[0].count, records);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(fifo_can_be_written_by_any_user_and_never_ends),
	    TEST(values_become_lines_and_statistics),
	    TEST(file_holds_every_value),
	    TEST(file_of_an_earlier_run_is_replaced),
	    TEST(no_value_means_no_file),
	    TEST(host_that_does_not_publish_keeps_its_file),
	    TEST(name_that_holds_a_masked_value_is_refused_with_its_record),
	    TEST(nan_and_infinity_are_counted_and_never_shown),
	    TEST(bad_records_are_counted_and_the_first_is_shown_harmlessly),
	    TEST(first_bad_record_is_shown_with_escapes_as_they_came),
	    TEST(line_of_4096_bytes_is_taken_and_one_more_is_skipped),
	    TEST(megabyte_without_newline_is_skipped_and_counted_once),
	    TEST(record_may_come_in_pieces),
	    TEST(names_beyond_the_limit_stay_in_the_file_only),
	    TEST(own_metrics_need_no_fifo_and_have_clean_names),
	    TEST(no_file_is_written_where_none_is_wanted),
	    TEST(file_that_is_a_link_is_not_followed_and_reported_at_the_end),
	    TEST(folder_where_a_fifo_stands_already_is_refused),
	    TEST(several_processes_do_not_tear_each_others_records),
	    TEST(full_disk_stops_the_file_and_not_the_metrics),
	    TEST(end_is_told_once_no_writer_is_left),
	    TEST(end_is_told_at_once_where_nobody_ever_wrote),
	    TEST(end_waits_for_more_than_one_turn_can_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
