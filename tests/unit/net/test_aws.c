/* Regions, endpoints and object addresses against the rules of the contract. */
#include "unit/net/loopback.h"

#include "net/aws.h"

static char *no_environment[] = {NULL};

static const char *
endpoint_of(char *const *envp, enum aws_service service, const char *region, struct err *err)
{
	static struct aws_endpoint endpoint;

	return aws_endpoint(envp, service, region, &endpoint, err) < 0 ? NULL : endpoint.address;
}

static void
aws_endpoints_follow_partition_fips_and_dual_stack(void **state)
{
	static const struct {
		enum aws_service service;
		const char *region;
		int fips, dual;
		const char *address; /* NULL: refused */
	} cases[] = {
	    {AWS_SAGEMAKER, "us-east-1", 0, 0, "https://api.sagemaker.us-east-1.amazonaws.com"},
	    {AWS_SAGEMAKER, "us-east-1", 1, 0, "https://api-fips.sagemaker.us-east-1.amazonaws.com"},
	    {AWS_SAGEMAKER, "us-gov-west-1", 1, 0, "https://api-fips.sagemaker.us-gov-west-1.amazonaws.com"},
	    {AWS_SAGEMAKER, "us-iso-east-1", 1, 0, "https://api.sagemaker-fips.us-iso-east-1.c2s.ic.gov"},
	    {AWS_SAGEMAKER, "us-east-1", 0, 1, "https://api.sagemaker.us-east-1.api.aws"},
	    {AWS_SAGEMAKER, "us-east-1", 1, 1, "https://api.sagemaker-fips.us-east-1.api.aws"},
	    {AWS_SAGEMAKER, "cn-north-1", 0, 0, "https://api.sagemaker.cn-north-1.amazonaws.com.cn"},
	    {AWS_SAGEMAKER, "us-iso-east-1", 0, 1, NULL},
	    {AWS_S3, "us-west-2", 0, 0, "https://s3.us-west-2.amazonaws.com"},
	    {AWS_S3, "us-west-2", 0, 1, "https://s3.dualstack.us-west-2.amazonaws.com"},
	    {AWS_S3, "us-west-2", 1, 0, "https://s3-fips.us-west-2.amazonaws.com"},
	    {AWS_S3, "us-west-2", 1, 1, "https://s3-fips.dualstack.us-west-2.amazonaws.com"},
	    {AWS_S3, "cn-north-1", 0, 0, "https://s3.cn-north-1.amazonaws.com.cn"},
	    {AWS_S3, "cn-north-1", 0, 1, "https://s3.dualstack.cn-north-1.amazonaws.com.cn"},
	    {AWS_S3, "cn-north-1", 1, 0, NULL},
	    {AWS_S3, "us-isob-east-1", 0, 0, "https://s3.us-isob-east-1.sc2s.sgov.gov"},
	    {AWS_S3, "eusc-de-east-1", 0, 0, "https://s3.eusc-de-east-1.amazonaws.eu"},
	    {AWS_S3, "xx-new-1", 0, 0, "https://s3.xx-new-1.amazonaws.com"},
	    {AWS_S3, "aws-global", 0, 0, "https://s3.amazonaws.com"},
	    {AWS_STS, "eu-central-1", 0, 0, "https://sts.eu-central-1.amazonaws.com"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char fips[] = "AWS_USE_FIPS_ENDPOINT=true", dual[] = "AWS_USE_DUALSTACK_ENDPOINT=true", none[] = "X=1";
		char *envp[] = {cases[i].fips ? fips : none, cases[i].dual ? dual : none, NULL};
		struct err err = {.kind = ERR_NONE};
		const char *address = endpoint_of(envp, cases[i].service, cases[i].region, &err);

		if (cases[i].address == NULL) {
			assert_null(address);
			assert_int_equal(err.kind, ERR_SETTINGS);
		} else {
			assert_non_null(address);
			assert_string_equal(address, cases[i].address);
		}
	}
}

static void
aws_custom_endpoints_rank_by_service_then_general(void **state)
{
	char s3[] = "AWS_ENDPOINT_URL_S3=http://one:9000/", local[] = "S3_ENDPOINT_URL=http://two",
	     all[] = "AWS_ENDPOINT_URL=http://three/base/";
	char ignore[] = "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true";
	char *everything[] = {all, local, s3, NULL}, *two[] = {all, local, NULL}, *ignored[] = {all, s3, ignore, NULL};
	struct err err = {.kind = ERR_NONE};

	(void)state;
	assert_string_equal(endpoint_of(everything, AWS_S3, "us-east-1", &err), "http://one:9000");
	assert_string_equal(endpoint_of(two, AWS_S3, "us-east-1", &err), "http://two");
	assert_string_equal(endpoint_of(everything, AWS_SAGEMAKER, "us-east-1", &err), "http://three/base");
	assert_string_equal(endpoint_of(ignored, AWS_S3, "us-east-1", &err), "https://s3.us-east-1.amazonaws.com");
}

static void
aws_custom_endpoint_refuses_fips_and_nonsense(void **state)
{
	char endpoint[] = "AWS_ENDPOINT_URL_S3=https://h", fips[] = "AWS_USE_FIPS_ENDPOINT=1";
	char bad[] = "AWS_ENDPOINT_URL_S3=ftp://h", query[] = "AWS_ENDPOINT_URL_S3=https://h/?x=1";
	char *with_fips[] = {endpoint, fips, NULL}, *with_bad[] = {bad, NULL}, *with_query[] = {query, NULL};
	struct err err = {.kind = ERR_NONE};

	(void)state;
	assert_null(endpoint_of(with_fips, AWS_S3, "us-east-1", &err));
	assert_string_equal(err.text, "AWS_ENDPOINT_URL_S3 cannot be combined with AWS_USE_FIPS_ENDPOINT");
	assert_null(endpoint_of(with_bad, AWS_S3, "us-east-1", &err));
	assert_null(endpoint_of(with_query, AWS_S3, "us-east-1", &err));
	assert_int_equal(err.kind, ERR_SETTINGS);
}

static void
aws_region_comes_from_the_first_that_names_it(void **state)
{
	static const char arn[] = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/j";
	char one[] = "AWS_REGION=us-west-1", two[] = "AWS_DEFAULT_REGION=us-west-2",
	     three[] = "SAGEMAKER_REGION=us-east-2", empty[] = "AWS_REGION=";
	char bad[] = "AWS_REGION=evil.example.com/";
	char *all[] = {three, two, one, NULL}, *some[] = {empty, three, two, NULL}, *last[] = {three, NULL},
	     *wrong[] = {bad, NULL};
	struct err err = {.kind = ERR_NONE};
	char region[AWS_REGION_MAX];

	(void)state;
	assert_int_equal(aws_region(all, arn, region, &err), 0);
	assert_string_equal(region, "us-west-1");
	assert_int_equal(aws_region(some, arn, region, &err), 0);
	assert_string_equal(region, "us-west-2");
	assert_int_equal(aws_region(last, arn, region, &err), 0);
	assert_string_equal(region, "us-east-2");
	assert_int_equal(aws_region(no_environment, arn, region, &err), 0);
	assert_string_equal(region, "eu-west-1");
	assert_int_equal(aws_region(no_environment, NULL, region, &err), -1);
	assert_int_equal(aws_region(wrong, arn, region, &err), -1);
	assert_int_equal(err.kind, ERR_SETTINGS);
}

static void
aws_arn_fields_are_counted_from_arn(void **state)
{
	char out[16];

	(void)state;
	assert_int_equal(
	    aws_arn_field("arn:aws:sagemaker:eu-west-1:123456789012:training-job/j", 4, out, sizeof(out)), 0);
	assert_string_equal(out, "123456789012");
	assert_int_equal(aws_arn_field("arn:aws:s3:::bucket", 4, out, sizeof(out)), -1);
	assert_int_equal(aws_arn_field("arn:aws", 4, out, sizeof(out)), -1);
	assert_int_equal(aws_arn_field("no", 0, out, sizeof(out)), -1);
	assert_int_equal(aws_arn_field(NULL, 0, out, sizeof(out)), -1);
	assert_int_equal(aws_arn_field("arn:aws:a-service-of-a-long-name:", 2, out, sizeof(out)), -1);
}

static void
aws_object_addresses_are_virtual_hosts_where_they_can_be(void **state)
{
	static const struct {
		const char *region, *custom, *bucket, *key, *version, *url;
	} cases[] = {
	    {"us-west-2", NULL, "bucket-name", "k", NULL, "https://bucket-name.s3.us-west-2.amazonaws.com/k"},
	    {"us-east-1", NULL, "bucket.name", "k", NULL, "https://s3.us-east-1.amazonaws.com/bucket.name/k"},
	    {"us-east-1", NULL, "aa", "k", NULL, "https://s3.us-east-1.amazonaws.com/aa/k"},
	    {"us-east-1", NULL, "BucketName", "k", NULL, "https://s3.us-east-1.amazonaws.com/BucketName/k"},
	    {"us-east-1", NULL, "99_ab", "k", NULL, "https://s3.us-east-1.amazonaws.com/99_ab/k"},
	    {"us-east-1", NULL, "bucket!", "k", NULL, "https://s3.us-east-1.amazonaws.com/bucket%21/k"},
	    {"us-east-1", NULL, "bucket name", "k", NULL, "https://s3.us-east-1.amazonaws.com/bucket%20name/k"},
	    {"us-east-1", "AWS_ENDPOINT_URL_S3=http://127.0.0.1:9000", "bucket", "k", NULL,
	        "http://127.0.0.1:9000/bucket/k"},
	    {"us-east-1", "AWS_ENDPOINT_URL_S3=https://h/foo/", "bucket", "k", NULL, "https://h/foo/bucket/k"},
	    {"us-west-2", NULL, "my-bucket", "my-object//example/./../photo + \xc3\xa9~.user", NULL,
	        "https://my-bucket.s3.us-west-2.amazonaws.com/my-object//example/./../photo%20%2B%20%C3%A9~.user"},
	    {"us-west-2", NULL, "my-bucket", "a", "3/L4kqtJl40Nr8X8gdRqBpUMLUo",
	        "https://my-bucket.s3.us-west-2.amazonaws.com/a?versionId=3%2FL4kqtJl40Nr8X8gdRqBpUMLUo"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char variable[128];
		char *envp[] = {variable, NULL};
		struct err err = {.kind = ERR_NONE};
		struct aws_endpoint endpoint;
		CLEAN_BUF url = {0};

		(void)snprintf(variable, sizeof(variable), "%s", cases[i].custom == NULL ? "X=1" : cases[i].custom);
		buf_init(&url, 1000);
		assert_int_equal(aws_endpoint(envp, AWS_S3, cases[i].region, &endpoint, &err), 0);
		assert_int_equal(
		    aws_object_url(&endpoint, cases[i].bucket, cases[i].key, cases[i].version, &url, &err), 0);
		assert_string_equal(buf_text(&url), cases[i].url);
	}
}

static void
aws_object_address_that_does_not_fit_is_refused(void **state)
{
	struct err err = {.kind = ERR_NONE};
	struct aws_endpoint endpoint;
	CLEAN_BUF url = {0};

	(void)state;
	buf_init(&url, 20);
	assert_int_equal(aws_endpoint(no_environment, AWS_S3, "us-east-1", &endpoint, &err), 0);
	assert_int_equal(aws_object_url(&endpoint, "bucket", "key", NULL, &url, &err), -1);
	assert_int_equal(err.kind, ERR_SETTINGS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(aws_endpoints_follow_partition_fips_and_dual_stack),
	    cmocka_unit_test(aws_custom_endpoints_rank_by_service_then_general),
	    cmocka_unit_test(aws_custom_endpoint_refuses_fips_and_nonsense),
	    cmocka_unit_test(aws_region_comes_from_the_first_that_names_it),
	    cmocka_unit_test(aws_arn_fields_are_counted_from_arn),
	    cmocka_unit_test(aws_object_addresses_are_virtual_hosts_where_they_can_be),
	    cmocka_unit_test(aws_object_address_that_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
