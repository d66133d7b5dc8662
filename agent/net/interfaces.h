/*
 * Whether there is any network at all: under network isolation, and with `docker run --network none`, a container has loopback alone.
 */
#ifndef TRAIN_NET_INTERFACES_H
#define TRAIN_NET_INTERFACES_H

/*
 * 1 when no interface here has an address but loopback's: nothing outside can be reached now. 0 where one has, and where the
 * kernel does not tell.
 */
int interfaces_only_loopback(void);

#endif
