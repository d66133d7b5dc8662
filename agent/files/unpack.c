#include "files/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/stage.h"
#include "base/sys.h"
#include "files/archive.h"
#include "files/digest.h"
#include "files/folder.h"
#include "files/frames.h"
#include "files/inflate.h"
#include "files/kind.h"
#include "files/zip.h"

enum {
	SPOOL_BUFFER = 1 << 17,
	NAME_TRIES = 16,
	AHEAD_SHARE = 8, /* of the budget: what is inflated ahead of the writer */
	AHEAD_BLOCKS = 16,
};

/* ---- tar ---- */

/* What must be known of the tree when it is gone. */
static void
keep(struct unpacked *unpacked, const struct tree *tree)
{
	unpacked->entries = tree->entries;
	unpacked->bytes = tree->bytes;
	if (tree->leaver != NULL) {
		unpacked->leaver = tree->leaver->number;
		(void)text_shown(unpacked->leaver_name, tree->leaver->path);
	}
}

static int
untar(const struct source *src, int dir_fd, const struct unpack_wish *wish, struct unpacked *unpacked, struct err *err)
{
	CLEAN_TREE tree;

	tree_init(&tree, dir_fd, &wish->limits);
	if (archive_untar(src, &tree, err) < 0 || tree_close(&tree, err) < 0) {
		return -1;
	}
	keep(unpacked, &tree);
	return 0;
}

/* What was compressed must be a tar, and its own first bytes say so: 'peek' holds them. */
static int
look_for_tar(struct peek *peek, const struct source *plain, enum kind kind, struct err *err)
{
	if (peek_init(peek, plain, err) < 0) {
		return -1;
	}
	if (kind_of(peek->bytes, peek->len) != KIND_TAR) {
		return err_set(err, ERR_ARCHIVE, 0, "the %s holds no tar but %s",
		    kind == KIND_TAR_GZ ? "gzip file" : "zstd file", kind_looks_like(peek->bytes, peek->len));
	}
	return 0;
}

static int
inflate_and_untar(enum kind kind, const struct source *src, int dir_fd, const struct unpack_wish *wish,
    struct unpacked *unpacked, struct err *err)
{
	CLEAN_INFLATE *inflate = inflate_new(kind, src, wish->budget, wish->window_max, err);
	CLEAN_STAGE stage = {.memory = NULL};
	const struct stage_plan plan = {
	    .budget = wish->budget,
	    .block_bytes = wish->budget->max / AHEAD_SHARE / AHEAD_BLOCKS,
	    .blocks = AHEAD_BLOCKS,
	    .wake = wish->wake,
	    .self = wish->self,
	};
	struct peek peek;

	if (inflate == NULL) {
		return -1;
	}
	struct source plain = inflate_source(inflate);
	if (look_for_tar(&peek, &plain, kind, err) < 0) {
		return -1;
	}
	struct source tar = peek_source(&peek);
	if (stage_start(&stage, &plan, &tar, err) < 0) {
		return -1;
	}
	struct source ahead = stage_source(&stage);
	int result = untar(&ahead, dir_fd, wish, unpacked, err);
	stage_end(&stage);
	unpacked->inflated = 1;
	unpacked->waited_us = stage.waited_us;
	unpacked->blocked_us = stage.blocked_us;
	return result;
}

/* Small frames are decoded by several threads; this one writes what they have done. */
static int
untar_frames(
    const struct source *src, int dir_fd, const struct unpack_wish *wish, struct unpacked *unpacked, struct err *err)
{
	CLEAN_FRAMES *frames = frames_new(src, wish->budget, wish->threads, wish->window_max, err);

	if (frames == NULL) {
		return -1;
	}
	const struct source plain = frames_source(frames);
	struct peek peek;
	if (look_for_tar(&peek, &plain, KIND_TAR_ZST, err) < 0) {
		return -1;
	}
	const struct source tar = peek_source(&peek);
	int result = untar(&tar, dir_fd, wish, unpacked, err);

	unpacked->inflated = 1;
	unpacked->waited_us = frames_waited_us(frames);
	return result;
}

/* ---- zip ---- */

/* A file without a name in 'dir_fd': it vanishes with its descriptor. Where the file system has no O_TMPFILE, a name that is removed at once. */
static int
open_spool(int dir_fd, struct err *err)
{
	int fd = openat(dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	for (int i = 0; fd < 0 && i < NAME_TRIES; i++) {
		char name[32];
		unsigned tag = 0;

		sys_random(&tag, sizeof(tag));
		(void)snprintf(name, sizeof(name), ".spool-%08x", tag);
		fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd >= 0 && unlinkat(dir_fd, name, 0) < 0) {
			fd_close(&fd);
			break;
		}
	}
	return fd >= 0 ? fd : err_set(err, ERR_IO, errno, "cannot make a file to spool the zip");
}

