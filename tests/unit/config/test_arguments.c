/* Argument vectors, and hyperparameters in the forms that product §7 names. */
#include "unit/config/jobroot.h"

#include "config/arguments.h"
#include "config/command.h"

/* Hyperparameters from "name", "value as the platform gives it", ... */
static void
fill(struct hyperparameters *hps, size_t count, const char *const *words)
{
	struct err err = {0};

	for (size_t i = 0; i < count; i += 2) {
		assert_int_equal(hyperparameters_set(hps, words[i], words[i + 1], &err), 0);
	}
}

#define FILL(hps, ...) fill(hps, ARRAY_LEN(((const char *const[]){__VA_ARGS__})), (const char *const[]){__VA_ARGS__})

/* Takes the vector and compares it with 'expected', word by word. */
static void
expect_words(struct arguments *args, size_t count, const char *const *expected)
{
	struct err err = {0};
	char **words = arguments_take(args, &err);

	assert_non_null(words);
	for (size_t i = 0; i < count; i++) {
		assert_non_null(words[i]);
		assert_string_equal(words[i], expected[i]);
	}
	assert_null(words[count]);
	arguments_free(words);
}

#define EXPECT_WORDS(args, ...) \
	expect_words(args, ARRAY_LEN(((const char *const[]){__VA_ARGS__})), (const char *const[]){__VA_ARGS__})

static void
arguments_have_the_toolkits_form(void **state)
{
	CLEAN_ARGUMENTS args = {0};
	CLEAN_HYPERPARAMETERS hps = {0};

	(void)state;
	FILL(&hps, "lr", "0.001", "epochs", "5", "k", "7", "cuda", "true", "name", "\"say \\\"hi\\\"\"", "none", "null",
	    "batch-size", "32", "\xc3\xa9", "1");
	arguments_add(&args, "program");
	arguments_add_hyperparameters(&args, &hps, ARGUMENTS_KEY_VALUE);
	/* Sorted by name; one character has one dash, in whatever script; None is an empty word and never left out. */
	EXPECT_WORDS(&args, "program", "--batch-size", "32", "--cuda", "True", "--epochs", "5", "-k", "7", "--lr",
	    "0.001", "--name", "say \"hi\"", "--none", "", "-\xc3\xa9", "1");
}

static void
arguments_have_each_published_form(void **state)
{
	static const struct {
		enum argument_form form;
		const char *first;
	} forms[] = {
	    {ARGUMENTS_KEY_IS_VALUE, "--epochs=5"},
	    {ARGUMENTS_PLAIN, "epochs=5"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		CLEAN_ARGUMENTS args = {0};
		CLEAN_HYPERPARAMETERS hps = {0};

		FILL(&hps, "epochs", "5", "path", "a b=c");
		arguments_add_hyperparameters(&args, &hps, forms[i].form);
		EXPECT_WORDS(&args, forms[i].first, forms[i].form == ARGUMENTS_PLAIN ? "path=a b=c" : "--path=a b=c");
	}
}

static void
arguments_form_none_adds_nothing(void **state)
{
	CLEAN_ARGUMENTS args = {0};
	CLEAN_HYPERPARAMETERS hps = {0};

	(void)state;
	FILL(&hps, "epochs", "5");
	arguments_add(&args, "program");
	arguments_add_hyperparameters(&args, &hps, ARGUMENTS_NONE);
	EXPECT_WORDS(&args, "program");
}

static void
arguments_are_the_users_only(void **state)
{
	static const enum argument_form forms[] = {ARGUMENTS_KEY_VALUE, ARGUMENTS_KEY_IS_VALUE, ARGUMENTS_PLAIN};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		CLEAN_ARGUMENTS args = {0};
		CLEAN_HYPERPARAMETERS hps = {0};
		size_t expected = forms[i] == ARGUMENTS_KEY_VALUE ? 2 : 1;

		FILL(&hps, "sagemaker_program", "x.py", "train:code", "s3://b/k", "_tuning_objective_metric", "m", "a1",
		    "1");
		arguments_add_hyperparameters(&args, &hps, forms[i]);
		assert_int_equal(args.count, expected);
		assert_non_null(strstr(args.words[0], "a1"));
	}
}

static void
arguments_grow_past_every_size_of_their_room(void **state)
{
	(void)state;
	for (size_t count = 1; count <= 130; count++) {
		CLEAN_ARGUMENTS args = {0};
		struct err err = {0};

		for (size_t i = 0; i < count; i++) {
			arguments_add(&args, i % 2 == 0 ? "even" : "odd");
			assert_null(args.words[args.count]);
		}
		char **words = arguments_take(&args, &err);
		assert_non_null(words);
		assert_string_equal(words[count - 1], count % 2 == 1 ? "even" : "odd");
		assert_null(words[count]);
		assert_int_equal(args.count, 0);
		arguments_free(words);
	}
}

static void
arguments_over_the_limit_are_one_mistake(void **state)
{
	CLEAN_ARGUMENTS args = {0};
	struct err err = {0};

	(void)state;
	for (int i = 0; i < ARGV_WORDS_MAX; i++) {
		arguments_add(&args, "w");
	}
	assert_false(args.failed);
	arguments_add(&args, "one too many");
	arguments_add(&args, "and another");
	assert_int_equal(args.count, ARGV_WORDS_MAX);
	assert_null(arguments_take(&args, &err));
	assert_int_equal(err.kind, ERR_SETTINGS);
	assert_non_null(strstr(err.text, "more than 8192 words"));
}

static void
arguments_take_words_of_others_by_copy(void **state)
{
	char word[] = "first";
	char *const words[] = {word, word, NULL};
	CLEAN_ARGUMENTS args = {0};

	(void)state;
	arguments_add_all(&args, NULL);
	assert_int_equal(args.count, 0);
	arguments_add_all(&args, words);
	word[0] = 'F';
	EXPECT_WORDS(&args, "first", "first");
	arguments_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(arguments_have_the_toolkits_form),
	    cmocka_unit_test(arguments_have_each_published_form),
	    cmocka_unit_test(arguments_form_none_adds_nothing),
	    cmocka_unit_test(arguments_are_the_users_only),
	    cmocka_unit_test(arguments_grow_past_every_size_of_their_room),
	    cmocka_unit_test(arguments_over_the_limit_are_one_mistake),
	    cmocka_unit_test(arguments_take_words_of_others_by_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
