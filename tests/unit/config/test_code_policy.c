#include "unit/config/jobroot.h"

#include "config/code_policy.h"

#define DIGEST_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* One question to the policy: who names what, and what must come out. */
struct question {
	enum setting_source source; /* of the code; SOURCE_DEFAULT: nobody names it */
	const char *code, *sha256;
	const char *extra[4]; /* NAME, value of two more settings, from the environment */
	enum code_found found;
	const char *address;
	const char *variable;
	int script_mode;
};

static int
ask(const struct question *question, struct code_plan *plan, struct settings *settings, struct notes *warnings,
    struct err *err)
{
	static struct opt_ml job;
	char text[CODE_ADDRESS_MAX] = "";
	struct code_find find = {.how = question->found, .address = question->address != NULL ? text : NULL};
	char variable[256];
	char *envp[] = {variable, NULL};

	job = (struct opt_ml){.root = (char[]){"/opt/ml"}, .account = "210987654321"};
	(void)snprintf(text, sizeof(text), "%s", question->address != NULL ? question->address : "");
	(void)snprintf(variable, sizeof(variable), "%s", question->variable != NULL ? question->variable : "X=y");
	settings_init(settings);
	if (question->code != NULL) {
		settings_offer(settings, SETTING_CODE, question->source, question->code, NULL);
	}
	if (question->sha256 != NULL) {
		settings_offer(settings, SETTING_CODE_SHA256, question->source, question->sha256, NULL);
	}
	for (size_t i = 0; i + 1 < ARRAY_LEN(question->extra) && question->extra[i] != NULL; i += 2) {
		settings_offer(settings, setting_find(question->extra[i], SOURCE_ENVIRONMENT), SOURCE_ENVIRONMENT,
		    question->extra[i + 1], NULL);
	}
	assert_int_equal(settings->mistakes.count, 0);
	return code_policy_plan(plan, settings, &job, &find, envp, question->script_mode, warnings, err);
}

/* Asks, and expects the text of a refusal, of a warning, or neither (NULL). */
static void
expect(const struct question *question, const char *refusal, const char *warning, const char *pin)
{
	CLEAN_SETTINGS settings;
	CLEAN_CODE_PLAN plan;
	CLEAN_NOTES warnings = {0};
	struct err err = {0};
	int result = ask(question, &plan, &settings, &warnings, &err);

	if (refusal != NULL) {
		assert_int_equal(result, -1);
		assert_int_equal(err.kind, ERR_SETTINGS);
		if (strstr(err.text, refusal) == NULL) {
			fail_msg("'%s' does not say '%s'", err.text, refusal);
		}
		return;
	}
	if (result < 0) {
		fail_msg("%s", err.text);
	}
	assert_string_equal(plan.pin, pin);
	assert_int_equal(warnings.count, warning != NULL);
	assert_true(warning == NULL || notes_hold(&warnings, warning));
}

static void
code_policy_pins_by_default(void **state)
{
	static const char must[] = "has to be pinned";
	static const char should[] = "is not pinned";

	(void)state;
	expect(&(struct question){.source = SOURCE_ENVIRONMENT, .code = "s3://b/k", .script_mode = 0}, NULL, should,
	    "warn");
	expect(
	    &(struct question){.source = SOURCE_ENVIRONMENT, .code = "s3://b/k", .script_mode = 1}, NULL, NULL, "off");
	expect(&(struct question){.source = SOURCE_ENVIRONMENT, .code = "s3://b/k", .sha256 = DIGEST_A}, NULL, NULL,
	    "warn");
	expect(&(struct question){.source = SOURCE_ENVIRONMENT, .code = "https://h/k", .script_mode = 1}, must, NULL,
	    NULL);
	expect(&(struct question){.source = SOURCE_ENVIRONMENT, .code = "https://h/k", .sha256 = DIGEST_A}, NULL, NULL,
	    "required");
	expect(&(struct question){.source = SOURCE_TAG, .code = "s3://b/k", .script_mode = 1}, must, NULL, NULL);
	expect(
	    &(struct question){.source = SOURCE_TAG, .code = "s3://b/k", .sha256 = DIGEST_A}, NULL, NULL, "required");
	expect(&(struct question){.source = SOURCE_TAG, .code = "s3://b/k", .extra = {"TRAIN_CODE_SHA256", DIGEST_A}},
	    NULL, NULL, "required");
	expect(&(struct question){.source = SOURCE_TAG, .code = "s3://b/k", .extra = {"TRAIN_CODE_PIN", "warn"}}, NULL,
	    should, "warn");
	expect(&(struct question){.source = SOURCE_TAG, .code = "s3://b/k", .extra = {"TRAIN_CODE_PIN", "off"}}, NULL,
	    NULL, "off");
	expect(
	    &(struct question){
	        .source = SOURCE_ENVIRONMENT, .code = "/opt/app.pex", .extra = {"TRAIN_CODE_PIN", "required"}},
	    NULL, NULL, "required");
	expect(
	    &(struct question){
	        .source = SOURCE_ENVIRONMENT, .code = "channel:code", .extra = {"TRAIN_CODE_PIN", "required"}},
	    must, NULL, NULL);
	expect(&(struct question){.found = CODE_FOUND_CHANNEL, .address = "channel:code"}, NULL, NULL, "warn");
	expect(
	    &(struct question){.found = CODE_FOUND_SUBMIT, .address = "s3://b/sourcedir.tar.gz"}, NULL, should, "warn");
	expect(&(struct question){.found = CODE_FOUND_SUBMIT, .address = "s3://b/sourcedir.tar.gz", .script_mode = 1},
	    NULL, NULL, "off");
	expect(&(struct question){.found = CODE_FOUND_FOLDER, .address = "/opt/ml/code"}, NULL, NULL, "warn");
	expect(&(struct question){.found = CODE_FOUND_HERE}, NULL, NULL, "warn");
	expect(&(struct question){.found = CODE_FOUND_NONE}, NULL, NULL, "warn");
}

