/* Why a transfer ended badly, in words and in kinds that the outside can act on. */
#include <errno.h>
#include <string.h>

#include "net/address.h"
#include "net/http_inside.h"
#include "net/interfaces.h"

enum { TOO_LARGE = 100 /* CURLE_TOO_LARGE, which the headers of libcurl before 8.6 do not have */ };

int
http_fail_refused(struct http *http, struct err *err)
{
	(void)err_set(err, ERR_DENIED, 0, "'%s' leads to a %s address, which is not allowed here", http->shown,
	    address_kind_name(http->now.refused));
	err->sys = EACCES;
	return -1;
}

/* libcurl's own words, which begin with a capital; they name hosts and never a query. */
static const char *
library_text(struct http *http)
{
	if (http->error[0] == '\0') {
		return curl_easy_strerror(http->now.result);
	}
	http->error[strcspn(http->error, "\r\n")] = '\0';
	return http->error;
}

/* The name could not be looked up, or no route leads to its address. */
static int
found_no_way(struct http *http)
{
	curl_off_t lookup_us = 0;
	long sys = 0;

	switch ((int)http->now.result) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return 1;
	case CURLE_OPERATION_TIMEDOUT:
		return curl_easy_getinfo(http->easy, CURLINFO_NAMELOOKUP_TIME_T, &lookup_us) == CURLE_OK &&
		       lookup_us == 0;
	case CURLE_COULDNT_CONNECT:
		return curl_easy_getinfo(http->easy, CURLINFO_OS_ERRNO, &sys) == CURLE_OK && sys == ENETUNREACH;
	default:
		return 0;
	}
}

static int
fail_by_code(struct http *http, struct err *err)
{
	const char *text = library_text(http), *why;

	if (found_no_way(http) && interfaces_only_loopback()) {
		(void)err_set(err, ERR_UNAVAILABLE, 0, "cannot reach '%s': this container has no network", http->shown);
		err->sys = ENETUNREACH;
		return -1;
	}
	switch ((int)http->now.result) {
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return err_set(err, ERR_UNTRUSTED, 0, "the certificate of '%s' is not trusted: %s (checked against %s)",
		    http->shown, text, http->trust.name);
	case CURLE_SSL_CACERT_BADFILE:
		return err_set(err, ERR_SETTINGS, 0, "cannot use %s: %s", http->trust.name, text);
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		return err_set(err, ERR_SETTINGS, 0, "cannot use the address '%s': %s", http->shown, text);
	case CURLE_OUT_OF_MEMORY:
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot get '%s'", http->shown);
	case CURLE_OPERATION_TIMEDOUT:
		(void)err_set(err, ERR_UNAVAILABLE, 0, "cannot reach '%s' in time: %s", http->shown, text);
		err->sys = ETIMEDOUT;
		return -1;
	case CURLE_SSL_CONNECT_ERROR:
		why = trust_explain(text);
		return why == NULL ? err_set(err, ERR_UNAVAILABLE, 0, "no TLS with '%s': %s", http->shown, text)
		                   : err_set(err, ERR_DENIED, 0, "no TLS with '%s': %s (%s)", http->shown, why, text);
	default:
		return err_set(err, ERR_UNAVAILABLE, 0, "cannot get '%s': %s", http->shown, text);
	}
}

int
http_fail(struct http *http, struct err *err)
{
	if (http->now.refused != 0 && http->now.head <= 0) {
		(void)http_fail_refused(http, err);
	} else if (http->now.head < 0 || (int)http->now.result == TOO_LARGE) { /* all lines, or a single one */
		(void)err_set(
		    err, ERR_UNAVAILABLE, 0, "'%s' sent more than %d bytes of headers", http->shown, HTTP_HEAD_MAX);
	} else if (http->now.head > 0 && http->now.result == CURLE_PARTIAL_FILE) {
		(void)err_set(err, ERR_UNAVAILABLE, 0, "'%s' was cut after %lld bytes", http->shown,
		    (long long)http->now.body_got);
	} else {
		(void)fail_by_code(http, err);
	}
	err->http = http->now.head > 0 ? http->now.status : 0;
	return -1;
}

int
http_fail_in_time(struct http *http, struct err *err, const char *what)
{
	(void)err_set(err, ERR_UNAVAILABLE, 0, "'%s' %s", http->shown, what);
	err->sys = ETIMEDOUT;
	err->http = http->now.head > 0 ? http->now.status : 0;
	return -1;
}
