/* Which line says what went wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "report/traceback.h"

#define HEAD "Traceback (most recent call last):\n  File \"a.py\", line 3, in <module>\n    fit()\n"
#define CAUSED "\nThe above exception was the direct cause of the following exception:\n\n"
#define MEANWHILE "\nDuring handling of the above exception, another exception occurred:\n\n"

static struct buf text;
static struct traceback found;

static int
tear_down(void **state)
{
	(void)state;
	buf_release(&text);
	return 0;
}

static void
expect_span(struct span got, const char *want)
{
	char words[512];

	(void)snprintf(words, sizeof(words), "%.*s", (int)got.len, got.len > 0 ? got.at : "");
	assert_string_equal(words, want);
}

static void
expect(const char *lines, const char *exception, const char *name, const char *cause, const char *error)
{
	buf_release(&text);
	buf_init(&text, 1 << 20);
	assert_int_equal(buf_adds(&text, lines), 0);
	traceback_find(&text, &found);
	expect_span(found.exception, exception);
	expect_span(found.name, name);
	expect_span(found.cause, cause);
	expect_span(found.error, error);
}

static void
exception_is_the_last_of_all(void **state)
{
	(void)state;
	expect("", "", "", "", "");
	expect("no trouble\nValueError: of nobody\n", "", "", "", "");
	expect(HEAD "ValueError: bad\n", "ValueError: bad", "ValueError", "", "");
	expect(
	    HEAD "KeyError: 'x'\nretrying\n" HEAD "ValueError: bad\nmore\n", "ValueError: bad", "ValueError", "", "");
	expect(HEAD "KeyboardInterrupt", "KeyboardInterrupt", "KeyboardInterrupt", "", "");
	expect(HEAD, "", "", "", "");
}

static void
name_has_no_modules(void **state)
{
	(void)state;
	expect(HEAD "torch.cuda.OutOfMemoryError: CUDA out of memory.\n",
	    "torch.cuda.OutOfMemoryError: CUDA out of memory.", "OutOfMemoryError", "", "");
	expect(HEAD "__main__.main.<locals>.TooFew: rows\n", "__main__.main.<locals>.TooFew: rows", "TooFew", "", "");
	expect(HEAD "ray.exceptions.RayTaskError(ValueError): ray::f()\n",
	    "ray.exceptions.RayTaskError(ValueError): ray::f()", "RayTaskError", "", "");
}

static void
chain_is_told_by_its_first(void **state)
{
	(void)state;
	expect(HEAD "KeyError: 'x'\n" CAUSED HEAD "ValueError: no x\n", "ValueError: no x", "ValueError",
	    "KeyError: 'x'", "");
	expect(HEAD "KeyError: 'x'\n" MEANWHILE HEAD "ValueError: no x\n" CAUSED HEAD "RuntimeError: stop\n",
	    "RuntimeError: stop", "RuntimeError", "KeyError: 'x'", "");
	expect(HEAD "KeyError: 'x'\n" CAUSED HEAD "ValueError: no x\n" HEAD "OSError: other\n", "OSError: other",
	    "OSError", "", "");
}

static void
worker_says_it_itself(void **state)
{
	(void)state;
	expect("multiprocessing.pool.RemoteTraceback: \n\"\"\"\n" HEAD "ValueError: bad\n\"\"\"\n" CAUSED HEAD
	       "ValueError: bad\n",
	    "ValueError: bad", "ValueError", "ValueError: bad", "");
	expect(HEAD "ValueError: Caught ValueError in DataLoader worker process 0.\nOriginal " HEAD
	            "ValueError: bad row\n",
	    "ValueError: bad row", "ValueError", "", "");
	expect(HEAD
	    "torch.multiprocessing.spawn.ProcessRaisedException: \n\n-- Process 1 terminated with the following error:\n" HEAD
	    "IndexError: 7\n",
	    "IndexError: 7", "IndexError", "", "");
}

static void
messenger_does_not_replace_the_message(void **state)
{
	(void)state;
	expect(HEAD "ValueError: bad\n" HEAD "subprocess.CalledProcessError: Command 'python' returned\n",
	    "ValueError: bad", "ValueError", "", "");
	expect(HEAD "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: \n",
	    "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: ", "ChildFailedError", "", "");
	expect("Exception in thread \"main\" java.lang.Error: x\n" HEAD
	       "subprocess.CalledProcessError: Command 'java'\n",
	    "", "", "", "Exception in thread \"main\" java.lang.Error: x");
}

static void
first_of_several_ranks_counts(void **state)
{
	(void)state;
	expect("[rank1]: Traceback (most recent call last):\n[rank1]:   File \"a.py\"\nsomething: else\n"
	       "[rank1]: ValueError: bad\n[rank0]: Traceback (most recent call last):\n[rank0]:   File\n"
	       "[rank0]: RuntimeError: Connection closed by peer\n",
	    "[rank1]: ValueError: bad", "ValueError", "", "");
}

static void
group_is_told_by_its_last_part(void **state)
{
	(void)state;
	expect(
	    "  + Exception Group Traceback (most recent call last):\n  |   File \"a.py\"\n  | ExceptionGroup: two (2 "
	    "sub-exceptions)\n  +-+---------------- 1 ----------------\n    | ValueError: 1\n"
	    "    +---------------- 2 ----------------\n    | TypeError: 2\n    +------------------------------------\n",
	    "ExceptionGroup: two (2 sub-exceptions)", "ExceptionGroup", "", "");
}

static void
finalisers_trouble_is_passed_over(void **state)
{
	(void)state;
	expect(HEAD "ValueError: bad\nException ignored in: <function X.__del__ at 0x7f>\n" HEAD
	            "AttributeError: late\n",
	    "ValueError: bad", "ValueError", "", "");
}

static void
program_that_python_cannot_read_is_found(void **state)
{
	(void)state;
	expect("  File \"main.py\", line 3\n    fit(\n       ^\nSyntaxError: '(' was never closed\n",
	    "SyntaxError: '(' was never closed", "SyntaxError", "", "");
}

static void
errors_of_other_languages_are_found(void **state)
{
	static const char *const lines[] = {"Caused by: java.io.IOException: no table", "Error in fit(x) : no rows",
	    "Error: no rows", "  what():  bad", "fit: model.c:17: fit: Assertion `n > 0' failed.",
	    "malloc(): corrupted top size", "free(): invalid pointer", "double free or corruption (out)",
	    "*** stack smashing detected ***: terminated",
	    "At line 3 of file fit.f90\nFortran runtime error: End of file", "STOP 2", "ERROR STOP no convergence",
	    "MPI_ABORT was invoked on rank 3", "panic: no rows"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		char all[256];
		const char *last = strchr(lines[i], '\n') != NULL ? strchr(lines[i], '\n') + 1 : lines[i];

		(void)snprintf(all, sizeof(all), "before\n%s\nafter\n", lines[i]);
		expect(all, "", "", "", last + strspn(last, " "));
	}
}

static void
deepest_cause_of_java_counts(void **state)
{
	(void)state;
	expect(
	    "Exception in thread \"main\" java.lang.RuntimeException: fit\n at Main.main(Main.java:3)\n"
	    "Caused by: java.lang.IllegalStateException: load\n ... 1 more\nCaused by: java.io.IOException: no table\n ... 2 more\n",
	    "", "", "", "Caused by: java.io.IOException: no table");
}

static void
message_of_r_may_stand_on_the_next_line(void **state)
{
	(void)state;
	expect(
	    "Error in fit.model(data, formula = y ~ x, family = binomial()) : \n  object 'y' not found\nCalls: main\n",
	    "", "", "", "Error in fit.model(data, formula = y ~ x, family = binomial()) : \n  object 'y' not found");
	expect("Error in fit(x) : ", "", "", "", "Error in fit(x) :");
}

static void
error_after_the_exception_is_told_too(void **state)
{
	(void)state;
	expect(HEAD "py4j.protocol.Py4JJavaError: An error occurred\n: org.apache.spark.SparkException: Job aborted\n"
	            "Caused by: java.io.IOException: no table\n",
	    "py4j.protocol.Py4JJavaError: An error occurred", "Py4JJavaError", "",
	    "Caused by: java.io.IOException: no table");
	expect("Caused by: java.io.IOException: earlier\n" HEAD "ValueError: bad\n", "ValueError: bad", "ValueError",
	    "", "");
}

/* Whatever is mixed from these: the sanitizers look. */
static void
any_mixture_is_read_without_harm(void **state)
{
	static const char *const parts[] = {HEAD, CAUSED, MEANWHILE, "Original ", "Exception Group ", "  + ", "  | ",
	    "[rank0]: ", "ValueError: x\n", "\n", " ", "Error in f :\n",
	    "Caused by: ", "Traceback (most recent call last):", "Exception ignored in\n", "SyntaxError: ", ".", ":",
	    "\xc3\xa9"};
	unsigned int seed = 11;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		buf_release(&text);
		buf_init(&text, 1 << 16);
		for (int n = 0; n < 12; n++) {
			seed = seed * 1103515245u + 12345u;
			buf_adds(&text, parts[(seed >> 16) % ARRAY_LEN(parts)]);
		}
		/* Exactly as large as it is, so that one byte too far is seen. */
		char *exact = malloc(text.len);

		assert_non_null(exact);
		memcpy(exact, text.data, text.len);
		struct buf tight = {.data = exact, .len = text.len};
		traceback_find(&tight, &found);
		free(exact);
	}
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(exception_is_the_last_of_all),
	    TEST(name_has_no_modules),
	    TEST(chain_is_told_by_its_first),
	    TEST(worker_says_it_itself),
	    TEST(messenger_does_not_replace_the_message),
	    TEST(first_of_several_ranks_counts),
	    TEST(group_is_told_by_its_last_part),
	    TEST(finalisers_trouble_is_passed_over),
	    TEST(program_that_python_cannot_read_is_found),
	    TEST(errors_of_other_languages_are_found),
	    TEST(deepest_cause_of_java_counts),
	    TEST(message_of_r_may_stand_on_the_next_line),
	    TEST(error_after_the_exception_is_told_too),
	    TEST(any_mixture_is_read_without_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
