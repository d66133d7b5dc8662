#ifndef TRAIN_NET_NEEDS_H
#define TRAIN_NET_NEEDS_H

int needs(size_t len);

#endif
