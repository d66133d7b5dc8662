#include "config/code_policy.h"

#include <string.h>

#include "base/text.h"
#include "config/variables.h"

static const char REQUIRED[] = "required";
static const char WARN[] = "warn";
static const char OFF[] = "off";

/* The address as a message may show it. */
static const char *
shown(const char *text, struct buf *out)
{
	buf_init(out, CODE_ADDRESS_MAX);
	code_address_show(text != NULL ? text : "the working directory", out);
	return buf_text(out);
}

static int
is_web(const struct code_plan *plan)
{
	return plan->text != NULL && (plan->address.scheme == CODE_HTTPS || plan->address.scheme == CODE_HTTP);
}

/* 1 when the bytes come over the network; else they lie in the image, the job's root or a channel. */
static int
is_fetched(const struct code_plan *plan)
{
	return is_web(plan) || (plan->text != NULL && plan->address.scheme == CODE_S3);
}

static int
is_in_image(const struct code_plan *plan)
{
	return plan->text == NULL || plan->address.scheme == CODE_PATH;
}

static int
has_digest(const struct code_plan *plan)
{
	return plan->sha256 != NULL || plan->binding_sha256 != NULL;
}

/* ---- the rules ---- */

/* The default rule of code-pin (product §3): what may be changed behind the requester's back has to be pinned. */
static const char *
pin_of(const struct code_plan *plan, const struct settings *settings, int script_mode)
{
	const char *pin = settings_text(settings, SETTING_CODE_PIN);

	if (pin != NULL) {
		return pin;
	}
	if (plan->from_tag || is_web(plan)) {
		return REQUIRED;
	}
	return script_mode ? OFF : WARN;
}

static int
check_pin(const struct code_plan *plan, struct notes *warnings, struct err *err)
{
	CLEAN_BUF text = {0};

	if (has_digest(plan) || is_in_image(plan)) {
		return 0;
	}
	if (strcmp(plan->pin, REQUIRED) == 0) {
		return err_set(err, ERR_SETTINGS, 0,
		    "the code at '%.200s' has to be pinned: set code-sha256 beside it (`train pack` prints it), or code-pin=warn",
		    shown(plan->text, &text));
	}
	if (strcmp(plan->pin, WARN) == 0 && is_fetched(plan)) {
		notes_add(warnings,
		    "the code at '%.200s' is not pinned: it may change between runs; set code-sha256 (`train pack` prints it)",
		    shown(plan->text, &text));
	}
	return 0;
}

static int
check_http(const struct code_plan *plan, struct err *err)
{
	CLEAN_BUF text = {0};

	if (plan->text == NULL || plan->address.scheme != CODE_HTTP || plan->may_http ||
	    code_address_is_loopback(&plan->address)) {
		return 0;
	}
	return err_set(err, ERR_SETTINGS, 0,
	    "the code at '%.200s' would come over plain http: use https, set code-sha256, or TRAIN_CODE_INSECURE=1",
	    shown(plan->text, &text));
}

static int
check_version(const struct code_plan *plan, const struct settings *settings, struct notes *warnings, struct err *err)
{
	char origin[SETTING_ORIGIN_MAX];

	if (settings_text(settings, SETTING_CODE_VERSION) == NULL || plan->version != NULL) {
		return 0;
	}
	if (plan->how == CODE_FOUND_NAMED) {
		return err_set(err, ERR_SETTINGS, 0, "%s is set, but only objects in S3 have versions",
		    settings_origin(settings, SETTING_CODE_VERSION, origin));
	}
	notes_add(warnings, "%s is ignored: the code is found by %s, not in S3",
	    settings_origin(settings, SETTING_CODE_VERSION, origin), code_find_name(plan->how));
	return 0;
}

/* What the job itself brought along needs no permission; an address does. */
static int
check_from(struct code_plan *plan, struct err *err)
{
	if (plan->how != CODE_FOUND_NAMED && plan->how != CODE_FOUND_SUBMIT) {
		return 0;
	}
	return code_policy_allow(plan, plan->text, 0, err);
}