static int
spool(const struct source *src, int fd, const struct unpack_wish *wish, struct err *err)
{
	char *bytes = budget_take(wish->budget, SPOOL_BUFFER);
	int64_t bytes_max = wish->limits.bytes_max;
	int64_t total = 0;
	ssize_t n = 1;

	if (bytes == NULL) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot spool the zip");
	}
	while (n > 0) {
		n = source_read(src, bytes, SPOOL_BUFFER, err);
		total += n;
		if (n > 0 && total > bytes_max) {
			n = err_set(err, ERR_ARCHIVE, 0,
			    "the zip is over %lld bytes: raise unpack-max-bytes if that is right",
			    (long long)bytes_max);
		} else if (n > 0 && fd_write_all(fd, bytes, (size_t)n) < 0) {
			n = err_set(err, ERR_IO, errno, "cannot spool the zip");
		}
	}
	budget_give(wish->budget, bytes, SPOOL_BUFFER);
	return n < 0 ? -1 : 0;
}

/* The "#!" line's own words: what the kernel would start, which reads no more of it either. 1 when there is such a line, 0 without. */
static int
read_interpreter(int fd, char interpreter[UNPACK_INTERPRETER_MAX], struct err *err)
{
	char line[UNPACK_INTERPRETER_MAX + 1];
	ssize_t n = pread(fd, line, UNPACK_INTERPRETER_MAX, 0);

	interpreter[0] = '\0';
	if (n < 0) {
		return err_set(err, ERR_IO, errno, "cannot read the spooled zip");
	}
	line[n] = '\0';
	if (strncmp(line, "#!", 2) != 0) {
		return 0;
	}
	size_t len = strcspn(line, "\r\n");
	if (len == UNPACK_INTERPRETER_MAX) {
		return err_set(err, ERR_ARCHIVE, 0, "the '#!' line of the executable zip is too long");
	}
	/* Blanks around the words are the kernel's to skip, and ours. */
	size_t from = 2 + strspn(line + 2, " \t");
	while (len > from && (line[len - 1] == ' ' || line[len - 1] == '\t')) {
		len--;
	}
	(void)snprintf(
	    interpreter, UNPACK_INTERPRETER_MAX, "%.*s", (int)(len - (from < len ? from : len)), line + from);
	return 1;
}

/* An executable zip stays whole; it was proved member by member. */
static int
place_whole(int spool_fd, int dir_fd, const struct unpack_wish *wish, struct err *err)
{
	const struct tree_limits *limits = &wish->limits;
	CLEAN_FD fd = openat(dir_fd, UNPACK_PEX, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0777);
	char *bytes = budget_take(wish->budget, SPOOL_BUFFER);
	int result = fd >= 0 && bytes != NULL && lseek(spool_fd, 0, SEEK_SET) == 0
	                 ? 0
	                 : err_set(err, ERR_IO, errno, "cannot make '%s'", UNPACK_PEX);

	while (result == 0) {
		ssize_t n = fd_read_full(spool_fd, bytes, SPOOL_BUFFER);

		if (n == 0) {
			break;
		}
		if (limits->go_on != NULL && limits->go_on(limits->self, err) < 0) {
			result = -1;
		} else if (n < 0 || fd_write_all(fd, bytes, (size_t)n) < 0) {
			result = err_set(err, ERR_IO, errno, "cannot write '%s'", UNPACK_PEX);
		}
	}
	budget_give(wish->budget, bytes, SPOOL_BUFFER);
	return result < 0 ? -1 : fd_close_written(&fd, UNPACK_PEX, err);
}

static int
check_limits(const struct zip_facts *facts, const struct tree_limits *limits, struct err *err)
{
	if (facts->entries > limits->entries_max) {
		return err_set(err, ERR_ARCHIVE, 0, "more than %lld entries: raise unpack-max-entries if that is right",
		    (long long)limits->entries_max);
	}
	if (facts->bytes > limits->bytes_max) {
		return err_set(err, ERR_ARCHIVE, 0,
		    "more than %lld bytes in all: raise unpack-max-bytes if that is right",
		    (long long)limits->bytes_max);
	}
	return 0;
}

/* Looks at a whole zip: its two directories, its limits, what starts it. An executable one is read to its last byte. */
static int
look_at_zip(int fd, const struct tree_limits *limits, struct budget *budget, struct unpacked *unpacked, struct err *err)
{
	struct zip_facts facts;
	int script = read_interpreter(fd, unpacked->interpreter, err);

	if (script < 0) {
		return -1;
	}
	if (zip_check(fd, budget, &facts, err) < 0) {
		return script ? err_wrap(err, "a script that is no executable zip") : -1;
	}
	if (check_limits(&facts, limits, err) < 0) {
		return -1;
	}
	unpacked->entries = facts.entries;
	unpacked->bytes = facts.bytes;
	unpacked->executable = unpacked->interpreter[0] != '\0' || facts.has_main;
	if (!unpacked->executable) {
		return facts.prefix == 0 ? 0
		                         : err_set(err, ERR_ARCHIVE, 0, "%lld bytes stand in front of the zip",
		                               (long long)facts.prefix);
	}
	(void)snprintf(unpacked->kind, sizeof(unpacked->kind), "executable zip");
	return archive_unzip(fd, NULL, limits, err);
}

