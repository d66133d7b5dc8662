/* The little XML that S3 and STS need, and the shared AWS files. */
#include "unit/net/loopback.h"

#include "base/secret.h"
#include "net/ini.h"
#include "net/xml.h"

static void
xml_finds_the_first_text_of_a_name(void **state)
{
	static const struct {
		const char *xml, *name, *text; /* NULL: none */
	} cases[] = {
	    {"<Error><Code>NoSuchKey</Code></Error>", "Code", "NoSuchKey"},
	    {"<A><Codes>x</Codes><Code>y</Code></A>", "Code", "y"},
	    {"<Code>a &lt;b&gt; &amp; &quot;c&apos;</Code>", "Code", "a <b> & \"c'"},
	    {"<Code></Code>", "Code", ""},
	    {"<Code><Inner>x</Inner></Code>", "Code", NULL},
	    {"<Code>open", "Code", NULL},
	    {"<Code", "Code", NULL},
	    {"", "Code", NULL},
	    {"<Code>this text is too long for the room it gets</Code>", "Code", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char out[24];

		assert_int_equal(xml_text(cases[i].xml, cases[i].name, 0, out, sizeof(out)), cases[i].text != NULL);
		assert_string_equal(out, cases[i].text == NULL ? "" : cases[i].text);
	}
}

static void
xml_squeezes_wrapped_text(void **state)
{
	char out[24];

	(void)state;
	assert_int_equal(xml_text("<T> ab\n  cd\t</T>", "T", 1, out, sizeof(out)), 1);
	assert_string_equal(out, "abcd");
}

static void
ini_reads_sections_as_the_aws_tools_do(void **state)
{
	static const char text[] =
	    "key = outside\n[default]\nkey=first\n  key = nested\nKEY = last \n; key = no\n[profile "
	    " a  b]\r\nkey\t= x=y\r\n"
	    "[open\nkey = never\n[empty]\nkey =\n";
	static const struct {
		const char *section, *value; /* NULL: none */
	} cases[] = {{"default", "last"}, {"profile a b", "x=y"}, {"open", NULL}, {"empty", NULL}, {"absent", NULL},
	    {"profile", NULL}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_SECRET value = {.bytes = NULL};

		assert_int_equal(ini_find(text, cases[i].section, "key", &value), cases[i].value != NULL);
		assert_string_equal(secret_reveal(&value), cases[i].value == NULL ? "" : cases[i].value);
	}
	assert_int_equal(ini_has_section(text, "empty"), 1);
	assert_int_equal(ini_has_section(text, "open"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(xml_finds_the_first_text_of_a_name),
	    cmocka_unit_test(xml_squeezes_wrapped_text),
	    cmocka_unit_test(ini_reads_sections_as_the_aws_tools_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
