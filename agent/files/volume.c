#include "files/volume.h"

#include <sys/stat.h>
#include <sys/statvfs.h>

static int
is_same(const char *a, const char *b)
{
	struct stat at, bt;

	return stat(a, &at) == 0 && stat(b, &bt) == 0 && at.st_dev == bt.st_dev;
}

size_t
volume_add(struct volume *volumes, size_t count, const char *path)
{
	struct statvfs seen;

	if (statvfs(path, &seen) < 0 || (seen.f_flag & ST_RDONLY) != 0 || seen.f_blocks == 0) {
		return count;
	}
	for (size_t i = 0; i < count; i++) {
		if (is_same(path, volumes[i].path)) {
			return count;
		}
	}
	/* What root keeps for itself (f_bfree) is nobody's here: a pipeline as root that takes it has filled the volume, too. */
	volumes[count] = (struct volume){
	    .path = path,
	    .bytes = (uint64_t)seen.f_blocks * seen.f_frsize,
	    .bytes_free = (uint64_t)seen.f_bavail * seen.f_frsize,
	    .inodes = seen.f_files,
	    .inodes_free = seen.f_favail,
	};
	return count + 1;
}