static int
unzip(const struct source *src, int dir_fd, const struct unpack_wish *wish, struct unpacked *unpacked, struct err *err)
{
	CLEAN_FD fd = open_spool(wish->spool_fd, err);

	if (fd < 0 || spool(src, fd, wish, err) < 0 ||
	    look_at_zip(fd, &wish->limits, wish->budget, unpacked, err) < 0) {
		return -1;
	}
	if (unpacked->executable) {
		return place_whole(fd, dir_fd, wish, err);
	}
	CLEAN_TREE tree;
	tree_init(&tree, dir_fd, &wish->limits);
	if (archive_unzip(fd, &tree, &wish->limits, err) < 0 || tree_close(&tree, err) < 0) {
		return -1;
	}
	keep(unpacked, &tree);
	return 0;
}

int
unpack_in_place(
    int fd, const struct tree_limits *limits, struct budget *budget, struct unpacked *unpacked, struct err *err)
{
	unsigned char bytes[KIND_HEAD_BYTES];
	ssize_t n = pread(fd, bytes, sizeof(bytes), 0);

	*unpacked = (struct unpacked){0};
	if (n < 0) {
		return err_set(err, ERR_IO, errno, "cannot read it");
	}
	enum kind kind = kind_of(bytes, (size_t)n);
	if (kind != KIND_ZIP && kind != KIND_SCRIPT) {
		return 0;
	}
	return look_at_zip(fd, limits, budget, unpacked, err) < 0 ? -1 : unpacked->executable;
}

/* ---- by kind ---- */

int
unpack(const struct source *src, int dir_fd, const struct unpack_wish *wish, struct unpacked *unpacked, struct err *err)
{
	struct peek peek;

	*unpacked = (struct unpacked){0};
	if (peek_init(&peek, src, err) < 0) {
		return -1;
	}
	struct source whole = peek_source(&peek);
	enum kind kind = kind_of(peek.bytes, peek.len);
	(void)snprintf(unpacked->kind, sizeof(unpacked->kind), "%s", kind_name(kind));
	switch (kind) {
	case KIND_TAR:
		return untar(&whole, dir_fd, wish, unpacked, err);
	case KIND_TAR_ZST:
		if (whole.lend != NULL && wish->threads > 1 && frames_fit(wish->budget, peek.bytes, peek.len)) {
			return untar_frames(&whole, dir_fd, wish, unpacked, err);
		}
		return inflate_and_untar(kind, &whole, dir_fd, wish, unpacked, err);
	case KIND_TAR_GZ:
		return inflate_and_untar(kind, &whole, dir_fd, wish, unpacked, err);
	case KIND_ZIP:
	case KIND_SCRIPT:
		return unzip(&whole, dir_fd, wish, unpacked, err);
	case KIND_UNKNOWN:
	case KINDS:
	default:
		return err_set(err, ERR_ARCHIVE, 0,
		    "no archive of a known kind (tar, tar.gz, tar.zst, zip): it looks like %s",
		    kind_looks_like(peek.bytes, peek.len));
	}
}

/* ---- one folder around everything ---- */

static int
exists(int dir_fd, const char *folder, const char *name)
{
	char path[PATH_BYTES_MAX];
	struct stat st;

	return snprintf(path, sizeof(path), "%s/%s", folder, name) < (int)sizeof(path) &&
	       fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int
unpack_single_folder(
    int dir_fd, const struct unpacked *unpacked, const char *command, char name[FOLDER_NAME_MAX], struct err *err)
{
	struct stat st;

	if (folder_only_entry(dir_fd, name, err) < 0) {
		return -1;
	}
	if (name[0] == '\0' || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode)) {
		return 0;
	}
	int relative = command != NULL && command[0] != '/';
	if (!exists(dir_fd, name, "pipeline.json") &&
	    !(relative && exists(dir_fd, name, command) && !exists(dir_fd, ".", command))) {
		return 0;
	}
	if (unpacked->leaver != 0) {
		char shown[TEXT_SHOWN];

		return err_set(err, ERR_ARCHIVE, 0,
		    "entry %lld '%s': a link that leaves the folder '%s', which holds the project",
		    (long long)unpacked->leaver, unpacked->leaver_name, text_shown(shown, name));
	}
	return 1;
}
