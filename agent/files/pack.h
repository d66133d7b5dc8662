/*
 * From a project folder to an archive that unpack.h takes: the same tree gives the same bytes, whoever packs it and wherever (product §2,
 * `train pack`).
 *
 * What decides the bytes: names, kinds, contents, link targets and the owner's execute bits, the kind of archive and 'mtime'. What does not:
 * user, groups, umask, other mode bits (set-uid bits are dropped), time stamps, the order in which folders are read, time zone, locale, CPU,
 * hard links (each name is a file of its own), extended attributes.
 *
 * What is left out: see pack_rules.h. What the unpacker would refuse is refused here first, before anything is written: links that leave the
 * folder, sockets, FIFOs, devices, names that are too long or no UTF-8, in a zip also those with a backslash. Links are kept as links and never followed.
 */
#ifndef TRAIN_FILES_PACK_H
#define TRAIN_FILES_PACK_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/limits.h"
#include "files/kind.h"

enum {
	PACK_TIME = 946684800,      /* 2000-01-01: in every time zone behind 1980, where zip's calendar begins */
	PACK_ENTRIES_MAX = 2000000, /* what the agent unpacks when nobody says otherwise (unpack-max-entries) */
};

#define PACK_TIME_MAX 8589934591 /* eleven octal digits: what a tar header holds */

struct pack_wish {
	int dir_fd;      /* the folder, borrowed */
	const char *dir; /* what messages call it */
	const char
	    *file; /* where the archive goes: written beside it and renamed; a link there is replaced, not followed */
	enum kind kind; /* KIND_TAR_ZST, KIND_TAR_GZ, KIND_TAR, KIND_ZIP */
	int64_t mtime;  /* of every entry: pack_time */

	/* Told 'self' and how many bytes of all files were packed, at the beginning and then after each piece; NULL when nobody wants to know. */
	void (*moved)(void *self, int64_t done, int64_t all);
	void *self;
};

/* One rule and what it did. */
struct pack_left {
	char *
	    rule; /* as the user would write it: "/data/", "__pycache__/"; or where he wrote it: "pkg/.gitignore:3: *.o" */
	int64_t count; /* files, folders and links that it left out; a folder is one, whatever it holds */
	char *
	    kept_for; /* the source file for whose sake a folder was packed in spite of the rule; NULL when there is none */
};

struct pack_report {
	char sha256[SHA256_HEX];       /* of the archive */
	int64_t size;                  /* its bytes */
	int64_t files, folders, links; /* what it holds */
	int64_t bytes;                 /* of all files */
	int executable;         /* a zip with __main__.py at its root: the agent runs such a file whole (product §5) */
	struct pack_left *left; /* rules that met something, by their text */
	size_t left_count;
};

/*
 * The kind by the file's suffix: .tar.zst, .tar.gz, .tar or .zip. -1 with ERR_USAGE that names the four.
 */
MUST_CHECK int pack_kind(const char *file, enum kind *kind, struct err *err);

/* The entries' time from the value of SOURCE_DATE_EPOCH, or PACK_TIME for NULL and "". -1 with ERR_SETTINGS. */
MUST_CHECK int pack_time(const char *source_date_epoch, int64_t *mtime, struct err *err);

/*
 * Packs. 0 and 'report' (release it in every case), or -1 with 'err', and nothing new lies at 'file' or beside it: ERR_NOT_FOUND (the folder
 * holds nothing to pack), ERR_ARCHIVE (the unpacker would refuse it; names the entry), ERR_IO (also a file that changed meanwhile),
 * ERR_DISK_FULL, ERR_SYSTEM.
 */
MUST_CHECK int pack_folder(const struct pack_wish *wish, struct pack_report *report, struct err *err);

void pack_report_release(struct pack_report *report);
#define CLEAN_PACK_REPORT CLEANUP(pack_report_release) struct pack_report

#endif
