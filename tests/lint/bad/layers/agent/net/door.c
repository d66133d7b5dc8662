#include <stddef.h>

#include "base/buf.h"
/* #include "files/tree.h" in a comment is none */
#include "files/tree.h"
#include "net/url.h"
#include "url.h"
