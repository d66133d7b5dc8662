#include "report/failure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "base/version.h"
#include "report/outdir.h"

static const char NAME[] = "failure";
static const char PREVIOUS[] = "failure.previous";
static const char RESERVE[] = ".failure.reserved";

enum occupant {
	NOBODY,  /* nothing, or an empty regular file, which counts as nothing */
	OURS,    /* the file behind file_fd */
	THEIRS,  /* a regular file with something in it */
	NO_FILE, /* a link, a folder, a device */
};

static void notice(struct failure *failure, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void
notice(struct failure *failure, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (failure->notice_count < FAILURE_NOTICES_MAX) {
		(void)vsnprintf(failure->notices[failure->notice_count++], FAILURE_NOTICE_BYTES, fmt, args);
	}
	va_end(args);
}

/* Who is called 'name'? Only calls that a signal handler may make. */
static enum occupant
occupant_of(const struct failure *failure, const char *name)
{
	struct stat there, ours;

	if (fstatat(failure->dir_fd, name, &there, AT_SYMLINK_NOFOLLOW) < 0) {
		return errno == ENOENT ? NOBODY : NO_FILE;
	}
	if (!S_ISREG(there.st_mode)) {
		return NO_FILE;
	}
	if (failure->file_fd >= 0 && fstat(failure->file_fd, &ours) == 0 && ours.st_dev == there.st_dev &&
	    ours.st_ino == there.st_ino) {
		return OURS;
	}
	return there.st_size == 0 ? NOBODY : THEIRS;
}

/* Overwrites in place, then cuts: a full disk has nothing against either. 0, or -1 with errno. */
static int
put(int fd, const char *text, size_t len)
{
	ssize_t n;

	do {
		n = pwrite(fd, text, len, 0);
	} while (n < 0 && errno == EINTR);
	if (n >= 0 && (size_t)n < len) {
		errno = ENOSPC;
		n = -1;
	}
	return n < 0 ? -1 : ftruncate(fd, (off_t)len);
}

static int
put_stub(const struct failure *failure, enum phase phase)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "[agent-killed] train was killed in phase %s\n", phase_name(phase));

	return put(failure->file_fd, text, (size_t)n);
}

/* Gives the file its 4 KiB of real blocks; where the file system cannot promise them, zeros are written. 0, or -1 with
 * errno. */
static int
reserve_blocks(int fd)
{
	static const char zeros[FAILURE_RESERVE_BYTES];
	int sys = posix_fallocate(fd, 0, FAILURE_RESERVE_BYTES);

	if (sys == EOPNOTSUPP || sys == EINVAL || sys == ENOSYS || sys == EPERM) {
		ssize_t n = pwrite(fd, zeros, sizeof(zeros), 0);

		sys = n == (ssize_t)sizeof(zeros) ? 0 : n < 0 ? errno : ENOSPC;
	}
	errno = sys;
	return sys == 0 ? 0 : -1;
}

/* A reserve that a killed run left behind is ours by its name; whatever else has the name makes this fail, and is left
 * alone. */
