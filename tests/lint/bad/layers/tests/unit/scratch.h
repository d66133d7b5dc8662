#include "base/err.h"
#include "net/url.h"
