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
add_source(struct json_writer *writer, const struct version_source *source)
{
	json_open_object(writer, source->name);
	json_add_string(writer, "version", source->version);
	json_add_string(writer, "licence", source->licence);
	json_add_string(writer, "sha256", source->sha256);
	if (source->patches == NULL) {
		json_add_null(writer, "patches");
	} else {
		json_open_object(writer, "patches");
		json_add_string(writer, "version", source->patches);
		json_add_string(writer, "sha256", source->patches_sha256);
		json_close_object(writer);
	}
	json_close_object(writer);
}

/* The shape is docs/version.schema.json's; the first members are those of a record's 'agent'. */
static void
compose_json(struct buf *out, const char *digest)
{
	struct json_writer writer;

	json_writer_init(&writer, out, 2);
	json_open_object(&writer, NULL);
	json_add_int(&writer, "schema", 1);
	json_add_string(&writer, "version", version_text);
	json_add_string(&writer, "commit", version_commit);
	json_add_string(&writer, "build_id", version_build_id);
	json_add_string(&writer, "sha256", digest);
	json_add_string(&writer, "architecture", version_architecture);
	json_add_string(&writer, "compiler", version_compiler);
	json_open_object(&writer, "certificates");
	json_add_string(&writer, "version", ca_bundle_version);
	json_add_string(&writer, "licence", "MPL-2.0");
	json_add_string(&writer, "sha256", ca_bundle_sha256);
	json_add_int(&writer, "count", (int64_t)ca_bundle_count);
	json_close_object(&writer);
	json_open_object(&writer, "libraries");
	for (size_t i = 0; i < version_sources_count; i++) {
		add_source(&writer, &version_sources[i]);
	}
	json_close_object(&writer);
	json_close_object(&writer);
	buf_addc(out, '\n');
}

static void
compose_text(struct buf *out, const char *digest)
{
	buf_printf(out, "train %s (%s) for %s\nbuild %s, %s\nsha256 %s\nca-certificates %s (%zu)\n", version_text,
	    version_commit, version_architecture, version_build_id, version_compiler, digest, ca_bundle_version,
	    ca_bundle_count);
	for (size_t i = 0; i < version_sources_count; i++) {
		const struct version_source *source = &version_sources[i];

		buf_printf(out, "%s %s (%s)\n", source->name,
		    source->patches != NULL ? source->patches : source->version, source->licence);
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