static void
code_policy_allows_plain_http_by_exception(void **state)
{
	static const char pin[] = "TRAIN_CODE_PIN";

	(void)state;
	expect(&(struct question){.source = SOURCE_ENVIRONMENT, .code = "http://h/k", .extra = {pin, "off"}},
	    "plain http", NULL, NULL);
	expect(&(struct question){.source = SOURCE_ENVIRONMENT, .code = "http://localhost:81/k", .extra = {pin, "off"}},
	    NULL, NULL, "off");
	expect(&(struct question){.source = SOURCE_ENVIRONMENT, .code = "http://h/k", .sha256 = DIGEST_A}, NULL, NULL,
	    "required");
	expect(&(struct question){.source = SOURCE_ENVIRONMENT,
	           .code = "http://h/k",
	           .extra = {pin, "off"},
	           .variable = "TRAIN_CODE_INSECURE=1"},
	    NULL, NULL, "off");
	expect(&(struct question){.source = SOURCE_ENVIRONMENT,
	           .code = "http://h/k",
	           .extra = {pin, "off"},
	           .variable = "TRAIN_CODE_INSECURE=0"},
	    "plain http", NULL, NULL);
}

static void
code_policy_keeps_to_code_from(void **state)
{
	static const char from[] = "TRAIN_CODE_FROM";

	(void)state;
	expect(&(struct question){.source = SOURCE_TAG, .code = "https://h/k", .sha256 = DIGEST_A},
	    "code-from allows no https address", NULL, NULL);
	expect(
	    &(struct question){
	        .source = SOURCE_TAG, .code = "https://h/k", .sha256 = DIGEST_A, .extra = {from, "https://h"}},
	    NULL, NULL, "required");
	expect(
	    &(struct question){
	        .source = SOURCE_TAG, .code = "https://evil/k", .sha256 = DIGEST_A, .extra = {from, "https://h"}},
	    "code-from does not allow the code 'https://evil/k'", NULL, NULL);
	expect(&(struct question){.source = SOURCE_ENVIRONMENT,
	           .code = "s3://b/k",
	           .sha256 = DIGEST_A,
	           .extra = {from, "s3://a s3://b/k"}},
	    NULL, NULL, "warn");
	expect(&(struct question){.source = SOURCE_ENVIRONMENT,
	           .code = "s3://b/k2",
	           .sha256 = DIGEST_A,
	           .extra = {from, "s3://a s3://b/k"}},
	    "code-from does not allow", NULL, NULL);
	expect(&(struct question){.found = CODE_FOUND_SUBMIT, .address = "s3://b/k", .extra = {from, "s3://a"}},
	    "code-from does not allow", NULL, NULL);
	expect(&(struct question){.found = CODE_FOUND_FOLDER, .address = "/opt/ml/code", .extra = {from, "s3://a"}},
	    NULL, NULL, "warn");
}

static void
code_policy_judges_each_redirect(void **state)
{
	const struct question question = {.source = SOURCE_ENVIRONMENT,
	    .code = "https://h/k",
	    .sha256 = DIGEST_A,
	    .extra = {"TRAIN_CODE_FROM", "https://h https://cdn/x"}};
	CLEAN_SETTINGS settings;
	CLEAN_CODE_PLAN plan;
	CLEAN_NOTES warnings = {0};
	struct err err = {0};

	(void)state;
	assert_int_equal(ask(&question, &plan, &settings, &warnings, &err), 0);
	assert_int_equal(code_policy_allow(&plan, "https://cdn/x/y", 1, &err), 0);
	assert_int_equal(code_policy_allow(&plan, "https://cdn/z?sig=geheim", 1, &err), -1);
	assert_int_equal(err.kind, ERR_DENIED);
	assert_non_null(strstr(err.text, "a redirect to 'https://cdn/z"));
	assert_null(strstr(err.text, "geheim"));
}

