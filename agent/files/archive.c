#include "files/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"

enum { TAR_END_BYTES = 1024 /* two blocks of zeros */, ZIP_BLOCK = 65536 };

/* The source below libarchive, and what must be known about its end. */
struct feeder {
	struct source src;
	unsigned char *bytes;
	int ended;
	int64_t total;  /* bytes handed on */
	int64_t zeros;  /* how many of the last ones were zero */
	struct err err; /* the source's own failure */
};

static void
archive_done(struct archive **archive)
{
	if (*archive != NULL && archive_read_free(*archive) != ARCHIVE_OK) {
		log_debug("libarchive could not end cleanly");
	}
}
#define CLEAN_ARCHIVE CLEANUP(archive_done) struct archive

/*
 * Names are bytes to us; libarchive wants them in the locale's characters, and in the C locale refuses what is not ASCII. Only this thread,
 * only while an archive is read.
 */
struct utf8 {
	locale_t here, before;
};

static struct utf8
utf8_begin(void)
{
	struct utf8 utf8 = {.here = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0)};

	if (utf8.here != (locale_t)0) {
		utf8.before = uselocale(utf8.here);
	}
	return utf8;
}

static void
utf8_end(struct utf8 *utf8)
{
	if (utf8->here != (locale_t)0) {
		(void)uselocale(utf8->before);
		freelocale(utf8->here);
	}
}
#define IN_UTF8 CLEANUP(utf8_end) struct utf8

static void
count_zeros(struct feeder *feeder, const unsigned char *bytes, size_t len)
{
	size_t run = 0;

	while (run < len && bytes[len - 1 - run] == 0) {
		run++;
	}
	feeder->zeros = run == len ? feeder->zeros + (int64_t)len : (int64_t)run;
	feeder->total += (int64_t)len;
}

static la_ssize_t
feed(struct archive *archive, void *self, const void **bytes)
{
	struct feeder *feeder = self;
	ssize_t n = source_lend(&feeder->src, feeder->bytes, ARCHIVE_BUFFER, bytes, &feeder->err);

	if (n < 0) {
		archive_set_error(archive, EIO, "%s", "the source failed");
		return -1;
	}
	feeder->ended = n == 0;
	count_zeros(feeder, *bytes, (size_t)n);
	return n;
}

static int
damaged(struct archive *archive, const struct tree *tree, struct err *err)
{
	const char *why = archive_error_string(archive);

	return err_set(err, ERR_ARCHIVE, 0, "entry %lld: %s", tree != NULL ? (long long)tree->entries + 1 : 0LL,
	    why != NULL ? why : "the archive is damaged");
}

/* ---- content ---- */

