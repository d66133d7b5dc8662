/* The job root that `train run` makes, read back as a job reads its own, and what becomes of the runs before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <errno.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/attr.h"
#include "base/log.h"
#include "cli/jobroot.h"
#include "config/opt_ml.h"
#include "unit/base/apart.h"
#include "unit/scratch.h"

enum { PATH_ROOM = 3 * SCRATCH_PATH, OLD_RUNS = JOBROOT_WORK_KEPT + 5 };

static char folder[SCRATCH_PATH]; /* the project */
static struct err err;
static char said[4096]; /* what was logged */

static void
note(void *self, const char *line, unsigned long len)
{
	(void)self;
	(void)snprintf(said + strlen(said), sizeof(said) - strlen(said), "%.*s\n", (int)len, line);
}

static int
set_up(void **state)
{
	(void)state;
	(void)umask(022);
	scratch_make(folder);
	err = (struct err){0};
	said[0] = '\0';
	log_set_sink(note, NULL);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	log_set_sink(NULL, NULL);
	scratch_remove(folder);
	return 0;
}

static void
make(struct jobroot *root, const struct jobroot_wish *wish)
{
	struct jobroot_wish whole = *wish;

	whole.folder = folder;
	if (jobroot_make(root, &whole, &err) < 0) {
		fail_msg("not made: %s", err.text);
	}
	assert_int_equal(strncmp(root->path, folder, strlen(folder)), 0);
}

static void
read_job(struct opt_ml *job, const struct jobroot *root)
{
	struct notes mistakes = {0};
	char *const none[] = {NULL};

	if (opt_ml_read(job, root->path, none, &mistakes, &err) < 0) {
		fail_msg("cannot be read: %s", err.text);
	}
	assert_int_equal(job->warnings.count, 0);
	notes_release(&mistakes);
}

static const char *
in_root(const struct jobroot *root, const char *name)
{
	static char path[PATH_ROOM];

	(void)snprintf(path, sizeof(path), "%s/%s", root->path, name);
	return path;
}

static int
is_folder(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* ---- the layout ---- */

static void
it_is_laid_out_as_a_job_is(void **state)
{
	static const char *const folders[] = {"input/config", "input/data", "model", "output/data", "checkpoints"};
	CLEAN_JOBROOT root = JOBROOT_NONE;
	CLEAN_OPT_ML job = {0};

	(void)state;
	make(&root, &(struct jobroot_wish){0});
	for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
		assert_true(is_folder(in_root(&root, folders[i])));
	}
	read_job(&job, &root);
	assert_string_equal(job.cluster.host, "local");
	assert_int_equal(job.cluster.rank, 0);
	assert_int_equal(job.channels.count, 0);
	assert_int_equal(job.hyperparameters.count, 0);
	assert_string_equal(job.checkpoint_dir, in_root(&root, "checkpoints"));
}

static void
nothing_is_written_but_dot_train_and_git_is_told_to_leave_it_alone(void **state)
{
	char expected[PATH_ROOM];
	CLEAN_JOBROOT root = JOBROOT_NONE;

	(void)state;
	scratch_write(folder, "pipeline.json", "{}");
	make(&root, &(struct jobroot_wish){0});
	assert_int_equal(scratch_count(folder), 2);
	assert_string_equal(scratch_read(folder, ".train/.gitignore"), "*\n");
	(void)snprintf(expected, sizeof(expected), "runs/%s", root.run_id);
	assert_string_equal(scratch_target(folder, ".train/latest"), expected);
	assert_int_equal(scratch_count(scratch_path(folder, ".train")), 3);
}

static void
only_the_caller_reads_what_he_gave(void **state)
{
	static const char *const hps[] = {"api_key=very-secret"};
	CLEAN_JOBROOT root = JOBROOT_NONE;

	(void)state;
	make(&root, &(struct jobroot_wish){.hps = hps, .hp_count = 1});
	assert_int_equal(scratch_stat(root.path, "input/config/hyperparameters.json").st_mode & 07777, 0600);
}

