#ifndef TRAIN_NET_WHOLE_H
#define TRAIN_NET_WHOLE_H

#include <stddef.h>

int whole(size_t len);

#endif