static void
code_policy_binds_archives_only(void **state)
{
	const struct question question = {.source = SOURCE_ENVIRONMENT, .code = "/opt/folder", .sha256 = DIGEST_A};
	CLEAN_SETTINGS settings;
	CLEAN_CODE_PLAN plan;
	CLEAN_NOTES warnings = {0};
	struct err err = {0};

	(void)state;
	assert_int_equal(ask(&question, &plan, &settings, &warnings, &err), 0);
	assert_int_equal(code_policy_check_kind(&plan, 1, &err), 0);
	assert_int_equal(code_policy_check_kind(&plan, 0, &err), -1);
	assert_int_equal(err.kind, ERR_SETTINGS);
	assert_non_null(strstr(err.text, "is no archive"));
	expect(&(struct question){.found = CODE_FOUND_HERE, .extra = {"TRAIN_CODE_SHA256", DIGEST_A}}, "is no archive",
	    NULL, NULL);
}

static void
code_policy_checks_the_owner_of_tagged_code(void **state)
{
	static const struct {
		enum setting_source source;
		const char *extra, *owner;
	} cases[] = {
	    {SOURCE_TAG, NULL, "210987654321"},
	    {SOURCE_TAG, "111111111111", "111111111111"},
	    {SOURCE_ENVIRONMENT, NULL, NULL},
	    {SOURCE_ENVIRONMENT, "111111111111", "111111111111"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct question question = {.source = cases[i].source,
		    .code = "s3://b/k",
		    .sha256 = DIGEST_A,
		    .extra = {cases[i].extra != NULL ? "TRAIN_CODE_OWNER" : NULL, cases[i].extra}};
		CLEAN_SETTINGS settings;
		CLEAN_CODE_PLAN plan;
		CLEAN_NOTES warnings = {0};
		struct err err = {0};

		assert_int_equal(ask(&question, &plan, &settings, &warnings, &err), 0);
		assert_true((plan.owner == NULL) == (cases[i].owner == NULL));
		assert_true(plan.owner == NULL || strcmp(plan.owner, cases[i].owner) == 0);
	}
}

static void
code_policy_wants_versions_in_s3_only(void **state)
{
	static const char version[] = "TRAIN_CODE_VERSION";

	(void)state;
	expect(
	    &(struct question){
	        .source = SOURCE_ENVIRONMENT, .code = "https://h/k", .sha256 = DIGEST_A, .extra = {version, "v"}},
	    "only objects in S3 have versions", NULL, NULL);
	expect(&(struct question){.found = CODE_FOUND_CHANNEL, .address = "channel:code", .extra = {version, "v"}},
	    NULL, "is ignored", "warn");
}

static void
code_policy_names_who_gave_a_wrong_address(void **state)
{
	(void)state;
	expect(&(struct question){.found = CODE_FOUND_SUBMIT, .address = "s3://bucket"},
	    "sagemaker_submit_directory: the address of the code 's3://bucket' is refused: a key of 1 to 1024 bytes",
	    NULL, NULL);
	expect(&(struct question){.found = CODE_FOUND_SUBMIT, .address = "src"},
	    "sagemaker_submit_directory: the address of the code 'src' is refused: it begins with none of s3://", NULL,
	    NULL);
}

static void
code_policy_says_what_to_set_when_nothing_names_code(void **state)
{
	CLEAN_SETTINGS settings;
	struct opt_ml job = {.root = (char[]){"/opt/ml"}};
	struct err err = {0};

	(void)state;
	settings_init(&settings);
	assert_int_equal(code_policy_no_code(&settings, &job, &err), -1);
	assert_int_equal(err.kind, ERR_SETTINGS);
	assert_non_null(strstr(err.text, "TRAIN_CODE"));
	assert_non_null(strstr(err.text, "'/opt/ml/code'"));
	settings.tag_trouble = strdup("tag 'train:code' is 'x'");
	assert_int_equal(code_policy_no_code(&settings, &job, &err), -1);
	assert_non_null(strstr(err.text, "tag 'train:code' is 'x'; nothing says"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(code_policy_pins_by_default),
	    cmocka_unit_test(code_policy_allows_plain_http_by_exception),
	    cmocka_unit_test(code_policy_keeps_to_code_from),
	    cmocka_unit_test(code_policy_judges_each_redirect),
	    cmocka_unit_test(code_policy_binds_archives_only),
	    cmocka_unit_test(code_policy_checks_the_owner_of_tagged_code),
	    cmocka_unit_test(code_policy_wants_versions_in_s3_only),
	    cmocka_unit_test(code_policy_names_who_gave_a_wrong_address),
	    cmocka_unit_test(code_policy_says_what_to_set_when_nothing_names_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
