#include "files/pack_out.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/hash.h"
#include "base/sys.h"

enum { FD_PATH_MAX = 32, TAG_BYTES = 6 };

static void
path_of_fd(int fd, char path[FD_PATH_MAX])
{
	(void)snprintf(path, FD_PATH_MAX, "/proc/self/fd/%d", fd);
}

/* Chooses a name beside the archive's own. -1 when it would be too long. */
static int
choose_beside(const struct pack_out *out, char beside[PACK_OUT_NAME_MAX])
{
	unsigned char tag[TAG_BYTES];
	char digits[2 * TAG_BYTES + 1];

	sys_random(tag, sizeof(tag));
	hex_encode(digits, tag, sizeof(tag));
	int len = snprintf(beside, PACK_OUT_NAME_MAX, "%s.%s" PACK_OUT_BESIDE, out->name, digits);
	return len < PACK_OUT_NAME_MAX ? 0 : -1;
}

/* ---- open ---- */

static int
open_folder(struct pack_out *out, struct err *err)
{
	const char *slash = strrchr(out->file, '/');
	const char *name = slash != NULL ? slash + 1 : out->file;
	char folder[PATH_BYTES_MAX] = ".";
	size_t len = slash != NULL ? (size_t)(slash - out->file) + 1 : 0;
	struct stat st;

	if (strlen(name) >= sizeof(out->name) || len >= sizeof(folder)) {
		return err_set(err, ERR_IO, ENAMETOOLONG, "cannot write '%s'", out->file);
	}
	if (len > 0) {
		memcpy(folder, out->file, len);
		folder[len] = '\0';
	}
	(void)snprintf(out->name, sizeof(out->name), "%s", name);
	out->dir_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (out->dir_fd < 0 || fstat(out->dir_fd, &st) < 0) {
		return err_set(err, ERR_IO, errno, "cannot write '%s': cannot open the folder '%s'", out->file, folder);
	}
	out->dev = st.st_dev;
	out->ino = st.st_ino;
	return 0;
}

/* A file without a name vanishes with us, however we end. It gets one by way of /proc, so that must be there, too. */
static int
open_nameless(const struct pack_out *out)
{
	char path[FD_PATH_MAX];
	CLEAN_FD fd = openat(out->dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0666);

	if (fd < 0) {
		return -1;
	}
	path_of_fd(fd, path);
	return access(path, F_OK) == 0 ? fd_take(&fd) : -1;
}

static int
open_beside(struct pack_out *out, struct err *err)
{
	char beside[PACK_OUT_NAME_MAX];

	if (choose_beside(out, beside) < 0) {
		return err_set(err, ERR_IO, ENAMETOOLONG, "cannot write '%s'", out->file);
	}
	out->fd = openat(out->dir_fd, beside, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (out->fd < 0) {
		return err_set(err, ERR_IO, errno, "cannot write '%s'", out->file);
	}
	memcpy(out->beside, beside, sizeof(beside));
	return 0;
}

int
pack_out_open(struct pack_out *out, const char *file, struct err *err)
{
	struct stat st;

	*out = (struct pack_out){.file = file, .dir_fd = -1, .fd = -1};
	if (open_folder(out, err) < 0) {
		return -1;
	}
	if (fstatat(out->dir_fd, out->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode)) {
		return err_set(err, ERR_IO, EISDIR, "cannot write '%s'", file);
	}
	out->bytes = malloc(PACK_OUT_BUFFER);
	if (out->bytes == NULL) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot write '%s'", file);
	}
	out->fd = open_nameless(out);
	return out->fd >= 0 ? 0 : open_beside(out, err);
}

/* ---- write ---- */

static int
put(struct pack_out *out, const void *bytes, size_t len, struct err *err)
{
	if (fd_write_all(out->fd, bytes, len) < 0) {
		return err_set(err, ERR_IO, errno, "cannot write '%s'", out->file);
	}
	out->written += (int64_t)len;
	return 0;
}

