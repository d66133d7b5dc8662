#include "files/pack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/check.h"
#include "files/deflate.h"
#include "files/pack_file.h"
#include "files/pack_list.h"
#include "files/pack_out.h"
#include "files/pack_rules.h"
#include "files/pack_tar.h"
#include "files/pack_zip.h"

/* ---- what was asked for ---- */

int
pack_kind(const char *file, enum kind *kind, struct err *err)
{
	static const enum kind kinds[] = {KIND_TAR_ZST, KIND_TAR_GZ, KIND_TAR, KIND_ZIP};
	size_t len = strlen(file);

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		size_t suffix = strlen(kind_name(kinds[i]));

		if (len > suffix && file[len - suffix - 1] == '.' &&
		    strcmp(file + len - suffix, kind_name(kinds[i])) == 0) {
			*kind = kinds[i];
			return 0;
		}
	}
	return err_set(
	    err, ERR_USAGE, 0, "'%s' tells no kind of archive: it ends in .tar.zst, .tar.gz, .tar or .zip", file);
}

int
pack_time(const char *source_date_epoch, int64_t *mtime, struct err *err)
{
	if (source_date_epoch == NULL || *source_date_epoch == '\0') {
		*mtime = PACK_TIME;
		return 0;
	}
	size_t len = strspn(source_date_epoch, "0123456789");
	*mtime = len <= 18 ? strtoll(source_date_epoch, NULL, 10) : INT64_MAX;
	if (source_date_epoch[len] != '\0' || *mtime > PACK_TIME_MAX) {
		return err_set(err, ERR_SETTINGS, 0,
		    "SOURCE_DATE_EPOCH is '%s', which is no number of seconds since 1970 up to %lld", source_date_epoch,
		    (long long)PACK_TIME_MAX);
	}
	return 0;
}

/* ---- the entries, one after the other ---- */

/* What writes the archive: one of the two is open. */
struct format {
	struct pack_tar *tar;
	struct pack_zip *zip;
};

static int
write_entry(const struct format *format, const struct pack_entry *entry, const struct source *content, int64_t size,
    struct err *err)
{
	return format->zip != NULL ? pack_zip_add(format->zip, entry, content, size, err)
	                           : pack_tar_add(format->tar, entry, content, size, err);
}

/* A file's content on its way, and whoever wants to know. */
struct watched {
	struct source content;
	const struct pack_file *file;
	const struct pack_wish *wish;
	int64_t before, all; /* bytes of the files packed so far, and of all */
};

static ssize_t
read_watched(void *self, void *bytes, size_t len, struct err *err)
{
	struct watched *watched = self;
	ssize_t n = source_read(&watched->content, bytes, len, err);

	if (n > 0 && watched->wish->moved != NULL) {
		watched->wish->moved(
		    watched->wish->self, watched->before + watched->file->size - watched->file->left, watched->all);
	}
	return n;
}

static int
add_file(const struct format *format, const struct pack_wish *wish, const struct pack_entry *entry, int64_t all,
    struct pack_report *report, struct err *err)
{
	CLEAN_PACK_FILE file = {.fd = -1};

	if (pack_file_open(&file, wish->dir_fd, entry->path, err) < 0) {
		return -1;
	}
	struct watched watched = {
	    .content = pack_file_source(&file), .file = &file, .wish = wish, .before = report->bytes, .all = all};
	const struct source content = {.read = read_watched, .self = &watched};
	report->files++;
	report->bytes += file.size;
	return write_entry(format, entry, &content, file.size, err);
}

static int
add_entries(const struct format *format, const struct pack_wish *wish, const struct pack_list *list,
    struct pack_report *report, struct err *err)
{
	int result = 0;

	if (wish->moved != NULL) {
		wish->moved(wish->self, 0, list->bytes);
	}
	for (size_t i = 0; i < list->count && result == 0; i++) {
		const struct pack_entry *entry = &list->entries[i];

		if (S_ISREG(entry->mode)) {
			result = add_file(format, wish, entry, list->bytes, report, err);
			continue;
		}
		report->folders += S_ISDIR(entry->mode);
		report->links += S_ISLNK(entry->mode);
		result = write_entry(format, entry, NULL, 0, err);
	}
	return result;
}

