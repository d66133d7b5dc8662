#include "net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include "base/attr.h"

struct range4 {
	uint32_t net;
	int bits;
	unsigned kind;
};

struct range6 {
	unsigned char net[16];
	int bits;
	unsigned kind;
};

/* From the IANA special-purpose registries. The first match counts. */
static const struct range4 ranges4[] = {
    {0x7f000000, 8, ADDRESS_LOOPBACK},    /* 127.0.0.0/8 */
    {0x00000000, 8, ADDRESS_LOOPBACK},    /* 0.0.0.0/8: connecting to it reaches this host */
    {0xa9fe0000, 16, ADDRESS_LINK_LOCAL}, /* 169.254.0.0/16 */
    {0x0a000000, 8, ADDRESS_PRIVATE},     /* 10.0.0.0/8 */
    {0xac100000, 12, ADDRESS_PRIVATE},    /* 172.16.0.0/12 */
    {0xc0a80000, 16, ADDRESS_PRIVATE},    /* 192.168.0.0/16 */
    {0x64400000, 10, ADDRESS_PRIVATE},    /* 100.64.0.0/10: behind a carrier's NAT */
    {0xc0000000, 24, ADDRESS_PRIVATE},    /* 192.0.0.0/24 */
    {0xc6120000, 15, ADDRESS_PRIVATE},    /* 198.18.0.0/15: benchmarks */
    {0xe0000000, 3, ADDRESS_PRIVATE},     /* multicast, reserved, broadcast */
};

static const struct range6 ranges6[] = {
    {{[15] = 1}, 128, ADDRESS_LOOPBACK},                /* ::1 */
    {{0}, 128, ADDRESS_LOOPBACK},                       /* :: */
    {{0xfe, 0x80}, 10, ADDRESS_LINK_LOCAL},             /* fe80::/10 */
    {{0xfd, 0x00, 0x0e, 0xc2}, 32, ADDRESS_LINK_LOCAL}, /* fd00:ec2::/32: EC2's instance services */
    {{0xfc}, 7, ADDRESS_PRIVATE},                       /* fc00::/7 */
    {{0xfe, 0xc0}, 10, ADDRESS_PRIVATE},                /* fec0::/10: the old site-local range */
    {{0xff}, 8, ADDRESS_PRIVATE},                       /* multicast */
};

/* Prefixes behind which an IPv4 address stands, and where. */
static const struct {
	unsigned char net[12];
	int bits;
	int at;
} embedded[] = {
    {{[10] = 0xff, [11] = 0xff}, 96, 12}, /* ::ffff:0:0/96, mapped */
    {{0x00, 0x64, 0xff, 0x9b}, 96, 12},   /* 64:ff9b::/96, NAT64 */
    {{0x20, 0x02}, 16, 2},                /* 2002::/16, 6to4 */
    {{0}, 96, 12},                        /* ::/96, the old compatible form; after ::1 and :: were judged */
};

static int
begins_with(const unsigned char *address, const unsigned char *net, int bits)
{
	int whole = bits / 8, rest = bits % 8;

	if (memcmp(address, net, (size_t)whole) != 0) {
		return 0;
	}
	return rest == 0 || (address[whole] >> (8 - rest)) == (net[whole] >> (8 - rest));
}

static unsigned
kind_of_4(const unsigned char bytes[4])
{
	uint32_t address = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];

	for (size_t i = 0; i < ARRAY_LEN(ranges4); i++) {
		if ((address ^ ranges4[i].net) >> (32 - ranges4[i].bits) == 0) {
			return ranges4[i].kind;
		}
	}
	return ADDRESS_PUBLIC;
}

static unsigned
kind_of_6(const unsigned char bytes[16])
{
	for (size_t i = 0; i < ARRAY_LEN(ranges6); i++) {
		if (begins_with(bytes, ranges6[i].net, ranges6[i].bits)) {
			return ranges6[i].kind;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(embedded); i++) {
		if (begins_with(bytes, embedded[i].net, embedded[i].bits)) {
			return kind_of_4(bytes + embedded[i].at);
		}
	}
	return ADDRESS_PUBLIC;
}

unsigned
address_kind(const struct sockaddr *address)
{
	/* Copied, because what we are handed need not be aligned as the wider types want it. */
	if (address->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, address, sizeof(in));
		return kind_of_4((const unsigned char *)&in.sin_addr);
	}
	if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, address, sizeof(in6));
		return kind_of_6(in6.sin6_addr.s6_addr);
	}
	return ADDRESS_PRIVATE;
}

unsigned
address_kind_of_text(const char *host)
{
	char text[INET6_ADDRSTRLEN + 2];
	unsigned char bytes[16];
	size_t len = strlen(host);
	char *zone;

	if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
		host++;
		len -= 2;
	}
	if (len >= sizeof(text)) {
		return 0;
	}
	memcpy(text, host, len);
	text[len] = '\0';
	zone = strchr(text, '%');
	if (zone != NULL) {
		*zone = '\0';
	}
	if (inet_pton(AF_INET, text, bytes) == 1) {
		return kind_of_4(bytes);
	}
	return inet_pton(AF_INET6, text, bytes) == 1 ? kind_of_6(bytes) : 0;
}

const char *
address_kind_name(unsigned kind)
{
	switch (kind) {
	case ADDRESS_LOOPBACK:
		return "loopback";
	case ADDRESS_PRIVATE:
		return "private";
	case ADDRESS_LINK_LOCAL:
		return "link-local";
	default:
		return "public";
	}
}
