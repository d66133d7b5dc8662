#include "files/pack_rules.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/text.h"
#include "files/tree.h"
#include "files/within.h"

struct rule {
	const char *text;
	const char *name;
	int at_root;
	int any_kind;      /* files, too: in a worktree .git is one, and names a folder of this machine */
	int unless_source; /* not when the folder holds a source file */
};

static const struct rule defaults[] = {
    {.text = "/data/", .name = "data", .at_root = 1, .unless_source = 1},
    {.text = "/model/", .name = "model", .at_root = 1, .unless_source = 1},
    {.text = "/output/", .name = "output", .at_root = 1, .unless_source = 1},
    {.text = "/checkpoints/", .name = "checkpoints", .at_root = 1, .unless_source = 1},
    {.text = "/.train/", .name = ".train", .at_root = 1},
    {.text = "/.git/", .name = ".git", .at_root = 1, .any_kind = 1},
    {.text = "__pycache__/", .name = "__pycache__"},
};

/* Languages that a project is written in. Not what data and reports are made of as well: .json, .sql, .js, .ipynb, .txt. */
static const char *const source_suffixes[] = {".py", ".pyx", ".pxd", ".pyi", ".sh", ".bash", ".R", ".r", ".jl", ".c",
    ".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp", ".cu", ".cuh", ".f90", ".rs", ".go", ".java", ".kt", ".scala", ".pl",
    ".rb", ".lua"};

/* ---- what was left out ---- */

static struct pack_left *
add_row(struct pack_report *report, const char *rule, struct err *err)
{
	struct pack_left *left = realloc(report->left, (report->left_count + 1) * sizeof(*left));
	char *text = strdup(rule);
	if (left != NULL) {
		report->left = left;
	}
	if (left == NULL || text == NULL) {
		free(text);
		err_set(err, ERR_SYSTEM, ENOMEM, "cannot list what is left out");
		return NULL;
	}
	left[report->left_count] = (struct pack_left){.rule = text};
	return &left[report->left_count++];
}

/* The report's row for a rule, a new one when this is the first time. */
static struct pack_left *
row_of(struct pack_report *report, const char *rule, struct err *err)
{
	for (size_t i = 0; i < report->left_count; i++) {
		if (strcmp(report->left[i].rule, rule) == 0) {
			return &report->left[i];
		}
	}
	return add_row(report, rule, err);
}

static int
leave_out(const struct pack_rules *rules, const char *rule, struct err *err)
{
	struct pack_left *row = row_of(rules->report, rule, err);

	if (row == NULL) {
		return -1;
	}
	row->count++;
	return 1;
}

static int
keep_for(const struct pack_rules *rules, const char *rule, const char *source, struct err *err)
{
	struct pack_left *row = row_of(rules->report, rule, err);
	char *copy = row != NULL ? strdup(source) : NULL;

	if (copy == NULL) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot list what is left out");
	}
	free(row->kept_for);
	row->kept_for = copy;
	return 0;
}

/* ---- source files ---- */

static int
is_source(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < ARRAY_LEN(source_suffixes); i++) {
		size_t suffix = strlen(source_suffixes[i]);

		if (len > suffix && strcmp(name + len - suffix, source_suffixes[i]) == 0) {
			return 1;
		}
	}
	return 0;
}

static int holds_source(int dir_fd, const char *name, int flags, int depth, char path[PATH_BYTES_MAX]);

/* An entry below the folder 'path': 1 when it is a source file or a folder that holds one, and 'path' then names it. */
static int
leads_to_source(int dir_fd, const char *name, int depth, char path[PATH_BYTES_MAX])
{
	size_t len = strlen(path);
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || len + 1 + strlen(name) >= PATH_BYTES_MAX) {
		return 0;
	}
	(void)snprintf(path + len, PATH_BYTES_MAX - len, "/%s", name);
	if (S_ISDIR(st.st_mode) ? holds_source(dir_fd, name, O_NOFOLLOW, depth + 1, path)
	                        : S_ISREG(st.st_mode) && is_source(name)) {
		return 1;
	}
	path[len] = '\0';
	return 0;
}

/* What cannot be read holds nothing for us: a disk's lost+found under data/ must not stop anybody. */
static int
holds_source(int dir_fd, const char *name, int flags, int depth, char path[PATH_BYTES_MAX])
{
	int fd = depth < TREE_PARTS_MAX ? openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags) : -1;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	int found = 0;

	if (dir == NULL) {
		fd_close(&fd);
		return 0;
	}
	for (const struct dirent *entry = readdir(dir); entry != NULL && !found; entry = readdir(dir)) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
			found = leads_to_source(fd, entry->d_name, depth, path);
		}
	}
	(void)closedir(dir);
	return found;
}

/* ---- the rules ---- */

static int
is_unfinished(const char *name, const char *archive)
{
	size_t len = strlen(name);
	size_t front = strlen(archive);
	size_t end = strlen(PACK_OUT_BESIDE);

	return len > front + end + 1 && strncmp(name, archive, front) == 0 && name[front] == '.' &&
	       strcmp(name + len - end, PACK_OUT_BESIDE) == 0;
}

