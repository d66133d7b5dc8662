/*
 * Which kind of place an IP address is, for the policy on where a request may go. Resolved addresses are judged,
 * never names.
 */
#ifndef TRAIN_NET_ADDRESS_H
#define TRAIN_NET_ADDRESS_H

#include <sys/socket.h>

/* Bits, so that a policy is a set of them. */
enum {
	ADDRESS_PUBLIC = 1,
	ADDRESS_LOOPBACK = 2, /* 127/8, ::1, and 0/8 and ::, which the kernel takes for loopback */
	ADDRESS_PRIVATE = 4,  /* RFC 1918, RFC 6598, fc00::/7, and the ranges for tests, multicast and the future */
	ADDRESS_LINK_LOCAL =
	    8, /* 169.254/16, fe80::/10, and fd00:ec2::/32, where clouds answer for the instance itself */
	ADDRESS_ANY = 15,
};

/*
 * One of the bits. IPv4 inside IPv6 (mapped, NAT64, 6to4) is judged as the IPv4 address. Other families are
 * ADDRESS_PRIVATE.
 */
unsigned address_kind(const struct sockaddr *address);

/* The same for text: "10.0.0.1", "[::1]" or "::1"; 0 when it is no literal address. */
unsigned address_kind_of_text(const char *host);

/* "public", "loopback" and so on. */
const char *address_kind_name(unsigned kind);

#endif