static int
write_block(int fd, const void *bytes, size_t len, int64_t at)
{
	const char *from = bytes;

	while (len > 0) {
		ssize_t n = pwrite(fd, from, len, at);

		if (n < 0 && errno != EINTR) {
			return -1;
		}
		n = n < 0 ? 0 : n;
		from += n;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Reads the entry's content, into 'fd' unless it is -1. The size is the header's: more is damage, less is a hole at the end. */
static int
take_content(struct archive *archive, const struct tree *tree, int fd, int64_t size, struct err *err)
{
	const void *bytes = NULL;
	size_t len = 0;
	la_int64_t at = 0;
	int result = 0;

	while ((result = archive_read_data_block(archive, &bytes, &len, &at)) == ARCHIVE_OK) {
		if (at < 0 || at > size || (int64_t)len > size - at) {
			return err_set(err, ERR_ARCHIVE, 0, "entry %lld: more content than its header says",
			    tree != NULL ? (long long)tree->entries : 0LL);
		}
		if (fd >= 0 && write_block(fd, bytes, len, at) < 0) {
			return err_set(err, ERR_IO, errno, "cannot write '%s'", tree != NULL ? tree->path : "");
		}
	}
	if (result != ARCHIVE_EOF) {
		return damaged(archive, tree, err);
	}
	if (fd >= 0 && ftruncate(fd, size) < 0) {
		return err_set(err, ERR_IO, errno, "cannot write '%s'", tree != NULL ? tree->path : "");
	}
	return 0;
}

/* ---- entries ---- */

static struct timespec
time_of(struct archive_entry *entry)
{
	return (struct timespec){.tv_sec = archive_entry_mtime(entry), .tv_nsec = archive_entry_mtime_nsec(entry)};
}

static int
add_file(struct archive *archive, struct archive_entry *entry, struct tree *tree, struct err *err)
{
	int64_t size = archive_entry_size_is_set(entry) ? archive_entry_size(entry) : 0;
	struct timespec mtime = time_of(entry);
	CLEAN_FD fd = tree_add_file(tree, archive_entry_mode(entry), size, err);

	if (fd < 0 || take_content(archive, tree, fd, size, err) < 0) {
		return -1;
	}
	return tree_end_file(tree, &fd, &mtime, err);
}

static int
add_entry(struct archive *archive, struct archive_entry *entry, struct tree *tree, struct err *err)
{
	struct timespec mtime = time_of(entry);
	int named = tree_entry(tree, archive_entry_pathname(entry), err);

	if (named <= 0) {
		return named == 0 && archive_entry_filetype(entry) != AE_IFDIR
		           ? tree_refuse(tree, ".", "a file that is named like the folder itself", err)
		           : named;
	}
	if (archive_entry_hardlink(entry) != NULL) {
		return tree_add_hard_link(tree, archive_entry_hardlink(entry), err);
	}
	switch (archive_entry_filetype(entry)) {
	case AE_IFREG:
		return add_file(archive, entry, tree, err);
	case AE_IFDIR:
		return tree_add_folder(tree, archive_entry_mode(entry), &mtime, err);
	case AE_IFLNK:
		return tree_add_link(tree, archive_entry_symlink(entry), err);
	case AE_IFIFO:
		return tree_refuse(tree, tree->path, "a FIFO", err);
	case AE_IFSOCK:
		return tree_refuse(tree, tree->path, "a socket", err);
	case AE_IFCHR:
	case AE_IFBLK:
		return tree_refuse(tree, tree->path, "a device", err);
	default:
		return tree_refuse(tree, tree->path, "a kind of entry that is not known", err);
	}
}

/* All entries up to the end of the archive as libarchive sees it. */
static int
take_entries(struct archive *archive, struct tree *tree, struct err *err)
{
	struct archive_entry *entry = NULL;
	int result = 0;

	while ((result = archive_read_next_header(archive, &entry)) == ARCHIVE_OK) {
		if (archive_entry_is_encrypted(entry)) {
			return err_set(err, ERR_ARCHIVE, 0, "an encrypted member");
		}
		int taken = tree != NULL ? add_entry(archive, entry, tree, err)
		                         : take_content(archive, NULL, -1, INT64_MAX, err);
		if (taken < 0) {
			return -1;
		}
	}
	return result == ARCHIVE_EOF ? 0 : damaged(archive, tree, err);
}

/* ---- tar ---- */

/* libarchive takes the end of the bytes for the end of the archive, too. 'end' is where it stopped finding entries. */
static int
check_end(struct feeder *feeder, int64_t end, struct err *err)
{
	const void *bytes = NULL;
	ssize_t n = feeder->ended ? 0 : 1;

	while (n > 0) {
		n = source_lend(&feeder->src, feeder->bytes, ARCHIVE_BUFFER, &bytes, err);
		if (n < 0) {
			return -1;
		}
		count_zeros(feeder, bytes, (size_t)n);
	}
	if (feeder->total - end < TAR_END_BYTES) {
		return err_set(err, ERR_ARCHIVE, 0, "the tar has no end marker: the archive is cut");
	}
	if (feeder->zeros < feeder->total - end) {
		return err_set(err, ERR_ARCHIVE, 0, "something follows the end of the tar");
	}
	return 0;
}

int
archive_untar(const struct source *src, struct tree *tree, struct err *err)
{
	IN_UTF8 utf8 = utf8_begin();
	CLEAN_ARCHIVE *archive = archive_read_new();
	struct feeder feeder = {.src = *src, .bytes = malloc(ARCHIVE_BUFFER), .err = {.phase = err->phase}};
	int result = -1;

	(void)utf8;
	if (archive == NULL || feeder.bytes == NULL || archive_read_support_format_tar(archive) != ARCHIVE_OK) {
		err_set(err, ERR_SYSTEM, ENOMEM, "cannot unpack");
	} else if (archive_read_open(archive, &feeder, NULL, feed, NULL) != ARCHIVE_OK) {
		damaged(archive, tree, err);
	} else if (take_entries(archive, tree, err) == 0) {
		result = check_end(&feeder, archive_read_header_position(archive), err);
	}
	if (feeder.err.kind != ERR_NONE) {
		*err = feeder.err; /* what libarchive makes of a failed source is not the reason */
		result = -1;
	}
	free(feeder.bytes);
	return result;
}

/* ---- zip ---- */

int
archive_unzip(int fd, struct tree *tree, struct err *err)
{
	IN_UTF8 utf8 = utf8_begin();
	CLEAN_ARCHIVE *archive = archive_read_new();

	(void)utf8;
	if (archive == NULL || archive_read_support_format_zip_seekable(archive) != ARCHIVE_OK) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot unpack");
	}
	if (lseek(fd, 0, SEEK_SET) < 0) {
		return err_set(err, ERR_IO, errno, "cannot read the spooled zip");
	}
	if (archive_read_open_fd(archive, fd, ZIP_BLOCK) != ARCHIVE_OK) {
		return damaged(archive, tree, err);
	}
	return take_entries(archive, tree, err);
}
