/* The hosts of the job: resourceconfig.json in every form that was seen, and in forms that were not. */
#include "unit/config/jobroot.h"

#include "config/cluster.h"
#include "config/config_file.h"

/* Reads a cluster from 'text'. */
static void
read_text(struct cluster *cluster, struct notes *mistakes, const char *text)
{
	CLEAN_CONFIG_FILE file = {0};
	struct err err = {0};
	char root[256];

	scratch_make(root);
	scratch_write(root, "a.json", text);
	if (config_file_read(&file, root, "a.json", &err) != 1) {
		fail_msg("%s", err.text);
	}
	assert_int_equal(cluster_read(cluster, &file, mistakes, &err), 0);
	scratch_drop(root);
}

static void
cluster_without_a_file_is_one_host_called_local(void **state)
{
	CLEAN_NOTES mistakes = {0};
	struct cluster cluster = {0};
	struct err err = {0};

	(void)state;
	assert_int_equal(cluster_read(&cluster, NULL, &mistakes, &err), 0);
	assert_int_equal(mistakes.count, 0);
	assert_int_equal(cluster.host_count, 1);
	assert_int_equal(cluster.rank, 0);
	assert_string_equal(cluster.host, "local");
	assert_string_equal(cluster.hosts[0], "local");
	assert_null(cluster.hosts[1]);
	assert_string_equal(cluster.instance_type, "local");
	assert_string_equal(cluster.group_name, "homogeneousCluster");
	assert_string_equal(cluster.interface, "eth0");
	assert_string_equal(cluster.json, "{}");
	assert_int_equal(cluster.group_count, 0);
	cluster_release(&cluster);
}

