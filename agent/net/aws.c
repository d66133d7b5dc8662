#include "net/aws.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "net/address.h"
#include "net/context.h"
#include "net/url.h"

struct partition {
	const char *prefix; /* of its regions; the last one stands for every other region */
	const char *suffix;
	const char *dual_suffix; /* NULL: no dual stack */
	int fips;
};

/* C§9.1, from botocore's partitions.json. Longer prefixes stand first. */
static const struct partition partitions[] = {
    {"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn", 0},
    {"us-gov-", "amazonaws.com", "api.aws", 1},
    {"us-isob-", "sc2s.sgov.gov", NULL, 1},
    {"us-isof-", "csp.hci.ic.gov", NULL, 1},
    {"us-iso-", "c2s.ic.gov", NULL, 1},
    {"eu-isoe-", "cloud.adc-e.uk", NULL, 1},
    {"eusc-", "amazonaws.eu", NULL, 1},
    {"", "amazonaws.com", "api.aws", 1},
};

static const struct partition *
partition_of(const char *region)
{
	const struct partition *p = partitions;

	while (strncmp(region, p->prefix, strlen(p->prefix)) != 0) {
		p++;
	}
	return p;
}

int
aws_arn_field(const char *arn, int n, char *out, unsigned long size)
{
	size_t len;

	if (arn == NULL || strncmp(arn, "arn:", 4) != 0) {
		return -1;
	}
	for (; n > 0; n--) {
		arn = strchr(arn, ':');
		if (arn == NULL) {
			return -1;
		}
		arn++;
	}
	len = strcspn(arn, ":");
	if (len == 0 || len >= size) {
		return -1;
	}
	memcpy(out, arn, len);
	out[len] = '\0';
	return 0;
}

/* A region becomes part of a host name, so nothing but the characters of one may stand in it. */
static int
region_is_good(const char *region)
{
	size_t len = strlen(region);

	if (len == 0 || len >= AWS_REGION_MAX || region[0] == '-') {
		return 0;
	}
	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)region[i]) && region[i] != '-') {
			return 0;
		}
	}
	return 1;
}

int
aws_region(char *const *envp, const char *arn, char region[AWS_REGION_MAX], struct err *err)
{
	static const char *const names[] = {"AWS_REGION", "AWS_DEFAULT_REGION", "SAGEMAKER_REGION"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *value = net_env(envp, names[i]);

		if (value != NULL && !region_is_good(value)) {
			return err_set(err, ERR_SETTINGS, 0, "%s '%s' is no region", names[i], value);
		}
		if (value != NULL) {
			memcpy(region, value, strlen(value) + 1);
			return 0;
		}
	}
	if (aws_arn_field(arn, 3, region, AWS_REGION_MAX) == 0 && region_is_good(region)) {
		return 0;
	}
	return err_set(err, ERR_SETTINGS, 0, "no region is known: set AWS_REGION");
}

