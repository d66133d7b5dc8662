#include "files/tree.h"
#include "unit/files/box.h"
#include "unit/net/loopback.h"
#include "run/child.h"