static void
cluster_takes_any_key_as_missing_or_null(void **state)
{
	static const struct {
		const char *text, *host;
	} cases[] = {
	    {"{}", "local"},
	    {"{\"current_host\": null, \"hosts\": null, \"network_interface_name\": null, \"topology\": null}",
	        "local"},
	    {"{\"hosts\": []}", "local"},
	    {"{\"hosts\": [\"one\"]}", "one"},
	    {"{\"current_host\": \"one\"}", "one"},
	    {"{\"current_host\": \"one\", \"instance_groups\": null, \"current_instance_type\": 7}", "one"},
	    {"{\"instance_groups\": [], \"hosts\": [\"one\"], \"current_host\": \"one\"}", "one"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_NOTES mistakes = {0};
		struct cluster cluster = {0};

		read_text(&cluster, &mistakes, cases[i].text);
		assert_int_equal(mistakes.count, 0);
		assert_int_equal(cluster.host_count, 1);
		assert_string_equal(cluster.host, cases[i].host);
		assert_string_equal(cluster.hosts[0], cases[i].host);
		assert_string_equal(cluster.instance_type, "local");
		assert_string_equal(cluster.interface, "eth0");
		cluster_release(&cluster);
	}
}

static void
cluster_keeps_the_platforms_order(void **state)
{
	CLEAN_NOTES mistakes = {0};
	struct cluster cluster = {0};

	(void)state;
	read_text(&cluster, &mistakes,
	    "{\"hosts\":[\"algo-1\",\"algo-10\",\"algo-2\"],\"current_host\":\"algo-2\","
	    "\"current_instance_type\":\"ml.p4d.24xlarge\",\"current_group_name\":\"g\",\"network_interface_name\":\"ethwe\"}");
	assert_int_equal(mistakes.count, 0);
	assert_int_equal(cluster.rank, 2);
	assert_string_equal(cluster.hosts[1], "algo-10");
	assert_string_equal(cluster.instance_type, "ml.p4d.24xlarge");
	assert_string_equal(cluster.group_name, "g");
	assert_string_equal(cluster.interface, "ethwe");
	assert_string_equal(cluster.json,
	    "{\"current_group_name\":\"g\",\"current_host\":\"algo-2\",\"current_instance_type\":\"ml.p4d.24xlarge\","
	    "\"hosts\":[\"algo-1\",\"algo-10\",\"algo-2\"],\"network_interface_name\":\"ethwe\"}");
	cluster_release(&cluster);
}

static void
cluster_reads_groups_in_the_files_order(void **state)
{
	CLEAN_NOTES mistakes = {0};
	struct cluster cluster = {0};

	(void)state;
	read_text(&cluster, &mistakes,
	    "{\"hosts\":[\"a\",\"b\",\"c\"],\"current_host\":\"b\",\"instance_groups\":["
	    "{\"instance_group_name\":\"z\",\"instance_type\":\"ml.c5.xlarge\",\"hosts\":[\"c\",\"a\"]},"
	    "{\"instance_group_name\":\"y\",\"hosts\":[\"b\"]},{}]}");
	assert_int_equal(mistakes.count, 0);
	assert_int_equal(cluster.group_count, 3);
	assert_string_equal(cluster.groups[0].name, "z");
	assert_string_equal(cluster.groups[0].hosts[0], "c");
	assert_string_equal(cluster.groups[0].hosts[1], "a");
	assert_null(cluster.groups[0].hosts[2]);
	assert_null(cluster.groups[1].instance_type);
	assert_string_equal(cluster.groups[2].name, "");
	assert_null(cluster.groups[2].hosts[0]);
	cluster_release(&cluster);
}

static void
cluster_refuses_names_that_could_be_paths(void **state)
{
	static const char *const refused[] = {"", ".", "..", "...", "a/b", "a b", "a\\nb", "\\u0000", "h\xc3\xb6st",
	    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		CLEAN_NOTES mistakes = {0};
		struct cluster cluster = {0};
		char text[256];

		(void)snprintf(
		    text, sizeof(text), "{\"current_host\": \"a\",\n\"hosts\": [\"a\", \"%s\"]}", refused[i]);
		read_text(&cluster, &mistakes, text);
		assert_int_equal(mistakes.count, 1);
		assert_true(notes_hold(&mistakes, "/a.json:2:16': the name of a host has 1 to 64 letters"));
		cluster_release(&cluster);
	}
}

static void
cluster_tells_each_mistake_with_its_place(void **state)
{
	static const struct {
		const char *text, *mistake;
	} cases[] = {
	    {"[]", "/a.json:1:1': an object is expected"},
	    {"{\"hosts\": \"a\"}", "/a.json:1:11': 'hosts' is a list of 1 to 1024 names"},
	    {"{\"hosts\": [\"a\", 7], \"current_host\": \"a\"}", "/a.json:1:17': the name of a host"},
	    {"{\"hosts\": [\"a\", \"b\"]}", "'current_host' does not say which of the 2 hosts this is"},
	    {"{\"hosts\": [\"a\", \"b\"], \"current_host\": \"c\"}",
	        "'current_host' is 'c', which is not among 'hosts'"},
	    {"{\"current_host\": \"a/b\"}", "/a.json:1:18': this cannot be the name of a host"},
	    {"{\"current_host\": \"a\", \"instance_groups\": [{\"hosts\": [\"/\"]}]}",
	        "/a.json:1:54': the name of a host"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CLEAN_NOTES mistakes = {0};
		struct cluster cluster = {0};

		read_text(&cluster, &mistakes, cases[i].text);
		assert_int_equal(mistakes.count, 1);
		if (!notes_hold(&mistakes, cases[i].mistake)) {
			fail_msg("'%s' gave '%s'", cases[i].text, mistakes.texts[0]);
		}
		cluster_release(&cluster);
	}
}

static void
cluster_is_bounded(void **state)
{
	CLEAN_BUF text;
	CLEAN_NOTES mistakes = {0};

	(void)state;
	for (int count = 1024; count <= 1025; count++) {
		struct cluster cluster = {0};

		buf_init(&text, 65536);
		buf_adds(&text, "{\"current_host\":\"h0\",\"hosts\":[");
		for (int i = 0; i < count; i++) {
			buf_printf(&text, "%s\"h%d\"", i == 0 ? "" : ",", i);
		}
		buf_adds(&text, "]}");
		read_text(&cluster, &mistakes, buf_text(&text));
		assert_int_equal(mistakes.count, count == 1024 ? 0 : 1);
		assert_int_equal(cluster.host_count, count == 1024 ? 1024 : 1);
		cluster_release(&cluster);
		buf_release(&text);
	}
	assert_true(notes_hold(&mistakes, "a list of 1 to 1024 names"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(cluster_without_a_file_is_one_host_called_local),
	    cmocka_unit_test(cluster_takes_any_key_as_missing_or_null),
	    cmocka_unit_test(cluster_keeps_the_platforms_order),
	    cmocka_unit_test(cluster_reads_groups_in_the_files_order),
	    cmocka_unit_test(cluster_refuses_names_that_could_be_paths),
	    cmocka_unit_test(cluster_tells_each_mistake_with_its_place),
	    cmocka_unit_test(cluster_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
