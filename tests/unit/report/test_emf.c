/* Documents for CloudWatch: what fits into one, and what may not stand in any. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_read.h"
#include "report/emf.h"

static const char *
percent_of(const void *units, const char *name)
{
	assert_string_equal(units, "units");
	return strcmp(name, "share") == 0 ? "Percent" : NULL;
}

static char loss_name[] = "train:loss", share_name[] = "share", plain[] = "m";
static const struct metrics_setup setup = {
    .host = "algo-1", .emf_namespace = "Churn", .job = "job-7", .unit_of = percent_of, .units = "units"};

static void
document_has_all_its_members(void **state)
{
	struct metric loss = {.name = loss_name, .last = 0.25, .time = clock_wall()};
	struct metric share = {.name = share_name, .last = -1e-7};
	CLEAN_EMF emf = {0};
	CLEAN_BUF out = {0};
	char expected[EMF_BYTES_MAX];

	(void)state;
	loss.labels.given[LABEL_STEP] = loss.labels.given[LABEL_TIME] = 1;
	loss.labels.value[LABEL_STEP] = 100;
	buf_init(&out, EMF_BYTES_MAX);
	emf_begin(&emf, &setup, &loss);
	assert_int_equal(emf_add(&emf, &loss), 1);
	assert_int_equal(emf_add(&emf, &share), 1);
	assert_int_equal(emf_end(&emf, &out), 0);
	(void)snprintf(expected, sizeof(expected),
	    "{\"_aws\":{\"Timestamp\":%lld,\"CloudWatchMetrics\":[{\"Namespace\":\"Churn\",\"Dimensions\":[[\"Host\"]],"
	    "\"Metrics\":[{\"Name\":\"train:loss\"},{\"Name\":\"share\",\"Unit\":\"Percent\"}]}]},"
	    "\"Host\":\"algo-1\",\"TrainingJobName\":\"job-7\",\"step\":100,\"train:loss\":0.25,\"share\":-1e-07}\n",
	    (long long)(loss.time * 1000));
	assert_string_equal(buf_text(&out), expected);
}

static void
document_is_full_at_a_hundred_metrics(void **state)
{
	struct metric metric = {.name = plain, .time = 1};
	CLEAN_EMF emf = {0};

	(void)state;
	emf_begin(&emf, &setup, &metric);
	for (int i = 0; i < 30; i++) {
		assert_int_equal(emf_add(&emf, &metric), 1);
	}
	emf.count = EMF_METRICS_MAX - 1;
	assert_int_equal(emf_add(&emf, &metric), 1);
	assert_int_equal(emf_add(&emf, &metric), 0);
}

/* The longest of everything, all of it escaped: one metric always fits, and no document grows beyond one write. */
static void
document_never_exceeds_one_write(void **state)
{
	char name[METRICS_NAME_MAX + 1], host[EMF_TEXT_MAX + 50], job[EMF_TEXT_MAX + 50], space[256];
	struct metric metric = {.name = name, .last = -2.2250738585072014e-308, .time = 1};
	struct metrics_setup longest = {.host = host, .emf_namespace = space, .job = job};
	CLEAN_EMF emf = {0};
	CLEAN_BUF out = {0};
	CLEAN_JSON json = {0};
	struct err err = {0};

	(void)state;
	memset(name, 'n', METRICS_NAME_MAX);
	memset(host, 'h', sizeof(host));
	memset(job, '\x01', sizeof(job));
	memset(space, 's', sizeof(space));
	name[METRICS_NAME_MAX] = host[sizeof(host) - 1] = job[sizeof(job) - 1] = space[sizeof(space) - 1] = '\0';
	for (int i = 0; i < LABELS; i++) {
		metric.labels.given[i] = 1;
		metric.labels.value[i] = metric.last;
	}
	buf_init(&out, EMF_BYTES_MAX);
	emf_begin(&emf, &longest, &metric);
	assert_int_equal(emf_add(&emf, &metric), 1);
	for (name[0] = 'a'; emf_add(&emf, &metric); name[0]++) {
	}
	assert_int_equal(emf_end(&emf, &out), 0);
	assert_true(out.len > EMF_BYTES_MAX - 1000 && out.len <= EMF_BYTES_MAX);
	assert_int_equal(json_parse(&json, buf_text(&out), out.len, "document", &err), 0);
}

static void
time_that_cloudwatch_refuses_becomes_now(void **state)
{
	static const double refused[] = {0, -1e300, 1e300, 17};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct metric metric = {.name = plain, .time = refused[i]};
		CLEAN_EMF emf = {0};
		CLEAN_BUF out = {0};
		long long stamp = 0;
		int64_t before = (int64_t)(clock_wall() * 1000);

		buf_init(&out, EMF_BYTES_MAX);
		emf_begin(&emf, &setup, &metric);
		assert_int_equal(emf_add(&emf, &metric), 1);
		assert_int_equal(emf_end(&emf, &out), 0);
		assert_int_equal(sscanf(buf_text(&out), "{\"_aws\":{\"Timestamp\":%lld", &stamp), 1);
		assert_true(stamp >= before);
	}
}

static void
names_of_our_members_and_huge_values_are_not_taken(void **state)
{
	(void)state;
	assert_false(emf_takes("_aws", 1));
	assert_false(emf_takes("Host", 1));
	assert_false(emf_takes("TrainingJobName", 1));
	assert_true(emf_takes("host", 1));
	assert_true(emf_takes("m", -0x1p360));
	assert_false(emf_takes("m", 0x1.1p360));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(document_has_all_its_members),
	    cmocka_unit_test(document_is_full_at_a_hundred_metrics),
	    cmocka_unit_test(document_never_exceeds_one_write),
	    cmocka_unit_test(time_that_cloudwatch_refuses_becomes_now),
	    cmocka_unit_test(names_of_our_members_and_huge_values_are_not_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