static int
make_reserve(struct failure *failure)
{
	struct stat st;

	if (fstatat(failure->dir_fd, RESERVE, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode)) {
		(void)unlinkat(failure->dir_fd, RESERVE, 0);
	}
	failure->file_fd = openat(failure->dir_fd, RESERVE, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (failure->file_fd < 0) {
		return -1;
	}
	if (fchmod(failure->file_fd, 0644) < 0 || reserve_blocks(failure->file_fd) < 0) {
		int sys = errno;

		(void)unlinkat(failure->dir_fd, RESERVE, 0);
		errno = sys;
		return -1;
	}
	return 0;
}

/* An earlier run's failure makes room. 1 when the name is free for the stub, 0 when something stands there that stays.
 */
static int
make_room(struct failure *failure)
{
	switch (occupant_of(failure, NAME)) {
	case NOBODY:
		return 1;
	case THEIRS:
		if (renameat(failure->dir_fd, NAME, failure->dir_fd, PREVIOUS) == 0) {
			notice(failure, "the failure of an earlier run is now 'output/%s'", PREVIOUS);
			return 1;
		}
		notice(failure, "cannot rename 'output/%s' of an earlier run to '%s': %s", NAME, PREVIOUS,
		    strerror(errno));
		return 0;
	case OURS:
	case NO_FILE:
		break;
	}
	notice(failure,
	    "'output/%s' is no regular file and is left alone: a failure of this job cannot be written there", NAME);
	return 0;
}

static int
open_in(struct failure *failure, const char *root, struct err *err)
{
	failure->dir_fd = outdir_open(root, "output", err);
	if (failure->dir_fd < 0) {
		return -1;
	}
	if (make_reserve(failure) < 0) {
		return err_set(err, ERR_OUTPUT, errno, "cannot write in '%s/output'", root);
	}
	failure->state = FAILURE_RESERVED;
	if (!make_room(failure)) {
		return 0;
	}
	if (put_stub(failure, PHASE_START) < 0 || renameat(failure->dir_fd, RESERVE, failure->dir_fd, NAME) < 0) {
		int sys = errno;

		(void)unlinkat(failure->dir_fd, RESERVE, 0);
		return err_set(err, ERR_OUTPUT, sys, "cannot write '%s/output/%s'", root, NAME);
	}
	failure->state = FAILURE_STUB;
	return 0;
}

int
failure_open(struct failure *failure, const char *root, struct err *err)
{
	*failure = (struct failure){.dir_fd = -1, .file_fd = -1};
	if (open_in(failure, root, err) < 0) {
		failure_release(failure);
		return -1;
	}
	return 0;
}

void
failure_phase(struct failure *failure, enum phase phase)
{
	if (failure->state == FAILURE_STUB && put_stub(failure, phase) < 0) {
		notice(failure, "cannot write the phase into 'output/%s': %s", NAME, strerror(errno));
	}
}

int
failure_spawned(struct failure *failure, struct err *err)
{
	if (failure->state != FAILURE_STUB) {
		return 0;
	}
	failure->state = FAILURE_RESERVED;
	if (occupant_of(failure, NAME) != OURS) {
		return 0; /* somebody replaced or removed it: failure_end writes a new one */
	}
	if (reserve_blocks(failure->file_fd) < 0 && errno != ENOSPC && errno != EDQUOT) {
		return err_set(err, ERR_OUTPUT, errno, "cannot allocate 'output/%s'", RESERVE);
	}
	if (renameat(failure->dir_fd, NAME, failure->dir_fd, RESERVE) < 0) {
		return err_set(err, ERR_OUTPUT, errno, "cannot rename 'output/%s' to '%s'", NAME, RESERVE);
	}
	return 0;
}

/* Removes the reserve, if it still is the one that we made. */
static void
drop_reserve(struct failure *failure)
{
	if (occupant_of(failure, RESERVE) == OURS && unlinkat(failure->dir_fd, RESERVE, 0) < 0) {
		notice(failure, "cannot remove 'output/%s': %s", RESERVE, strerror(errno));
	}
}

static int
fail_to_write(struct err *err)
{
	int full = errno == ENOSPC || errno == EDQUOT;

	return err_set(err, full ? ERR_DISK_FULL : ERR_OUTPUT, errno, "cannot write 'output/%s'", NAME);
}

/* The pipeline may have removed or replaced our reserve: then the text goes the ordinary way. */
static int
end_without_reserve(struct failure *failure, const char *text, size_t len, struct err *err)
{
	if (fd_write_file(failure->dir_fd, NAME, text, len, 0644, err) < 0) {
		if (err->kind != ERR_DISK_FULL) {
			err->kind = ERR_OUTPUT;
		}
		return -1;
	}
	return 0;
}

int
failure_end(struct failure *failure, const char *text, size_t len, struct err *err)
{
	enum occupant there;

	if (failure->state == FAILURE_OFF) {
		return 0;
	}
	len = utf8_cut(text, len, FAILURE_BYTES_MAX);
	there = occupant_of(failure, NAME);
	if (there == OURS) {
		return put(failure->file_fd, text, len) < 0 ? fail_to_write(err) : 0;
	}
	if (there != NOBODY) {
		notice(failure, "'output/%s' %s and stays as it is", NAME,
		    there == THEIRS ? "was written by another program" : "is no regular file");
		drop_reserve(failure);
		return 1;
	}
	if (occupant_of(failure, RESERVE) != OURS) {
		return end_without_reserve(failure, text, len, err);
	}
	if (put(failure->file_fd, text, len) < 0 || renameat(failure->dir_fd, RESERVE, failure->dir_fd, NAME) < 0) {
		return fail_to_write(err);
	}
	return 0;
}

void
failure_clear(struct failure *failure)
{
	if (failure->state == FAILURE_OFF) {
		return;
	}
	if (occupant_of(failure, NAME) == OURS && unlinkat(failure->dir_fd, NAME, 0) < 0) {
		notice(failure, "cannot remove 'output/%s': %s", NAME, strerror(errno));
	}
	drop_reserve(failure);
}

void
failure_release(struct failure *failure)
{
	if (failure->state != FAILURE_OFF || failure->dir_fd > 0) {
		fd_close(&failure->file_fd);
		fd_close(&failure->dir_fd);
	}
	failure->state = FAILURE_OFF;
	failure->dir_fd = -1;
	failure->file_fd = -1;
}

/* Appends as a signal handler may: what fits. */
static size_t
add(char out[FAILURE_BYTES_MAX], size_t at, const char *text)
{
	while (*text != '\0' && at < FAILURE_BYTES_MAX - 1) {
		out[at++] = *text++;
	}
	return at;
}

void
failure_emergency(const struct failure *failure, enum phase phase, const char *line)
{
	const char *const words[] = {"[agent-bug] ", line, "\nIn phase ", phase_name(phase), " of train ", version_text,
	    ", commit ", version_commit, ", build ", version_build_id, ". Please report this text."};
	char text[FAILURE_BYTES_MAX];
	size_t len = 0;

	if (failure->state == FAILURE_OFF) {
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		len = add(text, len, words[i]);
	}
	text[len++] = '\n';

	enum occupant there = occupant_of(failure, NAME);

	if (there != OURS && there != NOBODY) {
		return;
	}
	if (put(failure->file_fd, text, len) == 0 && there == NOBODY) {
		(void)renameat(failure->dir_fd, RESERVE, failure->dir_fd, NAME);
	}
}
