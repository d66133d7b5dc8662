/*
 * May this code run? Pin, code-from, plain http, owner (product §3, §5, §16), decided before a byte is sent, from settings only.
 * Addresses are judged here; resolved IP addresses (link-local, private) are the business of net.
 */
#ifndef TRAIN_CONFIG_CODE_POLICY_H
#define TRAIN_CONFIG_CODE_POLICY_H

#include "base/attr.h"
#include "base/err.h"
#include "config/code_address.h"
#include "config/code_find.h"
#include "config/notes.h"
#include "config/opt_ml.h"
#include "config/settings.h"

/* Everything the fetch needs to know. Pointers are borrowed from settings, job and find; only 'address' is owned. */
struct code_plan {
	enum code_found how;
	const char *text;            /* the address as given; NULL for in place */
	struct code_address address; /* valid when text is not NULL */
	const char *version;         /* S3 VersionId, or NULL */
	const char *sha256;          /* of the unit, or NULL: 64 lower-case hex digits */
	const char *binding_sha256;  /* the one that binds whatever is used, or NULL; both must fit where both stand */
	const char *owner;           /* account for x-amz-expected-bucket-owner, or NULL */
	char *const *prefixes;       /* code-from, ended by NULL, or NULL for any */
	int from_tag;                /* a tag named it */
	int may_http;    /* plain http is allowed to any host: a digest is known, or TRAIN_CODE_INSECURE=1 */
	const char *pin; /* "required", "warn", "off" after the default rule */
};

/*
 * Puts settings and the found default together and checks what can be checked before fetching: code-from of the first address, plain
 * http, the pin. 'script_mode' is 1 when the toolkit's program will run. A missing pin under "warn" becomes a warning. -1 with
 * ERR_SETTINGS. Release it in every case. With nothing found 'how' is CODE_FOUND_NONE: say why by code_policy_no_code.
 */
MUST_CHECK int code_policy_plan(struct code_plan *plan, const struct settings *settings, const struct opt_ml *job,
    const struct code_find *find, char *const *envp, int script_mode, struct notes *warnings, struct err *err);
void code_policy_release(struct code_plan *plan);
#define CLEAN_CODE_PLAN CLEANUP(code_policy_release) struct code_plan

/*
 * code-from for each hop of a redirect, in the form that net/web.h asks in: 'self' is a struct code_plan. 0, or -1 with 'err'
 * (ERR_SETTINGS for hop 0, ERR_DENIED for later ones).
 */
MUST_CHECK int code_policy_allow(void *self, const char *url, int hop, struct err *err);

/* Once it is known whether the code is an archive: a digest cannot bind a folder, and a required pin needs one. -1 with ERR_SETTINGS. */
MUST_CHECK int code_policy_check_kind(const struct code_plan *plan, int is_archive, struct err *err);

/*
 * The sentence for "nobody names any code" (ERR_SETTINGS), with the tag's trouble where a tag was the only hope and the five lines that
 * help. Returns -1.
 */
int code_policy_no_code(const struct settings *settings, const struct opt_ml *job, struct err *err);

#endif
