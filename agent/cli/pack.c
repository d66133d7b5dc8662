/* train pack DIR -o FILE: the archive that gets published, the same bytes whoever packs the same tree. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/log.h"
#include "cli/options.h"
#include "cli/progress.h"
#include "cli/verb.h"
#include "files/pack.h"

enum { OUTPUT_MAX = 256 /* one line */ };

static int
open_folder(const char *dir, struct err *err)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0) {
		enum err_kind kind = errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO;

		return err_set(err, kind, errno, "cannot pack '%s'", dir);
	}
	return fd;
}

/* ---- words for people ---- */

static const char *
plural(int64_t count)
{
	return count == 1 ? "" : "s";
}

static void
say_left_out(const struct pack_report *report)
{
	for (size_t i = 0; i < report->left_count; i++) {
		const struct pack_left *left = &report->left[i];

		if (left->kept_for != NULL) {
			log_info(
			    "not left out by the rule '%s', for it holds source: '%s'", left->rule, left->kept_for);
		}
		if (left->count > 0) {
			log_info("left out by the rule '%s': %" PRId64, left->rule, left->count);
		}
	}
}

static void
say(const struct pack_wish *wish, const struct pack_report *report)
{
	const char *slash = strrchr(wish->file, '/');

	say_left_out(report);
	if (report->executable) {
		log_warn("'__main__.py' at the root makes this an executable zip: a job runs it whole instead of "
		         "unpacking it");
	}
	log_info("packed %" PRId64 " file%s, %" PRId64 " folder%s and %" PRId64 " link%s (%" PRId64
	         " bytes) into '%s' (%" PRId64 " bytes)",
	    report->files, plural(report->files), report->folders, plural(report->folders), report->links,
	    plural(report->links), report->bytes, wish->file, report->size);
	log_info("to run it publish it and put into the job's Environment the line on stdout and "
	         "TRAIN_CODE=s3://BUCKET/%s",
	    slash != NULL ? slash + 1 : wish->file);
}

/* ---- data for programs ---- */

static int
print(const struct pack_report *report, struct err *err)
{
	CLEAN_BUF out = {0};

	buf_init(&out, OUTPUT_MAX);
	buf_printf(&out, "TRAIN_CODE_SHA256=%s\n", report->sha256);
	if (fd_write_all(STDOUT_FILENO, buf_text(&out), out.len) < 0) {
		return err_set(err, ERR_IO, errno, "cannot write to stdout");
	}
	return 0;
}

int
verb_pack(char *const *argv, char *const *envp, struct err *err)
{
	struct words file = {0};
	const struct option table[] = {{"-o", "FILE", &file}, {NULL, NULL, NULL}};
	struct options options = {.table = table};
	struct pack_wish wish = {.dir_fd = -1};
	CLEAN_PACK_REPORT report = {0};

	(void)envp;
	if (options_parse(&options, argv, err) < 0) {
		return -1;
	}
	if (options.plain.count != 1 || file.count != 1 || options.command != NULL) {
		return err_set(err, ERR_USAGE, 0,
		    "'train pack' wants one folder and one place for the archive: train pack DIR -o FILE.tar.zst");
	}
	wish.dir = options.plain.items[0];
	wish.file = file.items[0];
	if (pack_kind(wish.file, &wish.kind, err) < 0 || pack_time(getenv("SOURCE_DATE_EPOCH"), &wish.mtime, err) < 0) {
		return -1;
	}
	CLEAN_FD dir_fd = open_folder(wish.dir, err);
	if (dir_fd < 0) {
		return -1;
	}
	wish.dir_fd = dir_fd;
	struct progress progress = progress_begin();
	wish.moved = progress_show;
	wish.self = &progress;
	int packed = pack_folder(&wish, &report, err);
	progress_end(&progress);
	if (packed < 0) {
		say_left_out(&report);
		return -1;
	}
	say(&wish, &report);
	return print(&report, err);
}
