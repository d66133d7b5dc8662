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
#include "base/text.h"

enum { TAR_END_BYTES = 1024 /* two blocks of zeros */, ZIP_BLOCK = 65536 };

/* The source below libarchive, and what must be known about its end. */
struct feeder {
	struct source src;
	unsigned char *bytes;
	int64_t total;  /* bytes handed on */
	int64_t zeros;  /* how many of the last ones were zero */
	int ended;      /* the source has said so, or failed, and is not asked again */
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

/* The next bytes, lent: as source_lend. */
static ssize_t
pull(struct feeder *feeder, const void **bytes)
{
	ssize_t n = feeder->ended ? 0 : source_lend(&feeder->src, feeder->bytes, ARCHIVE_BUFFER, bytes, &feeder->err);

	feeder->ended = n <= 0;
	if (n > 0) {
		count_zeros(feeder, *bytes, (size_t)n);
	}
	return n;
}

static la_ssize_t
feed(struct archive *archive, void *self, const void **bytes)
{
	struct feeder *feeder = self;
	ssize_t n = pull(feeder, bytes);

	if (n < 0) {
		archive_set_error(archive, EIO, "%s", "the source failed");
		return -1;
	}
	return n;
}

/* The entry at hand, counted from 1, whether it is unpacked or only proved. */
struct taker {
	struct archive *archive;
	struct tree *tree; /* NULL: nothing is written */
	const struct tree_limits *limits;
	int64_t number;
	const char *name; /* of the entry at hand, or NULL */
	int exact;        /* no entry may hold less than its header says: there are no holes */
};

static int
damaged(const struct taker *taker, struct err *err)
{
	const char *why = archive_error_string(taker->archive);

	why = why != NULL ? why : "the archive is damaged";
	if (taker->name == NULL) {
		return err_set(err, ERR_ARCHIVE, 0, "entry %lld: %s", (long long)taker->number, why);
	}
	char shown[TEXT_SHOWN];
	return err_set(
	    err, ERR_ARCHIVE, 0, "entry %lld '%s': %s", (long long)taker->number, text_shown(shown, taker->name), why);
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

static int
goes_on(const struct taker *taker, struct err *err)
{
	return taker->limits->go_on == NULL ? 0 : taker->limits->go_on(taker->limits->self, err);
}

static int
wrong_size(const struct taker *taker, const char *why, struct err *err)
{
	char shown[TEXT_SHOWN];

	return err_set(err, ERR_ARCHIVE, 0, "entry %lld '%s': %s content than its header says",
	    (long long)taker->number, text_shown(shown, taker->name), why);
}

/* Reads the entry's content, into 'fd' unless it is -1. The size is the header's: more is damage, less is a hole at the end. */
static int
take_content(const struct taker *taker, int fd, int64_t size, struct err *err)
{
	const void *bytes = NULL;
	size_t len = 0;
	la_int64_t at = 0;
	int64_t end = 0;
	int result = 0;

	while ((result = archive_read_data_block(taker->archive, &bytes, &len, &at)) == ARCHIVE_OK) {
		if (at < 0 || at > size || (int64_t)len > size - at) {
			return wrong_size(taker, "more", err);
		}
		if (fd >= 0 && write_block(fd, bytes, len, at) < 0) {
			return err_set(err, ERR_IO, errno, "cannot write '%s'", taker->name);
		}
		/* A little of an archive can hold a great deal of one file: the source is not asked for long. */
		if (at > 0 && goes_on(taker, err) < 0) {
			return -1;
		}
		end = at + (int64_t)len;
	}
	if (result != ARCHIVE_EOF) {
		return damaged(taker, err);
	}
	if (taker->exact && end != size) {
		return wrong_size(taker, "less", err);
	}
	if (fd >= 0 && end != size && ftruncate(fd, size) < 0) {
		return err_set(err, ERR_IO, errno, "cannot write '%s'", taker->name);
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
add_file(struct taker *taker, struct archive_entry *entry, struct err *err)
{
	struct tree *tree = taker->tree;
	int64_t size = archive_entry_size_is_set(entry) ? archive_entry_size(entry) : 0;
	struct timespec mtime = time_of(entry);
	CLEAN_FD fd = tree_add_file(tree, archive_entry_mode(entry), size, err);

	taker->name = tree->path;
	if (fd < 0 || take_content(taker, fd, size, err) < 0) {
		return -1;
	}
	return tree_end_file(tree, &fd, &mtime, err);
}

static int
add_entry(struct taker *taker, struct archive_entry *entry, struct err *err)
{
	struct tree *tree = taker->tree;
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
		return add_file(taker, entry, err);
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

/* Only reads: the checksum of each member is proved on the way. */
static int
prove_entry(struct taker *taker, struct archive_entry *entry, struct err *err)
{
	taker->name = archive_entry_pathname(entry);
	taker->name = taker->name != NULL ? taker->name : "";
	return goes_on(taker, err) < 0 ? -1 : take_content(taker, -1, archive_entry_size(entry), err);
}

/* All entries up to the end of the archive as libarchive sees it. */
static int
take_entries(struct taker *taker, struct err *err)
{
	struct archive_entry *entry = NULL;
	int result = 0;

	for (taker->number = 1; (result = archive_read_next_header(taker->archive, &entry)) == ARCHIVE_OK;
	     taker->number++) {
		if (archive_entry_is_encrypted(entry)) {
			return err_set(err, ERR_ARCHIVE, 0, "entry %lld is encrypted", (long long)taker->number);
		}
		if (taker->tree != NULL ? add_entry(taker, entry, err) < 0 : prove_entry(taker, entry, err) < 0) {
			return -1;
		}
		taker->name = NULL;
	}
	return result == ARCHIVE_EOF ? 0 : damaged(taker, err);
}

/* ---- tar ---- */

/* libarchive takes the end of the bytes for the end of the archive, too. 'end' is where it stopped finding entries. */
static int
check_end(struct feeder *feeder, int64_t end, struct err *err)
{
	const void *bytes = NULL;
	ssize_t n = 1;

	while (n > 0) {
		n = pull(feeder, &bytes);
	}
	if (n < 0) {
		return -1; /* feeder->err has the reason */
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
	struct feeder feeder = {.src = *src, .err = {.phase = err->phase}};
	struct taker taker = {.archive = archive, .tree = tree, .limits = &tree->limits, .number = 1};
	int result = -1;

	(void)utf8;
	if (src->lend == NULL) {
		feeder.bytes = malloc(ARCHIVE_BUFFER); /* the job's sources lend: this is for others */
	}
	if (archive == NULL || (feeder.bytes == NULL && src->lend == NULL) ||
	    archive_read_support_format_tar(archive) != ARCHIVE_OK) {
		err_set(err, ERR_SYSTEM, ENOMEM, "cannot unpack");
	} else if (archive_read_open(archive, &feeder, NULL, feed, NULL) != ARCHIVE_OK) {
		damaged(&taker, err);
	} else if (take_entries(&taker, err) == 0) {
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
archive_unzip(int fd, struct tree *tree, const struct tree_limits *limits, struct err *err)
{
	IN_UTF8 utf8 = utf8_begin();
	CLEAN_ARCHIVE *archive = archive_read_new();
	struct taker taker = {.archive = archive, .tree = tree, .limits = limits, .number = 1, .exact = 1};

	(void)utf8;
	if (archive == NULL || archive_read_support_format_zip_seekable(archive) != ARCHIVE_OK) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot unpack");
	}
	if (lseek(fd, 0, SEEK_SET) < 0) {
		return err_set(err, ERR_IO, errno, "cannot read the spooled zip");
	}
	if (archive_read_open_fd(archive, fd, ZIP_BLOCK) != ARCHIVE_OK) {
		return damaged(&taker, err);
	}
	return take_entries(&taker, err);
}
