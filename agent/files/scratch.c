#include "files/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/sys.h"

enum { REASONS_MAX = 300 /* bytes of all the reasons together: they must fit one error text */ };

/* The folder's descriptor, or -1 with its reason appended to 'why'. Nothing is written to find out: root may write where bits say no, but not on a read-only mount. */
static int
try_folder(const char *path, struct buf *why)
{
	CLEAN_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const char *comma = why->len > 0 ? ", " : "";

	if (fd < 0 || faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) < 0) {
		buf_printf(why, "%s'%s' (%s)", comma, path, strerror(errno));
		return -1;
	}
	int noexec = sys_is_noexec(fd);
	if (noexec != 0) {
		buf_printf(why, "%s'%s' (%s)", comma, path, noexec > 0 ? "mounted noexec" : strerror(errno));
		return -1;
	}
	return fd_take(&fd);
}

int
scratch_open(const char *wanted, const char *const *candidates, const char **path, struct err *err)
{
	const char *const only[] = {wanted, NULL};
	CLEAN_BUF why = {0};

	buf_init(&why, REASONS_MAX);
	for (const char *const *each = wanted != NULL ? only : candidates; *each != NULL; each++) {
		int fd = **each != '\0' ? try_folder(*each, &why) : -1;

		if (fd >= 0) {
			*path = *each;
			return fd;
		}
	}
	return err_set(
	    err, ERR_WORKSPACE, 0, "no folder to work in: %s", why.len > 0 ? buf_text(&why) : "none was named");
}
