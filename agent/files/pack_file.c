#include "files/pack_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sys.h"

enum { POUR_BUFFER = 1 << 16 };

int
pack_file_open(struct pack_file *file, int dir_fd, const char *path, struct err *err)
{
	struct stat st;

	/* O_NONBLOCK: what was a file when it was listed may be a FIFO by now. */
	*file = (struct pack_file){
	    .fd = sys_open_beneath(dir_fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0), .path = path};
	if (file->fd < 0 || fstat(file->fd, &st) < 0) {
		return err_set(err, ERR_IO, errno, "cannot open '%s'", path);
	}
	if (!S_ISREG(st.st_mode)) {
		return err_set(err, ERR_IO, 0, "'%s' changed while it was packed", path);
	}
	file->size = st.st_size;
	file->left = st.st_size;
	return 0;
}

static ssize_t
read_file(void *self, void *bytes, size_t len, struct err *err)
{
	struct pack_file *file = self;
	char more = 0;
	size_t want = (int64_t)len < file->left ? len : (size_t)file->left;
	ssize_t n = fd_read_full(file->fd, want > 0 ? bytes : &more, want > 0 ? want : 1);

	if (n < 0) {
		return err_set(err, ERR_IO, errno, "cannot read '%s'", file->path);
	}
	if ((size_t)n != want) {
		return err_set(err, ERR_IO, 0, "'%s' changed while it was packed", file->path);
	}
	file->left -= n;
	return n;
}

struct source
pack_file_source(struct pack_file *file)
{
	return (struct source){.read = read_file, .self = file};
}

void
pack_file_release(struct pack_file *file)
{
	fd_close(&file->fd);
}

int
pack_pour(const struct source *from, const struct sink *to, struct err *err)
{
	unsigned char bytes[POUR_BUFFER];
	ssize_t n = 1;

	while (n > 0) {
		n = source_read(from, bytes, sizeof(bytes), err);
		if (n > 0 && sink_write(to, bytes, (size_t)n, err) < 0) {
			return -1;
		}
	}
	return n < 0 ? -1 : 0;
}