/* The archive that is being written, the one before it, and what an interrupted run left. */
static int
match_archive(const struct pack_rules *rules, const struct pack_candidate *candidate, struct err *err)
{
	const struct pack_out *out = rules->out;

	if (candidate->folder->st_dev != out->dev || candidate->folder->st_ino != out->ino) {
		return 0;
	}
	int unfinished = is_unfinished(candidate->name, out->name);
	if (!unfinished && strcmp(candidate->name, out->name) != 0) {
		return 0;
	}
	size_t folder = strlen(candidate->path) - strlen(candidate->name);
	CLEAN_TEXT *rule =
	    text_format("/%.*s%s%s", (int)folder, candidate->path, out->name, unfinished ? ".*" PACK_OUT_BESIDE : "");
	return rule != NULL ? leave_out(rules, rule, err) : err_set(err, ERR_SYSTEM, ENOMEM, "cannot pack");
}

/* The folder is of a rule's name: is it packed for the source in it? A link that leaves the project is what a job's own link stands for. */
static int
is_kept(
    const struct pack_rules *rules, const struct rule *rule, const struct pack_candidate *candidate, struct err *err)
{
	char path[PATH_BYTES_MAX];

	(void)snprintf(path, sizeof(path), "%s", candidate->path);
	if (!rule->unless_source || (S_ISLNK(candidate->mode) && within_leaves(candidate->dir_fd, candidate->name)) ||
	    !holds_source(candidate->dir_fd, candidate->name, 0, 0, path)) {
		return 0;
	}
	return keep_for(rules, rule->text, path, err) < 0 ? -1 : 1;
}

/* Folders, and links to what is a folder or is not there. */
static int
is_folder(const struct pack_candidate *candidate)
{
	struct stat st;

	return S_ISDIR(candidate->mode) ||
	       (S_ISLNK(candidate->mode) &&
	           (fstatat(candidate->dir_fd, candidate->name, &st, 0) < 0 || S_ISDIR(st.st_mode)));
}

/* What .gitignore names, too, needs no look for source. */
static int
match_default(const struct pack_rules *rules, const struct pack_candidate *candidate, int in_gitignore, struct err *err)
{
	int at_root = strchr(candidate->path, '/') == NULL;

	for (size_t i = 0; i < ARRAY_LEN(defaults); i++) {
		const struct rule *rule = &defaults[i];

		if (strcmp(rule->name, candidate->name) != 0 || (rule->at_root && !at_root) ||
		    (rule->unless_source && in_gitignore) || (!rule->any_kind && !is_folder(candidate))) {
			continue;
		}
		int kept = is_kept(rules, rule, candidate, err);
		if (kept <= 0) {
			return kept < 0 ? -1 : leave_out(rules, rule->text, err);
		}
	}
	return 0;
}

/* ---- ignore files ---- */

static const char git_name[] = ".gitignore";
static const char own_name[] = ".trainignore";

int
pack_rules_enter(
    struct pack_level *level, const struct pack_level *above, int dir_fd, const char *folder, struct err *err)
{
	struct stat st;

	*level = (struct pack_level){.above = above};
	if (fstatat(dir_fd, own_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode)) {
		return err_set(err, ERR_SETTINGS, 0, "'%s%s%s' is a link, which is not followed", folder,
		    folder[0] != '\0' ? "/" : "", own_name);
	}
	return ignore_read(&level->git, dir_fd, git_name, folder, err) < 0
	           ? -1
	           : ignore_read(&level->own, dir_fd, own_name, folder, err);
}

/* Each rule that met something gets its row: "pkg/.gitignore:3: *.o". */
static int
note(const struct pack_rules *rules, const struct ignore *ignore, const char *name, const char *folder, struct err *err)
{
	for (size_t i = 0; i < ignore->count; i++) {
		const struct ignore_rule *rule = &ignore->rules[i];

		if (rule->met == 0) {
			continue;
		}
		size_t shown = utf8_cut(rule->text, rule->text_len, TEXT_SHOWN);
		CLEAN_TEXT *text = text_format("%s%s%s:%d: %.*s%s", folder, folder[0] != '\0' ? "/" : "", name,
		    rule->line, (int)shown, rule->text, shown < rule->text_len ? "..." : "");
		struct pack_left *row = text != NULL ? add_row(rules->report, text, err) : NULL;
		if (row == NULL) {
			return err_set(err, ERR_SYSTEM, ENOMEM, "cannot list what is left out");
		}
		row->count = rule->met;
	}
	return 0;
}

int
pack_rules_leave(const struct pack_rules *rules, struct pack_level *level, const char *folder, struct err *err)
{
	int noted =
	    note(rules, &level->git, git_name, folder, err) < 0 ? -1 : note(rules, &level->own, own_name, folder, err);

	ignore_release(&level->git);
	ignore_release(&level->own);
	return noted;
}

/* The deepest file that says something decides. */
static struct ignore_rule *
match_ignores(const struct pack_candidate *candidate, int own)
{
	struct ignore_rule *rule = NULL;

	for (const struct pack_level *level = candidate->level; level != NULL && rule == NULL; level = level->above) {
		rule = ignore_match(own ? &level->own : &level->git, candidate->path, S_ISDIR(candidate->mode));
	}
	return rule;
}

int
pack_rules_match(const struct pack_rules *rules, const struct pack_candidate *candidate, struct err *err)
{
	struct ignore_rule *own = match_ignores(candidate, 1);
	struct ignore_rule *git = own == NULL ? match_ignores(candidate, 0) : NULL;
	struct ignore_rule *rule = own != NULL ? own : git;
	int ignored = rule != NULL && !rule->negated;
	int left_out = own == NULL ? match_default(rules, candidate, ignored, err) : 0;

	if (left_out == 0 && ignored) {
		rule->met++;
		return 1;
	}
	return left_out != 0 ? left_out : match_archive(rules, candidate, err);
}
