/*
 * From a stream of bytes to a folder: looks at the first bytes, decompresses, unpacks, checks (product §5). Tar kinds never touch the disk before they are unpacked; a zip is
 * spooled to a file without a name, because its directory stands at its end.
 *
 * A compressed tar is inflated by a thread of its own while this one writes (base/stage.h).
 *
 * Invariants: what lies in the folder after a failure is garbage that the caller removes; nothing outside of it was touched. What was unpacked was read to
 * its end, so that a digest over the source is the archive's.
 */
#ifndef TRAIN_FILES_UNPACK_H
#define TRAIN_FILES_UNPACK_H

#include <stdint.h>

#include "base/attr.h"
#include "base/budget.h"
#include "base/err.h"
#include "base/stream.h"
#include "base/text.h"
#include "files/folder.h"
#include "files/tree.h"

#define UNPACK_PEX "pipeline.pex" /* the name of an executable zip in the folder */

enum {
	UNPACK_KIND_MAX = 24,
	UNPACK_INTERPRETER_MAX = 256, /* a "#!" line as the kernel reads it */
};

struct unpack_wish {
	struct tree_limits limits;
	uint64_t window_max;   /* of zstd: a quarter of fetch-memory */
	int spool_fd;          /* folder for the spooled zip, borrowed */
	int threads;           /* that decode a .tar.zst of small frames (files/frames.h) */
	struct budget *budget; /* of all buffers */
	void (*wake)(
	    void *self); /* makes a waiting read of the source come back, when nobody wants the rest; or NULL */
	void *self;
};

struct unpacked {
	char kind[UNPACK_KIND_MAX]; /* "tar.gz", "zip", "executable zip" */
	int64_t entries, bytes;
	int64_t waited_us;  /* this thread's, for what another one inflates */
	int64_t blocked_us; /* that one's, for room */
	int inflated;       /* there was one */
	int64_t leaver;     /* the first entry that is a link out of the top folder it lies in; 0 without one */
	char leaver_name[TEXT_SHOWN];             /* its name, as it may be shown */
	int executable;                           /* an executable zip: it lies whole as UNPACK_PEX */
	char interpreter[UNPACK_INTERPRETER_MAX]; /* of its "#!" line, with its arguments; "" without one */
};

/* 'dir_fd' is the fresh folder. -1 with 'err': ERR_ARCHIVE, ERR_DISK_FULL, ERR_IO, or the source's own. */
MUST_CHECK int unpack(
    const struct source *src, int dir_fd, const struct unpack_wish *wish, struct unpacked *unpacked, struct err *err);

/*
 * A file that stays where it is, 'fd' (borrowed, seekable, its position is moved): 1 when it is an executable zip, and every member of it has been proved;
 * 0 when it is something else; -1 with ERR_ARCHIVE, ERR_IO.
 */
MUST_CHECK int unpack_in_place(
    int fd, const struct tree_limits *limits, struct budget *budget, struct unpacked *unpacked, struct err *err);

/*
 * The one folder at the top that holds everything, if 'pipeline.json' or 'command' (a relative name, may be NULL) lies inside it and not beside it: 1 and
 * 'name'; 0 when there is none; -1 with 'err', ERR_ARCHIVE when a link would lead out of it once it is the project's root.
 */
MUST_CHECK int unpack_single_folder(
    int dir_fd, const struct unpacked *unpacked, const char *command, char name[FOLDER_NAME_MAX], struct err *err);

#endif
