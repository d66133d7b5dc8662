#include "config/config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/limits.h"
#include "base/text.h"

enum { PLACE_PATH_MAX = CONFIG_PLACE_MAX - 32 /* room for quotes, dots and two numbers */ };

static int
fail_denied(const char *path, struct err *err)
{
	return err_set(err, ERR_SETTINGS, EACCES,
	    "user %ld may not read '%s' (SageMaker writes it for root: let the image run as root)", (long)geteuid(),
	    path);
}

static int
read_text(struct config_file *file, struct err *err)
{
	struct err trouble = {0};

	buf_init(&file->text, CONFIG_FILE_MAX);
	if (fd_read_file(AT_FDCWD, file->path, &file->text, &trouble) == 0) {
		return file->text.len > 0;
	}
	if (trouble.sys == ENOENT || trouble.sys == ENOTDIR) {
		return 0;
	}
	if (trouble.sys == EACCES) {
		return fail_denied(file->path, err);
	}
	return err_set(err, trouble.kind, 0, "%s", trouble.text);
}

int
config_file_read(struct config_file *file, const char *folder, const char *name, struct err *err)
{
	*file = (struct config_file){.path = text_format("%s/%s", folder, name)};
	if (file->path == NULL) {
		return err_set(err, ERR_SYSTEM, ENOMEM, "cannot read '%s'", name);
	}
	int found = read_text(file, err);
	if (found <= 0) {
		return found;
	}
	return json_parse(&file->json, buf_text(&file->text), file->text.len, file->path, err) < 0 ? -1 : 1;
}

void
config_file_release(struct config_file *file)
{
	json_release(&file->json);
	buf_release(&file->text);
	free(file->path);
	*file = (struct config_file){0};
}

const char *
config_file_place(const struct config_file *file, int value, char out[CONFIG_PLACE_MAX])
{
	size_t len = strlen(file->path);
	size_t kept = len > PLACE_PATH_MAX ? PLACE_PATH_MAX : len;
	int line = 0;
	int column = 0;

	/* Of a long path the end counts: the name of the file, and the numbers behind it. */
	json_place(&file->json, value, &line, &column);
	(void)snprintf(
	    out, CONFIG_PLACE_MAX, "'%s%s:%d:%d'", kept < len ? "..." : "", file->path + (len - kept), line, column);
	return out;
}
