#include "files/standin.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"

enum { MODE_BITS = 07777 };

void
standin_init(struct standin *standin)
{
	*standin = (struct standin){.dir_fd = -1};
}

static int
failed(const char *what, const char *name, struct err *err)
{
	return err_set(err, ERR_IO, errno, "cannot %s '%s'", what, name);
}

/* 1 when nothing stands in the way any more, 0 when a folder that is not empty does, -1 with 'err'. */
static int
clear_way(struct standin *standin, int dir_fd, struct err *err)
{
	struct stat st;

	if (fstatat(dir_fd, standin->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		return errno == ENOENT ? 1 : failed("look at", standin->name, err);
	}
	if (!S_ISDIR(st.st_mode)) {
		return err_set(err, ERR_IO, 0, "'%s' is there and no folder", standin->name);
	}
	/* The kernel decides what is empty, and takes no mount. */
	if (unlinkat(dir_fd, standin->name, AT_REMOVEDIR) < 0) {
		return errno == ENOTEMPTY || errno == EEXIST ? 0
		                                             : failed("replace the empty folder", standin->name, err);
	}
	standin->had_folder = 1;
	standin->mode = st.st_mode & MODE_BITS;
	standin->uid = st.st_uid;
	standin->gid = st.st_gid;
	return 1;
}

static int
put_back(const struct standin *standin, int dir_fd, struct err *err)
{
	if (!standin->had_folder) {
		return 0;
	}
	if (mkdirat(dir_fd, standin->name, 0700) < 0) {
		return failed("put back the empty folder", standin->name, err);
	}
	/* Another's folder comes back as such where we may give it away. Before the mode: a new owner takes set-id bits away. */
	if (fchownat(dir_fd, standin->name, standin->uid, standin->gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != EPERM) {
		return failed("give back the folder", standin->name, err);
	}
	return fchmodat(dir_fd, standin->name, standin->mode, 0) == 0
	           ? 0
	           : failed("give back the folder", standin->name, err);
}

int
standin_make(struct standin *standin, const char *folder, const char *name, const char *target, struct err *err)
{
	CLEAN_FD dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	*standin = (struct standin){.dir_fd = -1, .name = name, .target = target};
	if (dir_fd < 0) {
		return failed("open", folder, err);
	}
	int free_way = clear_way(standin, dir_fd, err);
	if (free_way <= 0) {
		return free_way;
	}
	if (symlinkat(target, dir_fd, name) < 0) {
		struct err unused = {0};

		(void)failed("make the link", name, err);
		return put_back(standin, dir_fd, &unused) < 0 ? err_wrap(err, "%s", unused.text) : -1;
	}
	standin->dir_fd = fd_take(&dir_fd);
	return 1;
}

static int
is_ours(const struct standin *standin)
{
	char target[PATH_BYTES_MAX];
	ssize_t len = readlinkat(standin->dir_fd, standin->name, target, sizeof(target));

	return len >= 0 && (size_t)len == strlen(standin->target) && memcmp(target, standin->target, (size_t)len) == 0;
}

int
standin_end(struct standin *standin, struct err *err)
{
	CLEAN_FD dir_fd = standin->dir_fd;
	int result = 0;

	if (dir_fd >= 0 && is_ours(standin)) {
		result = unlinkat(dir_fd, standin->name, 0) < 0 ? failed("remove the link", standin->name, err)
		                                                : put_back(standin, dir_fd, err);
	}
	standin_init(standin);
	return result;
}
