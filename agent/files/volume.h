/*
 * How full the file system behind a path is (statvfs(3)). Stateless.
 */
#ifndef TRAIN_FILES_VOLUME_H
#define TRAIN_FILES_VOLUME_H

#include "base/attr.h"
#include "base/evidence.h"

/*
 * Adds the volume of 'path' (borrowed by it) to the 'count' at 'volumes' and returns the new count: the old one where the path does not exist, lies on
 * a volume that is among them already, or on one that nobody can write to, which is full by nature.
 */
MUST_CHECK size_t volume_add(struct volume *volumes, size_t count, const char *path);

#endif
