#include "report/outdir.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"

/* Makes every folder of 'path' that is missing. 0, or -1 with errno; 'path' is then cut behind the one that failed. */
static int
make_folders(char *path)
{
	for (char *at = path + 1;; at++) {
		char c = *at;

		if (c != '/' && c != '\0') {
			continue;
		}
		*at = '\0';
		if (mkdir(path, 0755) < 0 && errno != EEXIST) {
			struct stat st;
			int sys = errno;

			/* A read-only root above a writable mount answers EROFS or EACCES for folders that are there.
			 */
			if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)) {
				errno = sys;
				return -1;
			}
		}
		*at = c;
		if (c == '\0') {
			return 0;
		}
	}
}

int
outdir_open(const char *root, const char *below, struct err *err)
{
	char path[PATH_BYTES_MAX];
	int n = snprintf(path, sizeof(path), "%s/%s", root, below);

	if (n < 0 || (size_t)n >= sizeof(path)) {
		return err_set(err, ERR_OUTPUT, ENAMETOOLONG, "cannot open the output folder '%s'", root);
	}

	/* Opening first: it nearly always exists, and that is one call. */
	CLEAN_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT) {
		if (make_folders(path) < 0) {
			return err_set(err, ERR_OUTPUT, errno, "cannot make the output folder '%s'", path);
		}
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0) {
		return err_set(err, ERR_OUTPUT, errno, "cannot open the output folder '%s'", path);
	}
	return fd_take(&fd);
}

void
outdir_name(char out[OUTDIR_NAME], const char *before, const char *host, const char *after)
{
	size_t from = strlen(before) + 1;

	(void)snprintf(out, OUTDIR_NAME, "%s-%.64s%s", before, host, after);
	for (char *c = out + from; *c != '\0'; c++) {
		if (!isalnum((unsigned char)*c) && strchr("._-", *c) == NULL) {
			*c = '_';
		}
	}
}
