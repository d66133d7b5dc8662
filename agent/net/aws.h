/*
 * Where AWS services live: region, partition, endpoint (C§7.3, C§9.1, C§9.2). Pure functions of their arguments; no
 * connection is made.
 */
#ifndef TRAIN_NET_AWS_H
#define TRAIN_NET_AWS_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"

enum {
	AWS_REGION_MAX = 64,    /* the longest real one has 15 characters */
	AWS_ADDRESS_MAX = 1024, /* an endpoint address we build or are given */
};

enum aws_service { AWS_S3, AWS_SAGEMAKER, AWS_STS };

/* A service in a region: "https://host[:port][/base]", no slash at its end. */
struct aws_endpoint {
	char address[AWS_ADDRESS_MAX];
	char region[AWS_REGION_MAX];
	int custom; /* it was given by a variable, not made by rule: buckets and redirects are treated with care */
};

/*
 * AWS_REGION, AWS_DEFAULT_REGION, SAGEMAKER_REGION, then the region field of 'arn' (may be NULL): C§1.3. -1 with
 * ERR_SETTINGS when none is there or it has other characters than letters, digits and '-'.
 */
MUST_CHECK int aws_region(char *const *envp, const char *arn, char region[AWS_REGION_MAX], struct err *err);

/*
 * Field 'n' (0 is "arn") of an ARN into 'out'; -1 when it is no ARN or the field does not fit. Field 4 is the
 * account.
 */
MUST_CHECK int aws_arn_field(const char *arn, int n, char *out, unsigned long size);

/*
 * The endpoint: AWS_ENDPOINT_URL_S3|_SAGEMAKER|_STS, for S3 then S3_ENDPOINT_URL, then AWS_ENDPOINT_URL (none of the
 * AWS_ ones with AWS_IGNORE_CONFIGURED_ENDPOINT_URLS), else by partition, AWS_USE_FIPS_ENDPOINT and
 * AWS_USE_DUALSTACK_ENDPOINT. -1 with ERR_SETTINGS for a custom endpoint with FIPS or dual stack, a partition that
 * lacks them, or an address that is none.
 */
MUST_CHECK int aws_endpoint(
    char *const *envp, enum aws_service service, const char *region, struct aws_endpoint *endpoint, struct err *err);

/*
 * The address of an object: virtual host where the bucket's name can be one, else path style (every custom endpoint,
 * as botocore does; dots under https, which no wildcard certificate covers; characters that no host name has).
 * 'bucket' and 'key' are encoded once, never normalised. 'version_id' may be NULL. -1 with ERR_SETTINGS when it does
 * not fit.
 */
MUST_CHECK int aws_object_url(const struct aws_endpoint *endpoint, const char *bucket, const char *key,
    const char *version_id, struct buf *url, struct err *err);

#endif
