/*
 * Job roots for the tests of the config room: the fixtures of tests/data/sagemaker as they lie there, and scratch ones.
 */
#ifndef TRAIN_TESTS_CONFIG_JOBROOT_H
#define TRAIN_TESTS_CONFIG_JOBROOT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/fd.h"
#include "config/opt_ml.h"

#include <fcntl.h>
#include <ftw.h>

#define FIXTURES "tests/data/sagemaker"

enum { FIXTURE_LINES = 128, FIXTURE_BYTES = 65536 };

/* The environment of a fixture: "NAME=value" lines, cut in place. */
struct fixture_env {
	char text[FIXTURE_BYTES];
	char *lines[FIXTURE_LINES + 1];
};

static inline void
fixture_env_read(struct fixture_env *env, const char *name, const char *file)
{
	char path[512];
	struct err err = {0};
	CLEAN_BUF buf;
	size_t count = 0;

	(void)snprintf(path, sizeof(path), "%s/%s/%s", FIXTURES, name, file);
	buf_init(&buf, FIXTURE_BYTES - 1);
	assert_int_equal(fd_read_file(AT_FDCWD, path, &buf, &err), 0);
	(void)snprintf(env->text, sizeof(env->text), "%s", buf_text(&buf));
	for (char *rest = env->text, *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0';) {
		assert_true(count < FIXTURE_LINES);
		env->lines[count++] = line;
	}
	env->lines[count] = NULL;
}

/* Reads the fixture's job as the agent would; the test releases it. */
static inline void
fixture_read(struct opt_ml *job, struct fixture_env *env, const char *name)
{
	char root[512];
	struct notes mistakes = {0};
	struct err err = {0};

	fixture_env_read(env, name, "environment");
	(void)snprintf(root, sizeof(root), "%s/%s/opt-ml", FIXTURES, name);
	if (opt_ml_read(job, root, env->lines, &mistakes, &err) < 0) {
		fail_msg("%s", err.text);
	}
	assert_int_equal(mistakes.count, 0);
	notes_release(&mistakes);
}

/* ---- scratch folders ---- */

static inline int
scratch_drop_one(const char *path, const struct stat *seen, int kind, struct FTW *ftw)
{
	(void)seen;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static inline void
scratch_drop(const char *root)
{
	assert_int_equal(nftw(root, scratch_drop_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static inline void
scratch_make(char root[256])
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(root, 256, "%s/config-test-XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(root));
}

/* Writes root/path, making the folders above it. */
static inline void
scratch_write(const char *root, const char *path, const char *text)
{
	char full[2048];

	(void)snprintf(full, sizeof(full), "%s/%s", root, path);
	for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		(void)mkdir(full, 0755);
		*slash = '/';
	}
	FILE *file = fopen(full, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* A copy of one file under another name. */
static inline void
scratch_copy(const char *root, const char *path, const char *from)
{
	struct err err = {0};
	CLEAN_BUF buf;

	buf_init(&buf, FIXTURE_BYTES);
	assert_int_equal(fd_read_file(AT_FDCWD, from, &buf, &err), 0);
	scratch_write(root, path, buf_text(&buf));
}

/* Reads the job under 'root' with the variables of 'envp', which must be right. */
static inline void
scratch_read(struct opt_ml *job, const char *root, char *const *envp)
{
	struct notes mistakes = {0};
	struct err err = {0};

	if (opt_ml_read(job, root, envp, &mistakes, &err) < 0) {
		fail_msg("%s", err.text);
	}
	notes_release(&mistakes);
}

/* 1 when a sentence of the list holds 'part'. */
static inline int
notes_hold(const struct notes *notes, const char *part)
{
	for (size_t i = 0; i < notes->count; i++) {
		if (strstr(notes->texts[i], part) != NULL) {
			return 1;
		}
	}
	return 0;
}

#endif
