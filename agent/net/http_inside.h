/*
 * Inside of net/http.c: one transfer as it stands, and the words for its failures (http_fail.c). Nobody else includes this.
 */
#ifndef TRAIN_NET_HTTP_INSIDE_H
#define TRAIN_NET_HTTP_INSIDE_H

#include <curl/curl.h>
#include <stdint.h>

#include "base/err.h"
#include "net/http.h"
#include "net/trust.h"
#include "net/window.h"

enum { SHOWN_MAX = 300 /* an address in a message */ };

/* The one request that runs: what it may do and where it stands. */
struct transfer {
	unsigned addresses;
	int via_proxy;
	unsigned refused; /* ADDRESS_ bit of what the policy did not let through */
	int64_t deadline_ms;
	int attached; /* the easy handle is in the multi handle */
	int done;
	CURLcode result;
	int status;
	int head;                 /* 1 once the head is whole, -1 when it is too large */
	struct http_reply *reply; /* the caller's, only while http_open runs */
	int paused;
	int64_t body_got;
	int64_t waited_ms, waited_bytes; /* of waiting, since HTTP_SLOW_BYTES had come */
};

struct http {
	const struct net_context *ctx;
	CURLM *multi;
	CURL *easy;
	struct curl_slist *lines;
	struct trust trust;
	char error[CURL_ERROR_SIZE];
	char shown[SHOWN_MAX];

	struct transfer now;
	struct window window; /* the body's bytes on their way to the reader */
};

/* Each sets 'err' and returns -1: a policy's refusal, the transfer's own end, a limit of time ('what' it did). */
int http_fail_refused(struct http *http, struct err *err);
int http_fail(struct http *http, struct err *err);
int http_fail_in_time(struct http *http, struct err *err, const char *what);

#endif
