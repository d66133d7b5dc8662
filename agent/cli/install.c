/* train install DEST: how an image build that cannot COPY gets the program to its place. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"
#include "base/text.h"
#include "cli/options.h"
#include "cli/verb.h"

static int
copy_self(int to, const char *path, struct err *err)
{
	CLEAN_FD from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	ssize_t sent = 1;

	if (from < 0) {
		return err_set(err, ERR_IO, errno, "cannot open '/proc/self/exe'");
	}
	while (sent > 0) {
		sent = sendfile(to, from, NULL, 1 << 20);
	}
	if (sent < 0 || fchmod(to, 0755) < 0) {
		return err_set(err, ERR_IO, errno, "cannot write '%s'", path);
	}
	return 0;
}

/* Beside its place first, so that nobody ever executes half of it; the rename also works over a running program. */
static int
install_at(const char *path, struct err *err)
{
	unsigned tag = 0;

	sys_random(&tag, sizeof(tag));
	CLEAN_TEXT *temporary = text_format("%s.%08x", path, tag);
	if (temporary == NULL) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot install '%s'", path);
	}
	CLEAN_FD fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
	if (fd < 0) {
		return err_set(err, ERR_IO, errno, "cannot create '%s'", temporary);
	}
	if (copy_self(fd, temporary, err) == 0 && fd_close_written(&fd, temporary, err) == 0) {
		if (rename(temporary, path) == 0) {
			return 0;
		}
		err_set(err, ERR_IO, errno, "cannot rename '%s' to '%s'", temporary, path);
	}
	if (unlink(temporary) < 0) {
		err_wrap(err, "'%s' was left behind", temporary);
	}
	return -1;
}

int
verb_install(char *const *argv, char *const *envp, struct err *err)
{
	const struct option table[] = {{NULL, NULL, NULL}};
	struct options options = {.table = table};
	struct stat st;

	(void)envp;
	if (options_parse(&options, argv, err) < 0) {
		return -1;
	}
	if (options.plain.count != 1 || options.command != NULL) {
		return err_set(err, ERR_USAGE, 0, "'train install' wants one place to install to: train install DEST");
	}
	const char *dest = options.plain.items[0];
	int is_folder = stat(dest, &st) == 0 && S_ISDIR(st.st_mode);
	CLEAN_TEXT *path = text_format("%s%s", dest, is_folder ? "/train" : "");
	if (path == NULL) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot install '%s'", dest);
	}
	return install_at(path, err);
}