static int
flush(struct pack_out *out, struct err *err)
{
	size_t len = out->len;

	out->len = 0;
	return len > 0 ? put(out, out->bytes, len, err) : 0;
}

static int
append(void *self, const void *bytes, size_t len, struct err *err)
{
	struct pack_out *out = self;

	if (len > PACK_OUT_BUFFER - out->len && flush(out, err) < 0) {
		return -1;
	}
	if (len > PACK_OUT_BUFFER) {
		return put(out, bytes, len, err);
	}
	memcpy(out->bytes + out->len, bytes, len);
	out->len += len;
	return 0;
}

struct sink
pack_out_sink(struct pack_out *out)
{
	return (struct sink){.write = append, .self = out};
}

int64_t
pack_out_at(const struct pack_out *out)
{
	return out->written + (int64_t)out->len;
}

int
pack_out_patch(struct pack_out *out, int64_t at, const void *bytes, size_t len, struct err *err)
{
	if (at >= out->written) {
		memcpy(out->bytes + (at - out->written), bytes, len); /* still buffered, wholly */
		return 0;
	}
	if (flush(out, err) < 0) {
		return -1;
	}
	/* A regular file takes so few bytes at once or not at all. */
	if (pwrite(out->fd, bytes, len, at) != (ssize_t)len) {
		return err_set(err, ERR_IO, errno, "cannot write '%s'", out->file);
	}
	return 0;
}

/* ---- finish ---- */

static int
hash(const struct pack_out *out, char sha256[SHA256_HEX], struct err *err)
{
	unsigned char sum[SHA256_BYTES];
	struct sha256 sha;
	ssize_t n = 1;

	sha256_init(&sha);
	if (lseek(out->fd, 0, SEEK_SET) < 0) {
		n = -1;
	}
	while (n > 0) {
		n = fd_read_full(out->fd, out->bytes, PACK_OUT_BUFFER);
		if (n > 0) {
			sha256_add(&sha, out->bytes, (size_t)n);
		}
	}
	if (n < 0) {
		return err_set(err, ERR_IO, errno, "cannot read back '%s'", out->file);
	}
	sha256_end(&sha, sum);
	hex_encode(sha256, sum, sizeof(sum));
	return 0;
}

/* Only a name can be renamed over the place: what has none gets one first. */
static int
give_name(struct pack_out *out, struct err *err)
{
	char path[FD_PATH_MAX];
	char beside[PACK_OUT_NAME_MAX];

	if (out->beside[0] != '\0') {
		return 0;
	}
	path_of_fd(out->fd, path);
	if (choose_beside(out, beside) < 0) {
		return err_set(err, ERR_IO, ENAMETOOLONG, "cannot write '%s'", out->file);
	}
	if (linkat(AT_FDCWD, path, out->dir_fd, beside, AT_SYMLINK_FOLLOW) < 0) {
		return err_set(err, ERR_IO, errno, "cannot write '%s'", out->file);
	}
	memcpy(out->beside, beside, sizeof(beside));
	return 0;
}

int
pack_out_finish(struct pack_out *out, char sha256[SHA256_HEX], struct err *err)
{
	if (flush(out, err) < 0 || hash(out, sha256, err) < 0 || give_name(out, err) < 0 ||
	    fd_close_written(&out->fd, out->file, err) < 0) {
		return -1;
	}
	if (renameat(out->dir_fd, out->beside, out->dir_fd, out->name) < 0) {
		return err_set(err, ERR_IO, errno, "cannot write '%s'", out->file);
	}
	out->beside[0] = '\0';
	return 0;
}

void
pack_out_release(struct pack_out *out)
{
	if (out->beside[0] != '\0') {
		(void)unlinkat(out->dir_fd, out->beside, 0);
		out->beside[0] = '\0';
	}
	fd_close(&out->fd);
	fd_close(&out->dir_fd);
	free(out->bytes);
	out->bytes = NULL;
}
