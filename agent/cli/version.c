/* train version: what exactly this program is, so that a record or a bug report can name it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/ca_bundle.h"
#include "base/fd.h"
#include "base/json_write.h"
#include "base/self.h"
#include "base/version.h"
#include "cli/options.h"
#include "cli/verb.h"

static void
compose_json(struct buf *out, const char *digest)
{
	struct json_writer writer;

	json_writer_init(&writer, out, 2);
	json_open_object(&writer, NULL);
	json_add_string(&writer, "version", version_text);
	json_add_string(&writer, "commit", version_commit);
	json_add_string(&writer, "build_id", version_build_id);
	json_add_string(&writer, "sha256", digest);
	json_add_string(&writer, "ca_bundle", ca_bundle_version);
	json_open_object(&writer, "libraries");
	for (size_t i = 0; i < version_libraries_count; i++) {
		json_add_string(&writer, version_libraries[i].name, version_libraries[i].version);
	}
	json_close_object(&writer);
	json_close_object(&writer);
	buf_addc(out, '\n');
}

static void
compose_text(struct buf *out, const char *digest)
{
	buf_printf(out, "train %s (%s)\nbuild %s\nsha256 %s\nca-certificates %s\n", version_text, version_commit,
	    version_build_id, digest, ca_bundle_version);
	for (size_t i = 0; i < version_libraries_count; i++) {
		buf_printf(out, "%s %s (%s)\n", version_libraries[i].name, version_libraries[i].version,
		    version_libraries[i].licence);
	}
}

int
verb_version(char *const *argv, char *const *envp, struct err *err)
{
	struct words json = {0};
	const struct option table[] = {{"--json", NULL, &json}, {NULL, NULL, NULL}};
	struct options options = {.table = table};
	CLEAN_BUF out = {0};
	char digest[SHA256_HEX];

	(void)envp;
	if (options_parse(&options, argv, err) < 0) {
		return -1;
	}
	if (options.plain.count > 0 || options.command != NULL) {
		return err_set(err, ERR_USAGE, 0, "'train version' takes no words: train version [--json]");
	}
	if (self_digest(digest, err) < 0) {
		return -1;
	}
	buf_init(&out, 16384);
	if (json.count > 0) {
		compose_json(&out, digest);
	} else {
		compose_text(&out, digest);
	}
	if (out.full || fd_write_all(STDOUT_FILENO, buf_text(&out), out.len) < 0) {
		return err_set(err, ERR_IO, errno, "cannot write to stdout");
	}
	return 0;
}
