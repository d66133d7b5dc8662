/* Classes of answers and the waits between attempts. */
#include "unit/net/loopback.h"

#include <errno.h>

#include "net/reply.h"
#include "net/retry.h"
#include "net/service.h"

static char *
read_text(const char *path)
{
	struct err err = {.kind = ERR_NONE};
	struct buf text;

	buf_init(&text, 1 << 20);
	if (fd_read_file(AT_FDCWD, path, &text, &err) < 0) {
		fail_msg("%s", err.text);
	}
	return buf_take(&text);
}

/* A fixture through the same code that reads a real reply. */
static void
parse_fixture(const char *file, struct http_reply *reply, struct service_error *error)
{
	char path[256];
	int whole = 0;

	(void)snprintf(path, sizeof(path), "tests/data/aws/%s", file);
	char *text = read_text(path), *at = text;
	reply_begin(reply);
	while (whole == 0) {
		size_t len = strcspn(at, "\n");

		whole = reply_take_line(reply, at, len + 1);
		at += len + 1;
	}
	assert_int_equal(whole, 1);
	service_parse_error(reply, at, strlen(at), error);
	free(text);
}

static const char *class_name(enum retry_class class)
{
	static const char *const names[] = {
	    [RETRY_NO] = "no", [RETRY_TRANSIENT] = "transient", [RETRY_THROTTLE] = "throttle"};

	_Static_assert(ARRAY_LEN(names) == RETRY_CLASSES, "every class has a name");
	return names[class];
}