int
code_policy_allow(void *self, const char *url, int hop, struct err *err)
{
	const struct code_plan *plan = self;
	enum err_kind kind = hop == 0 ? ERR_SETTINGS : ERR_DENIED;
	CLEAN_BUF text = {0};

	if (plan->prefixes == NULL) {
		if (plan->from_tag && is_web(plan)) {
			return err_set(err, kind, 0,
			    "a tag names the code '%.200s', but code-from allows no https address: set code-from in the request",
			    shown(url, &text));
		}
		return 0;
	}
	for (char *const *prefix = plan->prefixes; *prefix != NULL; prefix++) {
		if (code_address_under(url, *prefix)) {
			return 0;
		}
	}
	return err_set(err, kind, 0, "code-from does not allow %s'%.200s'", hop == 0 ? "the code " : "a redirect to ",
	    shown(url, &text));
}

int
code_policy_check_kind(const struct code_plan *plan, int is_archive, struct err *err)
{
	CLEAN_BUF text = {0};

	if (is_archive) {
		return 0;
	}
	if (has_digest(plan)) {
		return err_set(err, ERR_SETTINGS, 0,
		    "code-sha256 binds an archive, but the code '%.200s' is no archive", shown(plan->text, &text));
	}
	return 0;
}

/* ---- the plan ---- */

/* The unit of address, version and digest, and what binds besides. */
static int
take_address(struct code_plan *plan, const struct settings *settings, const struct code_find *find, struct err *err)
{
	int named = settings_text(settings, SETTING_CODE) != NULL;

	plan->how = named ? CODE_FOUND_NAMED : find->how;
	plan->text = named ? settings_text(settings, SETTING_CODE) : find->address;
	plan->from_tag = named && settings_source(settings, SETTING_CODE) == SOURCE_TAG;
	plan->sha256 = named ? settings_text(settings, SETTING_CODE_SHA256) : NULL;
	plan->binding_sha256 = settings_binding_sha256(settings);
	if (plan->text == NULL) {
		return 0;
	}
	if (code_address_parse(&plan->address, plan->text, err) < 0) {
		return named ? -1 : err_wrap(err, "%s", code_find_name(plan->how));
	}
	plan->version = plan->address.scheme == CODE_S3 ? settings_text(settings, SETTING_CODE_VERSION) : NULL;
	return 0;
}

/* An empty code-from is none. */
static char *const *
prefixes_of(const struct settings *settings)
{
	char *const *prefixes = settings_words(settings, SETTING_CODE_FROM);

	return prefixes != NULL && prefixes[0] != NULL ? prefixes : NULL;
}

int
code_policy_plan(struct code_plan *plan, const struct settings *settings, const struct opt_ml *job,
    const struct code_find *find, char *const *envp, int script_mode, struct notes *warnings, struct err *err)
{
	const char *insecure = variables_given(envp, "TRAIN_CODE_INSECURE");

	*plan = (struct code_plan){.pin = OFF};
	if (take_address(plan, settings, find, err) < 0) {
		return -1;
	}
	plan->owner = settings_text(settings, SETTING_CODE_OWNER);
	if (plan->owner == NULL && plan->from_tag && job->account[0] != '\0') {
		plan->owner = job->account;
	}
	plan->prefixes = prefixes_of(settings);
	plan->may_http = has_digest(plan) || (insecure != NULL && strcmp(insecure, "1") == 0);
	plan->pin = pin_of(plan, settings, script_mode);
	if (plan->how == CODE_FOUND_NONE) {
		return 0;
	}
	if (plan->how == CODE_FOUND_HERE && code_policy_check_kind(plan, 0, err) < 0) {
		return -1;
	}
	if (check_from(plan, err) < 0 || check_http(plan, err) < 0 ||
	    check_version(plan, settings, warnings, err) < 0) {
		return -1;
	}
	return check_pin(plan, warnings, err);
}

void
code_policy_release(struct code_plan *plan)
{
	code_address_release(&plan->address);
	*plan = (struct code_plan){0};
}

int
code_policy_no_code(const struct settings *settings, const struct opt_ml *job, struct err *err)
{
	return err_set(err, ERR_SETTINGS, 0,
	    "%s%snothing says where the code is: set TRAIN_CODE, the hyperparameter 'train:code' or a tag 'train:code', give a "
	    "channel 'code', or put it into '%.200s/code'",
	    settings->tag_trouble != NULL ? settings->tag_trouble : "", settings->tag_trouble != NULL ? "; " : "",
	    job->root);
}