static void
a_latest_that_is_a_folder_is_told_and_nothing_is_left(void **state)
{
	CLEAN_JOBROOT root = JOBROOT_NONE;

	(void)state;
	scratch_folder(folder, ".train", 0755);
	scratch_folder(folder, ".train/latest", 0755);
	assert_int_equal(jobroot_make(&root, &(struct jobroot_wish){.folder = folder}, &err), -1);
	assert_int_equal(err.kind, ERR_WORKSPACE);
	assert_non_null(strstr(err.text, "'.train/latest'"));
	assert_int_equal(scratch_count(scratch_path(folder, ".train")), 3); /* .gitignore, latest, runs */
	assert_int_equal(scratch_count(scratch_path(folder, ".train/runs")), 0);
}

static void
latest_follows_the_last_run_and_an_own_gitignore_stays(void **state)
{
	CLEAN_JOBROOT first = JOBROOT_NONE, second = JOBROOT_NONE;

	(void)state;
	make(&first, &(struct jobroot_wish){0});
	scratch_write(folder, ".train/.gitignore", "mine");
	make(&second, &(struct jobroot_wish){0});
	assert_string_not_equal(first.run_id, second.run_id);
	assert_non_null(strstr(scratch_target(folder, ".train/latest"), second.run_id));
	assert_string_equal(scratch_read(folder, ".train/.gitignore"), "mine");
	assert_int_equal(scratch_count(scratch_path(folder, ".train/runs")), 2);
	assert_int_equal(scratch_count(scratch_path(folder, ".train")), 3);
}

static void
ids_sort_by_time_and_have_their_form(void **state)
{
	char id[RUN_ID_MAX], other[RUN_ID_MAX];

	(void)state;
	job_make_run_id(id);
	job_make_run_id(other);
	assert_int_equal(strlen(id), strlen("20260115T120000Z-1a2b3c4d"));
	assert_true(id[8] == 'T' && id[15] == 'Z' && id[16] == '-');
	assert_int_equal(strspn(id, "0123456789"), 8);
	assert_int_equal(strspn(id + 17, "0123456789abcdef"), 8);
	assert_string_not_equal(id, other);
}

/* ---- channels and hyperparameters ---- */

static void
the_folders_under_data_are_the_channels(void **state)
{
	char expected[PATH_ROOM];
	CLEAN_JOBROOT root = JOBROOT_NONE;
	CLEAN_OPT_ML job = {0};

	(void)state;
	scratch_folder(folder, "elsewhere", 0755);
	scratch_folder(folder, "data", 0755);
	scratch_folder(folder, "data/training", 0755);
	scratch_link(folder, "data/labels", "../elsewhere");
	scratch_write(folder, "data/loose.csv", "1");
	scratch_link(folder, "data/dangling", "nowhere");
	make(&root, &(struct jobroot_wish){0});
	read_job(&job, &root);
	assert_int_equal(job.channels.count, 2);
	assert_string_equal(job.channels.list[0].name, "labels");
	assert_string_equal(job.channels.list[1].name, "training");
	assert_false(job.channels.list[1].is_pipe);
	(void)snprintf(expected, sizeof(expected), "%s/data/training", folder);
	assert_string_equal(scratch_target(root.path, "input/data/training"), expected);
	assert_string_equal(job.channels.list[1].path, in_root(&root, "input/data/training"));
}

static void
a_folder_gets_the_channel_that_pipeline_json_names_for_it(void **state)
{
	char expected[PATH_ROOM];
	CLEAN_JOBROOT root = JOBROOT_NONE;
	CLEAN_OPT_ML job = {0};

	(void)state;
	scratch_write(folder, "pipeline.json", "{\"command\": [\"true\"], \"data\": {\"my labels\": \"labels-v2\"}}");
	scratch_folder(folder, "data", 0755);
	scratch_folder(folder, "data/my labels", 0755);
	make(&root, &(struct jobroot_wish){0});
	read_job(&job, &root);
	assert_int_equal(job.channels.count, 1);
	assert_string_equal(job.channels.list[0].name, "labels-v2");
	(void)snprintf(expected, sizeof(expected), "%s/data/my labels", folder);
	assert_string_equal(scratch_target(root.path, "input/data/labels-v2"), expected);
}

static void
a_folder_whose_name_no_channel_can_have_is_told_and_left_out(void **state)
{
	CLEAN_JOBROOT root = JOBROOT_NONE;
	CLEAN_OPT_ML job = {0};

	(void)state;
	scratch_folder(folder, "data", 0755);
	scratch_folder(folder, "data/my data", 0755);
	make(&root, &(struct jobroot_wish){0});
	read_job(&job, &root);
	assert_int_equal(job.channels.count, 0);
	assert_non_null(strstr(said, "'data/my data'"));
}

