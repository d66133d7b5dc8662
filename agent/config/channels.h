/*
 * The input channels: inputdataconfig.json (C§2.3), and where they come from by init-config.json (C§2.4), which is not documented and
 * so only believed where it fits. Never by looking into <root>/input/data: manifests lie there too (C§3.2).
 */
#ifndef TRAIN_CONFIG_CHANNELS_H
#define TRAIN_CONFIG_CHANNELS_H

#include <stddef.h>

#include "base/attr.h"
#include "base/err.h"
#include "config/config_file.h"
#include "config/notes.h"

enum {
	CHANNEL_NAME_MAX = 64, /* C§1.5 */
	CHANNEL_EPOCHS = 256,  /* links that are made beforehand for a Pipe channel (product §6) */
};

struct channel {
	char *name;         /* no '/', not "." nor ".." */
	char *mode;         /* "File", "Pipe", "FastFile" or what else the file says; "File" when it does not */
	char *content_type; /* or NULL */
	char *s3_uri;       /* or NULL when unknown */
	char *path;         /* <root>/input/data/<name> */
	int is_pipe;
};

struct channels {
	struct channel *list; /* sorted by name */
	size_t count;
	char *json; /* the whole of inputdataconfig.json, compact with sorted keys; "{}" without a file */
};

/* 'file' NULL: none. Mistakes (a refused name, too many) go to 'mistakes'. -1 with 'err' only when memory is refused. */
MUST_CHECK int channels_read(struct channels *channels, const struct config_file *file, const char *root,
    struct notes *mistakes, struct err *err);

/* Fills s3_uri from the document of init-config.json. */
MUST_CHECK int channels_locate(struct channels *channels, const struct config_file *init, struct err *err);

/* The one called 'name', or NULL. */
const struct channel *channels_find(const struct channels *channels, const char *name);

void channels_release(struct channels *channels);

#endif
