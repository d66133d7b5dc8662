#include "net/interfaces.h"

#include <ifaddrs.h>
#include <stddef.h>

#include "net/address.h"

static int
leads_out(const struct sockaddr *address)
{
	return address != NULL && (address->sa_family == AF_INET || address->sa_family == AF_INET6) &&
	       address_kind(address) != ADDRESS_LOOPBACK;
}

int
interfaces_only_loopback(void)
{
	struct ifaddrs *all = NULL;
	int others = 0;

	if (getifaddrs(&all) < 0) {
		return 0;
	}
	for (const struct ifaddrs *one = all; one != NULL; one = one->ifa_next) {
		others += leads_out(one->ifa_addr);
	}
	freeifaddrs(all);
	return others == 0;
}