static void
a_broken_pipeline_json_is_the_jobs_to_tell(void **state)
{
	CLEAN_JOBROOT root = JOBROOT_NONE;
	CLEAN_OPT_ML job = {0};

	(void)state;
	scratch_write(folder, "pipeline.json", "{\"data\": ");
	scratch_folder(folder, "data", 0755);
	scratch_folder(folder, "data/training", 0755);
	make(&root, &(struct jobroot_wish){0});
	read_job(&job, &root);
	assert_int_equal(job.channels.count, 1);
	assert_string_equal(said, "");
}

static void
given_channels_come_besides_and_the_last_of_a_name_counts(void **state)
{
	char training[PATH_ROOM], extra[PATH_ROOM];
	CLEAN_JOBROOT root = JOBROOT_NONE;
	CLEAN_OPT_ML job = {0};

	(void)state;
	scratch_folder(folder, "data", 0755);
	scratch_folder(folder, "data/training", 0755);
	scratch_folder(folder, "other", 0755);
	scratch_link(folder, "link", "other");
	(void)snprintf(training, sizeof(training), "training=%s/link", folder);
	(void)snprintf(extra, sizeof(extra), "extra=%s/data", folder);
	const char *const channels[] = {"extra=/", training, extra};
	make(&root, &(struct jobroot_wish){.channels = channels, .channel_count = 3});
	read_job(&job, &root);
	assert_int_equal(job.channels.count, 2);
	assert_non_null(strstr(scratch_target(root.path, "input/data/training"), "/other"));
	assert_non_null(strstr(scratch_target(root.path, "input/data/extra"), "/data"));
}

static void
hyperparameters_are_texts_and_the_last_of_a_name_counts(void **state)
{
	static const char *const hps[] = {
	    "depth=6", "name=a \"b\"=c", "empty=", "depth=7", "depths=1", "train:log=raw"};
	CLEAN_JOBROOT root = JOBROOT_NONE;
	CLEAN_OPT_ML job = {0};

	(void)state;
	make(&root, &(struct jobroot_wish){.hps = hps, .hp_count = ARRAY_LEN(hps)});
	read_job(&job, &root);
	assert_int_equal(job.hyperparameters.count, 5);
	assert_string_equal(hyperparameters_find(&job.hyperparameters, "depth")->variable, "7");
	assert_string_equal(hyperparameters_find(&job.hyperparameters, "depths")->variable, "1");
	assert_string_equal(hyperparameters_find(&job.hyperparameters, "name")->variable, "a \"b\"=c");
	assert_string_equal(hyperparameters_find(&job.hyperparameters, "empty")->raw, "");
	assert_non_null(hyperparameters_find(&job.hyperparameters, "train:log"));
}

/* ---- what is refused, before anything is made ---- */

static void
assert_refused(const struct jobroot_wish *wish, enum err_kind kind, const char *text)
{
	struct jobroot_wish whole = *wish;
	CLEAN_JOBROOT root = JOBROOT_NONE;

	err = (struct err){0};
	whole.folder = folder;
	assert_int_equal(jobroot_make(&root, &whole, &err), -1);
	assert_int_equal(err.kind, kind);
	if (strstr(err.text, text) == NULL) {
		fail_msg("'%s' should say '%s'", err.text, text);
	}
	assert_false(scratch_exists(folder, ".train"));
}

static void
words_of_another_form_are_refused_and_named(void **state)
{
	static const char *const hps[] = {"depth", "=1", ""};
	static const char *const channels[] = {
	    "training", "=/tmp", "../x=/tmp", "a/b=/tmp", ".=/tmp", "my data=/tmp", ""};
	static const char *const missing[] = {"x=/no/such/folder", "x="};
	char file[PATH_ROOM];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(hps); i++) {
		assert_refused(&(struct jobroot_wish){.hps = hps + i, .hp_count = 1}, ERR_USAGE, "give NAME=VALUE");
		assert_non_null(strstr(err.text, hps[i]));
	}
	for (size_t i = 0; i < ARRAY_LEN(channels); i++) {
		assert_refused(
		    &(struct jobroot_wish){.channels = channels + i, .channel_count = 1}, ERR_USAGE, "give NAME=PATH");
		assert_non_null(strstr(err.text, channels[i]));
	}
	for (size_t i = 0; i < ARRAY_LEN(missing); i++) {
		assert_refused(
		    &(struct jobroot_wish){.channels = missing + i, .channel_count = 1}, ERR_USAGE, "No such file");
	}
	scratch_write(folder, "file", "x");
	(void)snprintf(file, sizeof(file), "x=%s/file", folder);
	const char *const words[] = {file};
	assert_refused(&(struct jobroot_wish){.channels = words, .channel_count = 1}, ERR_USAGE, "/file' is no folder");
}

