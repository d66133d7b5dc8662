/*
 * Whether a request goes through a proxy, by the conventions of HTTPS_PROXY and NO_PROXY. Decided here and not in
 * libcurl, because the policy on addresses needs to know.
 */
#ifndef TRAIN_NET_PROXY_H
#define TRAIN_NET_PROXY_H

#include "net/url.h"

/*
 * The proxy for 'url', borrowed from 'envp', or NULL. https: https_proxy, HTTPS_PROXY; http: http_proxy only
 * (HTTP_PROXY can be set by a CGI client's header); then all_proxy, ALL_PROXY. no_proxy or NO_PROXY: "*", or hosts
 * split by commas or blanks, each standing for itself and what ends with it behind a dot, with an optional ":port",
 * or an address or range such as 10.0.0.0/8.
 */
const char *proxy_for(char *const *envp, const struct url *url);

#endif