/* The variable that names an endpoint for the service, in the order of C§9.2. */
static const char *
custom_address(char *const *envp, enum aws_service service, const char **name)
{
	static const char *const own[] = {[AWS_S3] = "AWS_ENDPOINT_URL_S3",
	    [AWS_SAGEMAKER] = "AWS_ENDPOINT_URL_SAGEMAKER",
	    [AWS_STS] = "AWS_ENDPOINT_URL_STS"};
	int ignored = net_env_is_true(envp, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
	const char *value;

	*name = own[service];
	value = ignored ? NULL : net_env(envp, *name);
	if (value == NULL && service == AWS_S3) {
		*name = "S3_ENDPOINT_URL";
		value = net_env(envp, *name);
	}
	if (value == NULL && !ignored) {
		*name = "AWS_ENDPOINT_URL";
		value = net_env(envp, *name);
	}
	return value;
}

static int
use_custom(struct aws_endpoint *endpoint, const char *name, const char *address, int fips, int dual, struct err *err)
{
	CLEAN_BUF text = {0};
	struct url url;
	size_t len;

	if (fips || dual) {
		return err_set(err, ERR_SETTINGS, 0, "%s cannot be combined with %s", name,
		    fips ? "AWS_USE_FIPS_ENDPOINT" : "AWS_USE_DUALSTACK_ENDPOINT");
	}
	if (url_parse(&url, address, err) < 0) {
		return err_wrap(err, "%s", name);
	}
	if (strchr(url.path, '?') != NULL) {
		return err_set(err, ERR_SETTINGS, 0, "%s has a query: an endpoint has none", name);
	}
	buf_init(&text, sizeof(endpoint->address) - 1);
	(void)url_print(&url, 1, &text);
	if (text.full) {
		return err_set(err, ERR_SETTINGS, 0, "%s is too long", name);
	}
	len = text.len;
	while (len > 0 && text.data[len - 1] == '/') {
		len--;
	}
	memcpy(endpoint->address, buf_text(&text), len);
	endpoint->address[len] = '\0';
	endpoint->custom = 1;
	return 0;
}

/* C§7.3: where the "fips" stands differs by partition. */
static int
sagemaker_address(char *out, size_t size, const struct partition *p, const char *region, int fips, int dual)
{
	int united = p->prefix[0] == '\0' || strcmp(p->prefix, "us-gov-") == 0;

	if (fips && !dual && united) {
		return snprintf(out, size, "https://api-fips.sagemaker.%s.%s", region, p->suffix);
	}
	return snprintf(
	    out, size, "https://api.sagemaker%s.%s.%s", fips ? "-fips" : "", region, dual ? p->dual_suffix : p->suffix);
}

static int
ruled_address(char *out, size_t size, enum aws_service service, const char *region, int fips, int dual)
{
	const struct partition *p = partition_of(region);

	switch (service) {
	case AWS_S3:
		if (strcmp(region, "aws-global") == 0) {
			return snprintf(out, size, "https://s3%s%s.amazonaws.com", fips ? "-fips" : "",
			    dual ? ".dualstack.us-east-1" : "");
		}
		return snprintf(out, size, "https://s3%s%s.%s.%s", fips ? "-fips" : "", dual ? ".dualstack" : "",
		    region, p->suffix);
	case AWS_SAGEMAKER:
		return sagemaker_address(out, size, p, region, fips, dual);
	case AWS_STS:
	default:
		return snprintf(
		    out, size, "https://sts%s.%s.%s", fips ? "-fips" : "", region, dual ? p->dual_suffix : p->suffix);
	}
}

int
aws_endpoint(
    char *const *envp, enum aws_service service, const char *region, struct aws_endpoint *endpoint, struct err *err)
{
	int fips = net_env_is_true(envp, "AWS_USE_FIPS_ENDPOINT");
	int dual = net_env_is_true(envp, "AWS_USE_DUALSTACK_ENDPOINT");
	const char *name, *address = custom_address(envp, service, &name);
	const struct partition *p = partition_of(region);

	if (!region_is_good(region)) {
		return err_set(err, ERR_SETTINGS, 0, "'%s' is no region", region);
	}
	memset(endpoint, 0, sizeof(*endpoint));
	/* S3's global host signs as us-east-1 (C§8.7). */
	(void)snprintf(
	    endpoint->region, sizeof(endpoint->region), "%s", strcmp(region, "aws-global") == 0 ? "us-east-1" : region);
	if (address != NULL) {
		return use_custom(endpoint, name, address, fips, dual, err);
	}
	if (fips && !p->fips) {
		return err_set(
		    err, ERR_SETTINGS, 0, "the partition of region '%s' does not support FIPS endpoints", region);
	}
	if (dual && p->dual_suffix == NULL) {
		return err_set(
		    err, ERR_SETTINGS, 0, "the partition of region '%s' does not support dual stack", region);
	}
	(void)ruled_address(endpoint->address, sizeof(endpoint->address), service, region, fips, dual);
	return 0;
}

/*
 * Names that can stand before ".s3.": 3-63 of a-z 0-9 '-', ends alphanumeric. A dot would be a label no wildcard
 * certificate covers.
 */
static int
is_host_label(const char *bucket)
{
	size_t len = strlen(bucket);

	if (len < 3 || len > 63 || bucket[0] == '-' || bucket[len - 1] == '-') {
		return 0;
	}
	return strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

int
aws_object_url(const struct aws_endpoint *endpoint, const char *bucket, const char *key, const char *version_id,
    struct buf *url, struct err *err)
{
	const char *host = strstr(endpoint->address, "://");

	if (host == NULL) {
		return err_set(err, ERR_BUG, 0, "endpoint '%s' has no scheme", endpoint->address);
	}
	host += 3;
	if (!endpoint->custom && is_host_label(bucket)) {
		(void)buf_printf(url, "https://%s.%s/", bucket, host);
	} else {
		(void)buf_printf(url, "%s/", endpoint->address);
		(void)url_encode(url, bucket, strlen(bucket), 0);
		(void)buf_addc(url, '/');
	}
	(void)url_encode(url, key, strlen(key), 1);
	if (version_id != NULL) {
		(void)buf_adds(url, "?versionId=");
		(void)url_encode(url, version_id, strlen(version_id), 0);
	}
	if (url->full) {
		return err_set(err, ERR_SETTINGS, 0, "the address of '%s' is too long", key);
	}
	return 0;
}
