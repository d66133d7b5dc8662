#include "files/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/sys.h"

enum { REASONS_MAX = 8 * PATH_BYTES_MAX /* bytes of all the reasons together; the error's text takes what fits */ };

static int
reject(struct buf *why, const char *path, const char *reason)
{
	buf_printf(why, "%s'%s' (%s)", why->len > 0 ? ", " : "", path, reason);
	return -1;
}

/* The folder's descriptor, or -1 with its reason appended to 'why'. Nothing is written to find out: root may write where bits say no, but not on a read-only mount. */
static int
try_folder(const char *path, struct buf *why)
{
	if (path[0] != '/') {
		return reject(why, path, "not an absolute path");
	}
	CLEAN_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || sys_may(fd, ".", W_OK | X_OK) < 0) {
		return reject(why, path, strerror(errno));
	}
	int noexec = sys_is_noexec(fd);
	if (noexec != 0) {
		return reject(why, path, noexec > 0 ? "mounted noexec" : strerror(errno));
	}
	return fd_take(&fd);
}

/* $TMPDIR is often /tmp: one reason is enough. */
static int
was_tried(const char *const *first, const char *const *each)
{
	for (; first < each; first++) {
		if (strcmp(*first, *each) == 0) {
			return 1;
		}
	}
	return 0;
}

int
scratch_open(const char *wanted, const char *const *candidates, const char **path, struct err *err)
{
	const char *const only[] = {wanted, NULL};
	const char *const *first = wanted != NULL ? only : candidates;
	CLEAN_BUF why = {0};

	buf_init(&why, REASONS_MAX);
	for (const char *const *each = first; *each != NULL; each++) {
		int fd = **each != '\0' && !was_tried(first, each) ? try_folder(*each, &why) : -1;

		if (fd >= 0) {
			*path = *each;
			return fd;
		}
	}
	return err_set(
	    err, ERR_WORKSPACE, 0, "no folder to work in: %s", why.len > 0 ? buf_text(&why) : "none was named");
}