/* ---- by kind ---- */

static int
pack_zip(const struct pack_wish *wish, const struct pack_list *list, struct pack_out *out, struct pack_report *report,
    struct err *err)
{
	CLEAN_PACK_ZIP zip = {0};
	const struct format format = {.zip = &zip};

	if (pack_zip_open(&zip, out, wish->mtime, err) < 0 || add_entries(&format, wish, list, report, err) < 0) {
		return -1;
	}
	for (size_t i = 0; i < list->count; i++) {
		report->executable |= strcmp(list->entries[i].path, "__main__.py") == 0;
	}
	return pack_zip_end(&zip, err);
}

static int
pack_tar(const struct pack_wish *wish, const struct pack_list *list, const struct sink *to, struct pack_report *report,
    struct err *err)
{
	struct pack_tar tar = {.to = *to, .mtime = wish->mtime};
	const struct format format = {.tar = &tar};

	return add_entries(&format, wish, list, report, err) < 0 ? -1 : pack_tar_end(&tar, err);
}

static int
pack_compressed(const struct pack_wish *wish, const struct pack_list *list, const struct sink *to,
    struct pack_report *report, struct err *err)
{
	CLEAN_DEFLATER *deflater = deflater_new(wish->kind == KIND_TAR_GZ ? DEFLATE_GZIP : DEFLATE_ZSTD, to, err);

	if (deflater == NULL) {
		return -1;
	}
	struct sink plain = deflater_sink(deflater);
	return pack_tar(wish, list, &plain, report, err) < 0 ? -1 : deflater_end(deflater, NULL, err);
}

static int
pack_by_kind(const struct pack_wish *wish, const struct pack_list *list, struct pack_out *out,
    struct pack_report *report, struct err *err)
{
	struct sink to = pack_out_sink(out);

	CHECK(wish->kind <= KIND_ZIP);
	if (wish->kind == KIND_ZIP) {
		return pack_zip(wish, list, out, report, err);
	}
	return wish->kind == KIND_TAR ? pack_tar(wish, list, &to, report, err)
	                              : pack_compressed(wish, list, &to, report, err);
}

static int
compare_rules(const void *a, const void *b)
{
	const struct pack_left *x = a;
	const struct pack_left *y = b;

	return strcmp(x->rule, y->rule);
}

/* Which rule met something first depends on the file system; what is said does not. */
static void
sort_rules(struct pack_report *report)
{
	if (report->left_count > 1) {
		qsort(report->left, report->left_count, sizeof(*report->left), compare_rules);
	}
}

int
pack_folder(const struct pack_wish *wish, struct pack_report *report, struct err *err)
{
	CLEAN_PACK_OUT out = {.dir_fd = -1, .fd = -1};
	CLEAN_PACK_LIST list = {0};
	const struct pack_rules rules = {.out = &out, .report = report};

	*report = (struct pack_report){0};
	if (pack_out_open(&out, wish->file, err) < 0) {
		return -1;
	}

	/* Everything is looked at before anything is written: what would be refused is refused at once. */
	int listed = pack_list_read(&list, wish->dir_fd, &rules, err);
	sort_rules(report);
	if (listed < 0) {
		return err_wrap(err, "cannot pack '%s'", wish->dir);
	}
	if (list.count == 0) {
		return err_set(err, ERR_NOT_FOUND, 0, "cannot pack '%s': it holds nothing%s", wish->dir,
		    report->left_count > 0 ? " but what is left out" : "");
	}
	if (pack_by_kind(wish, &list, &out, report, err) < 0) {
		return err_wrap(err, "cannot pack '%s'", wish->dir);
	}
	report->size = pack_out_at(&out);
	return pack_out_finish(&out, report->sha256, err);
}

void
pack_report_release(struct pack_report *report)
{
	for (size_t i = 0; i < report->left_count; i++) {
		free(report->left[i].rule);
		free(report->left[i].kept_for);
	}
	free(report->left);
	report->left = NULL;
	report->left_count = 0;
}