static void
retry_classes_codes_and_hints_agree_with_botocore(void **state)
{
	char *table = read_text("tests/data/aws/expected.tsv");
	int rows = 0, successes = 0;

	(void)state;
	for (char *save = NULL, *line = strtok_r(table, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		char file[128], code[128], class[32], region[64], ours[160];
		struct http_reply reply = {.status = 0};
		struct service_error error;
		int status;

		if (line[0] == '#') {
			continue;
		}
		assert_int_equal(
		    sscanf(line, "%127[^\t]\t%d\t%127[^\t]\t%31[^\t]\t%63s", file, &status, code, class, region), 5);
		if (strcmp(code, "-") == 0) {
			successes++; /* botocore parses no error out of these; s3.c judges the 200 with an error body itself */
			continue;
		}
		parse_fixture(file, &reply, &error);
		(void)snprintf(ours, sizeof(ours), "%s", error.code);
		if (ours[0] == '\0') {
			(void)snprintf(ours, sizeof(ours), "%d", reply.status);
		}
		if (reply.status != status || strcmp(ours, code) != 0 ||
		    strcmp(class_name(retry_class_of(reply.status, error.code)), class) != 0 ||
		    strcmp(error.region[0] == '\0' ? "-" : error.region, region) != 0) {
			fail_msg("%s: %d %s %s %s instead of %s", file, reply.status, ours,
			    class_name(retry_class_of(reply.status, error.code)), error.region, line);
		}
		http_reply_release(&reply);
		rows++;
	}
	free(table);
	assert_true(rows >= 35);
	print_message("%d error fixtures compared, %d successes left out: they have no class\n", rows, successes);
}

static void
retry_knows_stale_credentials(void **state)
{
	(void)state;
	assert_int_equal(retry_is_stale("ExpiredToken"), 1);
	assert_int_equal(retry_is_stale("ExpiredTokenException"), 1);
	assert_int_equal(retry_is_stale("AccessDenied"), 0);
	assert_int_equal(retry_is_stale(""), 0);
}

static void
retry_delay_is_full_jitter_with_a_ceiling(void **state)
{
	(void)state;
	assert_int_equal(retry_delay_ms(0, 0, 0), 0);
	assert_int_equal(retry_delay_ms(0, 0, UINT32_MAX), 999);
	assert_int_equal(retry_delay_ms(2, 0, UINT32_MAX), 3999);
	assert_int_equal(retry_delay_ms(1, 0, UINT32_MAX / 2), 999);
	assert_int_equal(retry_delay_ms(60, 0, UINT32_MAX), RETRY_CEILING_MS - 1);
}

static void
retry_delay_honours_the_servers_wish_up_to_the_ceiling(void **state)
{
	(void)state;
	assert_int_equal(retry_delay_ms(0, 3000, 0), 3000);
	assert_int_equal(retry_delay_ms(0, 10000000, 0), RETRY_CEILING_MS);
}

static void
retry_after_is_read_in_both_spellings(void **state)
{
	static const struct {
		const char *line;
		int64_t ms;
	} cases[] = {{"Retry-After: 3\r\n", 3000}, {"x-amz-retry-after: 250\r\n", 250}, {"Retry-After: soon\r\n", 0},
	    {"Retry-After: 99999999999999999999\r\n", 0}, {"X-Other: 3\r\n", 0}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct http_reply reply = {.status = 0};

		reply_begin(&reply);
		assert_int_equal(reply_take_line(&reply, "HTTP/1.1 503 Slow\r\n", 19), 0);
		assert_int_equal(reply_take_line(&reply, cases[i].line, strlen(cases[i].line)), 0);
		assert_int_equal(reply_retry_after_ms(&reply), cases[i].ms);
		http_reply_release(&reply);
	}
}

static void
retry_leaves_what_is_final_alone(void **state)
{
	struct net_context ctx = loopback_context(NULL);
	struct err err = {.kind = ERR_NONE};
	struct retry retry;

	(void)state;
	retry_init(&retry, 3);
	(void)err_set(&err, ERR_DENIED, 0, "no");
	assert_int_equal(retry_next(&retry, &ctx, 0, &err), -1);
	assert_string_equal(err.text, "no");
	err_clear(&err);
	(void)err_set(&err, ERR_UNAVAILABLE, 0, "no network");
	err.sys = ENETUNREACH;
	assert_int_equal(retry_next(&retry, &ctx, 0, &err), -1);
	assert_string_equal(err.text, "no network");
}

static void
retry_counts_attempts_and_says_so(void **state)
{
	struct net_context ctx = loopback_context(NULL);
	struct err err = {.kind = ERR_NONE};
	struct retry retry;

	(void)state;
	retry_init(&retry, 2);
	(void)err_set(&err, ERR_UNAVAILABLE, 0, "busy");
	assert_int_equal(retry_next(&retry, &ctx, 0, &err), 0);
	assert_int_equal(err.kind, ERR_NONE);
	(void)err_set(&err, ERR_UNAVAILABLE, 0, "busy");
	assert_int_equal(retry_next(&retry, &ctx, 0, &err), -1);
	assert_string_equal(err.text, "busy (after 2 attempts)");
	retry_progress(&retry);
	(void)err_set(&err, ERR_UNAVAILABLE, 0, "busy");
	assert_int_equal(retry_next(&retry, &ctx, 0, &err), 0);
}

static void
retry_spends_a_budget(void **state)
{
	struct net_context ctx = loopback_context(NULL);
	struct err err = {.kind = ERR_NONE};
	struct retry retry;

	(void)state;
	retry_init(&retry, 0);
	retry.budget = RETRY_COST_TIMEOUT - 1;
	(void)err_set(&err, ERR_UNAVAILABLE, 0, "slow");
	err.sys = ETIMEDOUT;
	assert_int_equal(retry_next(&retry, &ctx, 0, &err), -1);
	assert_int_equal(err.sys, ETIMEDOUT);
	err.sys = 0;
	assert_int_equal(retry_next(&retry, &ctx, 0, &err), 0);
}

static void
retry_does_not_begin_a_wait_past_the_deadline(void **state)
{
	struct net_context ctx = {.wake_fd = -1, .cancel_fd = -1, .deadline_ms = clock_now_ms() + 2000};
	struct err err = {.kind = ERR_NONE};
	struct retry retry;

	(void)state;
	retry_init(&retry, 0);
	(void)err_set(&err, ERR_UNAVAILABLE, 0, "busy");
	assert_int_equal(retry_next(&retry, &ctx, 10000, &err), -1);
	assert_int_equal(err.kind, ERR_UNAVAILABLE);
	assert_true(clock_now_ms() < ctx.deadline_ms);
}

static void
retry_wait_ends_with_a_stop_request(void **state)
{
	struct net_context ctx = loopback_context(NULL);
	struct err err = {.kind = ERR_NONE};
	struct retry retry;
	int wake[2];

	(void)state;
	assert_int_equal(pipe2(wake, O_CLOEXEC), 0);
	assert_int_equal(write(wake[1], "!", 1), 1);
	ctx.wake_fd = wake[0];
	retry_init(&retry, 0);
	(void)err_set(&err, ERR_UNAVAILABLE, 0, "busy");
	assert_int_equal(retry_next(&retry, &ctx, 10000, &err), -1);
	assert_int_equal(err.kind, ERR_STOPPED);
	(void)close(wake[0]);
	(void)close(wake[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(retry_classes_codes_and_hints_agree_with_botocore),
	    cmocka_unit_test(retry_knows_stale_credentials),
	    cmocka_unit_test(retry_delay_is_full_jitter_with_a_ceiling),
	    cmocka_unit_test(retry_delay_honours_the_servers_wish_up_to_the_ceiling),
	    cmocka_unit_test(retry_after_is_read_in_both_spellings),
	    cmocka_unit_test(retry_leaves_what_is_final_alone),
	    cmocka_unit_test(retry_counts_attempts_and_says_so),
	    cmocka_unit_test(retry_spends_a_budget),
	    cmocka_unit_test(retry_does_not_begin_a_wait_past_the_deadline),
	    cmocka_unit_test(retry_wait_ends_with_a_stop_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
