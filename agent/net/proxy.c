#include "net/proxy.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net/context.h"

static const char *
first_of(char *const *envp, const char *const *names)
{
	const char *value = NULL;

	for (; value == NULL && *names != NULL; names++) {
		value = net_env(envp, *names);
	}
	return value;
}

/* The address in 'text' as bytes: 4, 16, or 0 when it is none. */
static size_t
address_bytes(const char *text, unsigned char bytes[16])
{
	if (inet_pton(AF_INET, text, bytes) == 1) {
		return 4;
	}
	return inet_pton(AF_INET6, text, bytes) == 1 ? 16 : 0;
}

/* "10.0.0.0/8" or "10.0.0.1" against a literal host; 0 where either is none. */
static int
in_range(const char *host, char *entry)
{
	unsigned char a[16], b[16];
	char *slash = strchr(entry, '/');
	size_t len = address_bytes(host, a), bits;

	if (slash != NULL) {
		*slash = '\0';
	}
	bits = slash == NULL ? len * 8 : strtoul(slash + 1, NULL, 10);
	if (len == 0 || address_bytes(entry, b) != len || bits > len * 8) {
		return 0;
	}
	for (size_t i = 0; i < bits; i++) {
		if (((a[i / 8] ^ b[i / 8]) >> (7 - i % 8) & 1) != 0) {
			return 0;
		}
	}
	return 1;
}

/* "example.com", ".example.com", "*.example.com": the name itself and all below it. */
static int
names_match(const char *host, const char *entry)
{
	size_t host_len = strlen(host), len;

	if (strncmp(entry, "*.", 2) == 0) {
		entry++;
	}
	if (*entry == '.') {
		entry++;
	}
	len = strlen(entry);
	if (len == 0 || host_len < len || strcasecmp(host + host_len - len, entry) != 0) {
		return 0;
	}
	return host_len == len || host[host_len - len - 1] == '.';
}

/* One entry of NO_PROXY, 'entry' being ours to change. 'host' has no brackets. */
static int
entry_matches(const struct url *url, const char *host, char *entry)
{
	char *colon = strrchr(entry, ':');

	if (strcmp(entry, "*") == 0) {
		return 1;
	}
	if (in_range(host, entry)) {
		return 1;
	}
	/* A port, unless the colons belong to an IPv6 address. */
	if (colon != NULL && strchr(entry, ':') == colon) {
		*colon = '\0';
		if (strtol(colon + 1, NULL, 10) != url->port) {
			return 0;
		}
		if (in_range(host, entry)) {
			return 1;
		}
	}
	return names_match(host, entry);
}

static int
is_excepted(const struct url *url, const char *list)
{
	char host[URL_HOST_MAX];
	size_t len = strlen(url->host);

	if (url->host[0] == '[') {
		memcpy(host, url->host + 1, len - 2);
		host[len - 2] = '\0';
	} else {
		memcpy(host, url->host, len + 1);
	}
	while (*list != '\0') {
		char entry[URL_HOST_MAX];
		size_t n;

		list += strspn(list, ", \t");
		n = strcspn(list, ", \t");
		if (n > 0 && n < sizeof(entry)) {
			memcpy(entry, list, n);
			entry[n] = '\0';
			if (entry_matches(url, host, entry)) {
				return 1;
			}
		}
		list += n;
	}
	return 0;
}

const char *
proxy_for(char *const *envp, const struct url *url)
{
	static const char *const https[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL};
	static const char *const http[] = {"http_proxy", "all_proxy", "ALL_PROXY", NULL};
	static const char *const none[] = {"no_proxy", "NO_PROXY", NULL};
	const char *proxy = first_of(envp, strcmp(url->scheme, "https") == 0 ? https : http);
	const char *except = first_of(envp, none);

	return proxy == NULL || (except != NULL && is_excepted(url, except)) ? NULL : proxy;
}