static void
more_folders_than_channels_say_what_to_do(void **state)
{
	char name[64];

	(void)state;
	scratch_folder(folder, "data", 0755);
	for (int i = 0; i <= CHANNELS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "data/class-%d", i);
		scratch_folder(folder, name, 0755);
	}
	assert_refused(
	    &(struct jobroot_wish){0}, ERR_USAGE, "more than 64 channels: each folder directly under data/ is one");
}

static int
make_as_nobody(void *self)
{
	CLEAN_JOBROOT root = JOBROOT_NONE;

	(void)self;
	APART_CHECK(apart_as_nobody() == 0);
	APART_CHECK(jobroot_make(&root, &(struct jobroot_wish){.folder = folder}, &err) == -1);
	APART_CHECK(err.kind == ERR_WORKSPACE && strstr(err.text, "/.train': Permission denied") != NULL);
	return 0;
}

static void
a_project_that_may_not_be_written_is_named(void **state)
{
	(void)state;
	assert_int_equal(chmod(folder, 0555), 0);
	apart(make_as_nobody, NULL);
	assert_int_equal(chmod(folder, 0755), 0);
}

static int
make_on_a_full_disk(void *self)
{
	CLEAN_JOBROOT root = JOBROOT_NONE;

	(void)self;
	if (apart_mounts() < 0 || mount("none", folder, "tmpfs", 0, "size=64k,nr_inodes=9") < 0) {
		return APART_SKIPPED;
	}
	APART_CHECK(jobroot_make(&root, &(struct jobroot_wish){.folder = folder}, &err) == -1);
	APART_CHECK(err.kind == ERR_DISK_FULL);
	APART_CHECK(rmdir(scratch_path(folder, ".train/runs")) == 0); /* nothing is half done */
	return 0;
}

static void
a_full_disk_is_told_as_such(void **state)
{
	(void)state;
	apart(make_on_a_full_disk, NULL);
}

/* ---- runs before ---- */

static void
old_run(int number, char name[64])
{
	char path[128];

	(void)snprintf(name, 64, "20260101T0000%02dZ-0123abcd", number);
	(void)snprintf(path, sizeof(path), ".train/runs/%s", name);
	scratch_folder(folder, path, 0755);
	(void)snprintf(path, sizeof(path), ".train/runs/%s/work", name);
	scratch_folder(folder, path, 0755);
	(void)snprintf(path, sizeof(path), ".train/runs/%s/work/file", name);
	scratch_write(folder, path, "x");
	(void)snprintf(path, sizeof(path), ".train/runs/%s/" JOBROOT_ARCHIVE, name);
	scratch_write(folder, path, "packed");
	(void)snprintf(path, sizeof(path), ".train/runs/%s/model", name);
	scratch_folder(folder, path, 0755);
}

static int
has_work(int number)
{
	char path[128];

	(void)snprintf(path, sizeof(path), ".train/runs/20260101T0000%02dZ-0123abcd/model", number);
	assert_true(scratch_exists(folder, path)); /* results are never touched */
	(void)snprintf(path, sizeof(path), ".train/runs/20260101T0000%02dZ-0123abcd/work/file", number);
	int has = scratch_exists(folder, path);

	(void)snprintf(path, sizeof(path), ".train/runs/20260101T0000%02dZ-0123abcd/" JOBROOT_ARCHIVE, number);
	assert_int_equal(scratch_exists(folder, path), has); /* one goes with the other */
	return has;
}

static void
make_old_runs(void)
{
	char name[64];

	scratch_folder(folder, ".train", 0755);
	scratch_folder(folder, ".train/runs", 0755);
	for (int i = 0; i < OLD_RUNS; i++) {
		old_run(i, name);
	}
}

static void
only_the_working_folders_of_runs_older_than_the_newest_ten_go(void **state)
{
	CLEAN_JOBROOT root = JOBROOT_NONE;

	(void)state;
	make_old_runs();
	make(&root, &(struct jobroot_wish){0}); /* itself the newest */
	for (int i = 0; i < OLD_RUNS; i++) {
		assert_int_equal(has_work(i), i >= OLD_RUNS - (JOBROOT_WORK_KEPT - 1));
	}
	assert_int_equal(scratch_count(scratch_path(folder, ".train/runs")), OLD_RUNS + 1);
}

static void
a_run_that_still_goes_on_keeps_its_folder(void **state)
{
	char name[64] = ".train/runs/20260101T000001Z-0123abcd";
	CLEAN_JOBROOT root = JOBROOT_NONE;

	(void)state;
	make_old_runs();
	CLEAN_FD fd = scratch_fd(scratch_path(folder, name));
	assert_int_equal(flock(fd, LOCK_SH), 0);
	make(&root, &(struct jobroot_wish){0});
	assert_false(has_work(0));
	assert_true(has_work(1));
	assert_false(has_work(2));
}

static void
the_run_itself_is_locked_until_its_release(void **state)
{
	CLEAN_JOBROOT root = JOBROOT_NONE;

	(void)state;
	make(&root, &(struct jobroot_wish){0});
	CLEAN_FD fd = scratch_fd(root.path);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), -1);
	assert_int_equal(errno, EWOULDBLOCK);
	jobroot_release(&root);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	jobroot_release(&root); /* safe twice */
}

static void
what_is_no_run_is_left_alone(void **state)
{
	static const char *const others[] = {"0-mine", "20260101T000000Z-0123abc", "20260101T000000Z-0123abcdx",
	    "2026-1-1T000000Z-0123abcd", "00000000T000000Z-notahexa", ".20260101T000000Z-0123ab"};
	char path[128];
	CLEAN_JOBROOT root = JOBROOT_NONE;

	(void)state;
	make_old_runs();
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		(void)snprintf(path, sizeof(path), ".train/runs/%s", others[i]);
		scratch_folder(folder, path, 0755);
		(void)snprintf(path, sizeof(path), ".train/runs/%s/work", others[i]);
		scratch_folder(folder, path, 0755);
	}
	scratch_folder(folder, "project", 0755);
	scratch_folder(folder, "project/work", 0755);
	scratch_link(folder, ".train/runs/20250101T000000Z-0123abcd", "../../project");
	make(&root, &(struct jobroot_wish){0});
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		(void)snprintf(path, sizeof(path), ".train/runs/%s/work", others[i]);
		assert_true(scratch_exists(folder, path));
	}
	assert_true(scratch_exists(folder, "project/work"));
	assert_true(has_work(OLD_RUNS - (JOBROOT_WORK_KEPT - 1))); /* and they do not count */
	assert_false(has_work(OLD_RUNS - JOBROOT_WORK_KEPT));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(it_is_laid_out_as_a_job_is),
	    TEST(nothing_is_written_but_dot_train_and_git_is_told_to_leave_it_alone),
	    TEST(only_the_caller_reads_what_he_gave),
	    TEST(a_latest_that_is_a_folder_is_told_and_nothing_is_left),
	    TEST(latest_follows_the_last_run_and_an_own_gitignore_stays),
	    TEST(ids_sort_by_time_and_have_their_form),
	    TEST(the_folders_under_data_are_the_channels),
	    TEST(a_folder_gets_the_channel_that_pipeline_json_names_for_it),
	    TEST(a_folder_whose_name_no_channel_can_have_is_told_and_left_out),
	    TEST(a_broken_pipeline_json_is_the_jobs_to_tell),
	    TEST(given_channels_come_besides_and_the_last_of_a_name_counts),
	    TEST(hyperparameters_are_texts_and_the_last_of_a_name_counts),
	    TEST(words_of_another_form_are_refused_and_named),
	    TEST(more_folders_than_channels_say_what_to_do),
	    TEST(a_project_that_may_not_be_written_is_named),
	    TEST(a_full_disk_is_told_as_such),
	    TEST(only_the_working_folders_of_runs_older_than_the_newest_ten_go),
	    TEST(a_run_that_still_goes_on_keeps_its_folder),
	    TEST(the_run_itself_is_locked_until_its_release),
	    TEST(what_is_no_run_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
